"""From what a person types to what the cases are played on."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from connector.errors import ConnectorError
from connector.settings import VenueConnection
from connector.venues import NAMES, OTHER, profile_of
from reliability.conformance.case import Product
from reliability.conformance.engine import engine_subject
from reliability.conformance.paper import paper_subjects
from reliability.conformance.sandbox import sandbox_subject
from reliability.conformance.subject import Subject
from tapeline.errors import UsageError

ENGINE: Final = "engine"
PAPER: Final = "paper"
LOCAL: Final = (ENGINE, PAPER)


@asynccontextmanager
async def subjects_of(
    venue: str, product: Product | None, symbol: str, configured: Callable[[], VenueConnection]
) -> AsyncIterator[list[Subject]]:
    """Every subject of the venue, of the product or all it has here. `configured` tells the keys of a real venue.

    Raises UsageError for a name, a product or a symbol that is none, and for a real venue without keys.
    """
    if venue in LOCAL and symbol:
        raise UsageError(f"--symbol is for real venues; {venue} plays a market of its own")
    if venue == ENGINE:
        async with engine_subject() as perpetual, engine_subject(product=Product.SPOT) as spot:
            yield _of_product([perpetual, spot], venue, product)
    elif venue == PAPER:
        async with paper_subjects() as subjects:
            yield _of_product(subjects, venue, product)
    else:
        wanted = product or Product.PERPETUAL
        require_known(venue, wanted)
        yield [sandbox_subject(configured(), venue, wanted, symbol)]


def require_known(venue: str, product: Product = Product.PERPETUAL) -> None:
    """Raises UsageError with the names there are."""
    if venue in LOCAL:
        return
    try:
        profile_of(venue, product.value)
    except ConnectorError as error:
        known = ", ".join([*LOCAL, *NAMES, f"{OTHER}<id>"])
        raise UsageError(f"--venue: {str(error).partition(' Known:')[0]} There are: {known}") from error


def _of_product(subjects: list[Subject], venue: str, product: Product | None) -> list[Subject]:
    mine = [it for it in subjects if product in (None, it.product)]
    if not mine:
        there_is = ", ".join(dict.fromkeys(it.product.value for it in subjects))
        raise UsageError(f"{venue} has no {product.value if product else 'product'} here; it has {there_is}")
    return mine
