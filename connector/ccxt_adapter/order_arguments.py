"""How an order is written: as the arguments of ccxt's createOrder, and as the venue's own parameters. Pure."""

from collections.abc import Mapping
from typing import Any

from connector.ccxt_adapter.instruments import Listing
from connector.port import OrderRequest
from topics.v1.common_pb2 import ORDER_TYPE_LIMIT, SIDE_BUY, TimeInForce

_TIME_IN_FORCE: Mapping[int, dict[str, Any]] = {
    TimeInForce.TIME_IN_FORCE_GTC: {"timeInForce": "GTC"},
    TimeInForce.TIME_IN_FORCE_IOC: {"timeInForce": "IOC"},
    TimeInForce.TIME_IN_FORCE_FOK: {"timeInForce": "FOK"},
    TimeInForce.TIME_IN_FORCE_POST_ONLY: {"timeInForce": "GTX"},
}


def order_arguments(listing: Listing, request: OrderRequest) -> tuple[str, str, str, str, str | None, dict[str, Any]]:
    """Unified symbol, type, side, amount, price (None at market) and parameters."""
    limit = request.type == ORDER_TYPE_LIMIT
    params: dict[str, Any] = {"clientOrderId": request.client_order_id}
    if limit:
        params |= _TIME_IN_FORCE[request.time_in_force]
    if request.reduce_only:
        params["reduceOnly"] = True
    return (
        listing.unified,
        "limit" if limit else "market",
        _side(request),
        listing.amount(request.quantity_lots),
        listing.price(request.price_ticks) if limit else None,
        params,
    )


def order_parameters(listing: Listing, request: OrderRequest) -> dict[str, Any]:
    """The parameters of the venue's own order endpoint, the very ones ccxt's createOrder makes of `order_arguments`.

    Written directly: ccxt takes as long over them, and over an answer in its unified form that nobody reads, as over
    everything else of a placement.
    """
    parameters: dict[str, Any] = {
        "symbol": listing.symbol,
        "side": _side(request).upper(),
        "newClientOrderId": request.client_order_id,
        "newOrderRespType": "RESULT",
        "type": "MARKET",
        "quantity": listing.amount(request.quantity_lots),
    }
    if request.type == ORDER_TYPE_LIMIT:
        parameters["type"] = "LIMIT"
        parameters["price"] = listing.price(request.price_ticks)
        parameters |= _TIME_IN_FORCE[request.time_in_force]
    if request.reduce_only:
        parameters["reduceOnly"] = True
    return parameters


def told(listing: Listing, request: OrderRequest) -> str:
    """The order for people."""
    _, _, side, amount, price, _ = order_arguments(listing, request)
    return f"{side} {amount} {request.symbol} at {price or 'market'} ({request.client_order_id})"


def _side(request: OrderRequest) -> str:
    return "buy" if request.side == SIDE_BUY else "sell"
