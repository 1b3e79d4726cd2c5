"""What became of each item of a batch, in the terms of the gRPC service (ORD-2, ERR-1). Pure."""

from typing import Protocol

from connector.errors import OutcomeUnknownError, VenueError, VenueUnavailableError
from connector.grpc_errors import code_of
from connector.v1.connector_pb2 import (
    VERDICT_ACCEPTED,
    VERDICT_REJECTED,
    VERDICT_UNKNOWN,
    ItemError,
    OrderOutcome,
    Verdict,
)
from observability.logs import redact_text
from topics.errors import TapelineError
from topics.v1.orders_pb2 import (
    ORDER_STATUS_CANCELED,
    ORDER_STATUS_CLAIMED,
    ORDER_STATUS_DENIED,
    ORDER_STATUS_EXPIRED,
    ORDER_STATUS_FILLED,
    ORDER_STATUS_REJECTED,
    ORDER_STATUS_SENT,
    ORDER_STATUS_UNKNOWN,
    OrderUpdate,
)

_REFUSED = (ORDER_STATUS_DENIED, ORDER_STATUS_REJECTED)
_OPEN_QUESTION = (ORDER_STATUS_CLAIMED, ORDER_STATUS_SENT, ORDER_STATUS_UNKNOWN)
_ENDED = (ORDER_STATUS_FILLED, ORDER_STATUS_CANCELED, ORDER_STATUS_EXPIRED, *_REFUSED)


class Placed(Protocol):
    """What the gateway says of a placement."""

    @property
    def order(self) -> OrderUpdate: ...

    @property
    def existing(self) -> bool: ...


def placement_outcome(client_order_id: str, result: Placed | TapelineError) -> OrderOutcome:
    if isinstance(result, TapelineError):
        return _failed(result, client_order_id, "")
    order = result.order
    never_sent = order.status == ORDER_STATUS_CANCELED and not order.venue_order_id
    verdict = VERDICT_REJECTED if order.status in _REFUSED or never_sent else VERDICT_ACCEPTED
    return OrderOutcome(
        client_order_id=client_order_id,
        venue_order_id=order.venue_order_id,
        verdict=VERDICT_UNKNOWN if order.status in _OPEN_QUESTION else verdict,
        order=order,
        existing=result.existing,
    )


def cancel_outcome(result: OrderUpdate | TapelineError, client_order_id: str, venue_order_id: str) -> OrderOutcome:
    """An order that has not ended although the venue had nothing to cancel is looked up: unknown."""
    if isinstance(result, TapelineError):
        return _failed(result, client_order_id, venue_order_id)
    return OrderOutcome(
        client_order_id=client_order_id,
        venue_order_id=venue_order_id,
        verdict=VERDICT_ACCEPTED if result.status in _ENDED else VERDICT_UNKNOWN,
        order=result,
    )


def _failed(error: TapelineError, client_order_id: str, venue_order_id: str) -> OrderOutcome:
    code = code_of(error).name
    return OrderOutcome(
        client_order_id=client_order_id,
        venue_order_id=venue_order_id,
        verdict=_verdict(error),
        error=ItemError(
            grpc_code=code,
            code=error.code if isinstance(error, VenueError) else code,
            message=redact_text(str(error)),
        ),
    )


def _verdict(error: TapelineError) -> Verdict.ValueType:
    return VERDICT_UNKNOWN if isinstance(error, OutcomeUnknownError | VenueUnavailableError) else VERDICT_REJECTED
