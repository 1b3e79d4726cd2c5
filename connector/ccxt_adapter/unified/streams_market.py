"""ccxt's unified market data to our messages: tickers, trades, candle rows. Pure: no clock, no floats.

Quantities of contracts are multiplied by their size. What lacks a field raises KeyError or TypeError, what is off the
grid OffGridError.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from connector.ccxt_adapter.instruments import Listing
from connector.ccxt_adapter.unified.numbers import exact, exact_or_zero
from topics.v1.common_pb2 import Side
from topics.v1.market_pb2 import Candle, MarketEvent, Quote, Trade

MINUTE_MS = 60_000
SIDES: Mapping[str, Side.ValueType] = {"buy": Side.SIDE_BUY, "sell": Side.SIDE_SELL}
_BOOK_COUNTERS = ("u", "seqId", "nonce")


def quote(ticker: Mapping[str, Any], listing: Listing, *, received_ms: int) -> MarketEvent | None:
    """None: one side of the book is empty. `received_ms` stands in where the venue gives no time."""
    book = ticker.get("info")
    bid, bid_size = _best(ticker, book, "bid")
    ask, ask_size = _best(ticker, book, "ask")
    if bid is None or ask is None:
        return None
    counter = next((book[name] for name in _BOOK_COUNTERS if book.get(name)), 0) if isinstance(book, Mapping) else 0
    return MarketEvent(
        quote=Quote(
            time_ms=ticker.get("timestamp") or received_ms,
            update_id=int(counter),
            bid_ticks=listing.scale.ticks(bid),
            bid_lots=_lots(bid_size, listing),
            ask_ticks=listing.scale.ticks(ask),
            ask_lots=_lots(ask_size, listing),
        )
    )


def trade(raw: Mapping[str, Any], listing: Listing) -> MarketEvent:
    return MarketEvent(
        trade=Trade(
            time_ms=raw["timestamp"],
            trade_id=str(raw["id"] or ""),
            price_ticks=listing.scale.ticks(exact(raw["price"])),
            quantity_lots=_lots(raw["amount"], listing),
            taker_side=SIDES.get(raw["side"], Side.SIDE_UNSPECIFIED),
        )
    )


def candle(row: Sequence[Any], listing: Listing, *, closed: bool, volume_in_contracts: bool) -> MarketEvent:
    """A minute's row: open time, open, high, low, close, volume. The volume is rounded to whole lots: some venues
    compute it from contracts."""
    open_time_ms, opened, high, low, close, volume = row[:6]
    base = exact_or_zero(volume) * (listing.contract_size if volume_in_contracts else 1)
    return MarketEvent(
        candle=Candle(
            open_time_ms=open_time_ms,
            interval_ms=MINUTE_MS,
            open_ticks=listing.scale.ticks(exact(opened)),
            high_ticks=listing.scale.ticks(exact(high)),
            low_ticks=listing.scale.ticks(exact(low)),
            close_ticks=listing.scale.ticks(exact(close)),
            volume_lots=listing.scale.lots_nearest(base),
            closed=closed,
        )
    )


@dataclass(slots=True)
class CandleRows:
    """One instrument's candles out of rows that do not say when a minute is over: it is when the next one begins."""

    listing: Listing
    volume_in_contracts: bool = False
    _running: Sequence[Any] | None = None
    _closed_ms: int = -1

    def cut(self) -> None:
        """Rows were missed: how the running minute ended is not known here any more."""
        self._running = None

    def take(self, row: Sequence[Any]) -> list[MarketEvent]:
        """Rows at or before the newest closed minute tell nothing new: some venues begin with the last hours."""
        if row[0] <= self._closed_ms or (self._running is not None and row[0] < self._running[0]):
            return []
        told = []
        if self._running is not None and row[0] > self._running[0]:
            told.append(self._event(self._running, closed=True))
            self._closed_ms = self._running[0]
        self._running = list(row)
        return [*told, self._event(self._running, closed=False)]

    def _event(self, row: Sequence[Any], *, closed: bool) -> MarketEvent:
        return candle(row, self.listing, closed=closed, volume_in_contracts=self.volume_in_contracts)


def _best(ticker: Mapping[str, Any], book: Any, side: str) -> tuple[Decimal | None, Any]:
    """Of a ticker or, where ccxt made it of an order book, of that: its levels are exact."""
    if isinstance(book, Mapping) and (levels := book.get(f"{side}s")):
        return exact(levels[0][0]), levels[0][1]
    price = ticker.get(side)
    return (None if price in (None, "") else exact(price)), ticker.get(f"{side}Volume")


def _lots(amount: Any, listing: Listing) -> int:
    return listing.scale.lots(exact_or_zero(amount) * listing.contract_size)
