"""The log in memory, for tests and simulations: the promises of Kafka as we use it, while the object lives.

Several `MemoryLog`s share one `MemoryBroker`, as processes share one cluster. Records keep their order in a partition,
an acknowledged record stays, what a producer that ended had not got through may be there or not, and a compacted
partition has gaps. `Conditions` say how long everything takes and what fails. It must not be used to trade.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Self

from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError, KafkaTimeoutError

from topics.codec import Record
from topics.log import Producer
from topics.memory_broker import REQUEST_TIMEOUT_S, Conditions, MemoryBroker


class MemoryLog:
    """One process's way to the broker."""

    def __init__(self, broker: MemoryBroker, conditions: Conditions | None = None, *, namespace: str = "") -> None:
        self.namespace = namespace
        self.broker = broker
        self._conditions = conditions or Conditions()
        self._producers: list[MemoryProducer] = []
        self._readers: list[MemoryReader] = []

    def producer(self, *, client_id: str) -> "MemoryProducer":
        producer = MemoryProducer(self.broker, self._conditions, self.namespace, client_id)
        self._producers.append(producer)
        return producer

    @asynccontextmanager
    async def reader(self, *, client_id: str, **_options: Any) -> AsyncIterator["MemoryReader"]:
        await self.broker.answers()
        reader = MemoryReader(self.broker, self._conditions, client_id)
        self._readers.append(reader)
        try:
            yield reader
        finally:
            reader.close()
            self._readers.remove(reader)

    def sever(self, *, lose: bool) -> None:
        """The process has ended. `lose`: what had not reached the broker by now never will."""
        for producer in self._producers:
            producer.sever(lose=lose)
        for reader in self._readers:
            reader.close()


class MemoryProducer(Producer):
    """Batches what is enqueued in one turn of the event loop; one batch follows the other."""

    def __init__(self, broker: MemoryBroker, conditions: Conditions, namespace: str, client_id: str) -> None:
        self.client_id = client_id
        self._broker = broker
        self._conditions = conditions
        self._namespace = namespace
        self._batch: list[tuple[Record, asyncio.Future[Any]]] = []
        self._arrives = 0.0
        self._acknowledged = 0.0
        self._lost = False
        self._failure: KafkaError | None = None

    async def __aenter__(self) -> Self:
        await self._broker.answers()
        return self

    async def __aexit__(self, *_: object) -> None:
        waiting = [ack for _, ack in self._batch]
        if waiting:
            await asyncio.wait(waiting)

    def now_ms(self) -> int:
        return self._broker.now_ns() // 1_000_000

    async def enqueue(self, record: Record) -> "asyncio.Future[Any]":
        if self._failure is not None:
            raise self._failure
        loop = asyncio.get_running_loop()
        ack: asyncio.Future[Any] = loop.create_future()
        if not self._batch:
            now = loop.time()
            self._arrives = max(self._arrives, now + self._conditions.way_in_s())
            self._batch = []
            self._broker.later(self._arrives - now, self._arrived, self._batch, now)
        self._batch.append((record, ack))
        return ack

    def sever(self, *, lose: bool) -> None:
        self._lost = self._lost or lose

    def _arrived(self, batch: list[tuple[Record, "asyncio.Future[Any]"]], sent: float) -> None:
        if batch is self._batch:
            self._batch = []
        self._broker.when_up(lambda: self._take(batch, sent))

    def _take(self, batch: list[tuple[Record, "asyncio.Future[Any]"]], sent: float) -> None:
        if self._lost:
            return
        now = batch[0][1].get_loop().time()
        fate = self._conditions.batch_fate()
        if self._failure is not None or fate == "lost" or now - sent > REQUEST_TIMEOUT_S:
            self._fail(batch)
            return
        taken = [(self._broker.append(record, self._namespace, self.client_id), ack) for record, ack in batch]
        if fate == "taken":
            self._fail(batch)
            return
        self._acknowledged = max(self._acknowledged, now + self._conditions.way_back_s())
        self._broker.later(self._acknowledged - now, _acknowledge, taken)

    def _fail(self, batch: list[tuple[Record, "asyncio.Future[Any]"]]) -> None:
        self._failure = KafkaTimeoutError(f"producer {self.client_id}: a batch was not acknowledged in time")
        for _, ack in batch:
            if not ack.done():
                ack.set_exception(self._failure)


class MemoryReader:
    """As an aiokafka consumer without a group that starts at the earliest record."""

    def __init__(self, broker: MemoryBroker, conditions: Conditions, client_id: str) -> None:
        self.client_id = client_id
        self._broker = broker
        self._conditions = conditions
        self._positions: dict[TopicPartition, int] = {}
        self._fresh: dict[TopicPartition, None] = {}
        self._waiter: asyncio.Future[None] | None = None

    def assign(self, partitions: Sequence[TopicPartition]) -> None:
        self.close()
        self._positions = {place: self._positions.get(place, 0) for place in partitions}
        self._fresh = dict.fromkeys(partitions)
        self._broker.follow(self, partitions)

    def close(self) -> None:
        """Nothing is read any more."""
        self._broker.unfollow(self, tuple(self._positions))
        self._positions = {}

    def notice(self, place: TopicPartition) -> None:
        """There is a new record."""
        self._fresh[place] = None
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def seek(self, partition: TopicPartition, offset: int) -> None:
        self._positions[partition] = offset
        self._fresh[partition] = None

    async def seek_to_beginning(self, *partitions: TopicPartition) -> None:
        await self._broker.answers()
        for place in partitions or tuple(self._positions):
            self.seek(place, self._broker.partition(place).begin)

    async def position(self, partition: TopicPartition) -> int:
        return self._positions[partition]

    async def beginning_offsets(self, partitions: Sequence[TopicPartition]) -> Mapping[TopicPartition, int]:
        await self._broker.answers()
        return {place: self._broker.partition(place).begin for place in partitions}

    async def end_offsets(self, partitions: Sequence[TopicPartition]) -> Mapping[TopicPartition, int]:
        await self._broker.answers()
        return {place: self._broker.partition(place).end for place in partitions}

    def highwater(self, partition: TopicPartition) -> int | None:
        return self._broker.partition(partition).end

    async def getmany(
        self, *partitions: TopicPartition, timeout_ms: int = 0, max_records: int | None = None
    ) -> Mapping[TopicPartition, list[ConsumerRecord]]:
        loop = asyncio.get_running_loop()
        until = loop.time() + timeout_ms / 1000
        while True:
            await asyncio.sleep(self._conditions.fetch_s())
            found = self._take(partitions, max_records or 1 << 30) if self._broker.available else {}
            left = until - loop.time()
            if found or left <= 0:
                return found
            await self._more(left)

    async def _more(self, timeout_s: float) -> None:
        """Returns at the next record of an assigned partition, or after the timeout."""
        loop = asyncio.get_running_loop()
        waiter = self._waiter = loop.create_future()
        timer = loop.call_later(timeout_s, _wake, waiter)
        try:
            await waiter
        finally:
            timer.cancel()

    def _take(self, asked: Sequence[TopicPartition], most: int) -> dict[TopicPartition, list[ConsumerRecord]]:
        """Each time another partition comes first, as the order of the fresh ones changes with what is taken."""
        found: dict[TopicPartition, list[ConsumerRecord]] = {}
        for place in list(self._fresh):
            if asked and place not in asked:
                continue
            if most <= 0 or (found and self._conditions.holds_back()):
                continue
            del self._fresh[place]
            partition = self._broker.partition(place)
            position = self._positions.get(place, partition.end)
            if position >= partition.end:
                continue
            start = partition.index(position)
            records = partition.records[start : start + most]
            self._positions[place] = records[-1].offset + 1 if records else partition.end
            if self._positions[place] < partition.end:
                self._fresh[place] = None
            if records:
                found[place] = records
                most -= len(records)
        return found


def _acknowledge(taken: list[tuple[ConsumerRecord, "asyncio.Future[Any]"]]) -> None:
    for record, ack in taken:
        if not ack.done():
            ack.set_result(record)


def _wake(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)
