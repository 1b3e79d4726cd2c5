"""Each venue's codes as data: one meaning each, certain told from uncertain, "never" from "later"."""

import pytest

from connector.ccxt_adapter.client import VenueAnswerError
from connector.ccxt_adapter.errors import translate
from connector.errors import (
    AuthenticationError,
    DuplicateOrderError,
    InsufficientFundsError,
    InvalidOrderError,
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
from connector.venue_errors import BITGET, BYBIT, GATE, OKX, UNTOLD, ErrorTable

TABLES = {"bybit": BYBIT, "okx": OKX, "bitget": BITGET, "gate": GATE}
ANSWERS: list[tuple[str, int, str, str, type[VenueError]]] = [
    ("bybit", 200, "110072", "OrderLinkedID is duplicate", DuplicateOrderError),
    ("bybit", 200, "170141", "Duplicate clientOrderId.", DuplicateOrderError),
    ("bybit", 200, "110001", "order not exists or too late to cancel", OrderNotFoundError),
    ("bybit", 200, "110007", "ab not enough for new order", InsufficientFundsError),
    ("bybit", 200, "110017", "orderQty will be truncated to zero.", ReduceOnlyRejectedError),
    ("bybit", 200, "170218", "The LIMIT-MAKER order is rejected due to invalid price.", PostOnlyWouldTakeError),
    ("bybit", 200, "10001", "params error: qty invalid", InvalidOrderError),
    ("bybit", 200, "10006", "Too many visits. Exceeded the API Rate Limit.", RateLimitedError),
    ("bybit", 200, "10000", "Server Timeout", OutcomeUnknownError),
    ("bybit", 200, "170007", "Timeout waiting for response from backend server.", OutcomeUnknownError),
    ("okx", 200, "51016", "Client order ID already exists.", DuplicateOrderError),
    ("okx", 200, "51603", "Order does not exist", OrderNotFoundError),
    ("okx", 200, "51008", "Order failed. Insufficient USDT balance in account.", InsufficientFundsError),
    ("okx", 200, "51169", "You don't have any positions in this direction", ReduceOnlyRejectedError),
    ("okx", 200, "51121", "Order quantity must be a multiple of the lot size.", InvalidOrderError),
    ("okx", 200, "51001", "Instrument ID does not exist.", UnknownSymbolError),
    ("okx", 429, "50011", "Rate limit reached.", RateLimitedError),
    ("okx", 200, "50061", "Sub-account rate limit reached", RateLimitedError),
    ("okx", 200, "50004", "API endpoint request timeout (does not indicate success or failure)", OutcomeUnknownError),
    ("okx", 401, "50113", "Invalid Sign", AuthenticationError),
    ("bitget", 400, "40786", "Duplicate clientOid", DuplicateOrderError),
    ("bitget", 400, "40768", "Order does not exist", OrderNotFoundError),
    ("bitget", 400, "43012", "Insufficient balance", InsufficientFundsError),
    ("bitget", 400, "40757", "Not enough position is available.", ReduceOnlyRejectedError),
    ("bitget", 400, "45110", "less than the minimum amount 5 USDT", InvalidOrderError),
    ("bitget", 429, "429", "Too Many Requests", RateLimitedError),
    ("bitget", 400, "40725", "service return an error", OutcomeUnknownError),
    ("gate", 400, "REPEATED_CREATION", "Order with the same text", DuplicateOrderError),
    ("gate", 400, "ORDER_NOT_FOUND", "Order not found", OrderNotFoundError),
    ("gate", 400, "BALANCE_NOT_ENOUGH", "Not enough balance", InsufficientFundsError),
    ("gate", 400, "POC_FILL_IMMEDIATELY", "Order would match and take immediately", PostOnlyWouldTakeError),
    ("gate", 400, "INCREASE_POSITION", "reduce-only order increases position", ReduceOnlyRejectedError),
    ("gate", 429, "TOO_MANY_REQUESTS", "Request Rate limit Exceeded", RateLimitedError),
    ("gate", 400, "RISK_LIMIT_EXCEEDED", "Risk limit exceeded", VenueRejectedError),
    ("gate", 503, "TOO_BUSY", "Exchange is too busy", OutcomeUnknownError),
]  # fmt: skip


@pytest.mark.parametrize(("venue", "status", "code", "words", "expected"), ANSWERS)
def test_a_documented_answer_has_one_meaning(
    venue: str, status: int, code: str, words: str, expected: type[VenueError]
) -> None:
    """ERR-1: by the venue's own code, whatever the HTTP status."""
    answer = VenueAnswerError(status, code, words, 2.0)
    error = translate(answer, what="placing", changes=True, table=TABLES[venue])
    assert type(error) is expected
    assert words in str(error)
    if isinstance(error, RateLimitedError):
        assert error.retry_after_s == 2.0
    if expected is OutcomeUnknownError:
        reading = translate(answer, what="reading", changes=False, table=TABLES[venue])
        assert type(reading) is VenueUnavailableError


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_no_code_is_both_certain_and_uncertain(table: ErrorTable) -> None:
    """WF-3: a code the venue itself is not sure of is in no list of refusals."""
    assert not table.uncertain & table.by_code.keys()
    assert table.several_cases <= table.by_code.keys()
    assert table.uncertain


class JudgedError(Exception):
    """Stands for a class of ccxt's that says nothing about what happened, such as ExchangeError."""


@pytest.mark.parametrize("table", [*TABLES.values(), UNTOLD], ids=[*TABLES, "any other"])
def test_a_code_nobody_knows_leaves_an_order_open(table: ErrorTable) -> None:
    """WF-3: neither the table, nor the words, nor ccxt's class tell: it is looked up."""
    answer = VenueAnswerError(200, "987654", "something new", None)
    answer.__cause__ = JudgedError()
    assert type(translate(answer, what="placing", changes=True, table=table)) is OutcomeUnknownError
    answer = VenueAnswerError(200, "987654", "Order would immediately match and take.", None)
    answer.__cause__ = JudgedError()
    assert type(translate(answer, what="placing", changes=True, table=table)) is PostOnlyWouldTakeError
