"""gRPC requests become ticks and lots, or are refused with the field that is wrong; errors become codes."""

from typing import Any

import grpc
import pytest

from connector import errors, grpc_errors
from connector.broadcast import SlowSubscriberError
from connector.gateway.errors import AlreadyExistsError
from connector.grpc_errors import InvalidFieldError, code_of, metadata_of
from connector.requests import order_ids, order_request
from connector.v1.connector_pb2 import GetOrderRequest, PlaceOrderRequest
from topics.errors import TapelineError
from topics.v1.common_pb2 import Grain, OrderType, Side, TimeInForce
from topics.v1.instruments_pb2 import Instrument
from topics.v1.orders_pb2 import OrderUpdate

INSTRUMENTS = {"BTCUSDT": Instrument(symbol="BTCUSDT", grain=Grain(tick_size="0.10", lot_size="0.001"))}


def place(**changes: Any) -> PlaceOrderRequest:
    values: dict[str, Any] = {
        "symbol": "BTCUSDT",
        "client_order_id": "tl0123456789",
        "side": Side.SIDE_BUY,
        "type": OrderType.ORDER_TYPE_LIMIT,
        "time_in_force": TimeInForce.TIME_IN_FORCE_GTC,
        "price": "43000.5",
        "quantity": "0.010",
    }
    return PlaceOrderRequest(**(values | changes))


def test_decimals_become_whole_ticks_and_lots() -> None:
    """ORD-7: exact at the edge."""
    order = order_request(place(), INSTRUMENTS)
    assert (order.price_ticks, order.quantity_lots) == (430005, 10)


def test_a_market_order_has_no_price_and_is_immediate() -> None:
    """ORD-1: without a time in force it is immediate or cancel."""
    order = order_request(
        place(type=OrderType.ORDER_TYPE_MARKET, price="", time_in_force=TimeInForce.TIME_IN_FORCE_UNSPECIFIED),
        INSTRUMENTS,
    )
    assert (order.price_ticks, order.time_in_force) == (0, TimeInForce.TIME_IN_FORCE_IOC)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("symbol", "DOGEUSDT"),
        ("client_order_id", ""),
        ("client_order_id", "x" * 29),
        ("client_order_id", "a b"),
        ("client_order_id", "a_b"),
        ("client_order_id", "a-b"),
        ("side", Side.SIDE_UNSPECIFIED),
        ("type", OrderType.ORDER_TYPE_UNSPECIFIED),
        ("time_in_force", TimeInForce.TIME_IN_FORCE_UNSPECIFIED),
        ("price", ""),
        ("price", "43000.55"),
        ("price", "NaN"),
        ("price", "-1"),
        ("quantity", "0"),
        ("quantity", "0.0001"),
        ("quantity", "1e"),
        ("quantity", "Infinity"),
    ],
)
def test_what_cannot_be_is_refused_by_its_field(field: str, value: Any) -> None:
    """ERR-1: INVALID_ARGUMENT names the field and the value."""
    with pytest.raises(InvalidFieldError) as refused:
        order_request(place(**{field: value}), INSTRUMENTS)
    assert refused.value.field == field
    assert str(refused.value).startswith(f"{field}: ")


def test_a_look_up_without_an_id_is_refused() -> None:
    """GRPC-2: by order id or client id, not by neither."""
    with pytest.raises(InvalidFieldError, match="order: is not set"):
        order_ids(GetOrderRequest(symbol="BTCUSDT"))
    assert order_ids(GetOrderRequest(client_order_id="a")) == ("a", "")
    assert order_ids(GetOrderRequest(venue_order_id="7")) == ("", "7")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.InsufficientFundsError("x"), grpc.StatusCode.FAILED_PRECONDITION),
        (errors.RateLimitedError("x"), grpc.StatusCode.RESOURCE_EXHAUSTED),
        (errors.NotSentError("x"), grpc.StatusCode.UNAVAILABLE),
        (errors.VenueUnavailableError("x"), grpc.StatusCode.UNAVAILABLE),
        (errors.OutcomeUnknownError("x"), grpc.StatusCode.UNKNOWN),
        (errors.AuthenticationError("x"), grpc.StatusCode.UNAUTHENTICATED),
        (errors.OrderNotFoundError("x"), grpc.StatusCode.NOT_FOUND),
        (errors.PostOnlyWouldTakeError("x"), grpc.StatusCode.FAILED_PRECONDITION),
        (errors.ReduceOnlyRejectedError("x"), grpc.StatusCode.FAILED_PRECONDITION),
        (errors.InvalidOrderError("x"), grpc.StatusCode.INVALID_ARGUMENT),
        (AlreadyExistsError("x", OrderUpdate()), grpc.StatusCode.ALREADY_EXISTS),
        (SlowSubscriberError("x"), grpc.StatusCode.RESOURCE_EXHAUSTED),
        (InvalidFieldError("price", "x"), grpc.StatusCode.INVALID_ARGUMENT),
        (TimeoutError(), grpc.StatusCode.DEADLINE_EXCEEDED),
        (TapelineError("x"), grpc.StatusCode.FAILED_PRECONDITION),
        (ZeroDivisionError(), grpc.StatusCode.INTERNAL),
    ],
)
def test_each_error_has_one_code(error: Exception, code: grpc.StatusCode) -> None:
    """ERR-1: insufficient funds (never again) is not rate limit (later)."""
    assert code_of(error) is code


def test_every_venue_error_is_mapped_on_purpose() -> None:
    """ERR-1: a new class of error cannot fall through to INTERNAL."""
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.VenueError)]
    assert len(kinds) > 12
    assert all(code_of(kind("x")) is not grpc.StatusCode.INTERNAL for kind in kinds)


def test_programs_get_the_stable_code_and_when_to_come_again() -> None:
    """ERR-1: Retry-After of the venue reaches the gRPC client."""
    assert metadata_of(errors.RateLimitedError("x", 1.5)) == (
        (grpc_errors.CODE_KEY, "RATE_LIMITED"),
        (grpc_errors.RETRY_AFTER_KEY, "1500"),
    )
    assert metadata_of(ZeroDivisionError()) == ()
