"""Candles from the tape's trades, minutes kept and longer ones put together."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from venue.klines import INTERVALS_MS, MINUTE_MS, Klines
from venue.orders import Side


def test_a_trade_of_the_next_minute_closes_the_candle() -> None:
    """LIVE-3: open, high, low, close, volume and the taker's buys."""
    klines = Klines()
    assert klines.trade(0, 100, 5, Side.BUY) is None
    assert klines.trade(30_000, 90, 2, Side.SELL) is None
    closed = klines.trade(MINUTE_MS, 95, 1, Side.BUY)

    assert closed is not None
    assert (closed.open, closed.high, closed.low, closed.close) == (100, 100, 90, 90)
    assert (closed.volume, closed.value, closed.taker_buy_volume, closed.trades) == (7, 680, 5, 2)


@given(st.lists(st.tuples(st.integers(0, 3_000), st.integers(1, 500), st.integers(1, 50)), min_size=1, max_size=60))
def test_longer_candles_hold_exactly_the_same_trades(trades: list[tuple[int, int, int]]) -> None:
    """LIVE-3: whatever the interval, volume and extremes agree with the trades."""
    klines = Klines()
    for second, price, lots in sorted(trades):
        klines.trade(second * 1_000, price, lots, Side.BUY)
    for length_ms in INTERVALS_MS.values():
        merged = klines.of_interval(length_ms)
        assert sum(one.volume for one in merged) == sum(lots for _, _, lots in trades)
        assert max(one.high for one in merged) == max(price for _, price, _ in trades)
        assert all(one.open_time_ms % length_ms == 0 for one in merged)
        latest = klines.latest(length_ms)
        assert latest is not None
        assert latest.as_row() == merged[-1].as_row()
