"""STREAM-1, VEN-1: four venues' websockets as they document them, through ccxt's own parsers, into our events.

Real websockets on loopback; never a venue's own server.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial
from typing import Any

import pytest

from connector.errors import AuthenticationError
from connector.port import VenueFill, VenueOrder
from tests.integration.connector.spoken.bitget import Bitget, BitgetSpot
from tests.integration.connector.spoken.bybit import Bybit, BybitSpot
from tests.integration.connector.spoken.facts import (
    Bar,
    BookTop,
    Holding,
    Money,
    Order,
    PublicTrade,
    Speaks,
)
from tests.integration.connector.spoken.gate import Gate, GateSpot
from tests.integration.connector.spoken.okx import Okx, OkxSpot
from tests.integration.connector.spoken.server import SpokenVenue
from tests.integration.connector.unified_streams import Listening, is_event, is_lost, listening
from topics.scale import Scale
from topics.v1.common_pb2 import Side
from topics.v1.orders_pb2 import OrderStatus

NOW_MS = 1_700_000_000_000
MINUTE_MS = 60_000
PERPETUAL: tuple[Callable[[], Speaks], ...] = (Bybit, Okx, Bitget, Gate)
SPOT: tuple[Callable[[], Speaks], ...] = (BybitSpot, OkxSpot, BitgetSpot, GateSpot)
CLIENT_ID = "tl00000000000000000000000001"


@dataclass
class Spoken:
    """A venue that speaks, and our streams that listen to it."""

    dialect: Speaks
    venue: SpokenVenue
    it: Listening

    @property
    def scale(self) -> Scale:
        return self.it.scale

    async def trades(self, *trades: PublicTrade) -> None:
        await self.venue.push(self.dialect.trades, *self.dialect.trades_frames(trades))

    async def orders(self, *orders: Order) -> None:
        for channel, frame in self.dialect.order_frames(orders):
            await self.venue.push(channel, frame)


@asynccontextmanager
async def spoken(dialect: Speaks, *, keep_alive_ms: int = 15_000) -> AsyncIterator[Spoken]:
    def prepare(exchange: Any) -> None:
        exchange.streaming["keepAlive"] = keep_alive_ms

    async with (
        SpokenVenue(dialect) as venue,
        listening(dialect.connection(venue.port), prepare=prepare) as it,
    ):
        yield Spoken(dialect, venue, it)


def name_of(dialect: Any) -> str:
    return str(dialect.__name__)


@pytest.fixture(params=PERPETUAL + SPOT, ids=name_of)
def dialect(request: pytest.FixtureRequest) -> Speaks:
    made: Speaks = request.param()
    return made


@pytest.fixture(params=PERPETUAL, ids=name_of)
def perpetual(request: pytest.FixtureRequest) -> Speaks:
    made: Speaks = request.param()
    return made


@pytest.fixture(params=SPOT, ids=name_of)
def spot(request: pytest.FixtureRequest) -> Speaks:
    made: Speaks = request.param()
    return made


def trade(number: int, *, price: str = "43000.1", size: str = "0.02") -> PublicTrade:
    return PublicTrade(str(1_000_000 + number), "sell" if number % 2 else "buy", price, size, NOW_MS + number)


def holds(scale: Scale, quantity: Decimal, item: Any) -> bool:
    return not is_lost(item) and any(scale.quantity(one.quantity_lots) == quantity for one in item.positions)


async def test_what_the_venue_says_of_the_market_comes_exact(dialect: Speaks) -> None:
    """STREAM-1: best prices and sizes, trades with ids and takers, in base units, none rounded by a float."""
    async with spoken(dialect) as here:
        await here.venue.push(dialect.quote, dialect.book_frame(BookTop("43000.0", "1.25", "43000.1", "0.5", NOW_MS)))
        quote = (await here.it.market.one(is_event("quote"))).quote
        assert here.scale.price(quote.bid_ticks) == Decimal("43000.0")
        assert here.scale.quantity(quote.bid_lots) == Decimal("1.25")
        assert here.scale.price(quote.ask_ticks) == Decimal("43000.1")
        assert here.scale.quantity(quote.ask_lots) == Decimal("0.5")
        assert quote.time_ms == NOW_MS
        await here.trades(trade(1, size="0.02"), trade(2, price="43000.2", size="0.3"))
        first, second = (item.trade for item in await here.it.market.count(2, is_event("trade")))
        assert (first.trade_id, first.taker_side, first.time_ms) == ("1000001", Side.SIDE_SELL, NOW_MS + 1)
        assert (second.trade_id, second.taker_side) == ("1000002", Side.SIDE_BUY)
        assert here.scale.price(second.price_ticks) == Decimal("43000.2")
        assert here.scale.quantity(second.quantity_lots) == Decimal("0.3")


async def test_a_minute_is_closed_when_the_next_one_begins(dialect: Speaks) -> None:
    """STREAM-1: with its last values; the venues do not say that it is over."""
    opened = NOW_MS - NOW_MS % MINUTE_MS
    async with spoken(dialect) as here:
        for close, volume in (("43010.5", "1.5"), ("43020.7", "2.25")):
            frame = dialect.candle_frame(Bar(opened, "43000.1", "43021.0", "42999.9", close, volume))
            await here.venue.push(dialect.candles, frame)
        following = Bar(opened + MINUTE_MS, "43020.7", "43020.7", "43020.7", "43020.7", "0")
        await here.venue.push(dialect.candles, dialect.candle_frame(following))
        told = [item.candle for item in await here.it.market.count(4, is_event("candle"))]
        assert [(candle.open_time_ms - opened, candle.closed) for candle in told] == [
            (0, False), (0, False), (0, True), (MINUTE_MS, False),
        ]  # fmt: skip
        ended = told[2]
        assert here.scale.price(ended.open_ticks) == Decimal("43000.1")
        assert here.scale.price(ended.high_ticks) == Decimal("43021.0")
        assert here.scale.price(ended.low_ticks) == Decimal("42999.9")
        assert here.scale.price(ended.close_ticks) == Decimal("43020.7")
        assert here.scale.quantity(ended.volume_lots) == Decimal("2.25")


async def test_every_change_of_an_order_and_every_execution_comes_though_sent_at_once(dialect: Speaks) -> None:
    """STREAM-1, ORD-4: ccxt's caches would show the last of the three; fills have their fee, paid is positive."""
    new = Order("77", CLIENT_ID, "buy", "43000.0", "0.05", "0", "new", NOW_MS)
    partly = new.then("partly", "0.02", "0.02", "501", "0.172")
    filled = partly.then("filled", "0.05", "0.03", "502", "0.258")
    async with spoken(dialect) as here:
        await here.it.orders.one(is_lost)
        await here.orders(new, partly, filled)
        orders = await here.it.orders.count(3, lambda item: isinstance(item, VenueOrder))
        assert [(order.status, here.scale.quantity(order.filled_lots)) for order in orders] == [
            (OrderStatus.ORDER_STATUS_ACCEPTED, Decimal(0)),
            (OrderStatus.ORDER_STATUS_PARTIALLY_FILLED, Decimal("0.02")),
            (OrderStatus.ORDER_STATUS_FILLED, Decimal("0.05")),
        ]
        assert {(order.venue_order_id, order.symbol, order.side) for order in orders} == {
            ("77", dialect.symbol, Side.SIDE_BUY)
        }
        assert here.scale.price(orders[0].price_ticks) == Decimal("43000.0")
        assert here.scale.quantity(orders[0].quantity_lots) == Decimal("0.05")
        fills = await here.it.orders.count(2, lambda item: isinstance(item, VenueFill))
        assert [
            (it.fill.trade_id, here.scale.quantity(it.fill.quantity_lots), Decimal(it.fill.fee), it.fill.fee_asset)
            for it in fills
        ] == [
            ("501", Decimal("0.02"), Decimal("0.172"), dialect.fee_asset),
            ("502", Decimal("0.03"), Decimal("0.258"), dialect.fee_asset),
        ]
        assert all((it.venue_order_id, it.side, it.fill.maker) == ("77", Side.SIDE_BUY, True) for it in fills)
        assert here.scale.price(fills[0].fill.price_ticks) == Decimal("43000.0")


async def test_balances_come_as_they_change(dialect: Speaks) -> None:
    """STREAM-1, ORD-5: with what is free of them, where the venue tells it."""
    async with spoken(dialect) as here:
        await here.venue.push(dialect.balances, dialect.balance_frame(Money("USDT", "1234.567", "1000.5", NOW_MS)))
        update = await here.it.account.one(lambda item: not is_lost(item) and item.balances)
        (balance,) = update.balances
        assert (balance.asset, Decimal(balance.wallet_balance)) == ("USDT", Decimal("1234.567"))
        assert balance.available_balance in ("1000.5", "")


async def test_positions_come_as_they_change_and_a_flat_one_too(perpetual: Speaks) -> None:
    """STREAM-1, ORD-5: short, long and flat, in base units."""
    async with spoken(perpetual) as here:
        for size in ("-0.25", "0.5", "0"):
            frame = perpetual.position_frame(Holding(size, "43000.5", NOW_MS))
            await here.venue.push(perpetual.positions, frame)
            told = await here.it.account.one(partial(holds, here.scale, Decimal(size)))
            assert told.positions[0].symbol == perpetual.symbol


async def test_a_refused_login_is_an_error_with_the_venue_s_words_and_no_key(dialect: Speaks) -> None:
    """STREAM-1, GRPC-4: it ends the reader of the account; the market goes on."""
    dialect.refuses_login = True
    async with spoken(dialect) as here:
        error = await here.it.orders.failure()
        assert isinstance(error, AuthenticationError)
        assert dialect.refusal in str(error)
        assert "of-a-spoken-venue" not in str(error)
        assert isinstance(await here.it.account.failure(), AuthenticationError)
        await here.trades(trade(1))
        await here.it.market.one(is_event("trade"))


async def test_it_pings_as_the_venue_wants_and_a_deaf_venue_is_left_for_a_new_connection(dialect: Speaks) -> None:
    """STREAM-1: keep-alive in the venue's own words; a connection that answers nothing is not waited for."""
    async with spoken(dialect, keep_alive_ms=100) as here:
        await here.venue.until(
            lambda: any(dialect.is_ping(said) for one in here.venue.connections for said in one.received), "no ping"
        )
        await here.it.orders.one(is_lost)
        opened, lost = here.venue.opened, len(here.it.orders.items)
        here.venue.deaf = True
        await here.venue.until(lambda: here.venue.opened > opened, "no new connection")
        here.venue.deaf = False
        await here.it.orders.until(lambda items: any(map(is_lost, items[lost:])) or None)


async def test_after_a_cut_nothing_is_missing_and_nothing_comes_twice(dialect: Speaks) -> None:
    """STREAM-1: the venue's REST lists fill what the stream left out: trades by id, minutes by open time."""
    opened = NOW_MS - NOW_MS % MINUTE_MS
    bars = [Bar(opened + n * MINUTE_MS, "43000.0", "43001.0", "42999.0", f"43000.{n}", f"{n}.5") for n in range(4)]
    async with spoken(dialect) as here:
        await here.it.orders.one(is_lost)
        await here.trades(trade(1), trade(2))
        await here.venue.push(dialect.candles, dialect.candle_frame(bars[0]))
        await here.it.market.count(2, is_event("trade"))
        lost = [sum(map(is_lost, heard.items)) for heard in (here.it.market, here.it.orders, here.it.account)]
        dialect.past_trades = [trade(number) for number in range(7)]
        dialect.past_bars = bars
        assert here.venue.cut() >= 1
        await here.venue.subscribed(dialect.trades)
        await here.trades(trade(5), trade(6))
        await here.trades(trade(6), trade(7))
        await here.venue.push(dialect.candles, dialect.candle_frame(bars[3]))
        trades = await here.it.market.count(7, is_event("trade"))
        assert [item.trade.trade_id for item in trades] == [str(1_000_000 + number) for number in range(1, 8)]
        candles = [
            ((item.candle.open_time_ms - opened) // MINUTE_MS, item.candle.closed)
            for item in await here.it.market.count(5, is_event("candle"))
        ]
        assert candles == [(0, False), (0, True), (1, True), (2, True), (3, False)]
        for heard, before in zip((here.it.market, here.it.orders, here.it.account), lost, strict=True):
            await heard.count(before + 1, is_lost)


async def test_the_funding_rate_comes_from_the_stream_or_else_is_read(perpetual: Speaks) -> None:
    """FUND-1: rate and mark price as the venue writes them, the next time in ms."""
    async with spoken(perpetual) as here:
        for channel, frame in perpetual.funding_frames():
            await here.venue.push(channel, frame)
        update = await here.it.funding.one(lambda _update: True)
        assert (update.symbol, Decimal(update.rate), Decimal(update.mark_price), update.next_funding_time_ms) == (
            perpetual.symbol, Decimal("0.000125"), Decimal("43000.55"), 1_700_006_400_000,
        )  # fmt: skip


async def test_spot_pays_no_funding(spot: Speaks) -> None:
    """FUND-1: rate 0, no next time; the last price stands for the mark price."""
    async with spoken(spot) as here:
        update = await here.it.funding.one(lambda _update: True)
        assert (update.rate, update.next_funding_time_ms, update.mark_price) == ("0", 0, "43000.55")


async def test_what_another_product_of_the_account_does_is_not_this_one_s() -> None:
    """WF-1: Bybit tells of spot and perpetual in one stream, and both call their instrument BTCUSDT."""
    dialect = Bybit()
    order = Order("77", CLIENT_ID, "buy", "43000.0", "0.05", "0", "new", NOW_MS)
    async with spoken(dialect) as here:
        await here.it.orders.one(is_lost)
        ((channel, frame),) = dialect.order_frames([order, replace(order, order_id="78")])
        frame["data"][0]["category"] = "spot"
        await here.venue.push(channel, frame)
        await here.it.orders.one(lambda item: isinstance(item, VenueOrder))
        assert [item.venue_order_id for item in here.it.orders.items if isinstance(item, VenueOrder)] == ["78"]
