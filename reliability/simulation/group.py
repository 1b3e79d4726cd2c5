"""The consumer group of the agents' workers: who owns which partitions, in which generation, how far each has read.

As Kafka's coordinator with static membership: a worker that comes back under its name takes its own place; one that
does not answer a rebalance within the session timeout is left out and finds that out later. Partition n of all topics
goes to one worker.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Protocol

from reliability.simulation.loop import VirtualLoop
from reliability.simulation.weather import quick_s
from topics.catalogue import PARTITIONS

_APART_S = 1e-6
ReadPlace = tuple[str, str, int]
"""Agent, catalogue topic, partition."""


class Worker(Protocol):
    """What a member is told; it is called on behalf of nobody and must only take note."""

    name: str

    def told_to_revoke(self, turn: int) -> None: ...

    def told_to_take(self, partitions: frozenset[int], generation: int) -> None: ...

    def told_to_rejoin(self) -> None: ...


@dataclass(slots=True)
class Group:
    """`offsets`: committed by the newest generation only."""

    loop: VirtualLoop
    random: Random
    session_s: float
    offsets: dict[ReadPlace, int] = field(default_factory=dict)
    generation: int = 0
    _members: dict[str, Worker] = field(default_factory=dict)
    _heard_s: dict[Worker, float] = field(default_factory=dict)
    _turn: int = 0
    _revoked: set[str] = field(default_factory=set)
    _all_revoked: asyncio.Event = field(default_factory=asyncio.Event)

    def join(self, worker: Worker) -> None:
        self.loop.outside_later(self._way(), self._joined, worker)

    def leave(self, worker: Worker) -> None:
        """It has ended; its name may come back."""
        if self._members.get(worker.name) is worker:
            self.loop.outside_later(self.session_s, self._missed, worker)

    def revoked(self, worker: Worker, turn: int) -> None:
        """The worker has let go of everything."""
        self.loop.outside_later(self._way(), self._let_go, worker, turn)

    def commit(self, generation: int, offsets: dict[ReadPlace, int]) -> None:
        self.loop.outside_later(self._way(), self._committed, generation, offsets)

    def rebalance(self) -> None:
        """Everybody lets go, then partitions are dealt anew."""
        self._turn += 1
        self._revoked.clear()
        for worker in self._members.values():
            self._tell(worker, worker.told_to_revoke, self._turn)
        self.loop.outside_later(self.session_s, self._deal, self._turn)

    def _way(self) -> float:
        return quick_s(self.random, 0.003)

    def _joined(self, worker: Worker) -> None:
        self._members[worker.name] = worker
        self.rebalance()

    def _missed(self, worker: Worker) -> None:
        if self._members.get(worker.name) is worker:
            del self._members[worker.name]
            self.rebalance()

    def _let_go(self, worker: Worker, turn: int) -> None:
        if self._members.get(worker.name) is not worker:
            worker.told_to_rejoin()
        elif turn == self._turn:
            self._revoked.add(worker.name)
            if self._revoked >= self._members.keys():
                self._deal(turn)

    def _deal(self, turn: int) -> None:
        """To those that have let go; the others are out."""
        if turn != self._turn:
            return
        self._turn += 1
        self.generation += 1
        self._members = {name: worker for name, worker in self._members.items() if name in self._revoked}
        names = sorted(self._members)
        self.random.shuffle(names)
        for rank, name in enumerate(names):
            partitions = frozenset(range(rank, PARTITIONS, len(names)))
            member = self._members[name]
            self._tell(member, self._give, member, partitions, self._turn)

    def _tell(self, worker: Worker, tell: Callable[..., None], *what: object) -> None:
        """A member hears of its partitions and of rebalances on one connection: never in another order."""
        now_s = self.loop.time()
        heard_s = max(now_s + self._way(), self._heard_s.get(worker, 0.0) + _APART_S)
        self._heard_s[worker] = heard_s
        self.loop.outside_later(heard_s - now_s, tell, *what)

    def _give(self, worker: Worker, partitions: frozenset[int], turn: int) -> None:
        if turn == self._turn:
            worker.told_to_take(partitions, self.generation)

    def _committed(self, generation: int, offsets: dict[ReadPlace, int]) -> None:
        if generation == self.generation:
            self.offsets.update(offsets)
