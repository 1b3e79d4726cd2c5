"""Clearing of USDⓈ-M perpetuals: positions, margin and reduce-only orders against the one USDⓈ-M account.

Pure. Must not: match, persist or ask the time.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from venue import checks
from venue.account import Account, Position, money
from venue.book import Book
from venue.clearing import Settled, Trade
from venue.errors import Refusal
from venue.events import AccountChanged, Event, FundsMoved
from venue.orders import Order, PlaceOrder

NOTHING: Sequence[Event] = ()


class PerpetualClearing:
    """`books` are those of the perpetuals; rates are fractions of the traded value."""

    def __init__(
        self,
        account: Account,
        books: dict[str, Book],
        *,
        maker_fee_rate: Decimal,
        taker_fee_rate: Decimal,
        leverage: int,
    ) -> None:
        self.account = account
        self.books = books
        self._maker_fee_rate = maker_fee_rate
        self._taker_fee_rate = taker_fee_rate
        self._leverage = leverage

    def check(self, command: PlaceOrder, book: Book, *, duplicate: bool) -> None:
        checks.check_filters(command, book)
        if duplicate:
            raise Refusal(-4116, "ClientOrderId is duplicated.")
        if len(book.bids) + len(book.asks) >= book.instrument.max_open_orders:
            raise Refusal(-2025, "Reach max open order limit.")
        checks.check_reduce_only(command, self.account)
        checks.check_post_only(command, book)
        checks.check_margin(command, book, self.books, self.account, self._leverage)

    def admit(self, order: Order, command: PlaceOrder, book: Book) -> Sequence[Event]:  # noqa: ARG002 - margin is checked
        return NOTHING

    def allowed(self, order: Order) -> int:
        """A reduce-only order never trades more than the position it reduces."""
        if not order.reduce_only:
            return order.remaining
        lots = self.account.position(order.symbol).lots
        reducible = -lots if order.is_buy else lots
        return max(0, min(order.remaining, reducible))

    def settle(self, order: Order, book: Book, trade: Trade) -> Settled:
        instrument = book.instrument
        position = self.account.position(order.symbol)
        position.update_time_ms = trade.time_ms
        signed = trade.lots if order.is_buy else -trade.lots
        realized = position.fill(signed, instrument.price(trade.price), instrument.lot_size)
        rate = self._maker_fee_rate if trade.maker else self._taker_fee_rate
        fee = money(trade.price * trade.lots * instrument.lot_value * rate)
        self.account.wallet_balance += realized - fee
        changed = self.account_changed("ORDER", position, realized - fee, trade.time_ms)
        return Settled(fee, instrument.quote_asset, realized, (changed,))

    def closed(self, order: Order, book: Book) -> Sequence[Event]:  # noqa: ARG002 - nothing was reserved
        return NOTHING

    def account_changed(self, reason: str, position: Position, change: Decimal, time_ms: int) -> AccountChanged:
        return AccountChanged(reason, self.account.wallet_balance, change, position.snapshot(), time_ms)

    def available(self) -> Decimal:
        """What margin leaves of the wallet; below zero if losses took more."""
        margin = checks.total_margin(self.books, self.account, self._leverage)
        return checks.equity(self.books, self.account) - margin

    def move(self, asset: str, amount: Decimal, transaction_id: int, time_ms: int) -> FundsMoved:
        """Take a transfer in (> 0) or out."""
        self.account.wallet_balance += amount
        return FundsMoved(asset, amount, self.account.wallet_balance, transaction_id, time_ms)
