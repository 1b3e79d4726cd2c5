"""When to stop asking a venue that does not serve us, pure: `decide` whether a call may go out, `evolve` by what came.

Closed until at least `failures` calls of a window failed and they are `failure_share` of it; then open for `open_s`;
then half open: one call at a time is let through, and its outcome closes or opens again. Must not read a clock: times
are monotonic seconds. Ours because the known libraries read the wall clock themselves and count no window.
"""

from dataclasses import dataclass, replace
from enum import IntEnum

from connector.gateway.settings import BreakerSettings


class State(IntEnum):
    """The value is that of the metric."""

    CLOSED = 0
    HALF_OPEN = 1
    OPEN = 2


@dataclass(frozen=True, slots=True)
class Breaker:
    """`since_s`: when the window began, when it opened, or when the probe went out."""

    state: State = State.CLOSED
    since_s: float = 0.0
    calls: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True)
class Asked:
    """A call that was let through goes out."""

    now_s: float


@dataclass(frozen=True, slots=True)
class Heard:
    """What came of a call; `failed`: the venue did not serve it, which is not the same as refusing it."""

    now_s: float
    failed: bool


def decide(breaker: Breaker, now_s: float, settings: BreakerSettings) -> bool:
    """Whether a call may go out. A probe that was never heard of stops blocking after `open_s`."""
    return breaker.state is State.CLOSED or now_s - breaker.since_s >= settings.open_s


def evolve(breaker: Breaker, event: Asked | Heard, settings: BreakerSettings) -> Breaker:
    if isinstance(event, Asked):
        return breaker if breaker.state is State.CLOSED else Breaker(State.HALF_OPEN, event.now_s)
    if breaker.state is State.CLOSED:
        return _counted(breaker, event, settings)
    if breaker.state is State.HALF_OPEN:
        return Breaker(State.OPEN, event.now_s) if event.failed else Breaker(since_s=event.now_s)
    return breaker  # an answer to a call from before it opened


def _counted(breaker: Breaker, event: Heard, settings: BreakerSettings) -> Breaker:
    if not event.failed and not breaker.failed:
        return breaker  # the window begins with a failure: nothing to keep while all is well
    if event.now_s - breaker.since_s >= settings.window_s or not breaker.failed:
        breaker = Breaker(since_s=event.now_s)
        if not event.failed:
            return breaker
    counted = replace(breaker, calls=breaker.calls + 1, failed=breaker.failed + event.failed)
    if counted.failed >= settings.failures and counted.failed >= settings.failure_share * counted.calls:
        return Breaker(State.OPEN, event.now_s)
    return counted
