"""Candles built from the tape's trades: one-minute candles kept, longer ones put together from them.

Prices in ticks, volumes in lots. Must not: know Binance's wire format or the network.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from itertools import takewhile

from venue.orders import Side

MINUTE_MS = 60_000
KEPT = 4_500
INTERVALS_MS = {
    "1m": MINUTE_MS,
    "3m": 3 * MINUTE_MS,
    "5m": 5 * MINUTE_MS,
    "15m": 15 * MINUTE_MS,
    "30m": 30 * MINUTE_MS,
    "1h": 60 * MINUTE_MS,
    "2h": 120 * MINUTE_MS,
    "4h": 240 * MINUTE_MS,
    "6h": 360 * MINUTE_MS,
    "8h": 480 * MINUTE_MS,
    "12h": 720 * MINUTE_MS,
    "1d": 1_440 * MINUTE_MS,
}


@dataclass(slots=True)
class Kline:
    """One candle. `value` is the sum of ticks times lots; the `taker_buy_` sums count buying takers only."""

    open_time_ms: int
    open: int
    high: int
    low: int
    close: int
    volume: int = 0
    value: int = 0
    taker_buy_volume: int = 0
    taker_buy_value: int = 0
    trades: int = 0

    def trade(self, price: int, lots: int, taker_side: Side) -> None:
        self.high = max(self.high, price)
        self.low = min(self.low, price)
        self.close = price
        self.volume += lots
        self.value += lots * price
        self.trades += 1
        if taker_side is Side.BUY:
            self.taker_buy_volume += lots
            self.taker_buy_value += lots * price

    def merge(self, later: Kline) -> None:
        self.high = max(self.high, later.high)
        self.low = min(self.low, later.low)
        self.close = later.close
        self.volume += later.volume
        self.value += later.value
        self.taker_buy_volume += later.taker_buy_volume
        self.taker_buy_value += later.taker_buy_value
        self.trades += later.trades

    def as_row(self) -> list[int]:
        return [
            self.open_time_ms,
            self.open,
            self.high,
            self.low,
            self.close,
            self.volume,
            self.value,
            self.taker_buy_volume,
            self.taker_buy_value,
            self.trades,
        ]


class Klines:
    """The last `KEPT` one-minute candles of one instrument, the last one still open."""

    def __init__(self) -> None:
        self.minutes: deque[Kline] = deque(maxlen=KEPT)

    def trade(self, time_ms: int, price: int, lots: int, taker_side: Side) -> Kline | None:
        """Take a trade in. Returns the candle this trade closed, if it opened a new one."""
        open_time_ms = time_ms - time_ms % MINUTE_MS
        last = self.minutes[-1] if self.minutes else None
        closed = None
        if last is None or open_time_ms > last.open_time_ms:
            closed = last
            last = Kline(open_time_ms, price, price, price, price)
            self.minutes.append(last)
        last.trade(price, lots, taker_side)
        return closed

    def of_interval(self, interval_ms: int) -> list[Kline]:
        """Candles of an interval, oldest first, the last one still open."""
        if interval_ms == MINUTE_MS:
            return list(self.minutes)
        merged: list[Kline] = []
        for minute in self.minutes:
            start = minute.open_time_ms - minute.open_time_ms % interval_ms
            if merged and merged[-1].open_time_ms == start:
                merged[-1].merge(minute)
            else:
                merged.append(Kline(*[start, *minute.as_row()[1:]]))
        return merged

    def latest(self, interval_ms: int) -> Kline | None:
        """The open candle of an interval."""
        if not self.minutes:
            return None
        start = self.minutes[-1].open_time_ms - self.minutes[-1].open_time_ms % interval_ms
        inside = list(takewhile(lambda minute: minute.open_time_ms >= start, reversed(self.minutes)))[::-1]
        merged = Kline(*[start, *inside[0].as_row()[1:]])
        for minute in inside[1:]:
            merged.merge(minute)
        return merged
