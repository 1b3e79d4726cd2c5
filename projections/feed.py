"""The log as the projector reads it: all partitions of its topics, from given offsets, several partitions a batch.

No group and no committed offsets: where to go on is known by Postgres alone.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import ConsumerRecord, TopicPartition

from projections.errors import LogChangedError
from projections.store import Partition
from topics.catalogue import Topic
from topics.log import Log, Reader, partitions_of

Batch = dict[Partition, list[ConsumerRecord]]


class Feed:
    """Partitions are (catalogue topic, number). Raises KafkaError where the log does not answer."""

    def __init__(self, consumer: Reader, log: Log, topics: Sequence[Topic[Any]]) -> None:
        self._consumer = consumer
        self._assigned = partitions_of(log, topics)
        self._names = {at: (at.topic.removeprefix(log.namespace), at.partition) for at in self._assigned}

    async def seek(self, offsets: Mapping[Partition, int]) -> dict[Partition, int]:
        """Goes to the offsets; returns, of partitions that no longer hold theirs, what the oldest kept offset is.

        Raises LogChangedError when the log ends before an offset: it is another log.
        """
        self._consumer.assign(self._assigned)
        ends = await self.ends()
        begins = await self.begins()
        beyond = [f"{name}/{number}" for (name, number), at in offsets.items() if at > ends[name, number]]
        if beyond:
            raise LogChangedError(
                f"the log ends before the offsets the projections hold ({', '.join(beyond[:3])}): it was made anew; "
                "run `tapeline rebuild --swap` to make the projections from this log"
            )
        for at, name in self._names.items():
            self._consumer.seek(at, max(offsets[name], begins[name]))
        return {name: begins[name] for name in offsets if 0 <= offsets[name] < begins[name]}

    async def ends(self) -> dict[Partition, int]:
        return self._named(await self._consumer.end_offsets(self._assigned))

    async def begins(self) -> dict[Partition, int]:
        return self._named(await self._consumer.beginning_offsets(self._assigned))

    async def batch(self, max_records: int, timeout_ms: int, only: Sequence[Partition] = ()) -> Batch:
        """What came within the timeout, perhaps nothing. `only`: of these partitions."""
        wanted = set(only)
        asked = [at for at, name in self._names.items() if name in wanted]
        received = await self._consumer.getmany(*asked, timeout_ms=timeout_ms, max_records=max_records)
        return {self._names[at]: records for at, records in received.items() if records}

    async def position(self, partition: Partition) -> int:
        """The next offset to be read; beyond the last record where the log was compacted."""
        at = next(at for at, name in self._names.items() if name == partition)
        return int(await self._consumer.position(at))

    def known_ends(self) -> dict[Partition, int]:
        """How long the log was when last heard of, without asking it."""
        marks = {name: self._consumer.highwater(at) for at, name in self._names.items()}
        return {name: mark for name, mark in marks.items() if mark is not None}

    def _named(self, offsets: Mapping[TopicPartition, int]) -> dict[Partition, int]:
        return {self._names[at]: offset for at, offset in offsets.items()}


@asynccontextmanager
async def open_feed(log: Log, topics: Sequence[Topic[Any]], *, client_id: str) -> AsyncIterator[Feed]:
    async with log.reader(
        client_id=client_id,
        fetch_max_bytes=16 << 20,
        max_partition_fetch_bytes=4 << 20,
        fetch_max_wait_ms=100,
    ) as consumer:
        yield Feed(consumer, log, topics)
