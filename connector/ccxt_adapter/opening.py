"""The one door to a venue: settings in, a port out (VEN-1). Nothing is connected yet."""

from typing import Any, Protocol

from connector.ccxt_adapter.unified.venue import UnifiedVenue
from connector.ccxt_adapter.venue import CcxtVenue
from connector.port import VenuePort
from connector.settings import VenueConnection


class OpenedVenue(VenuePort, Protocol):
    """A port that tells how its streams are."""

    def status(self) -> dict[str, dict[str, Any]]:
        """By feed: whether it is up, and seconds since its newest frame."""


def open_venue(connection: VenueConnection) -> OpenedVenue:
    """The venue's own adapter where there is one, else ccxt's unified calls. Call it in a running event loop.

    Raises ConnectorError where ccxt does not know the venue, or no sandbox of it and `live` is not set.
    """
    return CcxtVenue(connection) if connection.profile.native else UnifiedVenue(connection)
