"""Orders, reports and executions for the gateway's tests, told in few words."""

from dataclasses import replace

from connector.gateway.lifecycle import News, Order, decide, evolve
from connector.port import OrderRequest, VenueFill, VenueOrder
from topics.v1.common_pb2 import (
    ORDER_TYPE_LIMIT,
    SIDE_BUY,
    TIME_IN_FORCE_GTC,
    Grain,
)
from topics.v1.instruments_pb2 import INSTRUMENT_KIND_LINEAR_PERPETUAL, Instrument
from topics.v1.orders_pb2 import ORDER_SOURCE_STREAM, ORDER_STATUS_ACCEPTED, Fill, OrderUpdate

VENUE = "paper"
ACCOUNT = "main"
SYMBOL = "BTCUSDT"
OTHER_SYMBOL = "ETHUSDT"
GRAIN = Grain(tick_size="0.1", lot_size="0.001")
NOW_NS = 1_700_000_000_000_000_000


def instrument(symbol: str = SYMBOL, **changes: object) -> Instrument:
    made = Instrument(
        venue=VENUE,
        symbol=symbol,
        base_asset=symbol[:3],
        quote_asset="USDT",
        margin_asset="USDT",
        kind=INSTRUMENT_KIND_LINEAR_PERPETUAL,
        grain=GRAIN,
        min_notional="5",
        min_quantity_lots=1,
        max_quantity_lots=1_000_000,
        contract_size="1",
        trading=True,
    )
    for name, value in changes.items():
        setattr(made, name, value)
    return made


def ours(number: int) -> str:
    """A client order id as ours look."""
    return f"tl{number:026d}"


def request(number: int = 1, *, symbol: str = SYMBOL, quantity_lots: int = 10, **changes: object) -> OrderRequest:
    """Buys 0.010 at 10,000.0: a notional of 100."""
    made = OrderRequest(
        symbol=symbol,
        client_order_id=ours(number),
        side=SIDE_BUY,
        type=ORDER_TYPE_LIMIT,
        time_in_force=TIME_IN_FORCE_GTC,
        price_ticks=100_000,
        quantity_lots=quantity_lots,
    )
    return replace(made, **changes)  # type: ignore[arg-type]  # names of the request's fields


def order(number: int = 1, **changes: object) -> Order:
    made = Order(
        venue=VENUE,
        account=ACCOUNT,
        request=request(number),
        tick_size=GRAIN.tick_size,
        lot_size=GRAIN.lot_size,
        claimed_ns=NOW_NS,
    )
    return replace(made, **changes)  # type: ignore[arg-type]  # names of the order's fields


def report(
    wanted: OrderRequest, status: int = ORDER_STATUS_ACCEPTED, *, filled_lots: int = 0, venue_order_id: str = "v1"
) -> VenueOrder:
    return VenueOrder(
        symbol=wanted.symbol,
        client_order_id=wanted.client_order_id,
        venue_order_id=venue_order_id,
        side=wanted.side,
        type=wanted.type,
        time_in_force=wanted.time_in_force,
        reduce_only=wanted.reduce_only,
        price_ticks=wanted.price_ticks,
        quantity_lots=wanted.quantity_lots,
        filled_lots=filled_lots,
        status=status,
        time_ms=1,
    )


def execution(wanted: OrderRequest, trade_id: str, lots: int, *, venue_order_id: str = "v1") -> VenueFill:
    return VenueFill(
        symbol=wanted.symbol,
        client_order_id=wanted.client_order_id,
        venue_order_id=venue_order_id,
        side=wanted.side,
        fill=Fill(
            trade_id=trade_id,
            price_ticks=wanted.price_ticks,
            quantity_lots=lots,
            fee="0.01",
            fee_asset="USDT",
            realized_pnl="0",
            maker=True,
            time_ms=1,
        ),
    )


def after(start: Order, *history: News) -> tuple[Order, list[OrderUpdate]]:
    """The order after all that was told about it, and what was said in turn."""
    said: list[OrderUpdate] = []
    for news in history:
        for update in decide(start, news, source=ORDER_SOURCE_STREAM, now_ns=NOW_NS):
            start = evolve(start, update)
            said.append(update)
    return start, said
