"""Which venue a name stands for, as seen by somebody without keys. Opens nothing."""

from __future__ import annotations

from typing import Final

from connector.errors import ConnectorError
from connector.public import without_keys
from connector.settings import VenueConnection
from connector.venues import profile_of
from tapeline.addresses import paper_address
from tapeline.errors import UsageError
from tapeline.settings import Settings

PAPER: Final = "paper"
_SPOT: Final = "-spot"


def public_connection(settings: Settings, name: str, symbols: tuple[str, ...]) -> VenueConnection:
    """The configured venue where it has that name (its addresses count), else the real one; never with a key.

    The market itself, not its sandbox: there is no key to spend with. Raises UsageError for a name that stands for
    nothing.
    """
    return without_keys(connection_to(settings, name).model_copy(update={"symbols": symbols, "live": True}))


def connection_to(settings: Settings, name: str) -> VenueConnection:
    """As configured, keys included, where the configuration is about that venue.

    Others: `binance` for its perpetuals, `binance-spot`, `ccxt:<id>` and so on.
    """
    configured = settings.connector.venue
    if name == PAPER and settings.trades_on_paper:
        return _paper(settings)
    if name == configured.name:
        return configured
    product = "spot" if name.endswith(_SPOT) else "perpetual"
    exchange = name.removesuffix(_SPOT)
    try:
        profile_of(exchange, product)
    except ConnectorError as error:
        raise UsageError(f"{error}; spot is <venue>{_SPOT}, and {PAPER} the local one") from error
    return VenueConnection(exchange=exchange, product=product, live=True)


def _paper(settings: Settings) -> VenueConnection:
    address = paper_address(settings)
    found = {
        "rest_url": f"http://{address}",
        "ws_url": f"ws://{address}",
        "api_key": settings.venue.api_key,
        "api_secret": settings.venue.api_secret,
    }
    return settings.connector.venue.model_copy(update=found)
