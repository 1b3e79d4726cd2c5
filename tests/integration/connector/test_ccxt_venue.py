"""The venue port through real ccxt against the real paper venue over HTTP and websockets."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest
from pydantic import SecretStr

from connector.ccxt_adapter.venue import CcxtVenue
from connector.errors import (
    AuthenticationError,
    ConnectorError,
    DuplicateOrderError,
    InsufficientFundsError,
    NotSentError,
    OrderNotFoundError,
    PostOnlyWouldTakeError,
    UnknownSymbolError,
    UnsupportedError,
    VenueUnavailableError,
)
from connector.port import OrderRequest, StreamLost, VenueFill, VenueOrder
from tests.integration.connector.conftest import PaperVenue
from topics.scale import Scale
from topics.v1.common_pb2 import OrderType, Side, TimeInForce
from topics.v1.instruments_pb2 import Instrument
from topics.v1.orders_pb2 import OrderStatus

ItemT = TypeVar("ItemT")
SYMBOL = "BTCUSDT"
WAIT_S = 20.0


@dataclass
class Heard:
    """Everything a stream yielded, and a way to wait for something among it."""

    items: list[Any] = field(default_factory=list)
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def listen(self, stream: AsyncIterator[Any]) -> None:
        async for item in stream:
            async with self._changed:
                self.items.append(item)
                self._changed.notify_all()

    async def until(self, found: Callable[[list[Any]], ItemT | None]) -> ItemT:
        async with asyncio.timeout(WAIT_S), self._changed:
            while not (result := found(self.items)):
                await self._changed.wait()
            return result

    async def one(self, matches: Callable[[Any], bool]) -> Any:
        return await self.until(lambda items: next((item for item in items if matches(item)), None))


@dataclass
class Connected:
    """A started adapter and all four streams of it."""

    port: CcxtVenue
    instrument: Instrument
    market: Heard = field(default_factory=Heard)
    orders: Heard = field(default_factory=Heard)
    account: Heard = field(default_factory=Heard)

    @property
    def scale(self) -> Scale:
        return Scale.of(self.instrument.grain)

    async def request(self, number: int, **changes: Any) -> OrderRequest:
        """A post-only buy a tenth below the market."""
        away = self.scale.ticks_down(await self.port.mark_price(SYMBOL) * 9 / 10)
        values: dict[str, Any] = {
            "symbol": SYMBOL,
            "client_order_id": f"tl{number:026d}",
            "side": Side.SIDE_BUY,
            "type": OrderType.ORDER_TYPE_LIMIT,
            "time_in_force": TimeInForce.TIME_IN_FORCE_POST_ONLY,
            "price_ticks": away,
            "quantity_lots": 10,
        }
        return OrderRequest(**(values | changes))


@pytest.fixture
async def connected(paper_venue: PaperVenue) -> AsyncIterator[Connected]:
    port = CcxtVenue(paper_venue.connection())
    (instrument,) = await port.start()
    it = Connected(port, instrument)
    listening = [
        asyncio.create_task(it.market.listen(port.market(SYMBOL))),
        asyncio.create_task(it.orders.listen(port.order_reports())),
        asyncio.create_task(it.account.listen(port.account_updates())),
    ]
    try:
        await it.market.one(lambda item: not isinstance(item, StreamLost) and item.HasField("quote"))
        await it.orders.one(lambda item: isinstance(item, StreamLost))
        yield it
    finally:
        for task in listening:
            task.cancel()
        await asyncio.gather(*listening, return_exceptions=True)
        await port.close()


async def test_an_order_lives_and_ends_under_our_id_on_every_path(connected: Connected) -> None:
    """WF-1, ORD-1, WF-3: place, look up by both ids, list, cancel, history; the user stream tells the same."""
    port, request = connected.port, await connected.request(1)
    asked_ms = time.time_ns() // 1_000_000
    placed = await port.place(request)
    assert (placed.client_order_id, placed.status) == (request.client_order_id, OrderStatus.ORDER_STATUS_ACCEPTED)
    assert (placed.price_ticks, placed.quantity_lots) == (request.price_ticks, request.quantity_lots)
    assert placed.time_in_force == TimeInForce.TIME_IN_FORCE_POST_ONLY
    assert await port.find_order(SYMBOL, client_order_id=request.client_order_id) == placed
    assert await port.find_order(SYMBOL, venue_order_id=placed.venue_order_id) == placed
    assert await port.open_orders(SYMBOL) == [placed]
    cancelled = await port.cancel(SYMBOL, client_order_id=request.client_order_id)
    assert cancelled.status == OrderStatus.ORDER_STATUS_CANCELED
    assert await port.open_orders(SYMBOL) == []
    assert await port.orders_since(SYMBOL, asked_ms) == [cancelled]
    await connected.orders.one(
        lambda item: isinstance(item, VenueOrder) and item.status == OrderStatus.ORDER_STATUS_CANCELED
    )
    told = [item.status for item in connected.orders.items if isinstance(item, VenueOrder)]
    assert told == [OrderStatus.ORDER_STATUS_ACCEPTED, OrderStatus.ORDER_STATUS_CANCELED]


async def test_an_execution_is_the_same_on_the_stream_and_in_the_list(connected: Connected) -> None:
    """ORD-4: one trade id, one price, one fee, whichever way it comes."""
    order = await connected.request(2, type=OrderType.ORDER_TYPE_MARKET, time_in_force=0, price_ticks=0)
    placed = await connected.port.place(order)
    assert placed.status == OrderStatus.ORDER_STATUS_FILLED
    streamed = await connected.orders.one(lambda item: isinstance(item, VenueFill))
    (listed,) = await connected.port.fills(SYMBOL)
    for name in ("trade_id", "price_ticks", "quantity_lots", "fee", "fee_asset", "maker", "time_ms"):
        assert getattr(streamed.fill, name) == getattr(listed.fill, name)
    assert listed.fill.fee_asset == "USDT"
    assert await connected.port.fills(SYMBOL, since_trade_id=listed.fill.trade_id) == []
    assert await connected.port.fills(SYMBOL, since_ms=listed.fill.time_ms) == [listed]
    (position,) = await connected.port.positions(SYMBOL)
    assert position.quantity_lots == order.quantity_lots
    change = await connected.account.one(lambda item: not isinstance(item, StreamLost) and item.positions)
    assert change.positions[0].quantity_lots == order.quantity_lots


async def test_a_flat_account_says_that_it_is_flat(connected: Connected) -> None:
    """ORD-5: a snapshot names every followed symbol, so that a position that ended is seen to have ended."""
    snapshot = await connected.port.snapshot()
    assert snapshot.snapshot
    assert [(balance.asset, balance.wallet_balance) for balance in snapshot.balances] == [("USDT", "10000.00000000")]
    assert [(position.symbol, position.quantity_lots) for position in snapshot.positions] == [(SYMBOL, 0)]
    assert snapshot.positions[0].grain == connected.instrument.grain


async def test_each_refusal_keeps_its_meaning(connected: Connected) -> None:
    """ERR-1: through HTTP, ccxt and our mapping, each refusal is still what it was."""
    port, request = connected.port, await connected.request(3)
    await port.place(request)
    with pytest.raises(DuplicateOrderError):
        await port.place(request)
    taking = connected.scale.ticks_up(await port.mark_price(SYMBOL) * 11 / 10)
    with pytest.raises(PostOnlyWouldTakeError):
        await port.place(await connected.request(4, price_ticks=taking))
    with pytest.raises(InsufficientFundsError):
        await port.place(await connected.request(5, quantity_lots=900_000))
    with pytest.raises(OrderNotFoundError):
        await port.cancel(SYMBOL, client_order_id="tl" + "9" * 26)
    assert await port.find_order(SYMBOL, client_order_id="tl" + "9" * 26) is None
    with pytest.raises(UnknownSymbolError, match="followed symbols: BTCUSDT"):
        await port.open_orders("DOGEUSDT")


async def test_no_execution_is_lost_when_many_arrive_at_once(connected: Connected) -> None:
    """STREAM-1, ORD-4: ccxt's own caches keep the newest of several; ours are all delivered, in order."""
    count = 60
    requests = [
        await connected.request(100 + number, type=OrderType.ORDER_TYPE_MARKET, time_in_force=0, price_ticks=0)
        for number in range(count)
    ]
    await asyncio.gather(*(connected.port.place(request) for request in requests))
    listed = await connected.port.fills(SYMBOL)
    streamed = await connected.orders.until(
        lambda items: found if len(found := [it for it in items if isinstance(it, VenueFill)]) >= len(listed) else None
    )
    assert [fill.fill.trade_id for fill in streamed] == [fill.fill.trade_id for fill in listed]
    assert sum(fill.fill.quantity_lots for fill in streamed) == count * 10


async def test_streams_come_back_by_themselves_and_say_so(connected: Connected, paper_venue: PaperVenue) -> None:
    """STREAM-1: after the venue was away, streams are up again, announced by StreamLost, with a new listen key."""
    orders_before, market_before = len(connected.orders.items), len(connected.market.items)
    await paper_venue.stop()
    with pytest.raises(NotSentError):
        await connected.port.place(await _without_venue(connected))
    await paper_venue.start()
    await connected.orders.until(
        lambda items: any(isinstance(item, StreamLost) for item in items[orders_before:]) or None
    )
    await connected.market.until(
        lambda items: any(not isinstance(item, StreamLost) for item in items[market_before:]) or None
    )
    placed = await connected.port.place(await connected.request(7))
    await connected.orders.one(
        lambda item: isinstance(item, VenueOrder) and item.venue_order_id == placed.venue_order_id
    )
    feeds = connected.port.status()
    assert feeds["account"]["ok"]
    assert feeds["quotes"]["ok"]


async def _without_venue(connected: Connected) -> OrderRequest:
    return OrderRequest(
        symbol=SYMBOL,
        client_order_id="tl" + "6" * 26,
        side=Side.SIDE_BUY,
        type=OrderType.ORDER_TYPE_LIMIT,
        time_in_force=TimeInForce.TIME_IN_FORCE_GTC,
        price_ticks=1000,
        quantity_lots=10,
    )


async def test_prices_funding_and_candles_are_read_as_they_are_streamed(connected: Connected) -> None:
    """FUND-1, GRPC-2: what is asked for has the form of what is told."""
    venue = connected.port
    quote = await venue.best_quote(SYMBOL)
    assert 0 < quote.bid_ticks < quote.ask_ticks
    told = await anext(aiter(venue.funding(SYMBOL)))
    read = await venue.funding_rate(SYMBOL)
    assert (read.symbol, read.venue, read.next_funding_time_ms) == (SYMBOL, told.venue, told.next_funding_time_ms)
    await connected.market.one(lambda it: not isinstance(it, StreamLost) and it.candle.closed)
    newest = await venue.candles(SYMBOL, interval_ms=60_000, limit=5)
    opened = [candle.open_time_ms for candle in newest]
    assert opened == sorted(set(opened))
    assert [candle.closed for candle in newest] == [True] * (len(newest) - 1) + [False]
    first = await venue.candles(SYMBOL, interval_ms=60_000, limit=1, start_ms=opened[0], until_ms=opened[-1])
    assert [candle.open_time_ms for candle in first] == opened[:1]
    with pytest.raises(UnsupportedError, match="has no candles of 7 ms"):
        await venue.candles(SYMBOL, interval_ms=7, limit=1)


async def test_a_wrong_key_is_refused_at_the_start_with_the_venue_s_words(paper_venue: PaperVenue) -> None:
    """GRPC-4: validated with a signed call; neither key nor secret is in the message."""
    port = CcxtVenue(paper_venue.connection(secret=SecretStr("not-the-right-secret")))
    try:
        with pytest.raises(AuthenticationError, match="Signature") as refused:
            await port.start()
    finally:
        await port.close()
    assert "secret" not in str(refused.value)
    assert "paper-key" not in str(refused.value)


async def test_a_symbol_the_venue_does_not_have_is_named(paper_venue: PaperVenue) -> None:
    """SYM-1: a misspelt symbol ends the start with its name."""
    connection = paper_venue.connection().model_copy(update={"symbols": ("BTCUSDTX",)})
    port = CcxtVenue(connection)
    try:
        with pytest.raises(UnknownSymbolError, match="'BTCUSDTX'"):
            await port.start()
    finally:
        await port.close()


async def test_a_venue_of_another_dialect_is_refused_before_anything_is_sent(paper_venue: PaperVenue) -> None:
    """VEN-1: what cannot be traded yet says so, with what can."""
    with pytest.raises(ConnectorError, match="binanceusdm"):
        CcxtVenue(paper_venue.connection().model_copy(update={"exchange": "ccxt:kraken"}))


async def test_a_call_ends_within_its_time_when_the_venue_is_silent(tmp_path: Path) -> None:
    """WF-5: a venue that accepts the connection and never answers holds nobody up."""

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(1024):
            pass
        writer.close()

    server = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    silent = PaperVenue(tmp_path)
    silent.port = server.sockets[0].getsockname()[1]
    port = CcxtVenue(silent.connection().model_copy(update={"timeout_s": 0.3}))
    begun = time.monotonic()
    try:
        with pytest.raises(VenueUnavailableError):
            await port.start()
    finally:
        await port.close()
        server.close()
        await server.wait_closed()
    assert time.monotonic() - begun < 5
