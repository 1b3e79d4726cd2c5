"""One table from what a venue or ccxt says of a placement to our error, its gRPC code, and what a caller may do next.

Codes and words are Binance's documented ones, spot and USDⓈ-M; each goes through the pinned ccxt's own class with our
hooks, as an answer from the wire does.
"""

import json
import subprocess
import sys

import pytest
from grpc import StatusCode

from connector.ccxt_adapter.client import Taps, VenueAnswerError, make_exchange
from connector.ccxt_adapter.errors import translate
from connector.errors import (
    AuthenticationError,
    ClockSkewError,
    DuplicateOrderError,
    InsufficientFundsError,
    InvalidOrderError,
    OrderNotFoundError,
    OutcomeUnknownError,
    PostOnlyWouldTakeError,
    RateLimitedError,
    ReduceOnlyRejectedError,
    UnknownSymbolError,
    UnsupportedError,
    VenueError,
    VenueRejectedError,
)
from connector.grpc_errors import code_of
from connector.settings import VenueConnection

NEVER, LATER, LOOK_UP = "never as it is", "later", "look it up"
CODES: dict[type[VenueError], tuple[StatusCode, str]] = {
    DuplicateOrderError: (StatusCode.ALREADY_EXISTS, NEVER),
    InsufficientFundsError: (StatusCode.FAILED_PRECONDITION, NEVER),
    PostOnlyWouldTakeError: (StatusCode.FAILED_PRECONDITION, NEVER),
    ReduceOnlyRejectedError: (StatusCode.FAILED_PRECONDITION, NEVER),
    ClockSkewError: (StatusCode.FAILED_PRECONDITION, NEVER),
    VenueRejectedError: (StatusCode.FAILED_PRECONDITION, NEVER),
    InvalidOrderError: (StatusCode.INVALID_ARGUMENT, NEVER),
    OrderNotFoundError: (StatusCode.NOT_FOUND, NEVER),
    UnknownSymbolError: (StatusCode.NOT_FOUND, NEVER),
    UnsupportedError: (StatusCode.FAILED_PRECONDITION, NEVER),
    AuthenticationError: (StatusCode.UNAUTHENTICATED, NEVER),
    RateLimitedError: (StatusCode.RESOURCE_EXHAUSTED, LATER),
    OutcomeUnknownError: (StatusCode.UNKNOWN, LOOK_UP),
}
TOLD_APART = {
    NEVER: {
        StatusCode.ALREADY_EXISTS,
        StatusCode.FAILED_PRECONDITION,
        StatusCode.INVALID_ARGUMENT,
        StatusCode.NOT_FOUND,
        StatusCode.UNAUTHENTICATED,
    },
    LATER: {StatusCode.RESOURCE_EXHAUSTED, StatusCode.UNAVAILABLE},
    LOOK_UP: {StatusCode.UNKNOWN},
}

ANSWERS: list[tuple[int, int, str, type[VenueError]]] = [
    (400, -1000, "An unknown error occurred while processing the request.", OutcomeUnknownError),
    (400, -1001, "Internal error; unable to process your request. Please try again.", OutcomeUnknownError),
    (401, -1002, "You are not authorized to execute this request.", AuthenticationError),
    (429, -1003, "Too many requests; current limit is 2400 requests per minute.", RateLimitedError),
    (418, -1003, "Way too many requests; IP(1.2.3.4) banned until 1700000000000.", RateLimitedError),
    (400, -1006, "An unexpected response was received from the message bus.", OutcomeUnknownError),
    (408, -1007, "Timeout waiting for response from backend server. Send status unknown.", OutcomeUnknownError),
    (503, -1008, "Server is currently overloaded with other requests. Please try again later.", RateLimitedError),
    (400, -1013, "Filter failure: PRICE_FILTER", InvalidOrderError),
    (400, -1013, "Filter failure: LOT_SIZE", InvalidOrderError),
    (400, -1013, "Filter failure: NOTIONAL", InvalidOrderError),
    (400, -1015, "Too many new orders; current limit is 300 orders per 10 SECOND.", RateLimitedError),
    (400, -1021, "Timestamp for this request was 1000ms ahead of the server's time.", ClockSkewError),
    (400, -1022, "Signature for this request is not valid.", AuthenticationError),
    (400, -1102, "Mandatory parameter 'price' was not sent, was empty/null, or malformed.", InvalidOrderError),
    (400, -1111, "Precision is over the maximum defined for this asset.", InvalidOrderError),
    (400, -1121, "Invalid symbol.", UnknownSymbolError),
    (400, -2010, "Duplicate order sent.", DuplicateOrderError),
    (400, -2010, "Account has insufficient balance for requested action.", InsufficientFundsError),
    (400, -2010, "Order would immediately match and take.", PostOnlyWouldTakeError),
    (400, -2010, "Market is closed.", VenueRejectedError),
    (400, -2010, "This action is disabled on this account.", VenueRejectedError),
    (400, -2010, "Order would trigger immediately.", VenueRejectedError),
    (400, -2011, "Unknown order sent.", OrderNotFoundError),
    (400, -2013, "Order does not exist.", OrderNotFoundError),
    (401, -2014, "API-key format invalid.", AuthenticationError),
    (401, -2015, "Invalid API-key, IP, or permissions for action.", AuthenticationError),
    (400, -2018, "Balance is insufficient.", InsufficientFundsError),
    (400, -2019, "Margin is insufficient.", InsufficientFundsError),
    (400, -2021, "Order would immediately trigger.", VenueRejectedError),
    (400, -2022, "ReduceOnly Order is rejected.", ReduceOnlyRejectedError),
    (400, -2027, "Exceeded the maximum allowable position at current leverage.", VenueRejectedError),
    (400, -4003, "Quantity less than zero.", InvalidOrderError),
    (400, -4014, "Price not increased by tick size.", InvalidOrderError),
    (400, -4116, "ClientOrderId is duplicated.", DuplicateOrderError),
    (400, -4118, "ReduceOnly order failed. Please check your existing position.", ReduceOnlyRejectedError),
    (400, -4164, "Order's notional must be no smaller than 5.0 (unless you choose reduce only)", InvalidOrderError),
    (400, -5022, "Due to the order could not be executed as maker, the Post Only order will be rejected.",
     PostOnlyWouldTakeError),
    (400, -5028, "Timestamp for this request is outside of the ME recvWindow.", ClockSkewError),
    (500, 0, "", OutcomeUnknownError),
    (502, 0, "", OutcomeUnknownError),
    (503, 0, "Unknown error, please check your request or try again later.", OutcomeUnknownError),
    (504, 0, "", OutcomeUnknownError),
]  # fmt: skip

# Of every class of the pinned ccxt: what is certain.
CERTAIN: dict[str, type[VenueError]] = {
    "InsufficientFunds": InsufficientFundsError,
    "DuplicateOrderId": DuplicateOrderError,
    "OrderNotFound": OrderNotFoundError,
    "OrderImmediatelyFillable": PostOnlyWouldTakeError,
    "InvalidOrder": InvalidOrderError,
    "OrderNotFillable": InvalidOrderError,
    "OrderNotCached": InvalidOrderError,
    "ContractUnavailable": InvalidOrderError,
    "ArgumentsRequired": InvalidOrderError,
    "BadRequest": InvalidOrderError,
    "BadSymbol": UnknownSymbolError,
    "AuthenticationError": AuthenticationError,
    "PermissionDenied": AuthenticationError,
    "AccountNotEnabled": AuthenticationError,
    "AccountSuspended": AuthenticationError,
    "InvalidNonce": ClockSkewError,
    "DDoSProtection": RateLimitedError,
    "RateLimitExceeded": RateLimitedError,
    "NotSupported": UnsupportedError,
    "OperationRejected": VenueRejectedError,
    "NoChange": VenueRejectedError,
    "MarginModeAlreadySet": VenueRejectedError,
    "MarketClosed": VenueRejectedError,
    "ManualInteractionNeeded": VenueRejectedError,
    "RestrictedLocation": VenueRejectedError,
}


# And what leaves an order's outcome open, on purpose: the class does not tell, or tells that nobody knows.
OPEN = {
    "BaseError", "ExchangeError", "OperationFailed", "NetworkError", "ExchangeNotAvailable", "OnMaintenance",
    "RequestTimeout", "ChecksumError", "BadResponse", "NullResponse", "CancelPending", "ExchangeClosedByUser",
    "InvalidAddress", "AddressPending", "InvalidProxySettings", "UnsubscribeError",
}  # fmt: skip


async def test_each_documented_answer_has_one_meaning_through_real_ccxt() -> None:
    """ERR-1: code, status and words to our error and gRPC code; "never" and "later" are never the same code."""
    exchange = make_exchange(VenueConnection(), Taps(frame=lambda _: False, connected=lambda _: None))
    url = "https://fapi.binance.com/fapi/v1/order"
    try:
        for status, code, words, expected in ANSWERS:
            said = {"code": code, "msg": words} if code else None
            body = json.dumps(said) if said else words
            with pytest.raises(VenueAnswerError) as answer:
                exchange.handle_errors(status, "", url, "POST", {"Retry-After": "3"}, body, said, None, None)
            error = translate(answer.value, what="placing", changes=True)
            grpc_code, advice = CODES[expected]
            assert (type(error), code_of(error)) == (expected, grpc_code), (status, code, words)
            assert grpc_code in TOLD_APART[advice]
            if isinstance(error, RateLimitedError):
                assert error.retry_after_s == 3
    finally:
        await exchange.close()


def test_never_and_later_share_no_code() -> None:
    """ERR-1: insufficient funds is not a rate limit, and neither is an open question."""
    assert not TOLD_APART[NEVER] & TOLD_APART[LATER]
    assert not TOLD_APART[LOOK_UP] & (TOLD_APART[NEVER] | TOLD_APART[LATER])
    assert {kind.code for kind in CODES} == {kind.code for kind in CERTAIN.values()} | {
        "OUTCOME_UNKNOWN",
        "REDUCE_ONLY_REJECTED",
    }


def test_every_class_of_the_pinned_ccxt_is_certain_or_to_be_looked_up() -> None:
    """ERR-1, WF-3: every class is named in one of the two tables; a new one leaves an order's outcome open."""
    program = (
        "import json\n"
        "from connector.ccxt_adapter.loading import exchange_class; exchange_class('binanceusdm')\n"
        "import ccxt.base.errors as e\n"
        "from connector.ccxt_adapter.errors import translate\n"
        "kinds = [k for k in vars(e).values() if isinstance(k, type) and issubclass(k, Exception)]\n"
        "t = lambda k: type(translate(k('a'), what='x', changes=True)).__name__\n"
        "print(json.dumps({k.__name__: t(k) for k in kinds}))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    told = json.loads(done.stdout)
    assert set(told) == set(CERTAIN) | OPEN
    assert not OPEN & set(CERTAIN)
    expected = {name: CERTAIN.get(name, OutcomeUnknownError).__name__ for name in told}
    assert told == expected
