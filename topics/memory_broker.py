"""What the log in memory keeps: partitions, who follows them, and whether it answers. See `memory_log`.

It outlives the processes that write and read; `Conditions` say how long their way to it takes and what fails on it.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Protocol

from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaTimeoutError
from aiokafka.partitioner import murmur2

from topics.catalogue import BY_NAME, PARTITIONS
from topics.codec import Record

REQUEST_TIMEOUT_S = 30.0


class Follower(Protocol):
    def notice(self, place: TopicPartition) -> None:
        """There is a new record."""


class Conditions:
    """The weather between a process and the broker; this one is fine. Times in seconds."""

    def way_in_s(self) -> float:
        """Until a batch that was sent is on the log."""
        return 0.0

    def way_back_s(self) -> float:
        """Until its producer hears of it."""
        return 0.0

    def fetch_s(self) -> float:
        """Until records on the log have reached a reader that asks."""
        return 0.0

    def batch_fate(self) -> str:
        """Empty: it gets through. "lost" and "taken" fail for the producer, without and with being on the log."""
        return ""

    def holds_back(self) -> bool:
        """Whether a fetch leaves this partition out, as it may when others have records."""
        return False


@dataclass(slots=True)
class _Partition:
    """`records` by rising offset, with gaps where compaction took some; `end` is the next offset."""

    records: list[ConsumerRecord] = field(default_factory=list)
    end: int = 0

    @property
    def begin(self) -> int:
        return self.records[0].offset if self.records else self.end

    def index(self, offset: int) -> int:
        """Where the first record at or after the offset is."""
        low, high = 0, len(self.records)
        while low < high:
            middle = (low + high) // 2
            if self.records[middle].offset < offset:
                low = middle + 1
            else:
                high = middle
        return low


class MemoryBroker:
    """What outlives the processes. `on_append` is told of every record and the client id it came from.

    `later(delay, call, *args)` is its timer.
    """

    def __init__(
        self,
        *,
        now_ns: Callable[[], int] = time.time_ns,
        later: Callable[..., Any] | None = None,
        on_append: Callable[[ConsumerRecord, str], None] | None = None,
    ) -> None:
        self.available = True
        self.now_ns = now_ns
        self.later = later or _later
        self._on_append = on_append
        self._partitions: dict[TopicPartition, _Partition] = {}
        self._readers: dict[TopicPartition, list[Follower]] = {}
        self._postponed: list[Callable[[], None]] = []
        self._up_again: list[asyncio.Future[None]] = []

    def partition(self, place: TopicPartition) -> _Partition:
        found = self._partitions.get(place)
        if found is None:
            found = self._partitions[place] = _Partition()
        return found

    def append(self, record: Record, namespace: str = "", client_id: str = "") -> ConsumerRecord:
        """Onto the partition of its key, at once."""
        topic = BY_NAME.get(record.topic)
        count = topic.partitions if topic else PARTITIONS
        place = TopicPartition(namespace + record.topic, _hashed(record.key) % count)
        partition = self.partition(place)
        added = ConsumerRecord(
            topic=place.topic,
            partition=place.partition,
            offset=partition.end,
            timestamp=self.now_ns() // 1_000_000,
            timestamp_type=0,
            key=record.key,
            value=record.value,
            checksum=None,
            serialized_key_size=len(record.key),
            serialized_value_size=len(record.value or b""),
            headers=tuple(record.headers),
        )
        partition.records.append(added)
        partition.end += 1
        if self._on_append is not None:
            self._on_append(added, client_id)
        for reader in self._readers.get(place, ()):
            reader.notice(place)
        return added

    def follow(self, reader: Follower, places: Sequence[TopicPartition]) -> None:
        for place in places:
            self._readers.setdefault(place, []).append(reader)

    def unfollow(self, reader: Follower, places: Sequence[TopicPartition]) -> None:
        for place in places:
            self._readers[place].remove(reader)

    def compact(self, topic: str, partition: int) -> int:
        """Takes every record away that has a newer one with its key, but the last. Returns how many."""
        kept = self.partition(TopicPartition(topic, partition))
        newest = {record.key: record.offset for record in kept.records}
        before = len(kept.records)
        kept.records = [record for record in kept.records if newest[record.key] == record.offset]
        return before - len(kept.records)

    def go_down(self) -> None:
        """Nothing is taken and nothing answered until `come_up`; what is sent meanwhile waits at its producer."""
        self.available = False

    def come_up(self) -> None:
        self.available = True
        postponed, self._postponed = self._postponed, []
        for call in postponed:
            call()
        waiting, self._up_again = self._up_again, []
        for future in waiting:
            if not future.done():
                future.set_result(None)

    def when_up(self, call: Callable[[], None]) -> None:
        if self.available:
            call()
        else:
            self._postponed.append(call)

    async def answers(self) -> None:
        """Returns when it is there. Raises KafkaTimeoutError where that takes too long."""
        if self.available:
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._up_again.append(future)
        try:
            async with asyncio.timeout(REQUEST_TIMEOUT_S):
                await future
        except TimeoutError as error:
            raise KafkaTimeoutError("the log did not answer in time") from error


@lru_cache(maxsize=4096)
def _hashed(key: bytes) -> int:
    """As Kafka's default partitioner."""
    return int(murmur2(key)) & 0x7FFFFFFF


def _later(delay: float, call: Callable[..., Any], *args: Any) -> None:
    asyncio.get_running_loop().call_later(delay, call, *args)
