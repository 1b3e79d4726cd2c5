"""Reads in pages are complete, oldest first, each entry once; a cut candle stream knows what it missed."""

from typing import Any

import pytest

from connector.ccxt_adapter import history
from connector.ccxt_adapter.gaps import CandleGap
from topics.v1.market_pb2 import Candle

DAY_MS = 24 * 3600 * 1000


class Trades:
    """A venue's trade list behind Binance's rules: pages of `limit`, and at most seven days between the times."""

    def __init__(self, count: int, *, first_ms: int = 0, step_ms: int = 1) -> None:
        self.rows = [{"id": number, "time": first_ms + number * step_ms} for number in range(1, count + 1)]
        self.requests = 0

    async def fetch(self, request: dict[str, Any]) -> list[Any]:
        self.requests += 1
        assert request["limit"] <= history.PAGE
        if "fromId" in request:
            assert "startTime" not in request
            found = [row for row in self.rows if row["id"] >= request["fromId"]]
        else:
            assert request["endTime"] - request["startTime"] < 7 * DAY_MS
            found = [row for row in self.rows if request["startTime"] <= row["time"] <= request["endTime"]]
        return found[: request["limit"]]


@pytest.mark.parametrize("count", [0, 1, 999, 1000, 1001, 2500])
async def test_all_trades_after_an_id_come_in_order(count: int) -> None:
    """ORD-6: fills since the last known one, over as many pages as it takes."""
    trades = Trades(count)
    found = await history.trades_after(trades.fetch, 0)
    assert [row["id"] for row in found] == list(range(1, count + 1))


async def test_trades_up_to_the_known_one_are_not_repeated() -> None:
    """ORD-6: the known trade itself is not among them."""
    found = await history.trades_after(Trades(10).fetch, 7)
    assert [row["id"] for row in found] == [8, 9, 10]


async def test_trades_since_a_time_are_found_over_quiet_weeks() -> None:
    """ORD-6: the venue answers seven days at most; a quiet month in between hides nothing."""
    trades = Trades(1500, first_ms=30 * DAY_MS)
    found = await history.trades_since(trades.fetch, DAY_MS, until_ms=40 * DAY_MS)
    assert [row["id"] for row in found] == list(range(1, 1501))


async def test_no_trades_at_all_is_an_answer() -> None:
    """ORD-6: the search ends at the venue's present."""
    trades = Trades(0)
    assert await history.trades_since(trades.fetch, 0, until_ms=20 * DAY_MS) == []
    assert trades.requests == 3


async def test_payments_at_one_moment_over_a_page_s_end_come_once() -> None:
    """FUND-1: every payment once, also where a page ends between two of the same time."""
    rows = [{"tranId": number, "symbol": "X", "time": number // 3} for number in range(2500)]

    async def fetch(request: dict[str, Any]) -> list[Any]:
        return [row for row in rows if row["time"] >= request.get("startTime", 0)][: request["limit"]]

    found = await history.incomes_since(fetch, 0)
    assert [row["tranId"] for row in found] == list(range(2500))


async def test_candles_between_two_times_come_whole() -> None:
    """STREAM-1: what a cut left out, page by page."""
    rows = [[minute * 60_000, "1", "1", "1", "1", "1"] for minute in range(3000)]

    async def fetch(request: dict[str, Any]) -> list[Any]:
        within = [row for row in rows if request["startTime"] <= row[0] <= request["endTime"]]
        return within[: request["limit"]]

    found = await history.candles_between(fetch, 60_000, 2_500 * 60_000, interval_ms=60_000)
    assert [row[0] for row in found] == [minute * 60_000 for minute in range(1, 2500)]


def candle(minute: int, *, closed: bool) -> Candle:
    return Candle(open_time_ms=minute * 60_000, interval_ms=60_000, closed=closed)


def test_an_uncut_stream_misses_nothing() -> None:
    """STREAM-1: a quiet market without candles is not a gap."""
    gap = CandleGap()
    assert gap.missed_before(candle(1, closed=False)) is None
    assert gap.missed_before(candle(9, closed=False)) is None


@pytest.mark.parametrize(("closed", "start"), [(True, 2), (False, 1)])
def test_after_a_cut_the_candles_in_between_are_missing(closed: bool, start: int) -> None:
    """STREAM-1: a candle that was still open when the stream was cut is fetched in its final form."""
    gap = CandleGap()
    gap.missed_before(candle(1, closed=closed))
    gap.cut()
    assert gap.missed_before(candle(5, closed=False)) == (start * 60_000, 5 * 60_000)
    assert gap.missed_before(candle(6, closed=False)) is None


def test_a_cut_within_one_minute_misses_no_candle() -> None:
    """STREAM-1: the running candle comes again by itself."""
    gap = CandleGap()
    gap.missed_before(candle(1, closed=False))
    gap.cut()
    assert gap.missed_before(candle(1, closed=True)) is None


class Orders:
    """A venue's order list: the newest `limit` of a span of at most seven days, oldest first."""

    def __init__(self, times_ms: list[int]) -> None:
        self.rows = [{"orderId": number, "time": time_ms} for number, time_ms in enumerate(times_ms, start=1)]

    async def fetch(self, request: dict[str, Any]) -> list[Any]:
        assert request["endTime"] - request["startTime"] < 7 * DAY_MS
        found = [row for row in self.rows if request["startTime"] <= row["time"] <= request["endTime"]]
        return found[-request["limit"] :]


@pytest.mark.parametrize("count", [0, 1, 1000, 1001, 3500])
async def test_all_orders_since_a_time_come_in_order_though_pages_hold_the_newest(count: int) -> None:
    """WF-3: the order history is a witness only when it is whole."""
    orders = Orders([5 + number // 3 for number in range(count)])
    found = await history.orders_since(orders.fetch, 5, until_ms=10_000)
    assert [row["orderId"] for row in found] == list(range(1, count + 1))


async def test_orders_are_found_over_weeks_and_older_ones_left_out() -> None:
    """WF-3: a claim from before a long stop is still looked for."""
    orders = Orders([DAY_MS, 3 * DAY_MS, 20 * DAY_MS])
    found = await history.orders_since(orders.fetch, 2 * DAY_MS, until_ms=21 * DAY_MS)
    assert [row["orderId"] for row in found] == [2, 3]
