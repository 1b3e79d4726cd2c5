"""gRPC requests to our terms: decimal strings to ticks and lots, each field checked, each refusal naming its field."""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation

from connector.gateway.shape import id_fault
from connector.grpc_errors import InvalidFieldError
from connector.port import OrderRequest
from connector.v1.connector_pb2 import CancelOrderRequest, GetCandlesRequest, GetOrderRequest, PlaceOrderRequest
from topics.errors import OffGridError
from topics.scale import Scale
from topics.v1.common_pb2 import OrderType, Side, TimeInForce
from topics.v1.instruments_pb2 import Instrument

_MARKET_TIMES_IN_FORCE = (TimeInForce.TIME_IN_FORCE_UNSPECIFIED, TimeInForce.TIME_IN_FORCE_IOC)
_LIMIT_TIMES_IN_FORCE = (
    TimeInForce.TIME_IN_FORCE_GTC,
    TimeInForce.TIME_IN_FORCE_IOC,
    TimeInForce.TIME_IN_FORCE_FOK,
    TimeInForce.TIME_IN_FORCE_POST_ONLY,
)
MOST_IN_A_BATCH = 100
MOST_CANDLES = 1_000
CANDLES = 100
MINUTE_MS = 60_000


def order_request(request: PlaceOrderRequest, instruments: Mapping[str, Instrument]) -> OrderRequest:
    """Raises InvalidFieldError."""
    scale = Scale.of(followed(request.symbol, instruments).grain)
    if fault := id_fault(request.client_order_id):
        raise InvalidFieldError("client_order_id", fault.reason)
    if request.side not in (Side.SIDE_BUY, Side.SIDE_SELL):
        raise InvalidFieldError("side", "is not set; SIDE_BUY or SIDE_SELL")
    limit = request.type == OrderType.ORDER_TYPE_LIMIT
    if not limit and request.type != OrderType.ORDER_TYPE_MARKET:
        raise InvalidFieldError("type", "is not set; ORDER_TYPE_LIMIT or ORDER_TYPE_MARKET")
    if request.time_in_force not in (_LIMIT_TIMES_IN_FORCE if limit else _MARKET_TIMES_IN_FORCE):
        raise InvalidFieldError("time_in_force", "a limit order has one; a market order none, or IOC")
    if not limit and request.price:
        raise InvalidFieldError("price", f"is {request.price!r}; a market order has none")
    return OrderRequest(
        symbol=request.symbol,
        client_order_id=request.client_order_id,
        side=request.side,
        type=request.type,
        time_in_force=request.time_in_force or TimeInForce.TIME_IN_FORCE_IOC,
        price_ticks=_ticks(scale, request.price) if limit else 0,
        quantity_lots=_lots(scale, request.quantity),
        reduce_only=request.reduce_only,
    )


def order_request_or_fault(
    request: PlaceOrderRequest, instruments: Mapping[str, Instrument]
) -> OrderRequest | InvalidFieldError:
    """For an item of a batch, which must not fail the others."""
    try:
        return order_request(request, instruments)
    except InvalidFieldError as fault:
        return fault


def at_most_in_a_batch(field: str, count: int) -> None:
    """Raises InvalidFieldError."""
    if not 1 <= count <= MOST_IN_A_BATCH:
        raise InvalidFieldError(field, f"has {count} orders; a batch has 1 to {MOST_IN_A_BATCH}")


def order_ids(request: CancelOrderRequest | GetOrderRequest) -> tuple[str, str]:
    """Client and venue order id; one of them is empty. Raises InvalidFieldError."""
    which = request.WhichOneof("order")
    if which is None or not getattr(request, which):
        raise InvalidFieldError("order", "is not set; client_order_id or venue_order_id")
    return request.client_order_id, request.venue_order_id


def candles_wanted(request: GetCandlesRequest) -> dict[str, int]:
    """Arguments of `VenuePort.candles`. Raises InvalidFieldError."""
    if not 0 <= request.limit <= MOST_CANDLES:
        raise InvalidFieldError("limit", f"is {request.limit}; 1 to {MOST_CANDLES}, or 0 for {CANDLES}")
    for field in ("interval_ms", "start_ms", "until_ms"):
        if getattr(request, field) < 0:
            raise InvalidFieldError(field, f"is {getattr(request, field)}; it counts milliseconds")
    if request.until_ms and request.until_ms <= request.start_ms:
        raise InvalidFieldError("until_ms", f"is {request.until_ms}; it must be later than start_ms {request.start_ms}")
    return {
        "interval_ms": request.interval_ms or MINUTE_MS,
        "limit": request.limit or CANDLES,
        "start_ms": request.start_ms,
        "until_ms": request.until_ms,
    }


def followed(symbol: str, instruments: Mapping[str, Instrument]) -> Instrument:
    try:
        return instruments[symbol]
    except KeyError:
        known = ", ".join(sorted(instruments)) or "none"
        raise InvalidFieldError("symbol", f"{symbol!r} is not followed; followed: {known}") from None


def _ticks(scale: Scale, price: str) -> int:
    try:
        return scale.ticks(_positive("price", price))
    except OffGridError as error:
        raise InvalidFieldError("price", str(error)) from error


def _lots(scale: Scale, quantity: str) -> int:
    try:
        return scale.lots(_positive("quantity", quantity))
    except OffGridError as error:
        raise InvalidFieldError("quantity", str(error)) from error


def _positive(field: str, text: str) -> Decimal:
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise InvalidFieldError(field, f"{text!r} is not a decimal number, e.g. 0.001") from None
    if not (value.is_finite() and value > 0):
        raise InvalidFieldError(field, f"{text!r} is not a positive number")
    return value
