"""The publisher numbers without gaps, gathers while the log is busy, and lets nothing but old quotes go."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest

from connector.publisher import CONFLATE_ABOVE, MOST_EVENTS, Publisher
from connector.sequences import Sequences
from topics.catalogue import ALERTS, BY_NAME, INSTRUMENTS, MARKET, ORDERS
from topics.codec import Record, decode
from topics.log import LogProducer
from topics.v1.alerts_pb2 import Alert
from topics.v1.common_pb2 import Grain
from topics.v1.funding_pb2 import FundingUpdate
from topics.v1.instruments_pb2 import Instrument
from topics.v1.market_pb2 import MarketBatch, MarketEvent, Quote, Trade
from topics.v1.orders_pb2 import OrderUpdate

BTC = Instrument(venue="paper", symbol="BTCUSDT", grain=Grain(tick_size="0.1", lot_size="0.001"), trading=True)
KEY = "paper:BTCUSDT"


class LogInMemory:
    """A log client that acknowledges when told to."""

    def __init__(self, *, acknowledges: bool = True) -> None:
        self.records: list[Record] = []
        self._acknowledges = acknowledges
        self._open: list[asyncio.Future[Any]] = []
        self._arrived = asyncio.Event()

    async def enqueue(self, record: Record) -> "asyncio.Future[Any]":
        acknowledged: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.records.append(record)
        self._open.append(acknowledged)
        self._arrived.set()
        if self._acknowledges:
            self.acknowledge()
        return acknowledged

    def acknowledge(self) -> None:
        for acknowledged in self._open:
            acknowledged.set_result(None)
        self._open.clear()

    async def until(self, count: int) -> list[Any]:
        while len(self.records) < count:
            self._arrived.clear()
            await asyncio.wait_for(self._arrived.wait(), 5)
        return [decode(BY_NAME[record.topic], record.value) for record in self.records]


@asynccontextmanager
async def publishing(log: LogInMemory, sequences: Sequences | None = None) -> AsyncIterator[Publisher]:
    """A running publisher of one instrument; its own record is not counted."""
    publisher = Publisher(cast("LogProducer", log), sequences or Sequences(), subscriber_buffer=8)
    await publisher.publish_instruments([BTC])
    log.records.clear()
    running = asyncio.create_task(publisher.run())
    try:
        yield publisher
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def quote(number: int) -> MarketEvent:
    return MarketEvent(quote=Quote(time_ms=number, update_id=number, bid_ticks=1, ask_ticks=2))


def trade(number: int) -> MarketEvent:
    return MarketEvent(trade=Trade(time_ms=number, trade_id=str(number), price_ticks=1, quantity_lots=1))


def numbers(batches: Iterable[MarketBatch]) -> list[int]:
    return [batch.first_seq + place for batch in batches for place in range(len(batch.events))]


async def test_events_gather_while_the_last_record_is_on_its_way() -> None:
    """Decision 4: one event when idle, more under load, never more than 64; numbers without a gap."""
    log = LogInMemory()
    async with publishing(log) as publisher:
        log._acknowledges = False
        publisher.offer_market("BTCUSDT", quote(1), 10)
        await log.until(1)
        for number in range(2, 102):
            publisher.offer_market("BTCUSDT", trade(number), number * 10)
        log._acknowledges = True
        log.acknowledge()
        batches = await log.until(3)
    assert [len(batch.events) for batch in batches] == [1, MOST_EVENTS, 100 - MOST_EVENTS]
    assert numbers(batches) == list(range(1, 102))
    assert batches[-1].received_ns == 1010
    assert batches[0].grain == BTC.grain


async def test_numbers_go_on_from_the_newest_record_on_the_log() -> None:
    """Decision 2: a batch of three that began at 7 is followed by 10."""
    newest = {(MARKET.name, KEY): MarketBatch(first_seq=7, events=[quote(1), quote(2), quote(3)])}
    log = LogInMemory()
    async with publishing(log, Sequences(newest)) as publisher:
        publisher.offer_market("BTCUSDT", quote(4), 1)
        (batch,) = await log.until(1)
    assert batch.first_seq == 10


async def test_under_a_stalled_log_quotes_give_way_and_trades_do_not() -> None:
    """STREAM-1: the newest quote wins; every trade arrives, in order."""
    log = LogInMemory()
    async with publishing(log) as publisher:
        log._acknowledges = False
        publisher.offer_market("BTCUSDT", quote(0), 1)
        await log.until(1)
        for number in range(1, CONFLATE_ABOVE * 2, 2):
            publisher.offer_market("BTCUSDT", trade(number), number)
            publisher.offer_market("BTCUSDT", quote(number + 1), number)
        assert publisher.backlog()["BTCUSDT"] < CONFLATE_ABOVE * 2
        log._acknowledges = True
        log.acknowledge()
        events: list[MarketEvent] = []
        count = 1
        while not events or events[-1] != quote(CONFLATE_ABOVE * 2):
            count += 1
            events = [event for batch in await log.until(count) for event in batch.events]
    trades = [event.trade.time_ms for event in events if event.HasField("trade")]
    assert trades == list(range(1, CONFLATE_ABOVE * 2, 2))
    assert numbers(await log.until(count)) == list(range(1, len(events) + 1))


async def test_an_unchanged_instrument_is_not_published_again() -> None:
    """SYM-1: at start and on change."""
    log = LogInMemory()
    publisher = Publisher(cast("LogProducer", log), Sequences(), subscriber_buffer=8)
    assert len(await publisher.publish_instruments([BTC])) == 1
    known = decode(INSTRUMENTS, log.records[0].value)
    publisher = Publisher(cast("LogProducer", log), Sequences({(INSTRUMENTS.name, KEY): known}), subscriber_buffer=8)
    assert await publisher.publish_instruments([BTC]) == []
    halted = Instrument()
    halted.CopyFrom(BTC)
    halted.trading = False
    (changed,) = await publisher.publish_instruments([halted])
    assert changed.seq == known.seq + 1


async def test_order_updates_are_numbered_in_the_order_they_were_given() -> None:
    """ORD-4, decision 2: two writers at once, one sequence; returns when the log has them."""
    log = LogInMemory()
    async with publishing(log) as publisher:
        with publisher.orders.subscribe(["BTCUSDT"]) as subscription:
            await asyncio.gather(
                *(
                    publisher.publish_orders(
                        [
                            OrderUpdate(venue="paper", symbol="BTCUSDT", client_order_id=f"{writer}-{number}")
                            for number in range(3)
                        ]
                    )
                    for writer in range(2)
                )
            )
            stream = aiter(subscription)
            told = [await anext(stream) for _ in range(6)]
    updates = [decode(ORDERS, record.value) for record in log.records]
    assert [update.seq for update in updates] == [1, 2, 3, 4, 5, 6]
    assert [update.client_order_id for update in updates] == ["0-0", "0-1", "0-2", "1-0", "1-1", "1-2"]
    assert sorted(update.seq for update in told) == [1, 2, 3, 4, 5, 6]
    headers = dict(log.records[0].headers)
    assert (headers["ce_correlationid"], headers["ce_id"]) == (b"0-0", b"orders/paper:BTCUSDT/1")


async def test_funding_is_told_at_most_once_a_second_and_the_newest_of_it() -> None:
    """FUND-1: many mark prices within a second are one record; the first goes out at once."""
    log = LogInMemory()
    async with publishing(log) as publisher:
        publisher.offer_funding(FundingUpdate(venue="paper", symbol="BTCUSDT", time_ms=1, mark_price="1"))
        await log.until(1)
        for number in range(2, 50):
            publisher.offer_funding(FundingUpdate(venue="paper", symbol="BTCUSDT", time_ms=number, mark_price="1"))
        updates = await log.until(2)
    assert [update.time_ms for update in updates] == [1, 49]
    assert [update.seq for update in updates] == [1, 2]


async def test_a_log_that_fails_ends_the_publisher() -> None:
    """Decision 13: crash-only; nothing goes on as if it had been written."""

    class Broken(LogInMemory):
        async def enqueue(self, record: Record) -> "asyncio.Future[Any]":
            if record.topic == MARKET.name:
                raise ConnectionError("the log is gone")
            return await super().enqueue(record)

    publisher = Publisher(cast("LogProducer", Broken()), Sequences(), subscriber_buffer=8)
    await publisher.publish_instruments([BTC])
    publisher.offer_market("BTCUSDT", quote(1), 1)
    with pytest.raises(ExceptionGroup) as failed:
        await publisher.run()
    assert "the log is gone" in str(failed.value.exceptions[0])


async def test_an_alert_goes_out_under_its_own_id() -> None:
    """OBS-2: alerts have no seq; their id names the occurrence, and is the event's id on the log."""
    log = LogInMemory()
    async with publishing(log) as publisher:
        await publisher.publish_alerts([Alert(alert_id="connector/x", source="connector", code="ORDER_UNKNOWN")])
    assert [record.topic for record in log.records] == [ALERTS.name]
    assert dict(log.records[0].headers)["ce_id"] == b"connector/x"
