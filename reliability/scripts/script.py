"""What one script consists of: how the venue misbehaves, what the trader does meanwhile, how it must end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from reliability.scripts.stage import SYMBOL, Stage
from topics.v1.orders_pb2 import (
    ORDER_STATUS_ACCEPTED,
    ORDER_STATUS_CANCELED,
    ORDER_STATUS_EXPIRED,
    ORDER_STATUS_FILLED,
    ORDER_STATUS_PARTIALLY_FILLED,
    ORDER_STATUS_REJECTED,
)
from venue.misbehaviour import Script


@dataclass(frozen=True, slots=True)
class End:
    """How an order must end: for us, and at the venue (`orders_at_venue`: 0 or 1)."""

    status: int
    filled_lots: int = 0
    reason_code: str = ""
    orders_at_venue: int = 1


RESTS = End(ORDER_STATUS_ACCEPTED)
NOT_RECEIVED = End(ORDER_STATUS_REJECTED, reason_code="NOT_RECEIVED", orders_at_venue=0)


def filled(lots: int) -> End:
    return End(ORDER_STATUS_FILLED, lots)


def partly(lots: int) -> End:
    return End(ORDER_STATUS_PARTIALLY_FILLED, lots)


def canceled(lots: int = 0, reason_code: str = "") -> End:
    return End(ORDER_STATUS_CANCELED, lots, reason_code)


def expired(lots: int = 0) -> End:
    return End(ORDER_STATUS_EXPIRED, lots)


def refused(reason_code: str) -> End:
    return End(ORDER_STATUS_REJECTED, reason_code=reason_code, orders_at_venue=0)


@dataclass(frozen=True, slots=True)
class VenueScript:
    """`name` in kebab case; `title` says what the venue does and what must come of it.

    `ends`: by the number the trader gave an order. `durable`: with the ledger in Postgres instead of memory.
    """

    name: str
    title: str
    play: Callable[[Stage], Awaitable[None]]
    ends: Mapping[int, End]
    venue: Script = field(default_factory=Script)
    symbols: tuple[str, ...] = (SYMBOL,)
    durable: bool = False
