"""The newest quote and trade of each symbol: GetLatestPrice asks the venue only where its stream is silent."""

import time
from dataclasses import dataclass

from connector.port import VenuePort
from topics.v1.market_pb2 import MarketEvent, Quote, Trade


@dataclass(slots=True)
class _Newest:
    quote: Quote | None = None
    heard_at_s: float = 0.0
    trade: Trade | None = None


class LatestPrices:
    """`max_age_s`: how long ago a quote may have been heard to be told again."""

    def __init__(self, port: VenuePort, *, max_age_s: float) -> None:
        self._port = port
        self._max_age_s = max_age_s
        self._newest: dict[str, _Newest] = {}

    def heard(self, symbol: str, event: MarketEvent) -> None:
        newest = self._newest.setdefault(symbol, _Newest())
        if event.HasField("quote"):
            newest.quote, newest.heard_at_s = event.quote, time.monotonic()
        elif event.HasField("trade"):
            newest.trade = event.trade

    async def of(self, symbol: str) -> tuple[Quote, Trade | None]:
        """The trade is None where none was heard since the start. Raises VenueError."""
        newest = self._newest.get(symbol, _Newest())
        if newest.quote is not None and time.monotonic() - newest.heard_at_s <= self._max_age_s:
            return newest.quote, newest.trade
        return await self._port.best_quote(symbol), newest.trade
