"""The unified adapter, made for any venue of ccxt, on a venue that answers: the paper venue's USDⓈ-M dialect."""

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
from pydantic import SecretStr

from connector.ccxt_adapter.unified.venue import UnifiedVenue
from connector.errors import (
    AuthenticationError,
    DuplicateOrderError,
    InsufficientFundsError,
    InvalidOrderError,
    NotSentError,
    OrderNotFoundError,
    PostOnlyWouldTakeError,
    UnknownSymbolError,
)
from connector.port import OrderRequest, VenueOrder
from tests.integration.connector.conftest import PaperVenue
from topics.scale import Scale
from topics.v1.common_pb2 import OrderType, Side, TimeInForce
from topics.v1.instruments_pb2 import Instrument
from topics.v1.orders_pb2 import OrderStatus

SYMBOL = "BTCUSDT"


@dataclass
class Connected:
    port: UnifiedVenue
    instrument: Instrument

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

    async def market(self, number: int, **changes: Any) -> OrderRequest:
        return await self.request(
            number, **({"type": OrderType.ORDER_TYPE_MARKET, "time_in_force": 0, "price_ticks": 0} | changes)
        )


@pytest.fixture
async def connected(paper_venue: PaperVenue) -> AsyncIterator[Connected]:
    port = UnifiedVenue(paper_venue.connection())
    try:
        (instrument,) = await port.start()
        yield Connected(port, instrument)
    finally:
        await port.close()


async def test_an_order_lives_and_ends_under_our_id_on_every_path(connected: Connected) -> None:
    """WF-1, ORD-1, VEN-1: place, look up by both ids, list, cancel, history, by unified calls alone."""
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
    assert await port.find_order(SYMBOL, client_order_id="tl" + "9" * 26) is None


async def test_an_execution_is_listed_once_and_moves_the_position(connected: Connected) -> None:
    """ORD-4, VEN-1: executions by id and by time, balances, positions with their grain."""
    port, order = connected.port, await connected.market(2)
    placed = await port.place(order)
    assert placed.status == OrderStatus.ORDER_STATUS_FILLED
    (listed,) = await port.fills(SYMBOL)
    assert (listed.venue_order_id, listed.fill.quantity_lots) == (placed.venue_order_id, 10)
    assert listed.fill.fee_asset == "USDT"
    assert not listed.fill.maker
    assert await port.fills(SYMBOL, since_trade_id=listed.fill.trade_id) == []
    assert await port.fills(SYMBOL, since_ms=listed.fill.time_ms) == [listed]
    (position,) = await port.positions(SYMBOL)
    assert (position.symbol, position.quantity_lots, position.grain) == (SYMBOL, 10, connected.instrument.grain)
    snapshot = await port.snapshot()
    assert snapshot.snapshot
    assert [balance.asset for balance in snapshot.balances] == ["USDT"]
    assert [it.quantity_lots for it in snapshot.positions] == [10]


async def test_each_refusal_keeps_its_meaning(connected: Connected) -> None:
    """ERR-1: through HTTP, ccxt's unified calls and our mapping, each refusal is still what it was."""
    port, request = connected.port, await connected.request(3)
    await port.place(request)
    with pytest.raises(DuplicateOrderError):
        await port.place(request)
    taking = connected.scale.ticks_up(await port.mark_price(SYMBOL) * 11 / 10)
    with pytest.raises(PostOnlyWouldTakeError):
        await port.place(await connected.request(4, price_ticks=taking))
    with pytest.raises(InsufficientFundsError):
        await port.place(await connected.request(5, quantity_lots=900_000))
    with pytest.raises(InvalidOrderError):
        await port.place(await connected.request(6, quantity_lots=0))
    with pytest.raises(OrderNotFoundError):
        await port.cancel(SYMBOL, client_order_id="tl" + "9" * 26)
    with pytest.raises(UnknownSymbolError, match="followed symbols: BTCUSDT"):
        await port.open_orders("DOGEUSDT")


async def test_batches_go_one_by_one_where_the_profile_has_none(connected: Connected) -> None:
    """ORD-2: one outcome for each, in their order; cancel-all takes what is left."""
    port = connected.port
    good = [await connected.request(number) for number in (10, 11, 12)]
    outcomes = await port.place_batch([good[0], await connected.request(13, quantity_lots=900_000), *good[1:]])
    assert isinstance(outcomes[1], InsufficientFundsError)
    placed = [it for it in outcomes if isinstance(it, VenueOrder)]
    assert [it.client_order_id for it in placed] == [request.client_order_id for request in good]
    ended = await port.cancel_batch(SYMBOL, [placed[0].venue_order_id, "999999999"])
    assert isinstance(ended[0], VenueOrder)
    assert ended[0].status == OrderStatus.ORDER_STATUS_CANCELED
    assert isinstance(ended[1], OrderNotFoundError)
    await port.cancel_all(SYMBOL)
    assert await port.open_orders(SYMBOL) == []


async def test_the_market_is_read_exactly(connected: Connected) -> None:
    """FUND-1, GRPC-2: best prices, funding and candles; a mark price between the ticks stays what it is."""
    port = connected.port
    quote = await port.best_quote(SYMBOL)
    assert 0 < quote.bid_ticks < quote.ask_ticks
    assert quote.bid_lots > 0
    rate = await port.funding_rate(SYMBOL)
    assert rate.symbol == SYMBOL
    assert float(rate.mark_price) > 0
    candles = await port.candles(SYMBOL, interval_ms=60_000, limit=3)
    assert [it.interval_ms for it in candles] == [60_000] * len(candles)
    assert candles
    assert await port.funding_payments(since_ms=0) == []


async def test_a_wrong_key_is_refused_at_the_start_with_the_venue_s_words(paper_venue: PaperVenue) -> None:
    """GRPC-4: validated with a signed call; neither key nor secret is in the message."""
    port = UnifiedVenue(paper_venue.connection(secret=SecretStr("not-the-right-secret")))
    try:
        with pytest.raises(AuthenticationError, match="Signature") as refused:
            await port.start()
    finally:
        await port.close()
    assert "not-the-right" not in str(refused.value)
    assert "paper-key" not in str(refused.value)


async def test_a_symbol_the_venue_does_not_have_is_named_with_the_nearest(paper_venue: PaperVenue) -> None:
    """SYM-1: a misspelt symbol ends the start."""
    port = UnifiedVenue(paper_venue.connection().model_copy(update={"symbols": ("BTCUSDTX",)}))
    try:
        with pytest.raises(UnknownSymbolError, match=r"'BTCUSDTX'\. Near it: BTCUSDT"):
            await port.start()
    finally:
        await port.close()


async def test_a_venue_that_is_away_is_certain_not_to_have_got_an_order(
    connected: Connected, paper_venue: PaperVenue
) -> None:
    """WF-3: a refused connection may be tried again."""
    request = await connected.request(7)
    await paper_venue.stop()
    with pytest.raises(NotSentError):
        await connected.port.place(request)
