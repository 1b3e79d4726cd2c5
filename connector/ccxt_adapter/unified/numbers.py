"""Numbers of ccxt's unified structures, exact: the exchange is made with `number: str`. Pure."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any


def exact(value: Any) -> Decimal:
    """Raises TypeError for what is no text, whole number or Decimal: a float has lost what the venue wrote."""
    if isinstance(value, str | int | Decimal) and not isinstance(value, bool):
        return Decimal(value)
    raise TypeError(f"expected a number as text, got {value!r}")


def exact_or_zero(value: Any) -> Decimal:
    return Decimal(0) if value in (None, "") else exact(value)


def text(value: Any) -> str:
    """Empty where the venue gives none."""
    return "" if value in (None, "") else format(exact(value), "f")


def first_text(raw: Mapping[str, Any], names: tuple[str, ...]) -> str:
    """Of the first of these fields that holds something; empty where none does."""
    return next((str(raw[name]) for name in names if raw.get(name) not in (None, "")), "")
