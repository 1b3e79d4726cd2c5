"""STREAM-1 for any venue: ccxt's unified watch calls against the real paper venue, through real websockets."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest

from connector.ccxt_adapter.venue import CcxtVenue
from connector.port import StreamLost, VenueFill, VenueOrder
from connector.settings import VenueConnection
from reliability.chaos.proxy import FaultProxy, Kind
from tests.integration.connector.conftest import PaperVenue
from tests.integration.connector.unified_streams import Heard, Listening, is_event, is_lost, listening
from topics.v1.market_pb2 import Candle
from topics.v1.orders_pb2 import OrderStatus

SYMBOL = "BTCUSDT"
UNIFIED = "BTC/USDT:USDT"


@pytest.fixture
async def proxy(paper_venue: PaperVenue) -> AsyncIterator[FaultProxy]:
    async with FaultProxy(paper_venue.port) as it:
        yield it


def through(proxy: FaultProxy, paper_venue: PaperVenue) -> VenueConnection:
    addresses = {"rest_url": f"http://127.0.0.1:{proxy.port}", "ws_url": f"ws://127.0.0.1:{proxy.port}"}
    return paper_venue.connection().model_copy(update=addresses)


async def begun(heard: Heard) -> None:
    for kind in ("quote", "trade", "candle"):
        await heard.one(is_event(kind))


def trade_ids(items: list[Any]) -> list[int]:
    return [int(item.trade.trade_id) for item in items if is_event("trade")(item)]


async def all_trades(exchange: Any, first: int, last: int) -> list[int]:
    raw = await exchange.fapiPublicGetAggTrades({"symbol": SYMBOL, "fromId": first, "limit": 1000})
    return [int(one["a"]) for one in raw if first <= int(one["a"]) <= last]


def candle_story(items: list[Any]) -> tuple[list[Candle], list[Candle]]:
    candles = [item.candle for item in items if is_event("candle")(item)]
    return candles, [candle for candle in candles if candle.closed]


async def test_market_and_account_come_exact_through_the_unified_calls(paper_venue: PaperVenue) -> None:
    """STREAM-1: quotes, trades, candles, funding, orders, executions, balances and positions, none of them a float."""
    async with listening(paper_venue.connection()) as it:
        await begun(it.market)
        update = await it.funding.one(lambda update: bool(update.rate))
        assert float(update.mark_price) > 0
        await it.orders.one(is_lost)
        placed = await it.exchange.create_order(UNIFIED, "market", "buy", "0.010")
        fill = await it.orders.one(lambda item: isinstance(item, VenueFill))
        (listed,) = await it.exchange.fapiPrivateGetUserTrades({"symbol": SYMBOL})
        assert (fill.venue_order_id, fill.fill.trade_id) == (str(placed["id"]), str(listed["id"]))
        assert fill.client_order_id == placed["clientOrderId"]
        assert fill.fill.price_ticks == it.scale.ticks(listed["price"])
        assert (fill.fill.quantity_lots, fill.fill.fee, fill.fill.fee_asset) == (10, listed["commission"], "USDT")
        ended = await it.orders.one(
            lambda item: isinstance(item, VenueOrder) and item.status == OrderStatus.ORDER_STATUS_FILLED
        )
        assert (ended.filled_lots, ended.quantity_lots) == (10, 10)
        balance = await it.account.one(lambda item: not is_lost(item) and item.balances)
        told = await it.exchange.fapiPrivateV3GetBalance()
        assert balance.balances[0].wallet_balance == told[0]["balance"]
        position = await it.account.one(lambda item: not is_lost(item) and item.positions)
        assert position.positions[0].quantity_lots == 10
        assert {name for name, state in it.streams.status().items() if state["ok"]} == {
            "quotes", "trades", "candles", "funding", "orders", "fills", "balances", "positions",
        }  # fmt: skip


async def test_of_many_executions_and_order_changes_at_once_none_is_lost(paper_venue: PaperVenue) -> None:
    """STREAM-1, ORD-4: ccxt wakes its caller once for many messages and merges changes of one order; we get each."""
    async with listening(paper_venue.connection()) as it:
        await it.orders.one(is_lost)
        count = 40
        await asyncio.gather(*(it.exchange.create_order(UNIFIED, "market", "buy", "0.010") for _ in range(count)))
        listed = await it.exchange.fapiPrivateGetUserTrades({"symbol": SYMBOL, "limit": 1000})
        fills = await it.orders.count(len(listed), lambda item: isinstance(item, VenueFill))
        assert [fill.fill.trade_id for fill in fills] == [str(raw["id"]) for raw in listed]
        changes = await it.orders.count(count + len(fills), lambda item: isinstance(item, VenueOrder))
        told = Counter(change.status for change in changes)
        assert told[OrderStatus.ORDER_STATUS_ACCEPTED] == told[OrderStatus.ORDER_STATUS_FILLED] == count


async def test_after_a_cut_trades_and_candles_show_neither_gap_nor_repeat(
    paper_venue: PaperVenue, proxy: FaultProxy
) -> None:
    """STREAM-1: what the stream missed is fetched and put before what came next, each once and in its order."""
    async with listening(through(proxy, paper_venue)) as it:
        await assert_mended(it.market, it.exchange, it.streams, proxy)


async def test_the_native_streams_mend_a_cut_the_same_way(paper_venue: PaperVenue, proxy: FaultProxy) -> None:
    """STREAM-1: public trades too, which went missing once."""
    port = CcxtVenue(through(proxy, paper_venue))
    await port.start()
    heard = Heard()
    listener = asyncio.create_task(heard.listen(port.market(SYMBOL)))
    try:
        await assert_mended(heard, port._exchange, port, proxy)
    finally:
        listener.cancel()
        await asyncio.gather(listener, return_exceptions=True)
        await port.close()


async def assert_mended(heard: Heard, exchange: Any, streams: Any, proxy: FaultProxy) -> None:
    await begun(heard)
    await heard.count(20, is_event("trade"))
    seen, lost = len(heard.items), sum(map(is_lost, heard.items))
    assert proxy.drop(Kind.MARKET) >= 1
    await heard.count(lost + 1, is_lost)
    await heard.until(lambda items: len(trade_ids(items[seen:])) >= 40 or None)
    _, closed = candle_story(heard.items)
    _, closed = await heard.until(lambda items: story if len((story := candle_story(items))[1]) > len(closed) else None)
    ids = trade_ids(heard.items)
    assert ids == await all_trades(exchange, ids[0], ids[-1])
    opened = [candle.open_time_ms for candle in closed]
    assert opened == list(range(opened[0], opened[-1] + 1, 60_000))
    feeds = streams.status()
    assert all(feeds[name]["ok"] and feeds[name]["silence_s"] < 20 for name in ("quotes", "trades", "candles"))


async def test_the_account_s_stream_comes_back_and_says_so(paper_venue: PaperVenue, proxy: FaultProxy) -> None:
    """STREAM-1: StreamLost is told when the subscriptions are in force again, and what happens then is heard."""
    async with listening(through(proxy, paper_venue)) as it:
        await it.orders.one(is_lost)
        before = len(it.orders.items)
        assert proxy.drop(Kind.USER) >= 1
        await it.orders.until(lambda items: any(isinstance(item, StreamLost) for item in items[before:]) or None)
        placed = await it.exchange.create_order(UNIFIED, "market", "buy", "0.010")
        fill = await it.orders.one(lambda item: isinstance(item, VenueFill))
        assert fill.venue_order_id == str(placed["id"])
        assert any(is_lost(item) for item in it.account.items[1:])


async def test_a_feed_that_never_told_anything_says_so(it_is_listening: Listening) -> None:
    """STREAM-1: seconds since the newest message are told by feed, and None where none ever came."""
    state = it_is_listening.streams.status()
    assert state["fills"] == {"ok": False, "silence_s": None}


@pytest.fixture
async def it_is_listening(paper_venue: PaperVenue) -> AsyncIterator[Listening]:
    async with listening(paper_venue.connection(), private=False) as it:
        yield it
