"""The one mapping from what ccxt raises and venues answer to connector.errors (ERR-1).

Codes first, the venue's words where a code covers several cases or is new, then the HTTP status, then the class ccxt
gave the answer. On a call that changes something, whatever is not certain to have failed is OutcomeUnknownError; on a
read it is VenueUnavailableError. A venue's codes and words are data: `connector.venue_errors`.
"""

import re
from collections.abc import Mapping

import aiohttp

from connector.ccxt_adapter.client import VenueAnswerError
from connector.errors import (
    AuthenticationError,
    ClockSkewError,
    DuplicateOrderError,
    InsufficientFundsError,
    InvalidOrderError,
    NotSentError,
    OrderNotFoundError,
    OutcomeUnknownError,
    PostOnlyWouldTakeError,
    RateLimitedError,
    UnknownSymbolError,
    UnsupportedError,
    VenueError,
    VenueRejectedError,
    VenueUnavailableError,
)
from connector.venue_errors import BINANCE, ErrorTable

# By name, along the class's ancestors: ccxt's classes are not imported here, its loading is somebody else's.
_BY_CCXT_CLASS: Mapping[str, type[VenueError]] = {
    "InsufficientFunds": InsufficientFundsError,
    "DuplicateOrderId": DuplicateOrderError,
    "OrderNotFound": OrderNotFoundError,
    "OrderImmediatelyFillable": PostOnlyWouldTakeError,
    "InvalidOrder": InvalidOrderError,
    "BadSymbol": UnknownSymbolError,
    "AuthenticationError": AuthenticationError,
    "InvalidNonce": ClockSkewError,
    "DDoSProtection": RateLimitedError,
    "RateLimitExceeded": RateLimitedError,
    "BadRequest": InvalidOrderError,
    "ArgumentsRequired": InvalidOrderError,
    "NotSupported": UnsupportedError,
    "OperationRejected": VenueRejectedError,
}
_UNCERTAIN_CLASSES = frozenset({"ChecksumError"})  # below InvalidNonce in ccxt, and about no clock
_CERTAINLY_NOT_SENT = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)
_QUERY = re.compile(r"\?\S*")


def translate(error: Exception, *, what: str, changes: bool, table: ErrorTable = BINANCE) -> VenueError:
    """`what` names the call with its values for people; `changes`: it may have changed something at the venue."""
    if isinstance(error, VenueAnswerError):
        return _from_answer(error, what, changes=changes, table=table)
    cause = error.__cause__ or error
    if isinstance(cause, _CERTAINLY_NOT_SENT):
        return NotSentError(f"{what}: no connection to the venue: {_plain(cause)}; nothing was sent")
    if found := _by_class(error):
        return found(f"{what}: {_plain(error)}")
    return _uncertain(f"{what}: {type(error).__name__}: {_plain(error)}", changes=changes)


def _by_class(error: BaseException) -> type[VenueError] | None:
    """None: the class leaves open what happened."""
    for ancestor in type(error).__mro__:
        if ancestor.__name__ in _UNCERTAIN_CLASSES:
            return None
        if found := _BY_CCXT_CLASS.get(ancestor.__name__):
            return found
    return None


def _from_answer(answer: VenueAnswerError, what: str, *, changes: bool, table: ErrorTable) -> VenueError:
    message = f"{what}: the venue answered {answer.code or f'HTTP {answer.status}'}: {answer.words}"
    if answer.status in (418, 429):
        return RateLimitedError(message, answer.retry_after_s)
    if answer.code in table.uncertain:
        return _uncertain(message, changes=changes)
    kind = table.kind_of(answer.code, answer.words)
    judged = answer.__cause__
    if kind is None and (answer.status >= 500 or answer.status == 408):
        return _uncertain(message, changes=changes)
    if kind is None and judged is not None:
        kind = _by_class(judged)
    if kind is RateLimitedError:
        return RateLimitedError(message, answer.retry_after_s)
    if kind is not None:
        return kind(message)
    if answer.status in (401, 403):
        return AuthenticationError(message)
    return VenueRejectedError(message) if judged is None else _uncertain(message, changes=changes)


def _uncertain(message: str, *, changes: bool) -> VenueError:
    if changes:
        return OutcomeUnknownError(f"{message}; it may have been done: look the order up by its client order id")
    return VenueUnavailableError(f"{message}; try again")


def _plain(error: BaseException) -> str:
    """Without query strings: they hold signatures."""
    return _QUERY.sub("", str(error)) or type(error).__name__
