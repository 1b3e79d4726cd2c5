"""Spot and margin orders over REST: the same requests on two addresses, for two accounts (ORD-1, ARB-2).

Must not: decide about matching; the engine does.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import ROUND_DOWN, Decimal
from typing import Any

from venue.book import Book
from venue.errors import Refusal, cancel_rejected, parameter_malformed, parameter_missing
from venue.exchange import Exchange
from venue.instruments import Instrument, Product
from venue.messages import Json
from venue.orders import Order, OrderType, PlaceOrder, Side, SideEffect, TimeInForce
from venue.rest_parameters import Given, choice, decimal, flag, integer, limit, listing, text, time_range
from venue.spot import messages
from venue.spot.checks import filter_failure

ANSWERS = ("ACK", "RESULT", "FULL")


class OrderRequests:
    """The order requests of one account."""

    def __init__(self, product: Product) -> None:
        self._product = product

    def place(self, exchange: Exchange, given: Given) -> Any:
        command = self._command(exchange, given)
        answer = given.get("newOrderRespType") or "FULL"
        if answer not in ANSWERS:
            raise parameter_malformed("newOrderRespType", answer)
        order, fills = exchange.place_and_fill(command)
        return messages.placed(order, fills, _instrument(exchange, order), answer)

    def place_test(self, exchange: Exchange, given: Given) -> Any:
        """Check an order's parameters without placing it."""
        self._command(exchange, given)
        return {}

    def cancel(self, exchange: Exchange, given: Given) -> Any:
        order = exchange.cancel(*self._ids(given))
        return messages.cancelled(order, _instrument(exchange, order))

    def cancel_all(self, exchange: Exchange, given: Given) -> Any:
        symbol = listing(given, self._product)
        orders = exchange.cancel_all(symbol)
        if not orders:
            raise cancel_rejected()
        return [messages.cancelled(order, _instrument(exchange, order)) for order in orders]

    def query(self, exchange: Exchange, given: Given) -> Any:
        return self._shown(exchange, exchange.find(*self._ids(given)))

    def open_orders(self, exchange: Exchange, given: Given) -> Any:
        if "symbol" in given:
            books = [exchange.engine.book(listing(given, self._product))]
        else:
            books = [one for one in exchange.engine.books.values() if one.instrument.product is self._product]
        return [self._shown(exchange, order) for book in books for order in book.open_orders()]

    def all_orders(self, exchange: Exchange, given: Given) -> Any:
        symbol, times = listing(given, self._product), time_range(given)
        exchange.engine.book(symbol)
        found = exchange.ledger.orders(
            symbol, integer(given, "orderId", 0), times.start_ms, times.end_ms, limit(given, 500, 1_000)
        )
        return [self._shown(exchange, order) for order in found]

    def my_trades(self, exchange: Exchange, given: Given) -> Any:
        symbol, times = listing(given, self._product), time_range(given)
        exchange.engine.book(symbol)
        ids = (integer(given, "orderId", 0), integer(given, "fromId", 0))
        rows = exchange.ledger.trades(symbol, *ids, times.start_ms, times.end_ms, limit(given, 500, 1_000))
        return [messages.my_trade(row) for row in rows]

    def _shown(self, exchange: Exchange, order: Order) -> Json:
        return messages.order(order, _instrument(exchange, order))

    def _ids(self, given: Given) -> tuple[str, int | None, str | None]:
        symbol = listing(given, self._product)
        if given.get("orderId"):
            return symbol, integer(given, "orderId", 0), None
        if given.get("origClientOrderId"):
            return symbol, None, given["origClientOrderId"]
        raise parameter_missing("orderId' or 'origClientOrderId")

    def _command(self, exchange: Exchange, given: Given) -> PlaceOrder:
        symbol = listing(given, self._product)
        book = exchange.engine.book(symbol)
        side, (kind, in_force) = choice(given, "side", Side), _kind(given)
        limited = kind is OrderType.LIMIT
        return PlaceOrder(
            symbol=symbol,
            side=side,
            type=kind,
            quantity=_lots(given, side, book) if "quoteOrderQty" in given and not limited else _quantity(given, book),
            price=_on_grid(decimal(given, "price"), "price", "PRICE_FILTER", book.instrument.ticks) if limited else 0,
            time_in_force=in_force,
            reduce_only=flag(given, "reduceOnly"),
            client_order_id=given.get("newClientOrderId") or f"paper{exchange.engine.next_order_id}",
            side_effect=self._side_effect(given),
            repay_at_cancel=given.get("autoRepayAtCancel", "true").lower() == "true",
        )

    def _side_effect(self, given: Given) -> SideEffect:
        value = given.get("sideEffectType")
        if not value:
            return SideEffect.NONE
        if self._product is not Product.MARGIN:
            raise Refusal(-1106, "Parameter 'sideEffectType' sent when not required.")
        return choice(given, "sideEffectType", SideEffect)


def _kind(given: Given) -> tuple[OrderType, TimeInForce]:
    """A LIMIT_MAKER is a limit order that is post-only; without a word, an order lives until it is cancelled."""
    kind = text(given, "type")
    if kind == "LIMIT_MAKER":
        return OrderType.LIMIT, TimeInForce.GTX
    if kind == "MARKET":
        return OrderType.MARKET, TimeInForce.GTC
    if kind != "LIMIT":
        raise Refusal(-1116, "Invalid orderType.")
    in_force = choice(given, "timeInForce", TimeInForce)
    if in_force is TimeInForce.GTX:
        raise Refusal(-1115, "Invalid timeInForce.")
    return OrderType.LIMIT, in_force


def _quantity(given: Given, book: Book) -> int:
    return _on_grid(decimal(given, "quantity"), "quantity", "LOT_SIZE", book.instrument.lots)


def _on_grid(number: Decimal, name: str, filter_name: str, whole: Callable[[Decimal], int]) -> int:
    """The number in whole ticks or lots. Refuses -1111 for too many digits, -1013 for one off the grid."""
    if number != round(number, 8):
        raise Refusal(-1111, f"Parameter '{name}' has too much precision.")
    try:
        return whole(number)
    except Refusal as refusal:
        raise filter_failure(filter_name) from refusal


def _lots(given: Given, side: Side, book: Book) -> int:
    """A market order by its worth: as many whole lots as the book gives for at most that much quote currency."""
    worth, lot_value = decimal(given, "quoteOrderQty"), book.instrument.lot_value
    lots, left = 0, worth
    for price, size in book.levels(asks=side is Side.BUY):
        taken = min(size, int((left / (price * lot_value)).to_integral_value(ROUND_DOWN)))
        lots += taken
        left -= taken * price * lot_value
        if taken < size:
            break
    return lots


def _instrument(exchange: Exchange, order: Order) -> Instrument:
    return exchange.engine.books[order.symbol].instrument


SPOT = OrderRequests(Product.SPOT)
MARGIN = OrderRequests(Product.MARGIN)
