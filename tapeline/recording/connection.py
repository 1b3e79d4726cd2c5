"""Which venue a name stands for, as seen by somebody without keys. Opens nothing."""

from __future__ import annotations

from typing import Final

from connector.public import without_keys
from connector.settings import VenueConnection
from tapeline.addresses import paper_address
from tapeline.errors import UsageError
from tapeline.settings import Settings

_RECORDABLE: Final = ("binance",)
PAPER: Final = "paper"


def public_connection(settings: Settings, name: str, symbols: tuple[str, ...]) -> VenueConnection:
    """The configured venue where it has that name (its addresses count), else the real one; never with a key.

    Raises UsageError for a name that stands for nothing.
    """
    return without_keys(connection_to(settings, name).model_copy(update={"symbols": symbols}))


def connection_to(settings: Settings, name: str) -> VenueConnection:
    """As configured, keys included, where the configuration is about that venue."""
    configured = settings.connector.venue
    if name == PAPER and settings.trades_on_paper:
        return _paper(settings)
    if name == configured.name:
        return configured
    if name in _RECORDABLE:
        return VenueConnection(name=name, exchange=name, live=True)  # the market itself, and no key to spend with
    known = ", ".join(dict.fromkeys([PAPER, *_RECORDABLE, configured.name]))
    raise UsageError(f"there is no venue {name!r}; known are: {known}")


def _paper(settings: Settings) -> VenueConnection:
    address = paper_address(settings)
    found = {
        "rest_url": f"http://{address}",
        "ws_url": f"ws://{address}",
        "api_key": settings.venue.api_key,
        "api_secret": settings.venue.api_secret,
    }
    return settings.connector.venue.model_copy(update=found)
