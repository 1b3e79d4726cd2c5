"""Points a ccxt exchange at another host by its URL settings alone. Knows nothing of any venue."""

from typing import Any
from urllib.parse import urlsplit

from connector.settings import VenueConnection

_WEBSOCKET_SCHEMES = ("ws", "wss")


def point_at(urls: Any, venue: VenueConnection) -> Any:
    """A copy of ccxt's `urls['api']` (it nests) with every host replaced and every path kept.

    Without addresses of its own the venue is the real one, and nothing changes.
    """
    if venue.rest_url is None or venue.ws_url is None:
        return urls
    if isinstance(urls, dict):
        return {name: point_at(inner, venue) for name, inner in urls.items()}
    if not isinstance(urls, str) or "://" not in urls:
        return urls
    parts = urlsplit(urls)
    base = venue.ws_url if parts.scheme in _WEBSOCKET_SCHEMES else venue.rest_url
    return base.rstrip("/") + parts.path + (f"?{parts.query}" if parts.query else "")
