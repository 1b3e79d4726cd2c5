"""Numbers go on without gap or repeat though the publisher is killed in the middle of sending."""

import asyncio
import sys
from collections import defaultdict
from pathlib import Path

from connector.publisher import Publisher
from connector.sequences import resume
from reliability.chaos.agent_evidence import read_all
from topics.admin import apply
from topics.catalogue import MARKET, ORDERS
from topics.codec import Record, decode, encode
from topics.envelope import Envelope
from topics.log import LogAddress, LogProducer, partitions_of, read_to_end, reader
from topics.v1.market_pb2 import MarketBatch, MarketEvent
from topics.v1.orders_pb2 import OrderUpdate

PROCESS = Path(__file__).with_name("publishing_process.py")
KILLS = 4


async def test_a_killed_publisher_goes_on_where_the_log_ends(kafka_bootstrap: str, namespace: str) -> None:
    """Decision 2, STREAM-1: kill -9 at any moment, restart, no gap and no repeat for any instrument."""
    address = LogAddress(kafka_bootstrap, namespace)
    await apply(address)
    sizes = []
    for _ in range(KILLS):
        await _publish_for_a_while(address)
        sizes.append(sum(map(len, (await _numbers(address)).values())))
    assert sizes == sorted(set(sizes)), "every run published something"
    numbers = await _numbers(address)
    assert len(numbers) == 3
    for key, found in numbers.items():
        assert found == list(range(1, len(found) + 1)), key
    sequences = await resume(address, {MARKET: list(numbers)})
    assert {key: sequences.take(MARKET, key) for key in numbers} == {
        key: len(found) + 1 for key, found in numbers.items()
    }


async def test_a_key_the_log_has_never_seen_begins_at_one(kafka_bootstrap: str, namespace: str) -> None:
    """Decision 2: a new instrument on an old log."""
    address = LogAddress(kafka_bootstrap, namespace)
    await apply(address)
    sequences = await resume(address, {MARKET: ["paper:NEWUSDT"]})
    assert [sequences.take(MARKET, "paper:NEWUSDT", 5), sequences.take(MARKET, "paper:NEWUSDT")] == [1, 6]


async def test_an_order_on_a_symbol_nobody_follows_goes_on_where_the_log_ends(
    kafka_bootstrap: str, namespace: str
) -> None:
    """ES-1, decision 2: over restarts that know nothing of the symbol, its refused orders are numbered without gap."""
    address = LogAddress(kafka_bootstrap, namespace)
    await apply(address)
    for _ in range(3):
        async with LogProducer(address, client_id="test") as producer:
            publisher = Publisher(producer, await resume(address, {ORDERS: ["paper:BTCUSDT"]}), subscriber_buffer=8)
            refused = [OrderUpdate(venue="paper", symbol=it) for it in ("DOGEUSDT", "BTCUSDT", "DOGEUSDT")]
            await publisher.publish_orders(refused)
    found: dict[str, list[int]] = defaultdict(list)
    for record in await read_all(address, ORDERS):
        update = decode(ORDERS, record.value)
        found[update.symbol].append(update.seq)
    assert found == {"DOGEUSDT": [1, 2, 3, 4, 5, 6], "BTCUSDT": [1, 2, 3]}


async def test_poison_at_the_end_of_the_log_is_passed_over(kafka_bootstrap: str, namespace: str) -> None:
    """ES-6, STREAM-1: bytes that are no message, none at all, another key's message: numbers go on, and none begins
    again at one."""
    address = LogAddress(kafka_bootstrap, namespace)
    await apply(address)
    key = "paper:BTCUSDT"
    batch = MarketBatch(venue="paper", symbol="BTCUSDT", first_seq=7, events=[MarketEvent(), MarketEvent()])
    other = MarketBatch(venue="paper", symbol="ETHUSDT", first_seq=900)
    poison = [b"\xff\xff nonsense", b"", other.SerializeToString(), MarketBatch(venue="paper").SerializeToString()]
    async with LogProducer(address, client_id="test") as producer:
        good = encode(MARKET, batch, Envelope("id", "test", 1))
        await producer.send_all([good, *(Record(MARKET.name, key.encode(), value, []) for value in poison * 100)])
    sequences = await resume(address, {MARKET: [key]})
    assert sequences.take(MARKET, key) == 9


async def _publish_for_a_while(address: LogAddress) -> None:
    """Until the log has grown by some records, then kill -9 in the middle of it."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, PROCESS, address.bootstrap, address.namespace, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    async with asyncio.timeout(60):
        assert await process.stdout.readline() == b"publishing\n"
        async with reader(address, client_id="test") as consumer:
            consumer.assign(partitions_of(address, [MARKET]))
            await consumer.seek_to_end()
            seen = 0
            while seen < 200:
                batches = await consumer.getmany(timeout_ms=200)
                seen += sum(map(len, batches.values()))
    process.kill()
    await process.wait()


async def _numbers(address: LogAddress) -> dict[str, list[int]]:
    found: dict[str, list[int]] = defaultdict(list)
    async with reader(address, client_id="test") as consumer:
        async for records in read_to_end(consumer, partitions_of(address, [MARKET])):
            for record in records:
                batch = decode(MARKET, record.value)
                found[f"{batch.venue}:{batch.symbol}"] += range(batch.first_seq, batch.first_seq + len(batch.events))
    return dict(found)
