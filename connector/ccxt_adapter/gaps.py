"""What a cut stream left out, and how it is put back: a reader sees neither a gap nor a repeat (STREAM-1).

Which candles and trades are missing is pure; `mended` asks the venue for them and puts them where they belong.
"""

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from typing import Protocol

from connector.port import StreamLost
from topics.v1.market_pb2 import Candle, MarketEvent, Trade

_REMEMBERED_TRADES = 10_000


class MarketHistory(Protocol):
    """One instrument's past, from the venue's REST interface. Raises nothing of the venue's: says what is missing."""

    async def candles(self, start_ms: int, until_ms: int, interval_ms: int) -> list[MarketEvent]:
        """Closed candles with open times in [start_ms, until_ms), oldest first."""

    async def trades(self, after: Trade, before: Trade) -> list[MarketEvent]:
        """Trades between the two, oldest first; the two themselves and their neighbours may be among them."""


@dataclass(slots=True)
class CandleGap:
    """Follows one instrument's candles; says what to fetch once the stream is back."""

    last: Candle | None = None
    was_cut: bool = False

    def cut(self) -> None:
        self.was_cut = self.last is not None

    def missed_before(self, candle: Candle) -> tuple[int, int] | None:
        """Open times [from, until) to fetch before `candle` is passed on; None: nothing is missing."""
        last, was_cut = self.last, self.was_cut
        self.last, self.was_cut = candle, False
        if not was_cut or last is None or candle.open_time_ms <= last.open_time_ms:
            return None
        start = last.open_time_ms + (last.interval_ms if last.closed else 0)
        return (start, candle.open_time_ms) if start < candle.open_time_ms else None


@dataclass(slots=True)
class TradeGap:
    """Follows one instrument's trades by their ids; without ids nothing can be told apart, and all pass."""

    last: Trade | None = None
    was_cut: bool = False
    _seen: dict[str, None] = field(default_factory=dict)

    def cut(self) -> None:
        self.was_cut = self.last is not None

    def is_new(self, trade: Trade) -> bool:
        """Remembers it."""
        if not trade.trade_id:
            return True
        if trade.trade_id in self._seen:
            return False
        self._seen[trade.trade_id] = None
        if len(self._seen) > _REMEMBERED_TRADES:
            del self._seen[next(iter(self._seen))]
        return True

    def missed_before(self, trade: Trade) -> Trade | None:
        """The newest trade before the cut, where others may lie between it and `trade`."""
        last, was_cut = self.last, self.was_cut
        self.last, self.was_cut = trade, False
        return last if was_cut else None


async def mended(
    items: AsyncIterator[MarketEvent | StreamLost], history: MarketHistory
) -> AsyncIterator[MarketEvent | StreamLost]:
    """The same items, what a cut left out before the first that came after it, and nothing twice."""
    candles, trades = CandleGap(), TradeGap()
    async for item in items:
        if isinstance(item, StreamLost):
            candles.cut()
            trades.cut()
        elif item.HasField("candle"):
            if missed := candles.missed_before(item.candle):
                for event in await history.candles(*missed, item.candle.interval_ms):
                    yield event
        elif item.HasField("trade"):
            if not trades.is_new(item.trade):
                continue
            if after := trades.missed_before(item.trade):
                found = await history.trades(after, item.trade)
                for event in between(found, after, item.trade):
                    if trades.is_new(event.trade):
                        yield event
        yield item


def between(found: Iterable[MarketEvent], after: Trade, before: Trade) -> list[MarketEvent]:
    """Those of the trades, oldest first, that lie between the two: by their place where the list holds the two, else
    by their times."""
    chosen = [event for event in found if after.time_ms <= event.trade.time_ms <= before.time_ms]
    ids = [event.trade.trade_id for event in chosen]
    start = ids.index(after.trade_id) + 1 if after.trade_id and after.trade_id in ids else 0
    end = ids.index(before.trade_id) if before.trade_id and before.trade_id in ids else len(ids)
    return chosen[start:end]
