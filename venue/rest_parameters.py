"""Reading request parameters: text from the wire into ids, times and numbers, refused as Binance refuses them.

Must not: know what a request is for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import TypeVar

from venue.errors import parameter_malformed, parameter_missing, unknown_symbol
from venue.instruments import Product

Given = Mapping[str, str]
E = TypeVar("E", bound=StrEnum)
END_OF_TIME_MS = 1 << 62


def text(given: Given, name: str) -> str:
    value = given.get(name)
    if not value:
        raise parameter_missing(name)
    return value


def listing(given: Given, product: Product = Product.PERPETUAL) -> str:
    """The venue's own name of the symbol that was sent; a symbol with a slash is nobody's."""
    symbol = text(given, "symbol")
    if "/" in symbol:
        raise unknown_symbol()
    return product.listing(symbol)


def integer(given: Given, name: str, default: int, least: int = 0) -> int:
    value = given.get(name)
    if value is None:
        return default
    if not value.isdecimal() or len(value) > 18 or int(value) < least:
        raise parameter_malformed(name, value)
    return int(value)


def limit(given: Given, default: int, most: int) -> int:
    return min(integer(given, "limit", default, least=1), most)


def decimal(given: Given, name: str) -> Decimal:
    value = text(given, name)
    try:
        number = Decimal(value)
    except InvalidOperation as error:
        raise parameter_malformed(name, value) from error
    if not number.is_finite() or abs(number.adjusted()) > 18:
        raise parameter_malformed(name, value)
    return number


def flag(given: Given, name: str) -> bool:
    value = given.get(name, "false").lower()
    if value not in ("true", "false"):
        raise parameter_malformed(name, value)
    return value == "true"


def choice(given: Given, name: str, kind: type[E]) -> E:
    value = text(given, name)
    try:
        return kind(value)
    except ValueError as error:
        raise parameter_malformed(name, value) from error


@dataclass(frozen=True, slots=True)
class TimeRange:
    start_ms: int
    end_ms: int


def time_range(given: Given) -> TimeRange:
    return TimeRange(integer(given, "startTime", 0), integer(given, "endTime", END_OF_TIME_MS))
