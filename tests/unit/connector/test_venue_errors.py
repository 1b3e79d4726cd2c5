"""Each venue answer and each broken connection becomes one error of ours, and certain is told from uncertain."""

import re
import subprocess
import sys

import aiohttp
import pytest
from aiohttp.client_reqrep import ConnectionKey
from hypothesis import given
from hypothesis import strategies as st

from connector.ccxt_adapter.client import VenueAnswerError
from connector.ccxt_adapter.errors import translate
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

ANSWERS = [
    (400, "-4116", "ClientOrderId is duplicated.", DuplicateOrderError),
    (400, "-2010", "Duplicate order sent.", DuplicateOrderError),
    (400, "-2010", "Account has insufficient balance for requested action.", InsufficientFundsError),
    (400, "-2010", "Order would immediately match and take.", PostOnlyWouldTakeError),
    (400, "-2011", "Unknown order sent.", OrderNotFoundError),
    (400, "-2013", "Order does not exist.", OrderNotFoundError),
    (400, "-2019", "Margin is insufficient.", InsufficientFundsError),
    (400, "-2022", "ReduceOnly Order is rejected.", ReduceOnlyRejectedError),
    (
        400,
        "-5022",
        "Due to the order could not be executed as maker, the Post Only order will be rejected.",
        PostOnlyWouldTakeError,
    ),
    (400, "-1021", "Timestamp for this request is outside of the recvWindow.", ClockSkewError),
    (400, "-1022", "Signature for this request is not valid.", AuthenticationError),
    (401, "-2014", "API-key format invalid.", AuthenticationError),
    (401, "-2015", "Invalid API-key, IP, or permissions for action.", AuthenticationError),
    (400, "-1121", "Invalid symbol.", UnknownSymbolError),
    (400, "-1111", "Precision is over the maximum defined for this asset.", InvalidOrderError),
    (400, "-4164", "Order's notional must be no smaller than 5.0", InvalidOrderError),
    (429, "-1003", "Too many requests.", RateLimitedError),
    (418, "", "I'm a teapot", RateLimitedError),
    (503, "-1008", "Server is currently overloaded with other requests.", RateLimitedError),
    (400, "-2027", "Exceeded the maximum allowable position at current leverage.", VenueRejectedError),
    (404, "", "", VenueRejectedError),
]
UNCERTAIN = [
    (408, "-1007", "Timeout waiting for response from backend server. Send status unknown."),
    (400, "-1006", "An unexpected response was received from the message bus. Execution status unknown."),
    (503, "", "Service Unavailable"),
    (500, "-9999", "something new"),
    (502, "", "<html>Bad Gateway</html>"),
]


@pytest.mark.parametrize(("status", "code", "words", "expected"), ANSWERS)
@pytest.mark.parametrize("changes", [True, False])
def test_a_certain_refusal_is_told_by_code_and_words(
    status: int, code: str, words: str, expected: type[VenueError], changes: bool
) -> None:
    """ERR-1: insufficient funds is not rate limit; the venue's words stay in the message."""
    error = translate(VenueAnswerError(status, code, words, None), what="placing one", changes=changes)
    assert type(error) is expected
    assert words in str(error)
    assert str(error).startswith("placing one: ")


@pytest.mark.parametrize(("status", "code", "words"), UNCERTAIN)
def test_what_the_venue_does_not_know_itself_is_unknown_on_orders_and_passing_on_reads(
    status: int, code: str, words: str
) -> None:
    """WF-3: a 5xx or a time-out behind the venue's door may have been executed."""
    answer = VenueAnswerError(status, code, words, None)
    assert type(translate(answer, what="placing", changes=True)) is OutcomeUnknownError
    assert type(translate(answer, what="reading", changes=False)) is VenueUnavailableError


@given(status=st.integers(500, 599), code=st.sampled_from(["", "-1234", "-9000"]), words=st.text(max_size=40))
def test_no_server_error_on_an_order_is_ever_taken_for_a_refusal(status: int, code: str, words: str) -> None:
    """WF-3: with a code we have no certain meaning for, 5xx is never final."""
    error = translate(VenueAnswerError(status, code, words, None), what="placing", changes=True)
    certain = isinstance(error, VenueRejectedError) and not re.search(
        r"duplicate|insufficient|immediately|post.?only|reduce.?only|unknown order|does not exist", words, re.I
    )
    assert not certain


def test_retry_after_reaches_the_caller() -> None:
    """ERR-1: the venue's own waiting time comes along."""
    error = translate(VenueAnswerError(429, "-1003", "Too many requests.", 17.0), what="reading", changes=False)
    assert isinstance(error, RateLimitedError)
    assert error.retry_after_s == 17.0


def _refused() -> aiohttp.ClientConnectorError:
    key = ConnectionKey("127.0.0.1", 9, is_ssl=False, ssl=True, proxy=None, proxy_auth=None, proxy_headers_hash=None)
    return aiohttp.ClientConnectorError(key, ConnectionRefusedError(111, "Connection refused"))


def test_a_refused_connection_is_certain_not_to_have_been_sent() -> None:
    """WF-4: such a call may be tried again."""
    assert type(translate(_refused(), what="placing", changes=True)) is NotSentError


@pytest.mark.parametrize("error", [aiohttp.ServerDisconnectedError(), TimeoutError(), ConnectionResetError()])
def test_a_connection_lost_after_sending_leaves_the_outcome_open(error: Exception) -> None:
    """WF-3: never re-sent blindly."""
    assert type(translate(error, what="placing", changes=True)) is OutcomeUnknownError
    assert type(translate(error, what="reading", changes=False)) is VenueUnavailableError


def test_signatures_in_addresses_do_not_reach_the_message() -> None:
    """GRPC-4: what ccxt puts into its errors holds the signed address."""
    error = translate(
        RuntimeError("GET https://venue/fapi/v1/order?symbol=X&signature=abcdef"), what="x", changes=False
    )
    assert "signature" not in str(error)
    assert "https://venue/fapi/v1/order" in str(error)


def test_ccxt_s_own_classes_are_known_by_name() -> None:
    """ERR-1: errors that come with status 200 are told by ccxt's class; the pinned version has all of them."""
    program = (
        "from connector.ccxt_adapter.loading import exchange_class; exchange_class('binanceusdm')\n"
        "import ccxt.base.errors as e\n"
        "from connector.ccxt_adapter.errors import _BY_CCXT_CLASS, translate\n"
        "assert all(hasattr(e, name) for name in _BY_CCXT_CLASS), 'ccxt renamed a class'\n"
        "t = lambda error: type(translate(error, what='x', changes=True)).__name__\n"
        "for kind in (e.InsufficientFunds, e.RateLimitExceeded, e.InvalidNonce, e.RequestTimeout): print(t(kind('a')))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [
        "InsufficientFundsError",
        "RateLimitedError",
        "ClockSkewError",
        "OutcomeUnknownError",
    ]
