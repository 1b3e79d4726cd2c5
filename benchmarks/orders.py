"""Orders that rest: post-only, below the market, each with an id of its own."""

from __future__ import annotations

from benchmarks.result import BenchmarkError
from benchmarks.workload import instrument
from connector.port import OrderRequest
from connector.v1.connector_pb2 import PlaceOrderRequest
from reliability.engine_port import MID_TICKS
from topics.identifiers import client_order_id
from topics.scale import Scale
from topics.v1.common_pb2 import ORDER_TYPE_LIMIT, SIDE_BUY, TIME_IN_FORCE_POST_ONLY
from topics.v1.orders_pb2 import ORDER_STATUS_ACCEPTED, OrderStatus


def resting(symbol: str, number: int) -> OrderRequest:
    """As the gateway takes it; another one for each number."""
    return OrderRequest(
        symbol=symbol,
        client_order_id=client_order_id(
            strategy="bench", venue="paper", symbol=symbol, slot=number, side="BUY", epoch=0, attempt=0
        ),
        side=SIDE_BUY,
        type=ORDER_TYPE_LIMIT,
        time_in_force=TIME_IN_FORCE_POST_ONLY,
        price_ticks=MID_TICKS - 1_000 - number % 1_000,
        quantity_lots=10,
    )


def resting_message(symbol: str, number: int) -> PlaceOrderRequest:
    """The same over gRPC."""
    request = resting(symbol, number)
    scale = Scale.of(instrument(symbol).grain)
    return PlaceOrderRequest(
        symbol=request.symbol,
        client_order_id=request.client_order_id,
        side=SIDE_BUY,
        type=ORDER_TYPE_LIMIT,
        time_in_force=TIME_IN_FORCE_POST_ONLY,
        price=format(scale.price(request.price_ticks), "f"),
        quantity=format(scale.quantity(request.quantity_lots), "f"),
    )


def require_accepted(status: OrderStatus.ValueType) -> None:
    if status != ORDER_STATUS_ACCEPTED:
        raise BenchmarkError(f"an order ended as {OrderStatus.Name(status)} instead of being accepted")
