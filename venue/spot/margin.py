"""Clearing of cross margin orders: the spot rules, on a wallet that may owe (ARB-2).

A loan costs its first hour at once and then an hour at each full hour of the tape, on the principal. An asset counts
for as much as the middle of its market says; one without a market counts nothing and cannot be borrowed.
Nothing is liquidated: a margin level below one only stops new loans. Pure. Must not: persist or ask the time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal

from venue.account import CENT, ZERO, money
from venue.book import Book
from venue.clearing import Settled, Trade
from venue.errors import Refusal
from venue.events import Event, Flow, FlowKind, LoanNoted, WalletChanged
from venue.instruments import Product
from venue.orders import Order, OrderType, PlaceOrder, SideEffect
from venue.spot.checks import check_order, insufficient_balance
from venue.spot.clearing import SpotClearing, most_it_costs, paid_asset, received_asset, reserved
from venue.wallets import Wallet

LEVEL_AFTER_TRANSFER = 2
"""A transfer out must leave the margin level at least here."""


@dataclass(frozen=True, slots=True)
class MarginTerms:
    """Debt may be up to `leverage` - 1 times what the account is worth; `hourly_rate` is a fraction of a loan."""

    leverage: int = 3
    hourly_rate: Decimal = Decimal("0.00001")


class MarginClearing(SpotClearing):
    """The cross margin account. `books` are those of the margin listings, `reference` is what assets are valued in."""

    product = Product.MARGIN

    def __init__(
        self,
        wallet: Wallet,
        maker_fee_rate: Decimal,
        taker_fee_rate: Decimal,
        books: Mapping[str, Book],
        terms: MarginTerms,
        reference: str = "USDT",
    ) -> None:
        super().__init__(wallet, maker_fee_rate, taker_fee_rate)
        self.books = books
        self.terms = terms
        self._reference = reference
        self.notes: dict[int, LoanNoted] = {}

    # --- orders ---------------------------------------------------------------------------------------

    def check(self, command: PlaceOrder, book: Book, *, duplicate: bool) -> None:
        check_order(command, book, duplicate=duplicate)
        asset, lacking = self._lacking(command, book)
        if lacking and not command.side_effect.borrows:
            raise insufficient_balance()
        if lacking > self.max_borrowable(asset):
            raise over_the_limit()

    def admit(self, order: Order, command: PlaceOrder, book: Book) -> Sequence[Event]:
        asset, lacking = self._lacking(command, book)
        events: list[Event] = []
        if command.side_effect is not SideEffect.NONE:
            note = LoanNoted(order.order_id, command.side_effect, command.repay_at_cancel, lacking)
            self.notes[order.order_id] = note
            events.append(note)
        if lacking:
            events.append(self._lend(order.symbol, asset, lacking, 0, order.time_ms))
        return [*events, *super().admit(order, command, book)]

    def settle(self, order: Order, book: Book, trade: Trade) -> Settled:
        settled = super().settle(order, book, trade)
        note = self.notes.get(order.order_id)
        if note is None:
            return settled
        if not order.remaining:
            del self.notes[order.order_id]
        asset = received_asset(book.instrument, order.side)
        received = sum((one.amount for one in _flows(settled.events) if one.asset == asset), ZERO)
        paid_back = min(received, self.wallet.asset(asset).debt)
        if not note.side_effect.repays or paid_back <= 0:
            return settled
        repaid = self._take_back(order.symbol, asset, paid_back, 0, trade.time_ms)
        return settled._replace(events=(*settled.events, repaid))

    def closed(self, order: Order, book: Book) -> Sequence[Event]:
        events = super().closed(order, book)
        note = self.notes.pop(order.order_id, None)
        if note is None or not note.repay_at_cancel:
            return events
        asset = paid_asset(book.instrument, order.side)
        balance = self.wallet.asset(asset)
        limited = order.type is OrderType.LIMIT
        unspent = reserved(order, order.remaining, book.instrument) if limited else balance.free
        amount = min(unspent, note.borrowed, balance.borrowed)
        if amount <= 0:
            return events
        flow = Flow(asset, FlowKind.REPAY, -amount, -amount)
        return [*events, self._book(order.symbol, [flow], 0, order.update_time_ms)]

    def _lacking(self, command: PlaceOrder, book: Book) -> tuple[str, Decimal]:
        """The asset an order pays with, and how much of it is not there."""
        asset = paid_asset(book.instrument, command.side)
        lacking = most_it_costs(command, book) - self.wallet.free(asset)
        return asset, max(lacking, ZERO)

    # --- loans ----------------------------------------------------------------------------------------

    def borrow(self, asset: str, amount: Decimal, transaction_id: int, time_ms: int) -> WalletChanged:
        """Take a loan. Raises `Refusal` -3006 above the limit."""
        if amount > self.max_borrowable(asset):
            raise over_the_limit()
        return self._lend("", asset, amount, transaction_id, time_ms)

    def repay(self, asset: str, amount: Decimal, transaction_id: int, time_ms: int) -> WalletChanged:
        """Pay back, interest first. Raises `Refusal` -3015 for more than is owed, -3041 for more than is free."""
        if amount > self.wallet.asset(asset).debt:
            raise Refusal(-3015, "Repay amount exceeds borrow amount.")
        if amount > self.wallet.free(asset):
            raise Refusal(-3041, "Balance is not enough")
        return self._take_back("", asset, amount, transaction_id, time_ms)

    def charge_hour(self, transaction_id: int, time_ms: int) -> WalletChanged | None:
        """An hour's interest on every loan; None where nothing is borrowed."""
        charged = [
            Flow(one.asset, FlowKind.INTEREST, ZERO, self._hour_of(one.borrowed))
            for one in self.wallet.assets.values()
            if one.borrowed
        ]
        return self._book("", charged, transaction_id, time_ms) if charged else None

    def _lend(self, symbol: str, asset: str, amount: Decimal, transaction_id: int, time_ms: int) -> WalletChanged:
        lent = Flow(asset, FlowKind.BORROW, amount, amount)
        first_hour = Flow(asset, FlowKind.INTEREST, ZERO, self._hour_of(amount))
        return self._book(symbol, [lent, first_hour], transaction_id, time_ms)

    def _take_back(self, symbol: str, asset: str, amount: Decimal, transaction_id: int, time_ms: int) -> WalletChanged:
        interest = min(amount, self.wallet.asset(asset).interest)
        flows = [
            Flow(asset, FlowKind.REPAY_INTEREST, -interest, -interest),
            Flow(asset, FlowKind.REPAY, interest - amount, interest - amount),
        ]
        return self._book(symbol, [one for one in flows if one.amount], transaction_id, time_ms)

    def _book(self, symbol: str, flows: Sequence[Flow], transaction_id: int, time_ms: int) -> WalletChanged:
        for flow in flows:
            balance = self.wallet.asset(flow.asset)
            balance.free += flow.amount
            if flow.kind in (FlowKind.BORROW, FlowKind.REPAY):
                balance.borrowed += flow.owed
            else:
                balance.interest += flow.owed
        return self.changed(symbol, [one.asset for one in flows], flows, transaction_id, time_ms)

    def _hour_of(self, principal: Decimal) -> Decimal:
        return money(principal * self.terms.hourly_rate)

    # --- what it is worth -----------------------------------------------------------------------------

    def price(self, asset: str) -> Decimal:
        """One unit in the reference asset; 0 if there is no market for it."""
        if asset == self._reference:
            return Decimal(1)
        for book in self.books.values():
            pair = (book.instrument.base_asset, book.instrument.quote_asset)
            if pair == (asset, self._reference):
                return book.mark
        return ZERO

    def worth(self) -> tuple[Decimal, Decimal]:
        """All assets and all debts, in the reference asset."""
        held = self.wallet.assets.values()
        assets = sum((one.total * self.price(one.asset) for one in held), ZERO)
        return assets, sum((one.debt * self.price(one.asset) for one in held), ZERO)

    def margin_level(self) -> Decimal | None:
        """Assets over debts; None without debts."""
        assets, debts = self.worth()
        return assets / debts if debts else None

    def max_borrowable(self, asset: str) -> Decimal:
        price = self.price(asset)
        if not price:
            return ZERO
        assets, debts = self.worth()
        room = (assets - debts) * (self.terms.leverage - 1) - debts
        return max(room / price, ZERO).quantize(CENT, ROUND_DOWN)

    def max_transferable(self, asset: str) -> Decimal:
        """What may leave the account: all that is free, or what keeps the margin level high enough."""
        free, price = self.wallet.free(asset), self.price(asset)
        assets, debts = self.worth()
        if not debts or not price:
            return free
        room = (assets - LEVEL_AFTER_TRANSFER * debts) / price
        return max(min(free, room), ZERO).quantize(CENT, ROUND_DOWN)


def over_the_limit() -> Refusal:
    return Refusal(-3006, "Your borrow amount has exceed maximum borrow amount.")


def _flows(events: Sequence[Event]) -> list[Flow]:
    return [flow for one in events if isinstance(one, WalletChanged) for flow in one.flows]
