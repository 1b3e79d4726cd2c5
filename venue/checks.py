"""Whether the venue takes an order: Binance USDⓈ-M's filters and its margin check, as refusals with its codes.

Pure functions over one instrument, book and account. Must not: change anything.
"""

from __future__ import annotations

import re
from decimal import Decimal

from venue.account import ZERO, Account
from venue.book import Book
from venue.errors import Refusal
from venue.orders import OrderType, PlaceOrder, Side, TimeInForce

CLIENT_ORDER_ID = re.compile(r"[.A-Za-z:/0-9_-]{1,36}")


def check_filters(command: PlaceOrder, book: Book) -> None:
    """Refuse an order its instrument's filters forbid: quantity, price range, percent price, minimum notional."""
    if not CLIENT_ORDER_ID.fullmatch(command.client_order_id):
        raise Refusal(-4015, "Client order id is not valid: 1 to 36 of [.A-Za-z:/0-9_-].")
    instrument = book.instrument
    _check_quantity(command, instrument.quantity(command.quantity), book)
    mark = book.mark
    if command.type is OrderType.LIMIT:
        _check_price(instrument.price(command.price), command.side, mark, book)
    price = instrument.price(command.price) if command.type is OrderType.LIMIT else mark
    notional = price * instrument.quantity(command.quantity)
    if not command.reduce_only and price and notional < instrument.min_notional:
        raise Refusal(
            -4164,
            f"Order's notional must be no smaller than {instrument.min_notional} (unless you choose reduce only).",
        )


def _check_quantity(command: PlaceOrder, quantity: Decimal, book: Book) -> None:
    instrument = book.instrument
    if quantity <= 0:
        raise Refusal(-4003, "Quantity less than or equal to zero.")
    if quantity < instrument.min_quantity:
        raise Refusal(-4004, f"Quantity less than min quantity {instrument.min_quantity}.")
    market = command.type is OrderType.MARKET
    most = instrument.max_market_quantity if market else instrument.max_quantity
    if quantity > most:
        raise Refusal(-4005, f"Quantity greater than max quantity {most}.")


def _check_price(price: Decimal, side: Side, mark: Decimal, book: Book) -> None:
    instrument = book.instrument
    if price <= 0:
        raise Refusal(-4001, "Price less than or equal to zero.")
    if price > instrument.max_price:
        raise Refusal(-4002, f"Price greater than max price {instrument.max_price}.")
    if price < instrument.min_price:
        raise Refusal(-4013, f"Price less than min price {instrument.min_price}.")
    if not mark:
        return
    if side is Side.BUY and price > mark * instrument.multiplier_up:
        raise Refusal(-4016, "Limit price can't be higher than the mark price's multiplier cap.")
    if side is Side.SELL and price < mark * instrument.multiplier_down:
        raise Refusal(-4024, "Limit price can't be lower than the mark price's multiplier floor.")


def check_post_only(command: PlaceOrder, book: Book) -> None:
    """Refuse a post-only order that would execute on arrival (ORD-9)."""
    if command.time_in_force is not TimeInForce.GTX or command.type is not OrderType.LIMIT:
        return
    if crosses(command, book):
        raise Refusal(
            -5022,
            "Due to the order could not be executed as maker, the Post Only order will be rejected.",
        )


def crosses(command: PlaceOrder, book: Book) -> bool:
    """Whether a limit order would meet the market or one of our own orders on arrival."""
    if command.side is Side.BUY:
        return bool(book.ask and command.price >= book.ask) or command.price >= book.best_own_ask
    return command.price <= max(book.bid, book.best_own_bid)


def check_reduce_only(command: PlaceOrder, account: Account) -> None:
    """Refuse a reduce-only order that has nothing to reduce."""
    if not command.reduce_only:
        return
    lots = account.position(command.symbol).lots
    if lots * (1 if command.side is Side.BUY else -1) >= 0:
        raise Refusal(-2022, "ReduceOnly Order is rejected.")


def check_margin(command: PlaceOrder, book: Book, books: dict[str, Book], account: Account, leverage: int) -> None:
    """Refuse an order whose worst case needs more margin than the account has (-2019)."""
    if command.reduce_only:
        return
    price = command.price if command.type is OrderType.LIMIT else (book.ask or book.last_price)
    value = price * command.quantity
    before = margin_of(book, account, leverage)
    if command.side is Side.BUY:
        after = margin_of(book, account, leverage, extra_bids=value)
    else:
        after = margin_of(book, account, leverage, extra_asks=value)
    if after > before and total_margin(books, account, leverage) + after - before > equity(books, account):
        raise Refusal(-2019, "Margin is insufficient.")


def margin_of(book: Book, account: Account, leverage: int, *, extra_bids: int = 0, extra_asks: int = 0) -> Decimal:
    """Initial margin of one instrument: its worst case over position and open orders, over the leverage."""
    position = account.positions.get(book.instrument.symbol)
    held = position.lots * book.instrument.lot_size * book.mark if position and position.lots else ZERO
    lot_value = book.instrument.lot_value
    long = held + (book.open_bid_value + extra_bids) * lot_value
    short = (book.open_ask_value + extra_asks) * lot_value - held
    return max(long, short, ZERO) / account.leverage.get(book.instrument.symbol, leverage)


def total_margin(books: dict[str, Book], account: Account, leverage: int) -> Decimal:
    return sum((margin_of(book, account, leverage) for book in books.values()), ZERO)


def unrealized(books: dict[str, Book], account: Account) -> Decimal:
    total = ZERO
    for symbol, position in account.positions.items():
        if position.lots and symbol in books:
            total += position.unrealized_pnl(books[symbol].mark, books[symbol].instrument)
    return total


def equity(books: dict[str, Book], account: Account) -> Decimal:
    return account.wallet_balance + unrealized(books, account)
