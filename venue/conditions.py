"""How bad the line to the venue is: slow requests, streams whose frames are late or lost, a clock that stands.

Unlike a script's rules, which touch the n-th request, conditions hold for all until they are changed or over.
Pure: the time is an argument (seconds). Must not: send, wait or execute.
"""

from __future__ import annotations

from fnmatch import fnmatchcase

from pydantic import BaseModel, ConfigDict, Field

from venue.instruments import Product


class _Condition(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class StreamCondition(_Condition):
    """Of streams whose name matches: their frames are lost, or all come later, in their order.

    `stream` is a name as the venue's state shows it, with * for anything: `btcusdt@bookTicker`, `spot/*`,
    `margin/user data`. `for_s`: over after so many seconds; None: holds until it is changed.
    """

    stream: str
    lost: bool = False
    late_ms: int = Field(default=0, ge=0)
    for_s: float | None = Field(default=None, gt=0)


class Conditions(_Condition):
    """`rest_late_ms`: before a request is executed, of every product or one. `clock_stands`: no tape is played."""

    rest_late_ms: int = Field(default=0, ge=0)
    rest_of: Product | None = None
    streams: tuple[StreamCondition, ...] = ()
    clock_stands: bool = False

    def rest_late_s(self, product: Product) -> float:
        return self.rest_late_ms / 1_000 if self.rest_of in (None, product) else 0.0

    def of(self, stream: str, age_s: float) -> StreamCondition | None:
        """The first condition that holds for a stream; `age_s` is how long these conditions have stood."""
        for one in self.streams:
            if fnmatchcase(stream, one.stream) and (one.for_s is None or age_s < one.for_s):
                return one
        return None
