"""What a case is: a name, what it shows, what it needs, and how it says what came of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from topics.errors import TapelineError

if TYPE_CHECKING:
    from reliability.conformance.stage import Stage


class Verdict(StrEnum):
    PASSED = "passed"
    FAILED = "failed"
    NOT_APPLICABLE = "not applicable"
    NOT_TRIED = "not tried"


class Product(StrEnum):
    PERPETUAL = "perpetual"
    SPOT = "spot"


class Need(StrEnum):
    """What a case asks of the venue beside its port. The words are what a reader of the page sees."""

    FILL = "a counterparty that fills a resting order when told"
    CUT = "a user stream that can be cut when told"
    FAULT = "a venue that answers wrongly when told"
    FUNDING = "a funding settlement within seconds"
    LARGE_ORDERS = "orders larger than a run with real keys may send"
    ALONE = "a connection of its own, and none beside it"
    WRONG_KEY = "a key that is wrong"


class CaseFailedError(TapelineError):
    """The venue, or its adapter, did otherwise than the port promises: what it did, what it must do."""


class NotApplicableError(TapelineError):
    """The product or the venue has no such thing."""


class NotTriedError(TapelineError):
    """It could have been tried, but not here and now."""


Play = Callable[["Stage"], Awaitable[str | None]]


@dataclass(frozen=True, slots=True)
class Case:
    """`name` in kebab case, `shows` a sentence. `play` raises CaseFailedError; what it returns is told beside a pass.

    `only`: of this product.
    """

    name: str
    shows: str
    play: Play
    needs: tuple[Need, ...] = ()
    only: Product | None = None


def must(holds: object, words: str) -> None:
    """Raises CaseFailedError with these words unless it holds."""
    if not holds:
        raise CaseFailedError(words)
