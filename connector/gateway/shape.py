"""What can be an order at all, before any limit or instrument is looked at. Pure."""

import re

from connector.errors import InvalidOrderError
from connector.gateway.exposure import Denial
from connector.port import OrderRequest
from topics.v1.common_pb2 import OrderType, Side, TimeInForce

_SIDES = frozenset(Side.values())
_TYPES = frozenset(OrderType.values())
_TIMES_IN_FORCE = frozenset(TimeInForce.values())
_CLIENT_ORDER_ID = re.compile(r"[A-Za-z0-9]{1,28}")


def id_fault(client_order_id: str) -> Denial | None:
    """Why no venue could be given this client order id unchanged (WF-1), or None."""
    if _CLIENT_ORDER_ID.fullmatch(client_order_id):
        return None
    return Denial(
        "INVALID_CLIENT_ORDER_ID",
        f"client order id {client_order_id!r} is not 1 to 28 characters [A-Za-z0-9]; it must reach the venue unchanged",
    )


def choice_fault(request: OrderRequest) -> Denial | None:
    """A choice that is not made, or not one of ours; or None."""
    for code, what, value, known in (
        ("INVALID_SIDE", "side", request.side, _SIDES),
        ("INVALID_TYPE", "type", request.type, _TYPES),
        ("INVALID_TIME_IN_FORCE", "time in force", request.time_in_force, _TIMES_IN_FORCE),
    ):
        if value == 0 or value not in known:
            return Denial(code, f"order {request.client_order_id}: {what} {value} is not one of topics.v1")
    return None


def shape_fault(request: OrderRequest) -> Denial | None:
    """The first thing that keeps it from being an order: its id, or a choice that is not made; or None."""
    return id_fault(request.client_order_id) or choice_fault(request)


def check_shape(request: OrderRequest) -> None:
    """Raises InvalidOrderError."""
    if fault := shape_fault(request):
        raise InvalidOrderError(fault.reason)
