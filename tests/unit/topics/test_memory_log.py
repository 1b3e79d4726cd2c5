"""The log in memory where it misbehaves as Kafka may; what both must do is in tests/contract/topics."""

import asyncio

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import KafkaTimeoutError

from topics.catalogue import GRID_STATE, INTENTS
from topics.codec import Record
from topics.log import partitions_of, read_to_end
from topics.memory_broker import Conditions, MemoryBroker
from topics.memory_log import MemoryLog

KEY = b"paper:BTCUSDT"


def record(value: str, key: bytes = KEY, topic: str = INTENTS.name) -> Record:
    return Record(topic, key, value.encode(), [])


def values(broker: MemoryBroker) -> list[str]:
    places = partitions_of(MemoryLog(broker), [INTENTS])
    return [each.value.decode() for place in places for each in broker.partition(place).records]


class Failing(Conditions):
    """Every batch has this fate."""

    def __init__(self, fate: str) -> None:
        self._fate = fate

    def batch_fate(self) -> str:
        return self._fate


@pytest.mark.parametrize(("fate", "on_the_log"), [("lost", []), ("taken", ["a"])])
async def test_a_producer_that_fails_raises_whether_or_not_the_record_is_there(
    fate: str, on_the_log: list[str]
) -> None:
    """ES-3: its process ends, and whoever comes after must be ready for both."""
    broker = MemoryBroker()
    async with MemoryLog(broker, Failing(fate)).producer(client_id="test") as producer:
        with pytest.raises(KafkaTimeoutError, match="producer test"):
            await producer.send_all([record("a")])
        with pytest.raises(KafkaTimeoutError):
            await producer.enqueue(record("b"))
    assert values(broker) == on_the_log


async def test_who_waits_for_the_batch_after_the_one_that_fails_is_told() -> None:
    """ES-3: as a real producer does; a process that ends would wait for ever."""
    broker = MemoryBroker()
    async with MemoryLog(broker, Failing("lost")).producer(client_id="test") as producer:
        broker.go_down()
        acks = [await producer.enqueue(record("a"))]
        await asyncio.sleep(0.05)
        acks.append(await producer.enqueue(record("b")))
        await asyncio.sleep(0.05)
        broker.come_up()
        async with asyncio.timeout(5):
            told = await asyncio.gather(*acks, return_exceptions=True)
    assert [type(it) for it in told] == [KafkaTimeoutError, KafkaTimeoutError]


async def test_what_is_sent_while_the_log_is_away_arrives_in_order_afterwards() -> None:
    """ES-3: nothing acknowledged is lost, nothing overtakes."""
    broker = MemoryBroker()
    log = MemoryLog(broker)
    async with log.producer(client_id="test") as producer, log.reader(client_id="test") as reader:
        reader.assign(partitions_of(log, [INTENTS]))
        broker.go_down()
        acks = [await producer.enqueue(record(name)) for name in "abc"]
        assert await reader.getmany(timeout_ms=5) == {}
        assert not any(ack.done() for ack in acks)
        broker.come_up()
        await asyncio.gather(*acks)
    assert values(broker) == ["a", "b", "c"]


async def test_a_process_that_ends_leaves_what_arrived_and_loses_the_rest() -> None:
    """ES-3: of what a killed producer had not got through, the first part may be there, never a later one alone."""
    broker = MemoryBroker()
    log = MemoryLog(broker)
    async with log.producer(client_id="test") as producer:
        await producer.send_all([record("a")])
        waiting = await producer.enqueue(record("b"))
        log.sever(lose=True)
        await asyncio.sleep(0.01)
        waiting.cancel()
    assert values(broker) == ["a"]


async def test_compaction_keeps_the_newest_of_each_key_at_its_offset() -> None:
    """ES-3: gaps appear, offsets stay, and a reader that was in the gap goes on behind it."""
    broker = MemoryBroker()
    log = MemoryLog(broker)
    for value, key in (("1", KEY), ("2", KEY), ("3", KEY)):
        place = broker.append(record(value, key, GRID_STATE.name))
    assert broker.compact(GRID_STATE.name, place.partition) == 2
    async with log.reader(client_id="test") as reader:
        batches = [batch async for batch in read_to_end(reader, partitions_of(log, [GRID_STATE]))]
        assert [(each.offset, each.value) for batch in batches for each in batch] == [(2, b"3")]
        at = TopicPartition(GRID_STATE.name, place.partition)
        assert await reader.position(at) == 3
