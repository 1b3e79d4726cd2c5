"""One instrument's past at Binance USDⓈ-M: what mends a cut stream (STREAM-1)."""

from connector import metrics
from connector.ccxt_adapter.instruments import Listing
from connector.ccxt_adapter.market_reads import MarketReads
from connector.errors import VenueError
from observability.logs import get_logger
from topics.v1.market_pb2 import MarketEvent, Trade

_log = get_logger(__name__)


def say_missed(what: str, symbol: str, from_ms: int, until_ms: int, reason: str) -> None:
    """A gap that stays."""
    metrics.GAPS_LEFT.labels(what).inc()
    _log.warning(f"{what}_missed", symbol=symbol, from_ms=from_ms, until_ms=until_ms, reason=reason)


class BinanceMarketHistory:
    """See `gaps.MarketHistory`. Aggregate trades are numbered without gaps, and the stream has the same numbers."""

    def __init__(self, reads: MarketReads, listing: Listing) -> None:
        self._reads = reads
        self._listing = listing

    async def candles(self, start_ms: int, until_ms: int, interval_ms: int) -> list[MarketEvent]:
        try:
            return await self._reads.closed_candles(self._listing, start_ms, until_ms, interval_ms=interval_ms)
        except VenueError as error:
            say_missed("candles", self._listing.symbol, start_ms, until_ms, str(error))
            return []

    async def trades(self, after: Trade, before: Trade) -> list[MarketEvent]:
        try:
            return await self._reads.trades_after(self._listing, int(after.trade_id))
        except VenueError as error:
            say_missed("trades", self._listing.symbol, after.time_ms, before.time_ms, str(error))
            return []
