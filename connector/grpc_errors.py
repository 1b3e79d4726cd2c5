"""The one mapping from our errors to gRPC codes (ERR-1). "Never again" and "again later" are told apart by the code.

| code | what it says |
|---|---|
| INVALID_ARGUMENT | the request is malformed; the details name the field |
| FAILED_PRECONDITION | the venue or a limit refuses it as things are: never retry as it is |
| ALREADY_EXISTS | the client order id was used with other details |
| NOT_FOUND | no such order or instrument |
| RESOURCE_EXHAUSTED | refused for its rate, or a subscriber was too slow: later |
| OUT_OF_RANGE | the log no longer has, or never had, what a stream should go on after: begin it anew |
| UNAVAILABLE | certain not to have happened: may be sent again |
| UNAUTHENTICATED | the venue refuses our key, or the caller has not the connector's token |
| UNKNOWN | it may have happened: look the order up, never send again blindly (WF-3) |
"""

import grpc

from connector.broadcast import SlowSubscriberError, StreamEndedError
from connector.errors import (
    AuthenticationError,
    ClockSkewError,
    DuplicateOrderError,
    InvalidOrderError,
    NotSentError,
    OrderNotFoundError,
    OutcomeUnknownError,
    RateLimitedError,
    UnknownSymbolError,
    VenueError,
    VenueRejectedError,
    VenueUnavailableError,
)
from connector.gateway.errors import AlreadyExistsError, BreakerOpenError
from connector.replay import BrokenSequenceError, MissedError
from connector.transport_security import UnauthenticatedError
from topics.errors import TapelineError

CODE_KEY = "tapeline-code"
RETRY_AFTER_KEY = "tapeline-retry-after-ms"


class InvalidFieldError(TapelineError):
    """A request's field cannot be what it is. `field` is its name in the proto."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field


# The first that fits; special ones before general ones.
_CODES: tuple[tuple[type[Exception], grpc.StatusCode], ...] = (
    (InvalidFieldError, grpc.StatusCode.INVALID_ARGUMENT),
    (AlreadyExistsError, grpc.StatusCode.ALREADY_EXISTS),
    (SlowSubscriberError, grpc.StatusCode.RESOURCE_EXHAUSTED),
    (StreamEndedError, grpc.StatusCode.UNAVAILABLE),
    (MissedError, grpc.StatusCode.OUT_OF_RANGE),
    (BrokenSequenceError, grpc.StatusCode.DATA_LOSS),
    (UnauthenticatedError, grpc.StatusCode.UNAUTHENTICATED),
    (RateLimitedError, grpc.StatusCode.RESOURCE_EXHAUSTED),
    (NotSentError, grpc.StatusCode.UNAVAILABLE),
    (BreakerOpenError, grpc.StatusCode.UNAVAILABLE),
    (VenueUnavailableError, grpc.StatusCode.UNAVAILABLE),
    (OutcomeUnknownError, grpc.StatusCode.UNKNOWN),
    (AuthenticationError, grpc.StatusCode.UNAUTHENTICATED),
    (DuplicateOrderError, grpc.StatusCode.ALREADY_EXISTS),
    (OrderNotFoundError, grpc.StatusCode.NOT_FOUND),
    (UnknownSymbolError, grpc.StatusCode.NOT_FOUND),
    (InvalidOrderError, grpc.StatusCode.INVALID_ARGUMENT),
    (ClockSkewError, grpc.StatusCode.FAILED_PRECONDITION),
    (VenueRejectedError, grpc.StatusCode.FAILED_PRECONDITION),
    (TapelineError, grpc.StatusCode.FAILED_PRECONDITION),
    (TimeoutError, grpc.StatusCode.DEADLINE_EXCEEDED),
)


def code_of(error: Exception) -> grpc.StatusCode:
    return next((code for kind, code in _CODES if isinstance(error, kind)), grpc.StatusCode.INTERNAL)


def metadata_of(error: Exception) -> tuple[tuple[str, str], ...]:
    """Trailing metadata for programs: our stable code, and when to come again."""
    found: list[tuple[str, str]] = []
    if isinstance(error, VenueError):
        found.append((CODE_KEY, error.code))
    if isinstance(error, RateLimitedError) and error.retry_after_s is not None:
        found.append((RETRY_AFTER_KEY, str(int(error.retry_after_s * 1000))))
    return tuple(found)
