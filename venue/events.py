"""What the matching engine reports: the facts that become ledger rows and user-data messages.

Each event is complete by itself (orders and positions are snapshots). Must not: hold any logic.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from venue.account import ZERO, Position
from venue.instruments import Product
from venue.orders import Order, Side, SideEffect
from venue.wallets import AssetBalance


class Execution(StrEnum):
    """Why an order update was sent: Binance's execution type."""

    NEW = "NEW"
    TRADE = "TRADE"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"


class FlowKind(StrEnum):
    """Why an asset of a wallet changed."""

    DEPOSIT = "DEPOSIT"
    TRADE = "TRADE"
    COMMISSION = "COMMISSION"
    TRANSFER = "TRANSFER"
    BORROW = "BORROW"
    REPAY = "REPAY"
    REPAY_INTEREST = "REPAY_INTEREST"
    INTEREST = "INTEREST"


@dataclass(frozen=True, slots=True)
class Fill:
    """One execution of one order. Price in ticks, quantity in lots; realised PnL in quote currency, fee in its own."""

    trade_id: int
    order_id: int
    client_order_id: str
    symbol: str
    side: Side
    price: int
    quantity: int
    fee: Decimal
    fee_asset: str
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


@dataclass(frozen=True, slots=True)
class Flow:
    """One reason why an asset of a wallet changed. `amount` changes what it holds, `owed` what it owes.

    Flows of one transaction share its id; of a fill they carry the trade's id.
    """

    asset: str
    kind: FlowKind
    amount: Decimal
    owed: Decimal = ZERO
    trade_id: int | None = None


@dataclass(frozen=True, slots=True)
class WalletChanged:
    """Assets of a spot or margin wallet right after a change; `flows` empty: only locked or set free."""

    wallet: Product
    symbol: str
    transaction_id: int
    assets: tuple[AssetBalance, ...]
    flows: tuple[Flow, ...]
    time_ms: int


@dataclass(frozen=True, slots=True)
class FundsMoved:
    """A transfer into (> 0) or out of the USDⓈ-M wallet; the other wallet tells by `WalletChanged`."""

    asset: str
    amount: Decimal
    wallet_balance: Decimal
    transaction_id: int
    time_ms: int


@dataclass(frozen=True, slots=True)
class LoanNoted:
    """What an open margin order borrowed and what it does with the loan."""

    order_id: int
    side_effect: SideEffect
    repay_at_cancel: bool
    borrowed: Decimal


Event = OrderUpdated | OrderRefused | AccountChanged | FundingPaid | WalletChanged | FundsMoved | LoanNoted
