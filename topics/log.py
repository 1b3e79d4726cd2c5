"""The client side of the log: one idempotent batching producer, plain reads, dead letters.

Nothing here decides anything. A producer that cannot deliver raises; its process ends and is started again.
`Log` is the seam: Kafka is reached through a `LogAddress`; the log in memory (topics.memory_log) keeps its promises.
"""

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Protocol, Self

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition

from topics.catalogue import MessageT, Topic
from topics.codec import Record, encode
from topics.envelope import Envelope
from topics.v1.common_pb2 import Position
from topics.v1.dead_letter_pb2 import DeadLetter


class Producer(ABC):
    """Sends records in order within a partition, without repeats on retry. All waits are for acks of all replicas."""

    @abstractmethod
    async def enqueue(self, record: Record) -> "asyncio.Future[Any]":
        """Puts the record in line; the future is the ack (`.offset`, `.partition`)."""

    @abstractmethod
    def now_ms(self) -> int:
        """Wall clock, Unix milliseconds."""

    async def send_all(self, records: Iterable[Record]) -> None:
        """Returns when the log has every one of them. Raises a KafkaError where it does not."""
        acks = [await self.enqueue(record) for record in records]
        if acks:
            await asyncio.gather(*acks)

    async def send(self, topic: Topic[MessageT], message: MessageT, envelope: Envelope) -> Position:
        ack = await (await self.enqueue(encode(topic, message, envelope)))
        return Position(topic=topic.name, partition=ack.partition, offset=ack.offset)

    async def bury(self, topic: Topic[Any], record: ConsumerRecord, *, reader: str, reason: str) -> None:
        """Puts an unreadable record on the topic's dead-letter topic (ES-6)."""
        now_ms = self.now_ms()
        letter = DeadLetter(
            position=Position(topic=topic.name, partition=record.partition, offset=record.offset),
            key=record.key or b"",
            value=record.value or b"",
            reader=reader,
            reason=reason,
            time_ms=now_ms,
        )
        identity = f"{topic.name}/{record.partition}/{record.offset}/{reader}"
        await self.send(topic.dead_letters, letter, Envelope(id=identity, source=reader, time_ms=now_ms))


class Reader(Protocol):
    """What is used of a consumer without a group, in aiokafka's words; `max_records` and options as there."""

    def assign(self, partitions: Sequence[TopicPartition]) -> None: ...

    def seek(self, partition: TopicPartition, offset: int) -> None: ...

    async def seek_to_beginning(self, *partitions: TopicPartition) -> Any: ...

    async def position(self, partition: TopicPartition) -> int:
        """The next offset to be read; beyond the last record where the log was compacted."""

    async def getmany(
        self, *partitions: TopicPartition, timeout_ms: int = 0, max_records: int | None = None
    ) -> Mapping[TopicPartition, list[ConsumerRecord]]:
        """What came within the timeout, perhaps nothing."""

    async def beginning_offsets(self, partitions: Sequence[TopicPartition]) -> Mapping[TopicPartition, int]: ...

    async def end_offsets(self, partitions: Sequence[TopicPartition]) -> Mapping[TopicPartition, int]: ...

    def highwater(self, partition: TopicPartition) -> int | None:
        """How long the partition was when last heard of, without asking."""


class Log(Protocol):
    """Where records are sent to and read from. `namespace` stands before every topic name."""

    @property
    def namespace(self) -> str: ...

    def producer(self, *, client_id: str) -> AbstractAsyncContextManager[Producer]: ...

    def reader(self, *, client_id: str, **options: Any) -> AbstractAsyncContextManager[Reader]:
        """A consumer without a group: the caller assigns partitions and keeps its own offsets."""


@dataclass(frozen=True, slots=True)
class LogAddress:
    """Where the log is: `bootstrap` as host:port[,host:port], `namespace` before every topic name."""

    bootstrap: str
    namespace: str = ""

    def producer(self, *, client_id: str) -> "LogProducer":
        return LogProducer(self, client_id=client_id)

    def reader(self, *, client_id: str, **options: Any) -> AbstractAsyncContextManager[Reader]:
        return reader(self, client_id=client_id, **options)


class LogProducer(Producer):
    """The one to Kafka, for as long as its context lasts."""

    def __init__(self, address: LogAddress, *, client_id: str, linger_ms: int = 0) -> None:
        self._namespace = address.namespace
        self._producer = AIOKafkaProducer(
            bootstrap_servers=address.bootstrap,
            client_id=client_id,
            enable_idempotence=True,
            acks="all",
            linger_ms=linger_ms,
            max_batch_size=1 << 20,
            max_request_size=4 << 20,
            request_timeout_ms=30_000,
        )

    async def __aenter__(self) -> Self:
        try:
            await self._producer.start()
        except BaseException:  # cancelled half-way too: connections are open by then
            await self._producer.stop()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._producer.stop()

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    async def enqueue(self, record: Record) -> "asyncio.Future[Any]":
        future: asyncio.Future[Any] = await self._producer.send(
            self._namespace + record.topic, key=record.key, value=record.value, headers=record.headers
        )
        return future


@asynccontextmanager
async def reader(address: LogAddress, *, client_id: str, **options: Any) -> AsyncIterator[AIOKafkaConsumer]:
    """A consumer without a group: the caller assigns partitions and keeps its own offsets."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=address.bootstrap,
        client_id=client_id,
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        **options,
    )
    try:
        await consumer.start()
        yield consumer
    finally:
        await consumer.stop()


def partitions_of(log: Log, topics: Sequence[Topic[Any]]) -> list[TopicPartition]:
    """Every partition of these topics, as the catalogue declares them."""
    return [
        TopicPartition(topic.physical_name(log.namespace), number)
        for topic in topics
        for number in range(topic.partitions)
    ]


async def read_to_end(
    consumer: Reader,
    partitions: Sequence[TopicPartition],
    *,
    start: dict[TopicPartition, int] | None = None,
) -> AsyncGenerator[list[ConsumerRecord], None]:
    """All records from `start` (default: the oldest kept) to the ends as they are now, in batches of one partition.

    A compacted or emptied partition ends by position, so a missing last record does not make it wait.
    """
    consumer.assign(partitions)
    ends = await consumer.end_offsets(partitions)
    begins = await consumer.beginning_offsets(partitions) if start is None else start
    for partition in partitions:
        consumer.seek(partition, begins.get(partition, 0))
    open_partitions = set(partitions)
    while open_partitions:
        for partition in list(open_partitions):
            if await consumer.position(partition) >= ends[partition]:
                open_partitions.discard(partition)
        if not open_partitions:
            return
        for partition, records in (await consumer.getmany(*open_partitions, timeout_ms=200)).items():
            wanted = [record for record in records if record.offset < ends[partition]]
            if wanted:
                yield wanted
