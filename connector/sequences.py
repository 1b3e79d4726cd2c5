"""The `seq` of what the connector publishes: by topic and key, without gaps, over restarts (decision 2).

After a restart it goes on from the newest record of each key on the log, found by reading the ends backwards. A record
that cannot be read is no record of ours and is passed over (ES-6).
"""

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
    """Next numbers by topic and key. `newest` is the last message of each key that was on the log at the start."""

    def __init__(self, newest: Mapping[tuple[str, str], Message] | None = None) -> None:
        self.newest = dict(newest or {})
        self._next = {place: _after(message) for place, message in self.newest.items()}

    def take(self, topic: Topic[Any], key: str, count: int = 1) -> int:
        """The first of `count` numbers, which from now on are used."""
        first = self._next.get((topic.name, key), FIRST)
        self._next[topic.name, key] = first + count
        return first


async def resume(log: Log, keys: Mapping[Topic[Any], Iterable[str]]) -> Sequences:
    """Sequences that go on where the log ends, for these keys of these topics."""
    newest: dict[tuple[str, str], Message] = {}
    async with log.reader(client_id="connector-sequences") as consumer:
        for topic, wanted in keys.items():
            for partition, its_keys in _by_partition(topic, log.namespace, wanted).items():
                found = await _newest_of(consumer, topic, partition, its_keys)
                newest |= {(topic.name, key): message for key, message in found.items()}
    return Sequences(newest)


async def _newest_of(
    consumer: Reader, topic: Topic[Any], partition: TopicPartition, wanted: set[str]
) -> dict[str, Message]:
    """The last message of each key, looking ever further back until all are found or the log begins."""
    consumer.assign([partition])
    beginning = (await consumer.beginning_offsets([partition]))[partition]
    end = (await consumer.end_offsets([partition]))[partition]
    window = _WINDOW
    while True:
        start = max(beginning, end - window)
        values: dict[str, list[bytes]] = {}
        async for records in read_to_end(consumer, [partition], start={partition: start}):
            for record in records:
                key = (record.key or b"").decode(errors="replace")
                if key in wanted:
                    values.setdefault(key, []).append(record.value)
        newest = {key: _last_readable(topic, key, its_values) for key, its_values in values.items()}
        found = {key: message for key, message in newest.items() if message is not None}
        if found.keys() == wanted or start == beginning:
            return found
        window *= _WIDER


def _last_readable(topic: Topic[Any], key: str, values: Sequence[bytes | None]) -> Message | None:
    """A message about another key, or without a number, was not published here either."""
    for value in reversed(values):
        try:
            message: Message = decode(topic, value)
        except MalformedRecordError:
            continue
        if topic.key_of(message) == key and _after(message) > FIRST:
            return message
    return None


def _by_partition(topic: Topic[Any], namespace: str, keys: Iterable[str]) -> dict[TopicPartition, set[str]]:
    """Where the producer's own partitioner puts these keys."""
    numbers = list(range(topic.partitions))
    place = DefaultPartitioner()
    found: dict[TopicPartition, set[str]] = {}
    for key in keys:
        partition = TopicPartition(topic.physical_name(namespace), place(key.encode(), numbers, numbers))
        found.setdefault(partition, set()).add(key)
    return found


def _after(message: Any) -> int:
    if isinstance(message, MarketBatch):
        return message.first_seq + len(message.events)
    return int(message.seq) + 1
