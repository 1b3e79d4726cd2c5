"""The one list of trials. A new one is one entry here: its name, what it does, its two sizes, and what runs it.

`run` takes the size and returns a `Result` whose scenario is the entry's name. Import a trial's module inside it: the
list is read by commands that run only one of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from reliability.result import Result


@dataclass(frozen=True, slots=True)
class Scenario:
    """`size` counts `unit`s ("seeds", "kills"): a run of some minutes. `long_size` is the one for a release."""

    name: str
    about: str
    unit: str
    size: int
    long_size: int
    run: Callable[[int], Result]


def _duplicate_intents(intents: int) -> Result:
    from reliability.chaos import duplicate_intents

    return duplicate_intents.run(intents)


SCENARIOS: Final[tuple[Scenario, ...]] = (
    Scenario(
        name="duplicate-intents",
        about="Intents on a real Kafka, one in ten repeated in the same bytes or made anew, most of them long after "
        "and over restarts, through the gateway with its ledger in a real Postgres. The venue is the matching engine in "
        "the same process; it counts what it is asked for and frees the ids of ended orders. Judged by the venue's "
        "count, the ledger's rows and the updates on the log.",
        unit="intents",
        size=10_000,
        long_size=100_000,
        run=_duplicate_intents,
    ),
)
