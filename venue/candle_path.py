"""A candle as a path of prices: open, then low and high in the order of its direction, then close.

A falling candle goes to its high first, a rising one to its low first. Each leg is walked in steps of at most
`STEP` of the price (at most `LEG_STEPS`), so that a market maker sees prices pass its levels one after another.
Each step is a trade and then a quote one tick to either side. Must not: read files or keep state.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from venue.orders import Side
from venue.tape import Quote, TapeEvent, Trade

STEP = 1_000
"""One step covers at most price / STEP: ten basis points."""
LEG_STEPS = 8


class Candle(NamedTuple):
    """One candle on the grid: prices in ticks, volume in lots, `length_ms` to the next."""

    open_time_ms: int
    length_ms: int
    open: int
    high: int
    low: int
    close: int
    volume: int


def prices(candle: Candle) -> list[int]:
    """The path in ticks; begins with the open, touches high and low, ends with the close."""
    rising = candle.close >= candle.open
    corners = (candle.low, candle.high) if rising else (candle.high, candle.low)
    path = [candle.open]
    for target in (*corners, candle.close):
        path.extend(_leg(path[-1], target))
    return path


def _leg(start: int, end: int) -> list[int]:
    distance = end - start
    if not distance:
        return []
    steps = min(LEG_STEPS, 1 + abs(distance) * STEP // max(start, 1), abs(distance))
    return [start + distance * step // steps for step in range(1, steps)] + [end]


def events(symbol: str, candle: Candle, display_lots: int) -> Iterator[TapeEvent]:
    """The candle's trades and quotes. Each quote shows `display_lots`, or the step's volume if that is more."""
    path = prices(candle)
    share, rest = divmod(candle.volume, len(path))
    before = path[0] - (1 if candle.close >= candle.open else -1)
    for index, price in enumerate(path):
        time_ms = candle.open_time_ms + candle.length_ms * index // len(path)
        lots = share + (1 if index < rest else 0)
        if lots:
            side = Side.BUY if price >= before else Side.SELL
            yield Trade(symbol, time_ms, None, side, price, lots)
        size = max(lots, display_lots)
        yield Quote(symbol, time_ms, max(price - 1, 1), size, price + 1, size)
        before = price
