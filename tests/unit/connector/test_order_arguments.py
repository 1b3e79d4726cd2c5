"""How an order is written for the venue: the same whether ccxt writes it or we do."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from connector.ccxt_adapter.client import Taps, make_exchange
from connector.ccxt_adapter.instruments import Listing
from connector.ccxt_adapter.order_arguments import order_arguments, order_parameters
from connector.settings import VenueConnection
from tests.unit.connector.gateway.given import instrument, request
from topics.scale import Scale
from topics.v1.common_pb2 import ORDER_TYPE_MARKET, SIDE_SELL, TimeInForce

LISTING = Listing("BTCUSDT", "BTC/USDT:USDT", Scale(Decimal("0.1"), Decimal("0.001")), Decimal(1), instrument())
MARKET = {
    "id": "BTCUSDT", "symbol": "BTC/USDT:USDT", "base": "BTC", "quote": "USDT", "settle": "USDT", "type": "swap",
    "spot": False, "swap": True, "linear": True, "inverse": False, "contract": True, "option": False, "future": False,
    "margin": False, "precision": {"price": 0.1, "amount": 0.001}, "limits": {},
    "info": {"orderTypes": ["LIMIT", "MARKET"]},
}  # fmt: skip


@pytest.mark.parametrize(
    "changes",
    [
        *({"time_in_force": value} for value in TimeInForce.values() if value),
        {"reduce_only": True, "side": SIDE_SELL},
        {"type": ORDER_TYPE_MARKET, "time_in_force": 0, "price_ticks": 0},
    ],
)
async def test_an_order_is_written_as_ccxt_writes_it(changes: dict[str, Any]) -> None:
    """ORD-1, ORD-7: on the pinned ccxt, parameter by parameter, numbers as text without rounding."""
    exchange = make_exchange(VenueConnection(), Taps(frame=lambda _: False, connected=lambda _: None))
    exchange.set_markets([MARKET])
    try:
        wanted = request(1, **changes)
        assert order_parameters(LISTING, wanted) == exchange.create_order_request(*order_arguments(LISTING, wanted))
    finally:
        await exchange.close()
