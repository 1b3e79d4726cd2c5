"""Who may write: closed from the moment partitions are taken away until the states of the new ones are loaded.

Faust resumes its streams while handlers of an assignment still run, so without the gate events would be folded onto
empty states. It knows partitions, not what is done with them.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pass:
    """What was owned when the gate was passed. It is worth nothing once `Gate.holds` says so."""

    turn: int
    partitions: frozenset[int]
    group_generation: int | None


class Gate:
    """One gate for one agent of one process."""

    def __init__(self) -> None:
        self._turn = 0
        self._pass = Pass(0, frozenset(), None)
        self._opened = asyncio.Event()

    @property
    def is_open(self) -> bool:
        return self._opened.is_set()

    @property
    def partitions(self) -> frozenset[int]:
        return self._pass.partitions

    def close(self) -> int:
        """Nobody passes, no earlier pass holds any more. Returns the turn that `open` needs."""
        self._turn += 1
        self._opened.clear()
        self._pass = Pass(self._turn, frozenset(), None)
        return self._turn

    def open(self, turn: int, partitions: frozenset[int], group_generation: int | None) -> bool:
        """Opens, unless the gate was closed again since `turn`."""
        if turn != self._turn:
            return False
        self._pass = Pass(turn, partitions, group_generation)
        self._opened.set()
        return True

    async def wait(self) -> Pass:
        await self._opened.wait()
        return self._pass

    def holds(self, granted: Pass) -> bool:
        """To be asked right before each write: whether what was owned then is owned still."""
        return granted.turn == self._turn and self._opened.is_set()

    def admits(self, granted: Pass, partition: int, group_generation: int | None) -> bool:
        """Whether an event belongs to this pass: of an owned partition, fetched under this very assignment.

        An event fetched under an earlier one will come again, after events it must not overtake.
        """
        return partition in granted.partitions and group_generation == granted.group_generation
