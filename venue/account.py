"""The paper account: wallet, positions, realised PnL and margin, one-way position mode, one quote currency.

Money is Decimal, rounded to eight places half up where Binance rounds it (fees, realised PnL, funding); always
with the rounding named, because other libraries of the same process change the decimal context's own.
No liquidation: losses may take the wallet below zero. Must not: know orders, matching or the network.
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal

from venue.instruments import Instrument

CENT = Decimal("0.00000001")
ENTRY_PRICE_STEP = Decimal("0.000000000001")
ZERO = Decimal(0)


def money(amount: Decimal) -> Decimal:
    """An amount as the venue books it: eight decimal places, half up."""
    return amount.quantize(CENT, ROUND_HALF_UP)


@dataclass(slots=True)
class Position:
    """A one-way position. `lots` is signed (short < 0); `entry_price` is the average, in quote currency."""

    symbol: str
    lots: int = 0
    entry_price: Decimal = ZERO
    realized_pnl: Decimal = ZERO
    update_time_ms: int = 0

    def snapshot(self) -> Position:
        return copy(self)

    def fill(self, signed_lots: int, price: Decimal, lot_size: Decimal) -> Decimal:
        """Take a fill in (buy > 0) and return the PnL it realised, before fees."""
        before = self.lots
        if before * signed_lots >= 0:
            total = abs(before) + abs(signed_lots)
            cost = self.entry_price * abs(before) + price * abs(signed_lots)
            self.entry_price = (cost / total).quantize(ENTRY_PRICE_STEP, ROUND_HALF_EVEN)
            self.lots = before + signed_lots
            return ZERO
        closed = min(abs(before), abs(signed_lots))
        direction = 1 if before > 0 else -1
        realized = money((price - self.entry_price) * closed * direction * lot_size)
        self.lots = before + signed_lots
        if self.lots == 0:
            self.entry_price = ZERO
        elif self.lots * before < 0:
            self.entry_price = price
        self.realized_pnl += realized
        return realized

    def unrealized_pnl(self, mark_price: Decimal, instrument: Instrument) -> Decimal:
        return money((mark_price - self.entry_price) * self.lots * instrument.lot_size)


class Account:
    """Wallet balance and positions by symbol."""

    __slots__ = ("leverage", "positions", "wallet_balance")

    def __init__(self, wallet_balance: Decimal) -> None:
        self.wallet_balance = wallet_balance
        self.positions: dict[str, Position] = {}
        self.leverage: dict[str, int] = {}

    def position(self, symbol: str) -> Position:
        position = self.positions.get(symbol)
        if position is None:
            position = self.positions[symbol] = Position(symbol)
        return position
