"""Orders at the venue: what a client asks for and what the venue keeps (ORD-1, ORD-7).

Prices are ticks, quantities lots: integers. Must not: match, price or persist anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Side(StrEnum):
    BUY = "BUY"
    SELL = "SELL"


class OrderType(StrEnum):
    LIMIT = "LIMIT"
    MARKET = "MARKET"


class TimeInForce(StrEnum):
    """GTX is Binance's post-only: refused (-5022) if any part would execute on arrival."""

    GTC = "GTC"
    IOC = "IOC"
    FOK = "FOK"
    GTX = "GTX"


class OrderStatus(StrEnum):
    NEW = "NEW"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    FILLED = "FILLED"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"
    EXPIRED_IN_MATCH = "EXPIRED_IN_MATCH"


OPEN_STATUSES = frozenset({OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED})


class SideEffect(StrEnum):
    """What a margin order does to the loan: borrow what it lacks, repay with what it receives, or both."""

    NONE = "NO_SIDE_EFFECT"
    BORROW = "MARGIN_BUY"
    REPAY = "AUTO_REPAY"
    BORROW_AND_REPAY = "AUTO_BORROW_REPAY"

    @property
    def borrows(self) -> bool:
        return self in (SideEffect.BORROW, SideEffect.BORROW_AND_REPAY)

    @property
    def repays(self) -> bool:
        return self in (SideEffect.REPAY, SideEffect.BORROW_AND_REPAY)


@dataclass(frozen=True, slots=True)
class PlaceOrder:
    """The command to place one order. `price` in ticks (0 for MARKET), `quantity` in lots.

    `side_effect` is for margin orders only; `repay_at_cancel`: what the order borrowed goes back if it is cancelled.
    """

    symbol: str
    side: Side
    type: OrderType
    quantity: int
    price: int = 0
    time_in_force: TimeInForce = TimeInForce.GTC
    reduce_only: bool = False
    client_order_id: str = ""
    side_effect: SideEffect = SideEffect.NONE
    repay_at_cancel: bool = True


@dataclass(slots=True, eq=False)
class Order:
    """One order and how far it got. `filled_value` is the sum of ticks times lots over its fills."""

    order_id: int
    client_order_id: str
    symbol: str
    side: Side
    type: OrderType
    time_in_force: TimeInForce
    reduce_only: bool
    price: int
    quantity: int
    time_ms: int
    update_time_ms: int
    filled: int = 0
    filled_value: int = 0
    status: OrderStatus = OrderStatus.NEW

    @property
    def remaining(self) -> int:
        return self.quantity - self.filled

    @property
    def is_buy(self) -> bool:
        return self.side is Side.BUY

    @property
    def is_open(self) -> bool:
        return self.status in OPEN_STATUSES

    def snapshot(self) -> Order:
        """A copy that later fills do not change. Field by field: `copy` takes several times as long."""
        return Order(
            self.order_id,
            self.client_order_id,
            self.symbol,
            self.side,
            self.type,
            self.time_in_force,
            self.reduce_only,
            self.price,
            self.quantity,
            self.time_ms,
            self.update_time_ms,
            self.filled,
            self.filled_value,
            self.status,
        )
