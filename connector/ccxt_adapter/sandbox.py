"""Where an exchange's requests go: addresses of our own, the venue's sandbox, or the venue itself.

Real money is only reached with `live: true`; nothing here falls back to it.
"""

from typing import Any

from connector.ccxt_adapter.urls import point_at
from connector.errors import ConnectorError
from connector.settings import VenueConnection


def choose_environment(exchange: Any, venue: VenueConnection) -> None:
    """Raises ConnectorError where a sandbox is wanted and ccxt knows none."""
    if venue.rest_url is not None:
        exchange.urls["api"] = point_at(exchange.urls["api"], venue)
    elif not venue.live:
        _take_the_sandbox(exchange, venue)


def _take_the_sandbox(exchange: Any, venue: VenueConnection) -> None:
    try:
        switch = exchange.enable_demo_trading if venue.profile.sandbox == "demo" else exchange.set_sandbox_mode
        switch(True)  # noqa: FBT003 (ccxt's signature)
    except Exception as error:
        nowhere = isinstance(error, KeyError | TypeError)  # some of ccxt's venues name a sandbox without an address
        if not nowhere and type(error).__name__ != "NotSupported":  # ccxt's classes are not imported here
            raise
        raise ConnectorError(
            f"{venue.exchange} has no sandbox that ccxt knows of, and connector.venue.live is not set. "
            "Set live: true to trade there with real money, or trade on paper (name: paper)"
        ) from error
