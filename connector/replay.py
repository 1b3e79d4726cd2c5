"""What the log has of some keys between two numbers: how a returning gRPC subscriber gets what it missed (GRPC-5).

Read in pages, so that memory and the log's readers stay bounded however much was missed and however slow the
subscriber is.
"""

import asyncio
from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Generic

from aiokafka import ConsumerRecord, TopicPartition

from connector.errors import ConnectorError
from connector.sequences import FIRST, by_partition, first_seq, last_seq, looking_back
from topics.catalogue import MessageT, Topic
from topics.codec import decode
from topics.errors import MalformedRecordError
from topics.log import Log, Reader, read_to_end

PAGE = 2_000
AT_ONCE = 4


class MissedError(ConnectorError):
    """The log does not have what a subscriber asks to be resumed after: begin anew, and read the state as it is."""


class BrokenSequenceError(ConnectorError):
    """A live message does not follow the one before: a fault of ours. Subscribe again after the last seq."""


@dataclass(frozen=True, slots=True)
class Missing:
    """Numbers in (after, until]; `until` is on the log."""

    after: int
    until: int


class Replays:
    """`at_once`: how many pages may be read at the same time."""

    def __init__(self, log: Log, *, at_once: int = AT_ONCE) -> None:
        self._log = log
        self._turns = asyncio.Semaphore(at_once)

    def of(self, topic: Topic[MessageT]) -> "Replay[MessageT]":
        return Replay(self._log, self._turns, topic)


class Replay(Generic[MessageT]):
    """Goes on, page by page, where its last page ended."""

    def __init__(self, log: Log, turns: asyncio.Semaphore, topic: Topic[MessageT]) -> None:
        self._log = log
        self._turns = turns
        self._topic = topic
        self._next: dict[TopicPartition, tuple[int, frozenset[str]]] = {}

    async def page(self, missing: Mapping[str, Missing]) -> list[MessageT]:
        """The next of the missing messages of one partition, at least one, in their order; `missing` is by key.

        A message may begin before the first missing number. Raises MissedError where the log has them no more.
        """
        partition, keys = next(iter(by_partition(self._topic, self._log.namespace, missing).items()))
        wanted = {key: missing[key] for key in keys}
        async with self._turns, self._log.reader(client_id="connector-replay") as consumer:
            start, keys_there = self._next.get(partition, (0, frozenset[str]()))
            if not wanted.keys() <= keys_there:  # another key's missing messages may lie further back
                start = await self._start(consumer, partition, wanted)
            found = await self._read(consumer, partition, start, wanted)
        if not found:
            told = ", ".join(f"{key} up to {one.until}" for key, one in wanted.items())
            raise MissedError(
                f"{self._topic.name}: the log has nothing of {told} any more; subscribe without after_seq"
            )
        return found

    async def _read(
        self, consumer: Reader, partition: TopicPartition, start: int, wanted: Mapping[str, Missing]
    ) -> list[MessageT]:
        found: list[MessageT] = []
        reached = {key: one.after for key, one in wanted.items()}
        async with aclosing(read_to_end(consumer, [partition], start={partition: start})) as pages:
            async for records in pages:
                for record in records:
                    key, message = self._message(record)
                    if message is None or key not in reached or last_seq(message) <= reached[key]:
                        continue
                    if first_seq(message) > reached[key] + 1:
                        raise MissedError(
                            f"{self._topic.name}: after {reached[key]} of {key} the log goes on at "
                            f"{first_seq(message)} only; subscribe without after_seq"
                        )
                    found.append(message)
                    reached[key] = last_seq(message)
                    self._next[partition] = (record.offset + 1, frozenset(wanted))
                    if len(found) >= PAGE:
                        return found
                if all(reached[key] >= one.until for key, one in wanted.items()):
                    return found
        return found

    async def _start(self, consumer: Reader, partition: TopicPartition, wanted: Mapping[str, Missing]) -> int:
        """An offset before the first missing message of each key, looking ever further back."""
        *later, beginning = await looking_back(consumer, partition)
        for start in later:
            if await self._all_before(consumer, partition, start, wanted):
                return start
        return beginning

    async def _all_before(
        self, consumer: Reader, partition: TopicPartition, start: int, wanted: Mapping[str, Missing]
    ) -> bool:
        """Whether from `start` on each key's first message is not later than its first missing one."""
        unseen = set(wanted)
        async with aclosing(read_to_end(consumer, [partition], start={partition: start})) as pages:
            async for records in pages:
                for record in records:
                    key, message = self._message(record)
                    if message is None or key not in unseen:
                        continue
                    if first_seq(message) > wanted[key].after + 1:
                        return False
                    unseen.discard(key)
                    if not unseen:
                        return True
        return False

    def _message(self, record: ConsumerRecord) -> tuple[str, MessageT | None]:
        """None where the record is not one that was numbered here (ES-6)."""
        key = (record.key or b"").decode(errors="replace")
        try:
            message: Any = decode(self._topic, record.value)
        except MalformedRecordError:
            return key, None
        numbered = self._topic.key_of(message) == key and first_seq(message) >= FIRST
        return key, message if numbered else None
