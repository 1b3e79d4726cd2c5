"""What the matching engine reports: the facts that become ledger rows and user-data messages.

Each event is complete by itself (orders and positions are snapshots). Must not: hold any logic.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from venue.account import Position
from venue.orders import Order, Side


class Execution(StrEnum):
    """Why an order update was sent: Binance's execution type."""

    NEW = "NEW"
    TRADE = "TRADE"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"


@dataclass(frozen=True, slots=True)
class Fill:
    """One execution of one order. Price in ticks, quantity in lots; fee and realised PnL in quote currency."""

    trade_id: int
    order_id: int
    client_order_id: str
    symbol: str
    side: Side
    price: int
    quantity: int
    fee: Decimal
    realized_pnl: Decimal
    maker: bool
    time_ms: int


@dataclass(frozen=True, slots=True)
class OrderUpdated:
    """An order was accepted, traded, cancelled or expired; `order` is its state right after."""

    execution: Execution
    order: Order
    fill: Fill | None = None


@dataclass(frozen=True, slots=True)
class OrderRefused:
    """An order was not accepted; the venue keeps no trace of it (Binance's code and message)."""

    code: int
    message: str
    client_order_id: str


@dataclass(frozen=True, slots=True)
class AccountChanged:
    """Wallet balance and one position right after a fill or a funding payment; `change` is the difference."""

    reason: str
    wallet_balance: Decimal
    change: Decimal
    position: Position
    time_ms: int


@dataclass(frozen=True, slots=True)
class FundingPaid:
    """A funding payment: negative = paid, positive = received (FUND-1)."""

    funding_id: int
    symbol: str
    rate: Decimal
    mark_price: Decimal
    amount: Decimal
    time_ms: int


Event = OrderUpdated | OrderRefused | AccountChanged | FundingPaid
