"""Orders over REST: place, query and cancel, alone and in batches (ORD-1, ORD-2).

Must not: decide about matching; the engine does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

from venue import messages
from venue.errors import Refusal, parameter_malformed, parameter_missing, unknown_order
from venue.exchange import Exchange
from venue.orders import Order, OrderType, PlaceOrder, Side, TimeInForce
from venue.rest_parameters import Given, choice, decimal, flag, integer, limit, listing, text, time_range

MOST_IN_A_PLACE_BATCH = 5
MOST_IN_A_CANCEL_BATCH = 10


def place(exchange: Exchange, given: Given) -> Any:
    return _shown(exchange, exchange.place(_command(exchange, given)))


def place_test(exchange: Exchange, given: Given) -> Any:
    """Check an order's parameters without placing it."""
    _command(exchange, given)
    return {}


def _command(exchange: Exchange, given: Given) -> PlaceOrder:
    symbol = listing(given)
    instrument = exchange.engine.book(symbol).instrument
    if given.get("positionSide", "BOTH") != "BOTH":
        raise Refusal(-4061, "Order's position side does not match user's setting.")
    try:
        kind = OrderType(text(given, "type"))
    except ValueError as error:
        raise Refusal(-1116, "Invalid orderType: the paper venue takes LIMIT and MARKET.") from error
    limited = kind is OrderType.LIMIT
    return PlaceOrder(
        symbol=symbol,
        side=choice(given, "side", Side),
        type=kind,
        quantity=instrument.lots(decimal(given, "quantity")),
        price=instrument.ticks(decimal(given, "price")) if limited else 0,
        time_in_force=choice(given, "timeInForce", TimeInForce) if limited else TimeInForce.GTC,
        reduce_only=flag(given, "reduceOnly"),
        client_order_id=given.get("newClientOrderId") or f"paper{exchange.engine.next_order_id}",
    )


def place_batch(exchange: Exchange, given: Given) -> Any:
    """Up to five orders; each is answered by itself, accepted or refused (ORD-2)."""
    orders = _list(given, "batchOrders")
    if not 1 <= len(orders) <= MOST_IN_A_PLACE_BATCH:
        raise Refusal(-4082, f"Invalid number of batch place orders: 1 to {MOST_IN_A_PLACE_BATCH}.")
    return [_each(place, exchange, one) for one in orders]


def cancel(exchange: Exchange, given: Given) -> Any:
    symbol, order_id, client_order_id = _ids(given)
    return _shown(exchange, exchange.cancel(symbol, order_id, client_order_id))


def cancel_batch(exchange: Exchange, given: Given) -> Any:
    """Up to ten orders by one kind of id; each is answered by itself (ORD-2)."""
    symbol = listing(given)
    names = {name.lower(): value for name, value in given.items()}
    by_id = "orderidlist" in names
    name = "orderidlist" if by_id else "origclientorderidlist"
    ids = _list(names, name)
    if not 1 <= len(ids) <= MOST_IN_A_CANCEL_BATCH:
        raise Refusal(-4083, f"Invalid number of batch cancel orders: 1 to {MOST_IN_A_CANCEL_BATCH}.")
    key = "orderId" if by_id else "origClientOrderId"
    return [_each(cancel, exchange, {"symbol": symbol, key: one}) for one in ids]


def cancel_all(exchange: Exchange, given: Given) -> Any:
    exchange.cancel_all(listing(given))
    return {"code": 200, "msg": "The operation of cancel all open order is done."}


def query(exchange: Exchange, given: Given) -> Any:
    symbol, order_id, client_order_id = _ids(given)
    return _shown(exchange, exchange.find(symbol, order_id, client_order_id))


def query_open(exchange: Exchange, given: Given) -> Any:
    symbol, order_id, client_order_id = _ids(given)
    exchange.engine.book(symbol)
    order = exchange.engine.open_order(symbol, order_id, client_order_id)
    if order is None:
        raise unknown_order()
    return _shown(exchange, order)


def open_orders(exchange: Exchange, given: Given) -> Any:
    every = exchange.engine.perpetuals.books.values()
    books = [exchange.engine.book(listing(given))] if "symbol" in given else list(every)
    return [_shown(exchange, order) for book in books for order in book.open_orders()]


def all_orders(exchange: Exchange, given: Given) -> Any:
    symbol, times = listing(given), time_range(given)
    exchange.engine.book(symbol)
    found = exchange.ledger.orders(
        symbol, integer(given, "orderId", 0), times.start_ms, times.end_ms, limit(given, 500, 1_000)
    )
    return [_shown(exchange, order) for order in found]


def user_trades(exchange: Exchange, given: Given) -> Any:
    symbol, times = listing(given), time_range(given)
    exchange.engine.book(symbol)
    rows = exchange.ledger.trades(
        symbol,
        integer(given, "orderId", 0),
        integer(given, "fromId", 0),
        times.start_ms,
        times.end_ms,
        limit(given, 500, 1_000),
    )
    return [messages.user_trade(row) for row in rows]


def _shown(exchange: Exchange, order: Order) -> messages.Json:
    return messages.order(order, exchange.engine.books[order.symbol].instrument)


def _ids(given: Given) -> tuple[str, int | None, str | None]:
    symbol = listing(given)
    if given.get("orderId"):
        return symbol, integer(given, "orderId", 0), None
    if given.get("origClientOrderId"):
        return symbol, None, given["origClientOrderId"]
    raise parameter_missing("orderId' or 'origClientOrderId")


def _list(given: Given, name: str) -> list[Any]:
    value = text(given, name)
    try:
        parsed = orjson.loads(value)
    except orjson.JSONDecodeError as error:
        raise parameter_malformed(name, value) from error
    if not isinstance(parsed, list):
        raise parameter_malformed(name, value)
    return parsed


def _texts(order: Any) -> dict[str, str]:
    """One order of a batch, its values as text like those of a form."""
    if not isinstance(order, dict):
        raise parameter_malformed("batchOrders", repr(order))
    return {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in order.items()}


def _each(act: Callable[[Exchange, Given], Any], exchange: Exchange, one: Any) -> Any:
    """One item of a batch, answered by itself."""
    try:
        return act(exchange, _texts(one))
    except Refusal as refusal:
        return {"code": refusal.code, "msg": refusal.message}
