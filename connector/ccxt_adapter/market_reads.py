"""What the public may ask of the market over REST: prices, funding, candles.

`read` makes one call and raises VenueError.
"""

from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal
from typing import Any

from connector.ccxt_adapter import binance_frames as frames
from connector.ccxt_adapter import binance_replies as replies
from connector.ccxt_adapter import history
from connector.ccxt_adapter.binance_frames import INTERVALS_MS
from connector.ccxt_adapter.instruments import Listing
from connector.errors import UnsupportedError
from topics.v1.funding_pb2 import FundingUpdate
from topics.v1.market_pb2 import Candle, MarketEvent, Quote

_NAMES = {length_ms: name for name, length_ms in INTERVALS_MS.items()}
Read = Callable[[str, Awaitable[Any]], Awaitable[Any]]


class MarketReads:
    def __init__(self, exchange: Any, read: Read, *, venue: str) -> None:
        self._exchange = exchange
        self._read = read
        self._venue = venue

    async def premium_index(self, symbol: str) -> Mapping[str, Any]:
        reply: Mapping[str, Any] = await self._read(
            f"reading the mark price of {symbol}", self._exchange.fapiPublicGetPremiumIndex({"symbol": symbol})
        )
        return reply

    async def mark_price(self, symbol: str) -> Decimal:
        return Decimal((await self.premium_index(symbol))["markPrice"])

    async def time_ms(self, symbol: str) -> int:
        """The venue's market time; on a paper venue not the time of this machine."""
        return int((await self.premium_index(symbol))["time"])

    async def funding_rate(self, symbol: str) -> FundingUpdate:
        return replies.funding_rate(await self.premium_index(symbol), venue=self._venue)

    async def best_quote(self, listing: Listing) -> Quote:
        reply = self._exchange.fapiPublicGetTickerBookTicker({"symbol": listing.symbol})
        return replies.quote(await self._read(f"reading the best prices of {listing.symbol}", reply), listing.scale)

    async def candles(
        self, listing: Listing, *, interval_ms: int, limit: int, start_ms: int, until_ms: int
    ) -> list[Candle]:
        """See `VenuePort.candles`. Time is read first: a candle that ended while they were read counts as running."""
        if interval_ms not in _NAMES:
            raise UnsupportedError(f"{self._venue} has no candles of {interval_ms} ms; it has {sorted(_NAMES)}")
        now_ms = await self.time_ms(listing.symbol)
        request = {"startTime": start_ms} if start_ms else {}
        request |= {"endTime": until_ms - 1} if until_ms else {}
        found = await self._klines(listing.symbol, interval_ms, {**request, "limit": limit})
        return [
            replies.candle(
                raw, listing.scale, interval_ms=interval_ms, closed=int(raw[0]) + interval_ms <= now_ms
            ).candle
            for raw in found
        ]

    async def closed_candles(
        self, listing: Listing, start_ms: int, until_ms: int, *, interval_ms: int
    ) -> list[MarketEvent]:
        """With open times in [start_ms, until_ms), oldest first; the caller knows that they are over."""

        async def fetch(request: dict[str, Any]) -> list[Any]:
            return await self._klines(listing.symbol, interval_ms, request)

        found = await history.candles_between(fetch, start_ms, until_ms, interval_ms=interval_ms)
        return [replies.candle(raw, listing.scale, interval_ms=interval_ms, closed=True) for raw in found]

    async def trades_after(self, listing: Listing, trade_id: int) -> list[MarketEvent]:
        """Everybody's, as the market stream numbers them, oldest first; pages until complete."""

        async def fetch(request: dict[str, Any]) -> list[Any]:
            reply = self._exchange.fapiPublicGetAggTrades({"symbol": listing.symbol, **request})
            return list(await self._read(f"reading the trades of {listing.symbol}", reply))

        return [frames.trade(raw, listing.scale) for raw in await history.public_trades_after(fetch, trade_id)]

    async def _klines(self, symbol: str, interval_ms: int, request: Mapping[str, Any]) -> list[Any]:
        reply = self._exchange.fapiPublicGetKlines({"symbol": symbol, "interval": _NAMES[interval_ms], **request})
        return list(await self._read(f"reading candles of {symbol}", reply))
