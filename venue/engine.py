"""The matching engine: commands and market inputs in, events out. Pure and deterministic: no I/O, clock or random.

It matches the books of every product; whether an account may trade and what a trade does to it is its clearing's.

It serves the paper venue, tests, the simulator and backtests alike (DESIGN: paper trading is real trading).

Matching rules (ORD-1, ORD-4, ORD-7, ORD-9):
- own resting orders are in price-time order and fill as maker at their own price;
- a quote that crosses them fills up to the quote's displayed size, a tape trade up to the trade's quantity:
  those better than its price first, then those at its price (we stand first in the queue at our price);
- an arriving order that crosses takes the displayed best price, then the book's stated synthetic depth;
- an arriving order never trades with our own: own resting orders in its way expire (EXPIRED_IN_MATCH).

The same inputs in the same order give the same events and ids. Must not: write, send, log or ask the time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import takewhile

from venue.account import Account, money
from venue.book import Book
from venue.clearing import Clearing, Trade
from venue.errors import Refusal, cancel_rejected, unknown_order, unknown_symbol
from venue.events import Event, Execution, Fill, FundingPaid, OrderRefused, OrderUpdated
from venue.instruments import Instrument, Product
from venue.orders import Order, OrderStatus, OrderType, PlaceOrder, Side, TimeInForce
from venue.perpetual import NOTHING, PerpetualClearing


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """What the account starts with and pays. Rates are fractions of the traded value."""

    initial_balance: Decimal = Decimal(10_000)
    maker_fee_rate: Decimal = Decimal("0.0002")
    taker_fee_rate: Decimal = Decimal("0.0004")
    leverage: int = 20


class Engine:
    """All books of one owner. Quantities are lots, prices ticks, times epoch milliseconds.

    `account` is the USDⓈ-M one; `clearings` are those of the other products that `instruments` has.
    """

    def __init__(
        self,
        instruments: Iterable[Instrument],
        settings: EngineSettings,
        clearings: Mapping[Product, Clearing] | None = None,
    ) -> None:
        self.settings = settings
        self.account = Account(settings.initial_balance)
        self.books = {instrument.symbol: Book(instrument) for instrument in instruments}
        self.perpetuals = PerpetualClearing(
            self.account,
            {name: book for name, book in self.books.items() if book.instrument.product is Product.PERPETUAL},
            maker_fee_rate=settings.maker_fee_rate,
            taker_fee_rate=settings.taker_fee_rate,
            leverage=settings.leverage,
        )
        by_product = {Product.PERPETUAL: self.perpetuals, **(clearings or {})}
        self._clearings = {name: by_product[book.instrument.product] for name, book in self.books.items()}
        self.next_order_id = 1
        self.next_trade_id = 1
        self.next_funding_id = 1
        self.open_by_client_id: dict[tuple[str, str], Order] = {}
        self.open_by_id: dict[int, Order] = {}

    # --- commands -------------------------------------------------------------------------------------

    def place(self, command: PlaceOrder, time_ms: int) -> Sequence[Event]:
        """Take an order in: its updates and fills, or one `OrderRefused`."""
        try:
            book = self._check(command)
        except Refusal as refusal:
            return [OrderRefused(refusal.code, refusal.message, command.client_order_id)]
        order = self._new_order(command, time_ms)
        events: list[Event] = [OrderUpdated(Execution.NEW, order.snapshot())]
        events.extend(self._clearings[command.symbol].admit(order, command, book))
        if command.type is OrderType.MARKET or command.time_in_force is not TimeInForce.GTX:
            self._take(order, book, time_ms, events)
        if order.remaining and order.is_open:
            self._rest_or_expire(order, book, time_ms, events)
        return events

    def cancel(self, order_id: int, time_ms: int) -> Sequence[Event]:
        """Cancel one open order. Raises `Refusal` -2011 if it is not open."""
        order = self.open_by_id.get(order_id)
        if order is None:
            raise cancel_rejected()
        events: list[Event] = []
        self._close(order, OrderStatus.CANCELED, Execution.CANCELED, time_ms, events)
        return events

    def cancel_all(self, symbol: str, time_ms: int) -> Sequence[Event]:
        """Cancel every open order of one symbol, oldest first."""
        events: list[Event] = []
        for order in self.book(symbol).open_orders():
            self._close(order, OrderStatus.CANCELED, Execution.CANCELED, time_ms, events)
        return events

    # --- what the venue does by itself ----------------------------------------------------------------

    def fill(self, order_id: int, lots: int, time_ms: int) -> Sequence[Event]:
        """A counterparty for this one resting order, as maker at its price. Raises `Refusal` -2013, -2011."""
        order = self._resting(order_id)
        allowed = self._clearings[order.symbol].allowed(order)
        if not 0 < lots <= allowed:
            raise Refusal(-2011, f"Order {order_id} cannot fill {lots} lots, it has {allowed} left.")
        events: list[Event] = []
        self._execute(order, self.books[order.symbol], order.price, lots, time_ms, events, maker=True)
        return events

    def expire(self, order_id: int, time_ms: int) -> Sequence[Event]:
        """The venue ends a resting order. Raises `Refusal` -2013."""
        events: list[Event] = []
        self._close(self._resting(order_id), OrderStatus.EXPIRED, Execution.EXPIRED, time_ms, events)
        return events

    # --- market inputs --------------------------------------------------------------------------------

    def quote(self, symbol: str, time_ms: int, bid: int, bid_size: int, ask: int, ask_size: int) -> Sequence[Event]:
        """A new best bid and ask with their displayed sizes."""
        book = self.books[symbol]
        book.time_ms = time_ms
        book.bid = bid
        book.bid_size = bid_size
        book.ask = ask
        book.ask_size = ask_size
        book.bid_taken = book.ask_taken = 0
        if book.best_own_bid < ask and book.best_own_ask > bid:
            return NOTHING
        events: list[Event] = []
        if ask and book.best_own_bid >= ask:
            taken = self._fill_resting(book, book.bids, ask, ask_size, time_ms, events)
            book.take(taken, asks=True)
        if bid and book.best_own_ask <= bid:
            taken = self._fill_resting(book, book.asks, bid, bid_size, time_ms, events)
            book.take(taken, asks=False)
        return events

    def trade(self, symbol: str, time_ms: int, price: int, quantity: int, taker_side: Side) -> Sequence[Event]:
        """A trade on the tape: a seller meets our bids at or above its price, a buyer our asks at or below."""
        book = self.books[symbol]
        book.time_ms = time_ms
        book.last_price = price
        if taker_side is Side.SELL:
            if book.best_own_bid < price:
                return NOTHING
            resting = book.bids
        else:
            if book.best_own_ask > price:
                return NOTHING
            resting = book.asks
        events: list[Event] = []
        self._fill_resting(book, resting, price, quantity, time_ms, events)
        return events

    def mark(self, symbol: str, time_ms: int, price: Decimal) -> Sequence[Event]:
        """A mark price of the tape's own; its distance to the market holds until the next one."""
        book = self.books[symbol]
        book.time_ms = time_ms
        if book.mark:
            book.mark_basis += price - book.mark
        return NOTHING

    def funding(self, symbol: str, time_ms: int, rate: Decimal) -> Sequence[Event]:
        """Settle funding: a long pays position times mark times rate, a short receives it (FUND-1)."""
        book = self.books[symbol]
        position = self.account.position(symbol)
        if not position.lots:
            return NOTHING
        mark = book.mark
        amount = money(-position.lots * book.instrument.lot_size * mark * rate)
        self.account.wallet_balance += amount
        paid = FundingPaid(self.next_funding_id, symbol, rate, mark, amount, time_ms)
        self.next_funding_id += 1
        return [paid, self.perpetuals.account_changed("FUNDING_FEE", position, amount, time_ms)]

    # --- questions ------------------------------------------------------------------------------------

    def book(self, symbol: str) -> Book:
        """The book of a symbol. Raises `Refusal` -1121 if it is not listed."""
        book = self.books.get(symbol)
        if book is None:
            raise unknown_symbol()
        return book

    def open_order(self, symbol: str, order_id: int | None, client_order_id: str | None) -> Order | None:
        """The open order with that id of either kind, if there is one."""
        if order_id is not None:
            order = self.open_by_id.get(order_id)
            return order if order is not None and order.symbol == symbol else None
        return self.open_by_client_id.get((symbol, client_order_id or ""))

    def restore(self, orders: Iterable[Order]) -> None:
        """Put open orders back after a restart; they keep their ids and so their place in the queue."""
        for order in orders:
            self._register(order)
            self.books[order.symbol].rest(order)

    # --- inside ---------------------------------------------------------------------------------------

    def _resting(self, order_id: int) -> Order:
        order = self.open_by_id.get(order_id)
        if order is None:
            raise unknown_order()
        return order

    def _check(self, command: PlaceOrder) -> Book:
        book = self.book(command.symbol)
        duplicate = (command.symbol, command.client_order_id) in self.open_by_client_id
        self._clearings[command.symbol].check(command, book, duplicate=duplicate)
        return book

    def _new_order(self, command: PlaceOrder, time_ms: int) -> Order:
        order = Order(
            order_id=self.next_order_id,
            client_order_id=command.client_order_id,
            symbol=command.symbol,
            side=command.side,
            type=command.type,
            time_in_force=command.time_in_force,
            reduce_only=command.reduce_only,
            price=command.price,
            quantity=command.quantity,
            time_ms=time_ms,
            update_time_ms=time_ms,
        )
        self.next_order_id += 1
        return order

    def _register(self, order: Order) -> None:
        self.open_by_id[order.order_id] = order
        self.open_by_client_id[order.symbol, order.client_order_id] = order

    def _take(self, order: Order, book: Book, time_ms: int, events: list[Event]) -> None:
        """Walk the market's side against an arriving order."""
        buying = order.is_buy
        levels = book.levels(asks=buying)
        reachable = list(takewhile(lambda level: _within_limit(order, level[0]), levels))
        allowed = self._clearings[order.symbol].allowed(order)
        if order.time_in_force is TimeInForce.FOK and sum(lots for _, lots in reachable) < allowed:
            return
        for price, lots in reachable:
            if not allowed:
                break
            self._expire_own_in_the_way(book, price, time_ms, events, buying=buying)
            taken = min(allowed, lots)
            book.take(taken, asks=buying)
            self._execute(order, book, price, taken, time_ms, events, maker=False)
            allowed -= taken

    def _rest_or_expire(self, order: Order, book: Book, time_ms: int, events: list[Event]) -> None:
        rests = order.type is OrderType.LIMIT and order.time_in_force in (TimeInForce.GTC, TimeInForce.GTX)
        clearing = self._clearings[order.symbol]
        if rests and not (order.reduce_only and not clearing.allowed(order)):
            self._expire_own_in_the_way(book, order.price, time_ms, events, buying=order.is_buy)
            self._register(order)
            book.rest(order)
            return
        order.status = OrderStatus.EXPIRED
        order.update_time_ms = time_ms
        events.append(OrderUpdated(Execution.EXPIRED, order.snapshot()))
        events.extend(clearing.closed(order, book))

    def _expire_own_in_the_way(
        self, book: Book, price: int, time_ms: int, events: list[Event], *, buying: bool
    ) -> None:
        while (book.best_own_ask <= price) if buying else (book.best_own_bid >= price):
            own = book.asks[0] if buying else book.bids[0]
            self._close(own, OrderStatus.EXPIRED_IN_MATCH, Execution.EXPIRED, time_ms, events)

    def _fill_resting(
        self, book: Book, resting: list[Order], price: int, available: int, time_ms: int, events: list[Event]
    ) -> int:
        """Fill resting orders that `price` reaches, best and oldest first; returns the lots filled."""
        left, clearing = available, self._clearings[book.instrument.symbol]
        while left and resting and _reached(resting[0], price):
            order = resting[0]
            lots = min(left, clearing.allowed(order))
            self._execute(order, book, order.price, lots, time_ms, events, maker=True)
            left -= lots
        return available - left

    def _execute(
        self, order: Order, book: Book, price: int, lots: int, time_ms: int, events: list[Event], *, maker: bool
    ) -> None:
        order.filled += lots
        order.filled_value += price * lots
        order.update_time_ms = time_ms
        order.status = OrderStatus.PARTIALLY_FILLED if order.remaining else OrderStatus.FILLED
        trade = Trade(self.next_trade_id, price, lots, maker, time_ms)
        settled = self._clearings[order.symbol].settle(order, book, trade)
        fill = Fill(
            trade_id=self.next_trade_id,
            order_id=order.order_id,
            client_order_id=order.client_order_id,
            symbol=order.symbol,
            side=order.side,
            price=price,
            quantity=lots,
            fee=settled.fee,
            fee_asset=settled.fee_asset,
            realized_pnl=settled.realized_pnl,
            maker=maker,
            time_ms=time_ms,
        )
        self.next_trade_id += 1
        if maker:
            book.filled(order, lots)
            if not order.remaining:
                book.remove(order)
                self._forget(order)
        events.append(OrderUpdated(Execution.TRADE, order.snapshot(), fill))
        events.extend(settled.events)
        if book.reduce_only_orders:
            self._expire_reduce_only(book, time_ms, events)

    def _expire_reduce_only(self, book: Book, time_ms: int, events: list[Event]) -> None:
        """Resting reduce-only orders with nothing left to reduce expire at once."""
        clearing = self._clearings[book.instrument.symbol]
        for order in book.open_orders():
            if order.reduce_only and not clearing.allowed(order):
                self._close(order, OrderStatus.EXPIRED, Execution.EXPIRED, time_ms, events)

    def _close(
        self, order: Order, status: OrderStatus, execution: Execution, time_ms: int, events: list[Event]
    ) -> None:
        book = self.books[order.symbol]
        book.remove(order)
        self._forget(order)
        order.status = status
        order.update_time_ms = time_ms
        events.append(OrderUpdated(execution, order.snapshot()))
        events.extend(self._clearings[order.symbol].closed(order, book))

    def _forget(self, order: Order) -> None:
        del self.open_by_id[order.order_id]
        del self.open_by_client_id[order.symbol, order.client_order_id]


def _within_limit(order: Order, price: int) -> bool:
    if order.type is OrderType.MARKET:
        return True
    return price <= order.price if order.is_buy else price >= order.price


def _reached(order: Order, price: int) -> bool:
    return order.price >= price if order.is_buy else order.price <= price
