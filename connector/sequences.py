"""The `seq` of what the connector publishes: by topic and key, without gaps, over restarts (decision 2).

After a restart it goes on from the newest record of each key on the log, found by reading the ends backwards: for the
keys this connector follows at the start, for any other (an order refused for its symbol, a symbol followed no more)
when it is first spoken of. A record that cannot be read is no record of ours and is passed over (ES-6).
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from aiokafka import TopicPartition
from aiokafka.partitioner import DefaultPartitioner
from google.protobuf.message import Message

from topics.catalogue import Topic
from topics.codec import decode
from topics.errors import MalformedRecordError
from topics.log import Log, Reader, read_to_end
from topics.v1.market_pb2 import MarketBatch

FIRST = 1
_WINDOW = 256
_WIDER = 8


class Sequences:
    """Next numbers by topic and key. `newest` is the last message of each key that was on the log at the start.

    `log`: where keys are looked for that are not among `looked_for`; without it they begin at one.
    """

    def __init__(
        self,
        newest: Mapping[tuple[str, str], Message] | None = None,
        *,
        looked_for: Iterable[tuple[str, str]] = (),
        log: Log | None = None,
    ) -> None:
        self.newest = dict(newest or {})
        self._next = {place: last_seq(message) + 1 for place, message in self.newest.items()}
        self._looked_for = {*self.newest, *looked_for}
        self._log = log
        self._looking = asyncio.Lock()

    async def find(self, topic: Topic[Any], keys: Iterable[str]) -> None:
        """To be waited for before `take` of keys that may be new here. Reads their partitions, once a key."""
        if self._log is None or all((topic.name, key) in self._looked_for for key in keys):
            return
        async with self._looking:
            new = [key for key in dict.fromkeys(keys) if (topic.name, key) not in self._looked_for]
            for (name, key), message in (await _newest(self._log, {topic: new})).items():
                self._next[name, key] = last_seq(message) + 1
            self._looked_for.update((topic.name, key) for key in new)

    def take(self, topic: Topic[Any], key: str, count: int = 1) -> int:
        """The first of `count` numbers, which from now on are used."""
        first = self._next.get((topic.name, key), FIRST)
        self._next[topic.name, key] = first + count
        return first


async def resume(log: Log, keys: Mapping[Topic[Any], Iterable[str]]) -> Sequences:
    """Sequences that go on where the log ends; these keys of these topics are looked for now."""
    looked_for = [(topic.name, key) for topic, wanted in keys.items() for key in wanted]
    return Sequences(await _newest(log, keys), looked_for=looked_for, log=log)


async def _newest(log: Log, keys: Mapping[Topic[Any], Iterable[str]]) -> dict[tuple[str, str], Message]:
    newest: dict[tuple[str, str], Message] = {}
    async with log.reader(client_id="connector-sequences") as consumer:
        for topic, wanted in keys.items():
            for partition, its_keys in by_partition(topic, log.namespace, wanted).items():
                found = await _newest_of(consumer, topic, partition, its_keys)
                newest |= {(topic.name, key): message for key, message in found.items()}
    return newest


async def _newest_of(
    consumer: Reader, topic: Topic[Any], partition: TopicPartition, wanted: set[str]
) -> dict[str, Message]:
    """The last message of each key, looking ever further back until all are found or the log begins."""
    found: dict[str, Message] = {}
    for start in await looking_back(consumer, partition):
        values: dict[str, list[bytes]] = {}
        async for records in read_to_end(consumer, [partition], start={partition: start}):
            for record in records:
                key = (record.key or b"").decode(errors="replace")
                if key in wanted:
                    values.setdefault(key, []).append(record.value)
        newest = {key: _last_readable(topic, key, its_values) for key, its_values in values.items()}
        found = {key: message for key, message in newest.items() if message is not None}
        if found.keys() == wanted:
            break
    return found


async def looking_back(consumer: Reader, partition: TopicPartition) -> list[int]:
    """Offsets to read from, ever further back from the end of the partition; the last is where the log begins."""
    consumer.assign([partition])
    beginning = (await consumer.beginning_offsets([partition]))[partition]
    end = (await consumer.end_offsets([partition]))[partition]
    window, starts = _WINDOW, []
    while end - window > beginning:
        starts.append(end - window)
        window *= _WIDER
    return [*starts, beginning]


def _last_readable(topic: Topic[Any], key: str, values: Sequence[bytes | None]) -> Message | None:
    """A message about another key, or without a number, was not published here either."""
    for value in reversed(values):
        try:
            message: Message = decode(topic, value)
        except MalformedRecordError:
            continue
        if topic.key_of(message) == key and last_seq(message) >= FIRST:
            return message
    return None


def by_partition(topic: Topic[Any], namespace: str, keys: Iterable[str]) -> dict[TopicPartition, set[str]]:
    """Where the producer's own partitioner puts these keys."""
    numbers = list(range(topic.partitions))
    place = DefaultPartitioner()
    found: dict[TopicPartition, set[str]] = {}
    for key in keys:
        partition = TopicPartition(topic.physical_name(namespace), place(key.encode(), numbers, numbers))
        found.setdefault(partition, set()).add(key)
    return found


def first_seq(message: Any) -> int:
    return int(message.first_seq if isinstance(message, MarketBatch) else message.seq)


def last_seq(message: Any) -> int:
    """Below FIRST where the message was not numbered here."""
    return first_seq(message) + (len(message.events) - 1 if isinstance(message, MarketBatch) else 0)
