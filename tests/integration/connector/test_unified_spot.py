"""The unified adapter on the paper venue's spot dialect, with what an account has and with what it borrows (ARB-2)."""

import time
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connector.ccxt_adapter.opening import open_venue
from connector.ccxt_adapter.unified.venue import UnifiedVenue
from connector.errors import (
    ConnectorError,
    DuplicateOrderError,
    InsufficientFundsError,
    InvalidOrderError,
    PostOnlyWouldTakeError,
)
from connector.port import OrderRequest
from tests.integration.connector.conftest import PaperVenue
from topics.scale import Scale
from topics.v1.common_pb2 import OrderType, Side, TimeInForce
from topics.v1.instruments_pb2 import InstrumentKind
from topics.v1.orders_pb2 import OrderStatus

SYMBOL = "BTCUSDT"


@pytest.fixture
async def spot_venue(tmp_path: Path) -> AsyncIterator[PaperVenue]:
    venue = PaperVenue(
        tmp_path / "venue", symbols=["BTCUSDT"], spot_symbols=["BTCUSDT"], margin_balances={"USDT": Decimal(10_000)}
    )
    await venue.start()
    try:
        yield venue
    finally:
        await venue.stop()


async def opened(venue: PaperVenue, **changes: Any) -> UnifiedVenue:
    port = open_venue(venue.connection(product="spot", **changes))
    assert isinstance(port, UnifiedVenue)
    try:
        await port.start()
    except BaseException:
        await port.close()
        raise
    return port


async def request(port: UnifiedVenue, number: int, **changes: Any) -> OrderRequest:
    """A post-only buy of 0.01 BTC a tenth below the market."""
    scale = scale_of(port)
    values: dict[str, Any] = {
        "symbol": SYMBOL,
        "client_order_id": f"tl{number:026d}",
        "side": Side.SIDE_BUY,
        "type": OrderType.ORDER_TYPE_LIMIT,
        "time_in_force": TimeInForce.TIME_IN_FORCE_POST_ONLY,
        "price_ticks": scale.ticks_down(await port.mark_price(SYMBOL) * 9 / 10),
        "quantity_lots": scale.lots("0.01"),
    }
    return OrderRequest(**(values | changes))


async def market(port: UnifiedVenue, number: int, side: Side.ValueType) -> OrderRequest:
    changes = {"type": OrderType.ORDER_TYPE_MARKET, "time_in_force": 0, "price_ticks": 0, "side": side}
    return await request(port, number, **changes)


def scale_of(port: UnifiedVenue) -> Scale:
    return port._listings[SYMBOL].scale


async def test_an_order_lives_and_ends_on_spot(spot_venue: PaperVenue) -> None:
    """VEN-1, WF-1, FUND-1: place, look up, list, cancel, history; no position, no funding."""
    port = await opened(spot_venue)
    try:
        asked, begun_ms = await request(port, 1), time.time_ns() // 1_000_000
        placed = await port.place(asked)
        assert (placed.client_order_id, placed.status) == (asked.client_order_id, OrderStatus.ORDER_STATUS_ACCEPTED)
        assert placed.time_in_force == TimeInForce.TIME_IN_FORCE_POST_ONLY
        assert await port.find_order(SYMBOL, client_order_id=asked.client_order_id) == placed
        assert await port.open_orders(SYMBOL) == [placed]
        with pytest.raises(DuplicateOrderError):
            await port.place(asked)
        taking = scale_of(port).ticks_up(await port.mark_price(SYMBOL) * 11 / 10)
        with pytest.raises(PostOnlyWouldTakeError):
            await port.place(await request(port, 2, price_ticks=taking))
        with pytest.raises(InsufficientFundsError):
            await port.place(await request(port, 3, quantity_lots=scale_of(port).lots("100")))
        with pytest.raises(InvalidOrderError, match="no reduce-only"):
            await port.place(await request(port, 4, reduce_only=True))
        cancelled = await port.cancel(SYMBOL, client_order_id=asked.client_order_id)
        assert cancelled.status == OrderStatus.ORDER_STATUS_CANCELED
        assert [it.venue_order_id for it in await port.orders_since(SYMBOL, begun_ms)] == [placed.venue_order_id]
        snapshot = await port.snapshot()
        assert [(it.asset, Decimal(it.wallet_balance)) for it in snapshot.balances] == [("USDT", Decimal(10_000))]
        assert list(snapshot.positions) == []
        assert await port.positions() == []
        rate = await port.funding_rate(SYMBOL)
        assert (rate.rate, rate.next_funding_time_ms, await port.funding_payments(since_ms=0)) == ("0", 0, [])
        assert port._listings[SYMBOL].instrument.kind == InstrumentKind.INSTRUMENT_KIND_SPOT
    finally:
        await port.close()


async def test_an_execution_moves_balances(spot_venue: PaperVenue) -> None:
    """ORD-4: what was bought is there, its fee in the asset that was bought."""
    port = await opened(spot_venue)
    try:
        placed = await port.place(await market(port, 10, Side.SIDE_BUY))
        assert placed.status == OrderStatus.ORDER_STATUS_FILLED
        fills = await port.fills(SYMBOL)
        assert sum(it.fill.quantity_lots for it in fills) == scale_of(port).lots("0.01")
        assert await port.fills(SYMBOL, since_trade_id=fills[-1].fill.trade_id) == []
        held = {it.asset: Decimal(it.wallet_balance) for it in (await port.snapshot()).balances}
        assert Decimal("0.0099") < held["BTC"] <= Decimal("0.01")
        assert held["USDT"] < 10_000
    finally:
        await port.close()


async def test_what_is_not_there_is_borrowed_only_where_margin_is_asked_for(spot_venue: PaperVenue) -> None:
    """ARB-2: short spot is a sale of what was borrowed; without `use_margin` it is refused."""
    port = await opened(spot_venue)
    try:
        with pytest.raises(InsufficientFundsError):
            await port.place(await market(port, 20, Side.SIDE_SELL))
    finally:
        await port.close()
    port = await opened(spot_venue, use_margin=True)
    try:
        placed = await port.place(await market(port, 21, Side.SIDE_SELL))
        assert placed.status == OrderStatus.ORDER_STATUS_FILLED
        assert await port.find_order(SYMBOL, client_order_id=placed.client_order_id) == placed
        assert sum(it.fill.quantity_lots for it in await port.fills(SYMBOL)) == scale_of(port).lots("0.01")
        resting = await port.place(await request(port, 22))
        assert await port.open_orders(SYMBOL) == [resting]
        cancelled = await port.cancel(SYMBOL, client_order_id=resting.client_order_id)
        assert cancelled.status == OrderStatus.ORDER_STATUS_CANCELED
    finally:
        await port.close()


async def test_a_key_that_may_withdraw_is_refused(tmp_path: Path) -> None:
    """GRPC-4: the venue tells so of the key; both adapters ask."""
    venue = PaperVenue(tmp_path / "venue", spot_symbols=["BTCUSDT"], key_may_withdraw=True)
    await venue.start()
    try:
        for product in ("spot", "perpetual"):
            port = open_venue(venue.connection(product=product))
            try:
                with pytest.raises(ConnectorError, match="may withdraw"):
                    await port.start()
            finally:
                await port.close()
    finally:
        await venue.stop()
