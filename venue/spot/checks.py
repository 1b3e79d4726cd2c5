"""Whether the venue takes a spot or margin order: Binance's filters, as refusals with its codes and words.

Pure functions over one order and book. Must not: know wallets or change anything.
"""

from __future__ import annotations

from decimal import Decimal

from venue.book import Book
from venue.checks import CLIENT_ORDER_ID, crosses
from venue.errors import Refusal
from venue.orders import OrderType, PlaceOrder, TimeInForce


def filter_failure(name: str) -> Refusal:
    return Refusal(-1013, f"Filter failure: {name}")


def insufficient_balance() -> Refusal:
    return Refusal(-2010, "Account has insufficient balance for requested action.")


def check_order(command: PlaceOrder, book: Book, *, duplicate: bool) -> None:
    """Raise `Refusal` for all that can be said without looking into the wallet."""
    if not CLIENT_ORDER_ID.fullmatch(command.client_order_id):
        raise Refusal(
            -1100,
            f"Illegal characters found in parameter 'newClientOrderId'; legal range is '^{CLIENT_ORDER_ID.pattern}$'.",
        )
    if command.reduce_only:
        raise Refusal(-1106, "Parameter 'reduceOnly' sent when not required.")
    _check_filters(command, book)
    if duplicate:
        raise Refusal(-2010, "Duplicate order sent.")
    if len(book.bids) + len(book.asks) >= book.instrument.max_open_orders:
        raise filter_failure("MAX_NUM_ORDERS")
    if command.time_in_force is TimeInForce.GTX and crosses(command, book):
        raise Refusal(-2010, "Order would immediately match and take.")


def _check_filters(command: PlaceOrder, book: Book) -> None:
    instrument = book.instrument
    quantity = instrument.quantity(command.quantity)
    limited = command.type is OrderType.LIMIT
    if quantity <= 0:
        raise Refusal(-1013, "Invalid quantity.")
    if not instrument.min_quantity <= quantity <= instrument.max_quantity:
        raise filter_failure("LOT_SIZE")
    if not limited and quantity > instrument.max_market_quantity:
        raise filter_failure("MARKET_LOT_SIZE")
    price = instrument.price(command.price) if limited else book.mark
    if limited:
        _check_price(price, book)
    if price and price * quantity < instrument.min_notional:
        raise filter_failure("NOTIONAL")


def _check_price(price: Decimal, book: Book) -> None:
    instrument, mark = book.instrument, book.mark
    if price <= 0:
        raise Refusal(-1013, "Invalid price.")
    if not instrument.min_price <= price <= instrument.max_price:
        raise filter_failure("PRICE_FILTER")
    if mark and not mark * instrument.multiplier_down <= price <= mark * instrument.multiplier_up:
        raise filter_failure("PERCENT_PRICE")
