"""What each venue's error codes and words mean in ours (ERR-1). Data only; `ccxt_adapter.errors` reads it.

From the venues' documentation: developers.binance.com (spot and USDⓈ-M error codes), okx.com/docs-v5 (error code),
bybit-exchange.github.io/docs/v5/error, bitget.com/api-doc/common/error-code, gate.com/docs/developers/apiv4 (labels).
A code that is in no table is judged by the venue's words, then by the class ccxt gives it; what is still not certain
leaves an order's outcome open (WF-3).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from connector.errors import (
    AuthenticationError,
    ClockSkewError,
    DuplicateOrderError,
    InsufficientFundsError,
    InvalidOrderError,
    OrderNotFoundError,
    PostOnlyWouldTakeError,
    RateLimitedError,
    ReduceOnlyRejectedError,
    UnknownSymbolError,
    VenueError,
    VenueRejectedError,
)

_WORDS: tuple[tuple[re.Pattern[str], type[VenueError]], ...] = (
    (re.compile(r"duplicate order|(clientorderid|client order id|clientoid) (is |has been )?duplicate", re.I),
     DuplicateOrderError),
    (re.compile(r"insufficient", re.I), InsufficientFundsError),
    (re.compile(r"immediately match and take|post.?only", re.I), PostOnlyWouldTakeError),
    (re.compile(r"reduce.?only", re.I), ReduceOnlyRejectedError),
    (re.compile(r"unknown order|order does not exist", re.I), OrderNotFoundError),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ErrorTable:
    """`several_cases`: codes whose words decide. `uncertain`: the venue itself does not know what became of it.
    `about_the_order`: ranges of (negated) codes about parameters, filters and limits of one order."""

    by_code: Mapping[str, type[VenueError]] = field(default_factory=dict)
    by_words: tuple[tuple[re.Pattern[str], type[VenueError]], ...] = _WORDS
    several_cases: frozenset[str] = frozenset()
    uncertain: frozenset[str] = frozenset()
    about_the_order: tuple[range, ...] = ()

    def kind_of(self, code: str, words: str) -> type[VenueError] | None:
        """None: the table does not tell."""
        found = self.by_code.get(code) or self._about_the_order(code)
        if code in self.several_cases or (code and found is None):
            return next((kind for pattern, kind in self.by_words if pattern.search(words)), found)
        return found

    def _about_the_order(self, code: str) -> type[VenueError] | None:
        number = -int(code) if code.removeprefix("-").isdigit() else 0
        return InvalidOrderError if any(number in numbers for numbers in self.about_the_order) else None


def _each(*groups: tuple[type[VenueError], str]) -> dict[str, type[VenueError]]:
    return {code: kind for kind, codes in groups for code in codes.split()}


BINANCE = ErrorTable(
    by_code=_each(
        (AuthenticationError, "-1002 -1022 -2008 -2014 -2015"),
        (RateLimitedError, "-1003 -1008 -1015"),
        (ClockSkewError, "-1021 -5028"),
        (UnknownSymbolError, "-1121"),
        (OrderNotFoundError, "-2011 -2013"),
        (InsufficientFundsError, "-2018 -2019 -3006 -3041"),
        (ReduceOnlyRejectedError, "-2022 -4118"),
        (DuplicateOrderError, "-4116"),
        (PostOnlyWouldTakeError, "-5022"),
    ),
    several_cases=frozenset({"-2010", "-2011"}),
    uncertain=frozenset({"-1000", "-1001", "-1006", "-1007", "-1016"}),
    about_the_order=(range(1100, 1131), range(1013, 1014), range(4000, 4200)),
)

BYBIT = ErrorTable(
    by_code=_each(
        (AuthenticationError, "10003 10004 10005 10007 10009 10010 10024 10027 33004 -2015"),
        (RateLimitedError, "10006 10018 10429 429 170005 170222"),
        (ClockSkewError, "10002"),
        (UnknownSymbolError, "10029 170121"),
        (OrderNotFoundError, "110001 110008 110010 170139 170142 170143 170190 170213"),
        (InsufficientFundsError, "110004 110006 110007 110012 110014 110044 110045 110051 110052 110053 170033 170131"),
        (ReduceOnlyRejectedError, "110017"),
        (DuplicateOrderError, "110072 170141 12141"),
        (PostOnlyWouldTakeError, "170218"),
        (InvalidOrderError, "10001 110003 110094 170124 170130 170132 170133 170134 170135 170136 170137 170140"),
    ),
    several_cases=frozenset({"10001"}),
    uncertain=frozenset({"10000", "10014", "10016", "170001", "170007", "170146", "170147"}),
)

OKX = ErrorTable(
    by_code=_each(
        (AuthenticationError, "50100 50101 50103 50104 50105 50106 50107 50110 50111 50113 50114 50119 50120 50030"),
        (RateLimitedError, "50011 50040 50061"),
        (ClockSkewError, "50102 50112"),
        (UnknownSymbolError, "51001 51015"),
        (OrderNotFoundError, "51400 51401 51402 51405 51603"),
        (InsufficientFundsError, "51008 51119 51127 51131 51502 59200"),
        (ReduceOnlyRejectedError, "51112 51169 51170"),
        (DuplicateOrderError, "51016"),
        (
            InvalidOrderError,
            "50014 50015 50016 51000 51003 51005 51006 51020 51110 51116 51120 51121 51136 51137 51138",
        ),
    ),
    uncertain=frozenset({"50001", "50004", "50013", "50026", "51054", "51149"}),
)

BITGET = ErrorTable(
    by_code=_each(
        (AuthenticationError, "40001 40002 40003 40006 40009 40011 40012 40014 40018 40036 40037 40038 40085 40099"),
        (RateLimitedError, "429 1001 30014"),
        (ClockSkewError, "40004 40005 40008"),
        (UnknownSymbolError, "40034 40102 40309"),
        (OrderNotFoundError, "22001 25204 31007 40109 40768 43001 43004"),
        (InsufficientFundsError, "25202 25203 40711 40712 40754 40756 40762 43012"),
        (ReduceOnlyRejectedError, "22002 25227 40755 40757"),
        (DuplicateOrderError, "40786 43118"),
        (InvalidOrderError, "40017 40019 40020 40808 43006 43007 43008 43009 43010 43011 45110 45111 45115"),
        (VenueRejectedError, "43005"),
    ),
    several_cases=frozenset({"40017", "40034", "40808"}),
    uncertain=frozenset({"40010", "40015", "40200", "40725", "45001"}),
)

GATE = ErrorTable(
    by_code=_each(
        (AuthenticationError, "AUTHENTICATION_FAILED INVALID_CREDENTIALS INVALID_KEY INVALID_SIGNATURE READ_ONLY"),
        (AuthenticationError, "MISSING_REQUIRED_HEADER FORBIDDEN IP_FORBIDDEN ACCOUNT_LOCKED USER_NOT_FOUND"),
        (RateLimitedError, "TOO_MANY_REQUESTS TOO_FAST"),
        (ClockSkewError, "REQUEST_EXPIRED"),
        (UnknownSymbolError, "INVALID_CURRENCY INVALID_CURRENCY_PAIR CONTRACT_NOT_FOUND"),
        (OrderNotFoundError, "CLIENT_ID_NOT_FOUND ORDER_NOT_FOUND ORDER_CANCELLED ORDER_CLOSED ORDER_FINISHED"),
        (InsufficientFundsError, "BALANCE_NOT_ENOUGH MARGIN_BALANCE_NOT_ENOUGH FUTURES_BALANCE_NOT_ENOUGH"),
        (InsufficientFundsError, "INSUFFICIENT_AVAILABLE LIQUIDATE_IMMEDIATELY"),
        (ReduceOnlyRejectedError, "INCREASE_POSITION POSITION_EMPTY"),
        (DuplicateOrderError, "REPEATED_CREATION"),
        (PostOnlyWouldTakeError, "POC_FILL_IMMEDIATELY ORDER_POC_IMMEDIATE"),
        (InvalidOrderError, "INVALID_PARAM_VALUE AMOUNT_TOO_LITTLE AMOUNT_TOO_MUCH PRICE_TOO_DEVIATED SIZE_TOO_LARGE"),
        (InvalidOrderError, "SIZE_TOO_SMALL INVALID_PRECISION MISSING_REQUIRED_PARAM INVALID_REQUEST_BODY"),
        (VenueRejectedError, "TRADE_RESTRICTED CONTRACT_IN_DELISTING TOO_MANY_ORDERS RISK_LIMIT_EXCEEDED"),
    ),
    uncertain=frozenset({"INTERNAL", "SERVER_ERROR", "TOO_BUSY"}),
)

UNTOLD = ErrorTable()
"""Of a venue without a table: its words, then ccxt's class."""
