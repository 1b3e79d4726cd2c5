"""Orders of sizes and prices that suit an instrument: far from the market, or through it. Pure but for fresh ids."""

from __future__ import annotations

import secrets
from decimal import ROUND_CEILING, Decimal
from itertools import count
from typing import Final

from connector.port import OrderRequest
from topics.identifiers import client_order_id
from topics.scale import Scale
from topics.v1.common_pb2 import (
    ORDER_TYPE_LIMIT,
    ORDER_TYPE_MARKET,
    SIDE_BUY,
    TIME_IN_FORCE_GTC,
    TIME_IN_FORCE_IOC,
    OrderType,
    Side,
    TimeInForce,
)
from topics.v1.instruments_pb2 import Instrument

FAR: Final = Decimal("0.05")
"""How far from the market an order rests that must not fill."""
THROUGH: Final = Decimal("0.01")
"""How far beyond the market an order goes that must fill."""
_ROOM: Final = Decimal("1.2")
"""Above the smallest notional, for a market that moves."""


class OrderRequests:
    """`mid`: the market's price that prices are made from."""

    def __init__(self, instrument: Instrument, venue: str) -> None:
        self.instrument = instrument
        self.scale = Scale.of(instrument.grain)
        self.symbol = instrument.symbol
        self.mid = Decimal(0)
        self._venue = venue
        self._run = secrets.token_hex(8)
        self._numbers = count(1)
        self._apart = count(1)

    def stand_at(self, mid: Decimal) -> None:
        """From now on prices are made from this one."""
        self.mid = mid
        self._apart = count(1)

    def new_id(self) -> str:
        """Of the shape of every order of the product's."""
        number = next(self._numbers)
        return client_order_id(
            strategy=f"conformance {self._run}", venue=self._venue, symbol=self.symbol, slot=number, side="",
            epoch=0, attempt=0,
        )  # fmt: skip

    def lots(self, price: Decimal, times: int = 1) -> int:
        """The smallest quantity the venue takes at this price with some room, `times` as much."""
        return times * self.least_lots(price / _ROOM)

    def least_lots(self, price: Decimal) -> int:
        """The smallest quantity the venue takes at this price."""
        least = Decimal(self.instrument.min_notional or 0) / price / self.scale.lot_size
        return max(1, self.instrument.min_quantity_lots, int(least.to_integral_value(ROUND_CEILING)))

    def resting_buy_price(self) -> int:
        """In ticks, far below the market, each one lower than the last."""
        return self.scale.ticks_down(self.mid * (1 - FAR)) - next(self._apart)

    def resting_sell_price(self) -> int:
        return self.scale.ticks_up(self.mid * (1 + FAR)) + next(self._apart)

    def crossing_buy_price(self) -> int:
        return self.scale.ticks_up(self.mid * (1 + THROUGH))

    def crossing_sell_price(self) -> int:
        return self.scale.ticks_down(self.mid * (1 - THROUGH))

    def limit(
        self,
        price_ticks: int = 0,
        lots: int = 0,
        *,
        side: Side.ValueType = SIDE_BUY,
        time_in_force: TimeInForce.ValueType = TIME_IN_FORCE_GTC,
        name: str = "",
        reduce_only: bool = False,
        symbol: str = "",
    ) -> OrderRequest:
        """A buy that rests far below the market, unless said otherwise."""
        price_ticks = price_ticks or self.resting_buy_price()
        lots = lots or self.lots(self.scale.price(price_ticks))
        return self._request(
            ORDER_TYPE_LIMIT, side, time_in_force, price_ticks, lots, name=name, reduce_only=reduce_only, symbol=symbol
        )

    def at_market(
        self, side: Side.ValueType, lots: int = 0, *, reduce_only: bool = False, symbol: str = ""
    ) -> OrderRequest:
        lots = lots or self.lots(self.mid)
        return self._request(
            ORDER_TYPE_MARKET, side, TIME_IN_FORCE_IOC, 0, lots, reduce_only=reduce_only, symbol=symbol
        )

    def _request(
        self,
        type_: OrderType.ValueType,
        side: Side.ValueType,
        time_in_force: TimeInForce.ValueType,
        price_ticks: int,
        lots: int,
        *,
        name: str = "",
        reduce_only: bool = False,
        symbol: str = "",
    ) -> OrderRequest:
        return OrderRequest(
            symbol=symbol or self.symbol,
            client_order_id=name or self.new_id(),
            side=side,
            type=type_,
            time_in_force=time_in_force,
            price_ticks=price_ticks,
            quantity_lots=lots,
            reduce_only=reduce_only,
        )
