"""What every log must do, on real Kafka and on the log in memory: so the simulator's log is the real one's twin."""

import asyncio
import time
import uuid

import pytest
from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.partitioner import murmur2

from topics import admin
from topics.catalogue import CONTROL, INTENTS, MARKET
from topics.codec import Record, decode
from topics.log import Log, LogAddress, Reader, partitions_of, read_to_end
from topics.memory_broker import MemoryBroker
from topics.memory_log import MemoryLog
from topics.v1.dead_letter_pb2 import DeadLetter


@pytest.fixture(params=["memory", "kafka"])
def bootstrap(request: pytest.FixtureRequest) -> str:
    """Empty for the log in memory."""
    return "" if request.param == "memory" else str(request.getfixturevalue("kafka_bootstrap"))


@pytest.fixture
async def log(bootstrap: str) -> Log:
    namespace = f"t{uuid.uuid4().hex[:8]}."
    if not bootstrap:
        return MemoryLog(MemoryBroker(), namespace=namespace)
    address = LogAddress(bootstrap, namespace)
    await admin.apply(address)
    return address


def record(number: int, key: str = "paper:BTCUSDT") -> Record:
    return Record(INTENTS.name, key.encode(), f"{key}/{number}".encode(), [("ce_id", str(number).encode())])


async def send(log: Log, *records: Record) -> list[ConsumerRecord]:
    """Returns the acks, in order."""
    async with log.producer(client_id="test") as producer:
        acks = [await producer.enqueue(each) for each in records]
        return list(await asyncio.gather(*acks))


async def some(reader: Reader, count: int) -> list[ConsumerRecord]:
    """At least so many records, in the order they were read."""
    found: list[ConsumerRecord] = []
    async with asyncio.timeout(20):
        while len(found) < count:
            for records in (await reader.getmany(timeout_ms=500)).values():
                found += records
    return found


def place_of(log: Log, ack: ConsumerRecord) -> TopicPartition:
    return TopicPartition(INTENTS.physical_name(log.namespace), ack.partition)


async def test_records_of_a_key_stay_in_order_without_gaps(log: Log) -> None:
    """ES-1: one key, one partition, offsets one after the other, acknowledged in that order."""
    acks = await send(log, *map(record, range(50)))
    assert [ack.offset for ack in acks] == list(range(50))
    async with log.reader(client_id="test") as reader:
        reader.assign([place_of(log, acks[0])])
        found = await some(reader, 50)
    assert [each.value for each in found] == [record(number).value for number in range(50)]
    assert [each.offset for each in found] == list(range(50))


async def test_a_key_has_the_partition_of_the_default_partitioner(log: Log) -> None:
    """ES-1: who computes a key's partition finds its records there."""
    keys = [f"paper:SYMBOL{number}" for number in range(20)]
    acks = await send(log, *(record(0, key) for key in keys))
    assert [ack.partition for ack in acks] == [
        (murmur2(key.encode()) & 0x7FFFFFFF) % INTENTS.partitions for key in keys
    ]


async def test_a_record_comes_back_as_it_was_sent(log: Log) -> None:
    """ES-1: key, value, headers and the time it was taken."""
    before_ms = int(time.time() * 1000) - 1000
    (ack,) = await send(log, record(7))
    async with log.reader(client_id="test") as reader:
        reader.assign([place_of(log, ack)])
        (found,) = await some(reader, 1)
    sent = record(7)
    assert (found.key, found.value, list(found.headers)) == (sent.key, sent.value, sent.headers)
    assert (found.topic, found.partition, found.offset) == (place_of(log, ack).topic, ack.partition, ack.offset)
    assert before_ms < found.timestamp <= time.time() * 1000 + 1000


async def test_reading_begins_where_it_is_told_to_and_repeats_when_told_to(log: Log) -> None:
    """ES-3: at-least-once: what was read is there to be read again."""
    acks = await send(log, *map(record, range(10)))
    place = place_of(log, acks[0])
    async with log.reader(client_id="test") as reader:
        reader.assign([place])
        reader.seek(place, 6)
        assert [each.offset for each in await some(reader, 4)] == [6, 7, 8, 9]
        assert await reader.position(place) == 10
        reader.seek(place, 8)
        assert [each.offset for each in await some(reader, 2)] == [8, 9]
        await reader.seek_to_beginning(place)
        assert [each.offset for each in await some(reader, 10)] == list(range(10))


async def test_readers_do_not_take_from_each_other(log: Log) -> None:
    """ES-2: each keeps its own place."""
    acks = await send(log, *map(record, range(5)))
    async with log.reader(client_id="one") as one, log.reader(client_id="two") as two:
        for reader in (one, two):
            reader.assign([place_of(log, acks[0])])
        assert len(await some(one, 5)) == len(await some(two, 5)) == 5


async def test_a_reader_at_the_end_waits_and_then_gets_what_comes(log: Log) -> None:
    """ES-3: nothing within the timeout is an empty answer; a record ends the wait."""
    (ack,) = await send(log, record(0))
    async with log.reader(client_id="test") as reader:
        reader.assign([place_of(log, ack)])
        await some(reader, 1)
        assert await reader.getmany(timeout_ms=30) == {}
        waiting = asyncio.ensure_future(reader.getmany(timeout_ms=20_000))
        await send(log, record(1))
        async with asyncio.timeout(10):
            (records,) = (await waiting).values()
    assert [each.offset for each in records] == [1]


async def test_a_reader_takes_no_more_than_it_asked_for(log: Log) -> None:
    """ES-3: a batch is bounded, the rest comes with the next."""
    acks = await send(log, *map(record, range(10)))
    async with log.reader(client_id="test") as reader:
        reader.assign([place_of(log, acks[0])])
        async with asyncio.timeout(10):
            while not (found := await reader.getmany(timeout_ms=500, max_records=3)):
                pass
        (first,) = found.values()
        assert [each.offset for each in first] == [0, 1, 2]
        assert [each.offset for each in await some(reader, 7)] == list(range(3, 10))


async def test_the_ends_of_a_partition_are_known(log: Log) -> None:
    """ES-3: where the log begins and ends, for partitions with records and without."""
    acks = await send(log, *map(record, range(4)))
    full = place_of(log, acks[0])
    empty = TopicPartition(full.topic, (full.partition + 1) % INTENTS.partitions)
    async with log.reader(client_id="test") as reader:
        reader.assign([full, empty])
        assert dict(await reader.beginning_offsets([full, empty])) == {full: 0, empty: 0}
        assert dict(await reader.end_offsets([full, empty])) == {full: 4, empty: 0}


async def test_reading_to_the_end_ends_there(log: Log) -> None:
    """ES-2: a snapshot of the log, empty partitions included, is finite."""
    await send(log, *(record(number, f"paper:SYMBOL{number % 5}") for number in range(20)))
    async with log.reader(client_id="test") as reader:
        batches = [batch async for batch in read_to_end(reader, partitions_of(log, [INTENTS, CONTROL]))]
    assert sorted(each.value for batch in batches for each in batch) == sorted(
        record(number, f"paper:SYMBOL{number % 5}").value for number in range(20)
    )


async def test_a_buried_record_is_on_the_dead_letters_with_its_reason(log: Log) -> None:
    """ES-6: the place it came from, who could not read it, and why."""
    (ack,) = await send(log, record(3))
    async with log.producer(client_id="test") as producer, log.reader(client_id="test") as reader:
        await producer.bury(INTENTS, _read(ack, record(3)), reader="gateway", reason="no intent")
        reader.assign(partitions_of(log, [INTENTS.dead_letters]))
        (buried,) = await some(reader, 1)
    letter: DeadLetter = decode(INTENTS.dead_letters, buried.value)
    assert (letter.position.topic, letter.position.offset, letter.reason) == ("intents", ack.offset, "no intent")
    assert letter.value == record(3).value


async def test_topics_are_apart(log: Log) -> None:
    """ES-1: what is on one topic is on no other, also with the same key."""
    await send(log, record(1))
    async with log.reader(client_id="test") as reader:
        reader.assign(partitions_of(log, [MARKET]))
        assert await reader.getmany(timeout_ms=50) == {}


def _read(ack: ConsumerRecord, sent: Record) -> ConsumerRecord:
    """As a reader has it: an ack of Kafka's knows neither key nor value."""
    return ConsumerRecord(
        topic=ack.topic, partition=ack.partition, offset=ack.offset, timestamp=0, timestamp_type=0, key=sent.key,
        value=sent.value, checksum=None, serialized_key_size=0, serialized_value_size=0, headers=(),
    )  # fmt: skip
