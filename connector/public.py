"""What a venue shows to anybody: instruments, quotes, trades, candles, funding. No key is held, nothing can be ordered.

For recordings and for live data beside a paper account. Must not place, cancel or sign anything: the connection is
stripped of its keys here, and only the public half of the adapter is handed out.
"""

from collections.abc import AsyncIterator, Sequence
from typing import Any, Protocol

from pydantic import SecretStr

from connector.ccxt_adapter.unified.venue import UnifiedVenue
from connector.ccxt_adapter.venue import CcxtVenue
from connector.port import StreamLost
from connector.settings import VenueConnection
from topics.v1.funding_pb2 import FundingUpdate
from topics.v1.instruments_pb2 import Instrument
from topics.v1.market_pb2 import MarketEvent

NO_KEY = SecretStr("")


class PublicVenue(Protocol):
    """The public half of an adapter; errors are those of connector.errors."""

    name: str

    async def start_public(self) -> Sequence[Instrument]: ...

    async def close(self) -> None: ...

    async def public_trades(self, symbol: str, *, after_id: str) -> list[MarketEvent]: ...

    def market(self, symbol: str) -> AsyncIterator[MarketEvent | StreamLost]: ...

    def funding(self, symbol: str) -> AsyncIterator[FundingUpdate]: ...

    def status(self) -> dict[str, dict[str, Any]]: ...


def secrets_of(connection: VenueConnection) -> dict[str, str]:
    """Every secret that is set, by the name of its setting."""
    found = {name: getattr(connection, name) for name in VenueConnection.model_fields}
    return {name: value.get_secret_value() for name, value in found.items() if isinstance(value, SecretStr) and value}


def without_keys(connection: VenueConnection) -> VenueConnection:
    return connection.model_copy(update=dict.fromkeys(secrets_of(connection), NO_KEY))


def open_public(connection: VenueConnection) -> PublicVenue:
    """Not connected yet: `start_public` first, `close` in any case. In a running event loop.

    Raises ConnectorError where ccxt does not know the venue.
    """
    keyless = without_keys(connection)
    return CcxtVenue(keyless) if keyless.profile.native else UnifiedVenue(keyless)
