"""An agents' worker in the simulator: the product's stateful agents without Faust, fed from the simulated group.

What Faust does is done here as it does it: revocation waits until nothing is being written, streams go on while
handlers of an assignment still run, offsets are committed now and then and late.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

from aiokafka import ConsumerRecord, TopicPartition

from agents.keys import PureAgent
from agents.stateful import StatefulAgent
from connector.gateway.clock import Clock
from reliability.simulation.group import Group, ReadPlace
from reliability.simulation.history import Duty
from reliability.simulation.loop import VirtualLoop
from reliability.simulation.streams import Mailbox
from topics.log import Log

_QUEUE_BATCHES = 8
_BATCH_RECORDS = 64
_COMMIT_S = 1.0


@dataclass(frozen=True, slots=True)
class _Revoke:
    turn: int


@dataclass(frozen=True, slots=True)
class _Take:
    partitions: frozenset[int]
    generation: int


@dataclass(frozen=True, slots=True)
class _Rejoin:
    pass


@dataclass(frozen=True, slots=True)
class Message:
    """A record with the generation it was fetched under, as Faust's messages have it."""

    topic: str
    partition: int
    offset: int
    key: bytes
    value: bytes
    generation_id: int


@dataclass(slots=True)
class _Stream:
    """One agent and what was fetched for it."""

    agent: StatefulAgent[Any]
    queue: asyncio.Queue[list[Message]] = field(default_factory=lambda: asyncio.Queue(_QUEUE_BATCHES))


class AgentsProcess:
    """See `agents.main`. `name` is the member of the group, `life` this run of it; `duties` gets what it may write."""

    def __init__(
        self,
        name: str,
        life: str,
        loop: VirtualLoop,
        log: Log,
        group: Group,
        clock: Clock,
        agents: Sequence[PureAgent[Any]],
        *,
        duties: list[Duty],
        on_ready: Callable[[], None],
    ) -> None:
        self.name = name
        self._life = life
        self._duties = duties
        self.stopping = asyncio.Event()
        self.streams: list[_Stream] = []
        self._log = log
        self._group = group
        self._clock = clock
        self._pure = agents
        self._on_ready = on_ready
        self._inbox: Mailbox[_Revoke | _Take | _Rejoin] = Mailbox(loop)
        self._pumps: list[asyncio.Task[None]] = []
        self._generation = 0
        self._done: dict[ReadPlace, int] = {}

    def told_to_revoke(self, turn: int) -> None:
        self._inbox.put(_Revoke(turn))

    def told_to_take(self, partitions: frozenset[int], generation: int) -> None:
        self._inbox.put(_Take(partitions, generation))

    def told_to_rejoin(self) -> None:
        self._inbox.put(_Rejoin())

    def status(self) -> dict[str, Any]:
        return {stream.agent.agent.name: stream.agent.status() for stream in self.streams}

    async def serve(self) -> None:
        """Until `stopping`. Raises what the process ends with."""
        async with AsyncExitStack() as resources:
            for pure in self._pure:
                producer = await resources.enter_async_context(
                    self._log.producer(client_id=f"{self._life}/{pure.name}")
                )
                agent = StatefulAgent(
                    pure,
                    producer=producer,
                    address=self._log,
                    patience_s=self._group.session_s,
                    clock=self._clock.monotonic,
                )
                self.streams.append(_Stream(agent))
            self._group.join(self)
            works = [self._obey(), self._commit(), self.stopping.wait(), *map(self._fold, self.streams)]
            tasks = [asyncio.ensure_future(work) for work in works]
            try:
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                for task in tasks:
                    if task.done():
                        task.result()
            finally:
                for task in (*tasks, *self._pumps):
                    task.cancel()
                await asyncio.gather(*tasks, *self._pumps, return_exceptions=True)

    async def _obey(self) -> None:
        async for order in self._inbox.items():
            match order:
                case _Revoke(turn):
                    await self._let_go()
                    self._group.revoked(self, turn)
                case _Take(partitions, generation):
                    await self._take(partitions, generation)
                case _Rejoin():
                    await self._let_go()
                    self._group.join(self)

    async def _let_go(self) -> None:
        for pump in self._pumps:
            pump.cancel()
        await asyncio.gather(*self._pumps, return_exceptions=True)
        self._pumps.clear()
        for stream in self.streams:
            await stream.agent.release()
        self._on_duty(frozenset())

    async def _take(self, partitions: frozenset[int], generation: int) -> None:
        self._generation = generation
        self._on_duty(partitions)
        self._done.clear()
        self._pumps = [asyncio.ensure_future(self._fetch(it, partitions, generation)) for it in self.streams]
        await asyncio.gather(*(it.agent.take_over(partitions, generation) for it in self.streams))
        self._on_ready()

    def _on_duty(self, partitions: frozenset[int]) -> None:
        self._duties.append(Duty(self._clock.monotonic(), self._life, partitions))

    async def _fetch(self, stream: _Stream, partitions: frozenset[int], generation: int) -> None:
        """From the committed offsets on, into the agent's queue."""
        name = stream.agent.agent.name
        async with self._log.reader(client_id=f"{self.name}-{name}") as reader:
            places = {
                TopicPartition(topic.physical_name(self._log.namespace), number): (name, topic.name, number)
                for topic in stream.agent.agent.inputs
                for number in sorted(partitions)
            }
            reader.assign(list(places))
            begins = await reader.beginning_offsets(list(places))
            for place, known_as in places.items():
                reader.seek(place, max(begins[place], self._group.offsets.get(known_as, 0)))
            while True:
                found = await reader.getmany(timeout_ms=5_000, max_records=_BATCH_RECORDS)
                messages = [_message(record, generation) for records in found.values() for record in records]
                if messages:
                    await stream.queue.put(messages)

    async def _fold(self, stream: _Stream) -> None:
        name = stream.agent.agent.name
        while True:
            messages = await stream.queue.get()
            for message in await stream.agent.handle(messages):
                if message.generation_id == self._generation:
                    self._done[name, message.topic, message.partition] = message.offset + 1

    async def _commit(self) -> None:
        while True:
            await self._clock.sleep(_COMMIT_S)
            if self._done:
                done, self._done = self._done, {}
                self._group.commit(self._generation, done)


def _message(record: ConsumerRecord, generation: int) -> Message:
    return Message(record.topic, record.partition, record.offset, record.key, record.value, generation)
