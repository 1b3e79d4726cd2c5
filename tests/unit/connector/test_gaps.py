"""What a cut left out is put back once, in its place (STREAM-1)."""

from collections.abc import AsyncIterator, Sequence

import pytest

from connector.ccxt_adapter.gaps import TradeGap, between, mended
from connector.port import StreamLost
from topics.v1.market_pb2 import Candle, MarketEvent, Trade


def trade(number: int, *, time_ms: int | None = None, trade_id: str | None = None) -> MarketEvent:
    made_ms = 1000 + number if time_ms is None else time_ms
    return MarketEvent(trade=Trade(trade_id=str(number) if trade_id is None else trade_id, time_ms=made_ms))


def candle(minute: int, *, closed: bool = False) -> MarketEvent:
    return MarketEvent(candle=Candle(open_time_ms=minute * 60_000, interval_ms=60_000, closed=closed))


def ids(events: Sequence[MarketEvent | StreamLost]) -> list[str]:
    return [event.trade.trade_id for event in events if isinstance(event, MarketEvent) and event.HasField("trade")]


def candles_of(events: Sequence[MarketEvent | StreamLost]) -> list[Candle]:
    return [event.candle for event in events if isinstance(event, MarketEvent) and event.HasField("candle")]


class Past:
    """A venue's history that gives whatever it holds, and counts how often it is asked."""

    def __init__(self, trades: Sequence[MarketEvent] = (), candles: Sequence[MarketEvent] = ()) -> None:
        self._trades, self._candles = list(trades), list(candles)
        self.asked: list[tuple[object, ...]] = []

    async def candles(self, start_ms: int, until_ms: int, interval_ms: int) -> list[MarketEvent]:
        self.asked.append(("candles", start_ms, until_ms, interval_ms))
        return [event for event in self._candles if start_ms <= event.candle.open_time_ms < until_ms]

    async def trades(self, after: Trade, before: Trade) -> list[MarketEvent]:
        self.asked.append(("trades", after.trade_id, before.trade_id))
        return self._trades


async def told(items: Sequence[MarketEvent | StreamLost], past: Past) -> list[MarketEvent | StreamLost]:
    async def stream() -> AsyncIterator[MarketEvent | StreamLost]:
        for item in items:
            yield item

    return [item async for item in mended(stream(), past)]


async def test_an_uncut_stream_passes_as_it_is_and_nobody_is_asked() -> None:
    past = Past()
    items = [trade(1), candle(1), trade(2), candle(2)]
    assert await told(items, past) == items
    assert past.asked == []


async def test_what_a_cut_left_out_comes_before_what_came_next() -> None:
    """STREAM-1: each once, in its order, asked for once."""
    past = Past([trade(number) for number in range(9)], [candle(minute, closed=True) for minute in range(9)])
    heard = await told([trade(1), candle(1), StreamLost(), trade(5), candle(4), trade(6)], past)
    assert ids(heard) == ["1", "2", "3", "4", "5", "6"]
    minutes = [(it.open_time_ms // 60_000, it.closed) for it in candles_of(heard)]
    assert minutes == [(1, False), (1, True), (2, True), (3, True), (4, False)]
    assert past.asked == [("trades", "1", "5"), ("candles", 60_000, 240_000, 60_000)]


async def test_what_comes_again_is_told_once() -> None:
    """Some venues begin a subscription with the newest trades."""
    heard = await told([trade(1), trade(2), StreamLost(), trade(1), trade(2), trade(3)], Past([trade(2), trade(3)]))
    assert ids(heard) == ["1", "2", "3"]


async def test_two_cuts_with_nothing_in_between_are_one() -> None:
    past = Past([trade(number) for number in range(5)])
    assert ids(await told([trade(1), StreamLost(), StreamLost(), trade(4)], past)) == ["1", "2", "3", "4"]
    assert len(past.asked) == 1


async def test_trades_without_ids_are_never_taken_for_repeats() -> None:
    """Two trades can be alike in everything else."""
    heard = await told([trade(1, trade_id=""), trade(1, trade_id="")], Past())
    assert len(heard) == 2


@pytest.mark.parametrize(
    ("listed", "expected"),
    [
        ([1, 2, 3, 4, 5], ["2", "3", "4"]),
        ([3, 4], ["3", "4"]),
        ([0, 1, 5, 6], []),
        ([], []),
    ],
)
def test_between_two_trades_lie_those_after_the_one_and_before_the_other(
    listed: list[int], expected: list[str]
) -> None:
    assert ids(between([trade(number) for number in listed], trade(1).trade, trade(5).trade)) == expected


def test_trades_of_one_moment_are_told_apart_by_their_place() -> None:
    moment = [trade(number, time_ms=7) for number in range(1, 7)]
    assert ids(between(moment, moment[1].trade, moment[4].trade)) == ["3", "4"]


def test_only_so_many_trades_are_remembered() -> None:
    gap = TradeGap()
    for number in range(10_001):
        assert gap.is_new(trade(number).trade)
    assert gap.is_new(trade(0).trade)
    assert not gap.is_new(trade(10_000).trade)
