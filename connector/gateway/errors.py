"""What the gateway itself can refuse, beside the venue's errors in connector.errors."""

from collections.abc import Mapping

from connector.errors import ConnectorError, VenueError
from connector.gateway.lifecycle import Order
from topics.v1.orders_pb2 import OrderUpdate


class AlreadyExistsError(ConnectorError):
    """The client order id was used for another order (WF-2). `existing` is that order."""

    def __init__(self, message: str, existing: OrderUpdate) -> None:
        super().__init__(message)
        self.existing = existing


class ClaimsTakenError(ConnectorError):
    """Ids of claims are in use. `orders`: those that have them, by client order id."""

    def __init__(self, orders: Mapping[str, Order]) -> None:
        super().__init__(f"claimed before: {', '.join(orders)}")
        self.orders = orders


class FencedError(ConnectorError):
    """Another gateway took over this account; this process may change nothing any more and must end."""


class BreakerOpenError(VenueError):
    """Certain not to have been sent: the venue failed too often (WF-6). May be asked for later."""

    code = "BREAKER_OPEN"
