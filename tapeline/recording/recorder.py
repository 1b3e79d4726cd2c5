"""Listens to a venue's public streams and hands out rows in the order of their receipt, gaps marked.

Trades and candles that a cut stream left out are put back by the adapter; what was missed while nobody recorded is
asked for here. Quotes cannot be had again, and the gap says so. Must not know where rows go.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from connector.errors import VenueError
from connector.port import StreamLost
from connector.public import PublicVenue
from observability.logs import get_logger
from tapeline.recording.rows import Row, funding_row, gap_row, market_row
from topics.scale import Scale
from topics.v1.instruments_pb2 import Instrument
from topics.v1.market_pb2 import MarketEvent

_log = get_logger(__name__)
_LOOK_S = 0.2
NOBODY_RECORDED = "recorder"
"""Named in the gap between two recordings of one tape."""
_REMEMBERED_TRADES = 5_000


@dataclass(slots=True)
class Newest:
    """The newest known of one instrument, and which feeds were lost since its last gap."""

    time_ms: int = 0
    received_ns: int = 0
    trade_id: str = ""
    lost: set[str] = field(default_factory=set)
    trades: deque[str] = field(default_factory=lambda: deque(maxlen=_REMEMBERED_TRADES))

    def is_old(self, trade_id: str) -> bool:
        if trade_id.isdigit() and self.trade_id.isdigit():
            return int(trade_id) <= int(self.trade_id)
        return trade_id in self.trades

    def note_trade(self, trade_id: str) -> None:
        self.trade_id = trade_id
        self.trades.append(trade_id)


class Recorder:
    """`run()` until cancelled; `sink` gets every row and must not wait. `known`: what a tape continued ends with."""

    def __init__(
        self,
        venue: PublicVenue,
        instruments: Sequence[Instrument],
        sink: Callable[[Row], None],
        *,
        known: dict[str, Newest] | None = None,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self.counts: Counter[str] = Counter()
        self.newest = {one.symbol: (known or {}).get(one.symbol) or Newest() for one in instruments}
        self._venue = venue
        self._scales = {one.symbol: Scale.of(one.grain) for one in instruments}
        self._sink = sink
        self._now_ns = now_ns
        self._was_up: set[str] = set()

    @property
    def feeds(self) -> set[str]:
        """The feeds that were ever up; without a key those of an account never are."""
        return self._was_up

    @property
    def lost(self) -> set[str]:
        """The feeds that are lost now."""
        return {name for name in self._was_up if not self._venue.status().get(name, {}).get("ok")}

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._watch(), name="watch the feeds")
            for symbol in self._scales:
                group.create_task(self._market(symbol), name=f"record {symbol}")
                group.create_task(self._funding(symbol), name=f"record funding of {symbol}")

    async def _watch(self) -> None:
        """A feed that was up and is not: its instruments have a gap once it is back."""
        while True:
            for name, state in self._venue.status().items():
                if state.get("ok"):
                    self._was_up.add(name)
            for newest in self.newest.values():
                newest.lost |= self.lost
            await asyncio.sleep(_LOOK_S)

    async def _market(self, symbol: str) -> None:
        newest = self.newest[symbol]
        async for item in self._venue.market(symbol):
            if isinstance(item, StreamLost):
                await self._mark_gap(symbol, newest)
            elif _is_whole(item) and not (item.HasField("trade") and newest.is_old(item.trade.trade_id)):
                self._take(symbol, item)

    async def _mark_gap(self, symbol: str, newest: Newest) -> None:
        lost, newest.lost = newest.lost, set()
        if not lost or not newest.received_ns:
            return
        self._give(gap_row(symbol, newest.time_ms, self._now_ns(), lost))
        if NOBODY_RECORDED in lost:
            for event in await self._missed(symbol, newest):
                self._take(symbol, event)

    async def _missed(self, symbol: str, newest: Newest) -> list[MarketEvent]:
        if not newest.trade_id:
            return []
        try:
            return await self._venue.public_trades(symbol, after_id=newest.trade_id)
        except VenueError as error:
            _log.warning("trades_missed", symbol=symbol, after_id=newest.trade_id, reason=str(error))
            return []

    async def _funding(self, symbol: str) -> None:
        async for update in self._venue.funding(symbol):
            self._give(funding_row(update, self._now_ns()))

    def _take(self, symbol: str, event: MarketEvent) -> None:
        if event.HasField("trade"):
            self.newest[symbol].note_trade(event.trade.trade_id)
        self._give(market_row(symbol, self._scales[symbol], event, self._now_ns()))

    def _give(self, row: Row) -> None:
        newest = self.newest[row["symbol"]]
        if row["kind"] != "candle":  # its time is when it opened
            newest.time_ms = max(newest.time_ms, row["time_ms"])
        newest.received_ns = row["received_ns"]
        self.counts[row["kind"]] += 1
        self._sink(row)


def _is_whole(event: MarketEvent) -> bool:
    """Candles that still grow are left out: the trades beside them say the same."""
    return not event.HasField("candle") or event.candle.closed
