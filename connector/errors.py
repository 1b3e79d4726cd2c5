"""One tree for everything a venue can answer (ERR-1): which outcome is certain, which call may be tried again.

Adapters translate into it, the gateway and the gRPC service read from it; nobody else looks at venue codes.
"""

from topics.errors import TapelineError


class ConnectorError(TapelineError):
    """Configuration or start-up of the connector is at fault."""


class VenueError(TapelineError):
    """The venue answered, or did not. `code` is stable and ours, the message holds the venue's own words."""

    code = "VENUE_ERROR"


class OutcomeUnknownError(VenueError):
    """The request may have reached the venue: timeout, connection lost after sending, 5xx on an order call.

    Never re-sent blindly (WF-3): look the order up by client order id.
    """

    code = "OUTCOME_UNKNOWN"


class NotSentError(VenueError):
    """Certain not to have reached the venue (connection refused, our own breaker). May be tried again."""

    code = "NOT_SENT"


class RateLimitedError(VenueError):
    """Refused for its rate; certain not to have been executed. May be tried again after `retry_after_s`."""

    code = "RATE_LIMITED"

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class VenueRejectedError(VenueError):
    """Refused for what it asks; the same request will be refused again. Never retried (WF-4)."""

    code = "REJECTED"


class InsufficientFundsError(VenueRejectedError):
    code = "INSUFFICIENT_FUNDS"


class PostOnlyWouldTakeError(VenueRejectedError):
    code = "POST_ONLY_WOULD_TAKE"


class InvalidOrderError(VenueRejectedError):
    """Tick, lot, notional or parameter outside the venue's rules."""

    code = "INVALID_ORDER"


class ReduceOnlyRejectedError(VenueRejectedError):
    code = "REDUCE_ONLY_REJECTED"


class DuplicateOrderError(VenueRejectedError):
    """The venue holds an order with this client order id: look it up and compare."""

    code = "DUPLICATE_ORDER"


class OrderNotFoundError(VenueRejectedError):
    code = "ORDER_NOT_FOUND"


class UnknownSymbolError(VenueRejectedError):
    code = "UNKNOWN_SYMBOL"


class UnsupportedError(VenueRejectedError):
    """The venue has no such call."""

    code = "UNSUPPORTED"


class AuthenticationError(VenueRejectedError):
    """The key, its signature or its permissions are refused (GRPC-4)."""

    code = "AUTHENTICATION"


class ClockSkewError(VenueRejectedError):
    """This machine's clock is further from the venue's than its window allows: set the clock (NTP)."""

    code = "CLOCK_SKEW"


class VenueUnavailableError(VenueError):
    """A read failed for a passing reason (timeout, 5xx, maintenance). May be tried again."""

    code = "VENUE_UNAVAILABLE"
