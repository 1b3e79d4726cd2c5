"""What the cases are played on: a venue and product behind a port, and the strings by which it can be driven."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from connector.port import VenuePort
from connector.settings import VenueConnection
from reliability.conformance.case import Need, Product, Verdict


class Call(StrEnum):
    """A request that can be answered wrongly."""

    PLACE = "place"
    CANCEL = "cancel"
    FIND = "find"
    OPEN_ORDERS = "open_orders"


class Fault(StrEnum):
    """How. The first three leave it undone; the others do it, and nobody hears."""

    RATE_LIMITED = "rate limited"
    CLOCK_SKEW = "clock skew"
    UNAVAILABLE = "unavailable"
    UNANSWERED = "unanswered"
    TOO_LATE = "too late"
    HTML = "html"


class Driver(Protocol):
    """The strings of a venue that can be driven from outside."""

    async def fill(self, symbol: str, client_order_id: str, lots: int) -> None:
        """Somebody takes so much of a resting order."""

    async def cut_user_stream(self) -> None:
        """What happens from now on is missed, until the adapter is back by itself."""

    async def answer_next(self, call: Call, fault: Fault) -> None:
        """Of the next request of this kind only."""

    async def settle_funding(self, symbol: str) -> None:
        """Returns when a settlement is due within seconds, or has been made."""


@dataclass(frozen=True, slots=True)
class Lack:
    """Why a case that needs something is not played here."""

    verdict: Verdict
    words: str


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a run with real keys may do at most. Notional in quote currency, of one order."""

    orders: int
    notional: Decimal


@dataclass(frozen=True)
class Subject:
    """`through`: which code of ours reaches the venue; `where`: engine, paper venue, or a venue's sandbox.

    `open` makes a port, not started. `patience_s`: how long something may take that must come.
    """

    venue: str
    product: Product
    through: str
    where: str
    symbol: str
    open: Callable[[], VenuePort]
    patience_s: float
    connection: VenueConnection | None = None
    """What `open` is made of, where it goes over a network."""
    open_with_wrong_key: Callable[[], VenuePort] | None = None
    driver: Driver | None = None
    lacks: Mapping[Need, Lack] = field(default_factory=dict)
    bounds: Bounds | None = None
    look_every_s: float = 0.01
    """Between two looks at something that must come."""
    settles_within_s: float = 0.0
    """Longer than `patience_s` only where the venue's tape decides when funding settles."""

    @property
    def key(self) -> str:
        return f"{self.venue} {self.product.value} {self.through}"
