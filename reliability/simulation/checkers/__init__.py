"""Judges of one simulated run: pure functions from `Evidence` to violations, each about one promise.

They compare witnesses that do not speak to each other and trust none of them. No code of the gateway decides here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from reliability.simulation.checkers import (
    agents,
    cancels,
    duplicates,
    ending,
    fills,
    limits,
    orders,
    outcomes,
    sequences,
    switch,
)
from reliability.simulation.checkers.evidence import Evidence, Violation
from reliability.simulation.history import History

__all__ = ["CHECKERS", "Violation", "check"]

Checker = Callable[[Evidence], Iterable[Violation]]

CHECKERS: Final[dict[str, Checker]] = {
    "orders": orders.check,
    "outcomes": outcomes.check,
    "sequences": sequences.check,
    "fills": fills.check,
    "ending": ending.check,
    "agents": agents.check,
    "switch": switch.check,
    "limits": limits.check,
    "cancels": cancels.check,
    "duplicates": duplicates.check,
}


def check(history: History) -> list[Violation]:
    """Every broken promise of the run, worst kinds first. A run that broke down itself is a violation too."""
    broken = [Violation("run-broken", problem) for problem in history.problems]
    if broken:
        return broken
    evidence = Evidence(history)
    return [found for checker in CHECKERS.values() for found in checker(evidence)]
