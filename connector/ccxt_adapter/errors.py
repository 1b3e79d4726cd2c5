"""The one mapping from what ccxt raises and venues answer to connector.errors (ERR-1).

Codes first, the venue's words where a code covers several cases or is new, then the HTTP status, then
ccxt's class. On a call that changes something,
whatever is not certain to have failed is OutcomeUnknownError; on a read it is VenueUnavailableError.
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
    ReduceOnlyRejectedError,
    UnknownSymbolError,
    VenueError,
    VenueRejectedError,
    VenueUnavailableError,
)

# Binance, spot and USDⓈ-M. -2010 and -2011 cover several cases: their words decide, this is what is left.
_BY_CODE: Mapping[str, type[VenueError]] = {
    "-1002": AuthenticationError,
    "-1003": RateLimitedError,
    "-1008": RateLimitedError,
    "-1015": RateLimitedError,
    "-1021": ClockSkewError,
    "-1022": AuthenticationError,
    "-1121": UnknownSymbolError,
    "-2008": AuthenticationError,
    "-2011": OrderNotFoundError,
    "-2013": OrderNotFoundError,
    "-2014": AuthenticationError,
    "-2015": AuthenticationError,
    "-2018": InsufficientFundsError,
    "-2019": InsufficientFundsError,
    "-2022": ReduceOnlyRejectedError,
    "-4116": DuplicateOrderError,
    "-4118": ReduceOnlyRejectedError,
    "-5022": PostOnlyWouldTakeError,
    "-5028": ClockSkewError,
}
_SEVERAL_CASES = frozenset({"-2010", "-2011"})
# Parameters, filters and limits of one order: what is left of these ranges.
_ABOUT_THE_ORDER = (range(1100, 1131), range(1013, 1014), range(4000, 4200))
# The venue itself does not know what became of the request.
_UNCERTAIN_CODES = frozenset({"-1000", "-1001", "-1006", "-1007", "-1016"})

_BY_WORDS: tuple[tuple[re.Pattern[str], type[VenueError]], ...] = (
    (re.compile(r"duplicate order|clientorderid is duplicated", re.I), DuplicateOrderError),
    (re.compile(r"insufficient", re.I), InsufficientFundsError),
    (re.compile(r"immediately match and take|post.?only", re.I), PostOnlyWouldTakeError),
    (re.compile(r"reduce.?only", re.I), ReduceOnlyRejectedError),
    (re.compile(r"unknown order|order does not exist", re.I), OrderNotFoundError),
)

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
    "NotSupported": VenueRejectedError,
    "OperationRejected": VenueRejectedError,
}
_UNCERTAIN_CLASSES = frozenset({"ChecksumError"})  # below InvalidNonce in ccxt, and about no clock
_CERTAINLY_NOT_SENT = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)
_QUERY = re.compile(r"\?\S*")


def translate(error: Exception, *, what: str, changes: bool) -> VenueError:
    """`what` names the call with its values for people; `changes`: it may have changed something at the venue."""
    if isinstance(error, VenueAnswerError):
        return _from_answer(error, what, changes=changes)
    cause = error.__cause__ or error
    if isinstance(cause, _CERTAINLY_NOT_SENT):
        return NotSentError(f"{what}: no connection to the venue: {_plain(cause)}; nothing was sent")
    for ancestor in type(error).__mro__:
        if ancestor.__name__ in _UNCERTAIN_CLASSES:
            break
        if found := _BY_CCXT_CLASS.get(ancestor.__name__):
            return found(f"{what}: {_plain(error)}")
    return _uncertain(f"{what}: {type(error).__name__}: {_plain(error)}", changes=changes)


def _from_answer(answer: VenueAnswerError, what: str, *, changes: bool) -> VenueError:
    message = f"{what}: the venue answered {answer.code or f'HTTP {answer.status}'}: {answer.words}"
    if answer.status in (418, 429):
        return RateLimitedError(message, answer.retry_after_s)
    if answer.code in _UNCERTAIN_CODES:
        return _uncertain(message, changes=changes)
    kind_of_code = _BY_CODE.get(answer.code) or _about_the_order(answer.code)
    if answer.code in _SEVERAL_CASES or (answer.code and kind_of_code is None):
        kind_of_code = next((kind for words, kind in _BY_WORDS if words.search(answer.words)), kind_of_code)
    if kind_of_code is RateLimitedError:
        return RateLimitedError(message, answer.retry_after_s)
    if kind_of_code is not None:
        return kind_of_code(message)
    if answer.status >= 500 or answer.status == 408:
        return _uncertain(message, changes=changes)
    if answer.status in (401, 403):
        return AuthenticationError(message)
    return VenueRejectedError(message)


def _about_the_order(code: str) -> type[VenueError] | None:
    number = -int(code) if code.removeprefix("-").isdigit() else 0
    return InvalidOrderError if any(number in numbers for numbers in _ABOUT_THE_ORDER) else None


def _uncertain(message: str, *, changes: bool) -> VenueError:
    if changes:
        return OutcomeUnknownError(f"{message}; it may have been done: look the order up by its client order id")
    return VenueUnavailableError(f"{message}; try again")


def _plain(error: BaseException) -> str:
    """Without query strings: they hold signatures."""
    return _QUERY.sub("", str(error)) or type(error).__name__
