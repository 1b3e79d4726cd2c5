"""One instrument's candles and public trades of the past, through ccxt: what mends a cut stream (STREAM-1)."""

from collections.abc import Awaitable, Callable
from typing import Any

from connector.ccxt_adapter.gaps import between
from connector.ccxt_adapter.instruments import Listing
from connector.ccxt_adapter.market_history import say_missed
from connector.ccxt_adapter.unified import streams_market as market
from connector.ccxt_adapter.unified.streams_dialects import StreamDialect
from connector.ccxt_adapter.unified.streams_taps import TIMEFRAME
from connector.errors import VenueError
from topics.errors import TapelineError
from topics.v1.market_pb2 import MarketEvent, Trade

_PAGES_MOST = 50
_UNREADABLE = (KeyError, TypeError, ValueError, ArithmeticError, TapelineError)

Read = Callable[[str, Awaitable[Any]], Awaitable[Any]]


class UnifiedMarketHistory:
    """See `gaps.MarketHistory`. What the venue does not give is left out, told by `say_missed`. `read` awaits a
    reply and raises VenueError."""

    def __init__(
        self, exchange: Any, listing: Listing, dialect: StreamDialect, read: Read, *, volume_in_contracts: bool
    ) -> None:
        self._exchange = exchange
        self._listing = listing
        self._dialect = dialect
        self._read = read
        self._in_contracts = volume_in_contracts

    async def candles(self, start_ms: int, until_ms: int, interval_ms: int) -> list[MarketEvent]:
        rows: dict[int, Any] = {}
        try:
            cursor_ms = start_ms
            while cursor_ms < until_ms:
                page = [row for row in await self._rows(cursor_ms) if cursor_ms <= row[0] < until_ms]
                if not page:
                    break
                rows |= {row[0]: row for row in page}
                cursor_ms = page[-1][0] + interval_ms
            found = [self._candle(rows[time_ms]) for time_ms in sorted(rows)]
        except (VenueError, *_UNREADABLE) as error:
            say_missed("candles", self._listing.symbol, start_ms, until_ms, str(error))
            return []
        if len(found) < (until_ms - start_ms) // interval_ms:
            say_missed("candles", self._listing.symbol, start_ms, until_ms, f"the venue gave {len(found)}")
        return found

    async def trades(self, after: Trade, before: Trade) -> list[MarketEvent]:
        found: dict[str, MarketEvent] = {}
        try:
            cursor_ms = after.time_ms
            for _ in range(_PAGES_MOST):
                page = [market.trade(raw, self._listing) for raw in await self._trades(cursor_ms)]
                news = [event for event in page if _key(event.trade) not in found]
                found |= {_key(event.trade): event for event in news}
                newest_ms = max((event.trade.time_ms for event in news), default=before.time_ms)
                if newest_ms >= before.time_ms or newest_ms <= cursor_ms:
                    break
                cursor_ms = newest_ms
        except (VenueError, *_UNREADABLE) as error:
            say_missed("trades", self._listing.symbol, after.time_ms, before.time_ms, str(error))
            return []
        ordered = sorted(found.values(), key=lambda event: event.trade.time_ms)
        if not any(event.trade.time_ms <= after.time_ms for event in ordered):
            say_missed(
                "trades",
                self._listing.symbol,
                after.time_ms,
                before.time_ms,
                "the venue's list does not reach back so far",
            )
        return between(ordered, after, before)

    async def _rows(self, since_ms: int) -> list[Any]:
        reply = self._exchange.fetch_ohlcv(self._listing.unified, TIMEFRAME, since_ms, self._dialect.candles_page)
        return sorted(await self._read(f"reading candles of {self._listing.symbol}", reply), key=lambda row: row[0])

    async def _trades(self, since_ms: int) -> list[Any]:
        limit = self._dialect.trades_page_of(self._listing.instrument)
        reply = self._exchange.fetch_trades(self._listing.unified, since_ms, limit)
        return list(await self._read(f"reading public trades of {self._listing.symbol}", reply))

    def _candle(self, row: Any) -> MarketEvent:
        return market.candle(row, self._listing, closed=True, volume_in_contracts=self._in_contracts)


def _key(trade: Trade) -> str:
    return trade.trade_id or f"{trade.time_ms} {trade.price_ticks} {trade.quantity_lots} {trade.taker_side}"
