"""The catalogue against a real broker, and the log client on it."""

import asyncio
import uuid

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from topics import admin
from topics.catalogue import BY_NAME, CONTROL, INTENTS, MARKET
from topics.codec import decode, encode
from topics.envelope import Envelope
from topics.errors import TopicMismatchError
from topics.log import LogAddress, LogProducer, partitions_of, read_to_end, reader
from topics.tail import tail
from topics.v1.intents_pb2 import Intent, PlaceOrder
from topics.v1.market_pb2 import MarketBatch


@pytest.fixture
def address(kafka_bootstrap: str) -> LogAddress:
    return LogAddress(kafka_bootstrap, namespace=f"t{uuid.uuid4().hex[:8]}.")


@pytest.fixture
async def log(address: LogAddress) -> LogAddress:
    await admin.apply(address)
    return address


def intent(number: int) -> Intent:
    return Intent(
        intent_id=f"tl{number}", venue="paper", symbol="BTCUSDT", place=PlaceOrder(client_order_id=f"tl{number}")
    )


async def send(producer: LogProducer, number: int) -> None:
    await producer.send(INTENTS, intent(number), Envelope(id=f"tl{number}", source="test", time_ms=number))


async def test_apply_makes_the_broker_match_the_catalogue(address: LogAddress) -> None:
    """ES-1: created by a command, checked by a command, and the second run changes nothing."""
    created = await admin.apply(address)
    assert {difference.topic for difference in created} == set(BY_NAME)
    assert await admin.check(address) == []
    assert await admin.apply(address) == []


async def test_a_topic_with_other_partitions_is_refused(address: LogAddress) -> None:
    """ES-1: repartitioning would break the order of events, so it is refused with both numbers."""
    client = AIOKafkaAdminClient(bootstrap_servers=address.bootstrap)
    await client.start()
    try:
        await client.create_topics([NewTopic(MARKET.physical_name(address.namespace), 3, 1)])
    finally:
        await client.close()
    with pytest.raises(TopicMismatchError, match="market has 3, the catalogue says 8"):
        await admin.apply(address)


async def test_a_changed_setting_is_mended(log: LogAddress) -> None:
    """ES-1: a retention someone changed by hand is found and put back."""
    client = AIOKafkaAdminClient(bootstrap_servers=log.bootstrap)
    await client.start()
    try:
        resource = admin._resource(INTENTS, log, {"cleanup.policy": "delete", "retention.ms": "1000"})
        await client.alter_configs([resource])
    finally:
        await client.close()
    async with asyncio.timeout(30):
        while not (found := await admin.check(log)):
            await asyncio.sleep(0.01)  # the broker answers before all of it knows
    assert [difference.topic for difference in found] == ["intents"]
    await admin.apply(log)
    assert await admin.check(log) == []


async def test_what_is_sent_is_read_in_order(log: LogAddress) -> None:
    """ES-1: one key, one partition, one order, no repeats."""
    async with LogProducer(log, client_id="test") as producer:
        for number in range(200):
            await send(producer, number)
    found = []
    async with reader(log, client_id="test") as consumer:
        async for records in read_to_end(consumer, partitions_of(log, [INTENTS])):
            found += [decode(INTENTS, record.value).intent_id for record in records]
    assert found == [f"tl{number}" for number in range(200)]


async def test_reading_ends_where_the_log_ended_when_it_began(log: LogAddress) -> None:
    """ES-2: a snapshot of the log is finite, and an empty partition does not make it wait."""
    async with reader(log, client_id="test") as consumer:
        assert [batch async for batch in read_to_end(consumer, partitions_of(log, [CONTROL]))] == []


async def test_tail_decodes_and_names_what_it_cannot_read(log: LogAddress) -> None:
    """ES-6: a poison record is shown with its error, the ones after it are shown too."""
    async with LogProducer(log, client_id="test") as producer:
        await send(producer, 1)
        poison = encode(INTENTS, intent(2), Envelope(id="x", source="test", time_ms=0))
        await (await producer.enqueue(type(poison)(poison.topic, poison.key, b"\xff\xff", poison.headers)))
        await send(producer, 3)
    shown = [entry async for entry in tail(log, INTENTS)]
    assert [entry.get("message", {}).get("intent_id", "error") for entry in shown] == ["tl1", "error", "tl3"]
    assert "not a Intent" in shown[1]["error"]
    assert shown[0]["envelope"]["type"] == "topics.v1.Intent"


async def test_a_poison_record_is_buried_with_its_reason(log: LogAddress) -> None:
    """ES-6: poison goes to the dead-letter topic with the place it came from and why."""
    async with LogProducer(log, client_id="test") as producer:
        await producer.send(MARKET, MarketBatch(venue="paper", symbol="X"), Envelope("m", "test", 0))
        async with reader(log, client_id="test") as consumer:
            async for records in read_to_end(consumer, partitions_of(log, [MARKET])):
                await producer.bury(MARKET, records[0], reader="projections", reason="unknown symbol X")
    letters = [entry async for entry in tail(log, MARKET.dead_letters)]
    assert len(letters) == 1
    assert letters[0]["message"]["reason"] == "unknown symbol X"
    assert letters[0]["message"]["position"]["topic"] == "market"
