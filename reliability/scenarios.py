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


SCENARIOS: Final[tuple[Scenario, ...]] = ()
