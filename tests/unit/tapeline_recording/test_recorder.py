"""What a venue's streams say, as rows: exact, gaps marked, missed trades filled in once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from itertools import count
from typing import Any, Self

import pytest

from connector.ccxt_adapter.mailbox import Mailbox
from connector.errors import VenueUnavailableError
from connector.port import StreamLost
from tapeline.recording.recorder import NOBODY_RECORDED, Newest, Recorder
from tapeline.recording.rows import Row
from topics.v1.common_pb2 import Grain, Side
from topics.v1.funding_pb2 import FundingUpdate
from topics.v1.instruments_pb2 import Instrument
from topics.v1.market_pb2 import Candle, MarketEvent, Quote, Trade

XRP = Instrument(symbol="XRPETH", grain=Grain(tick_size="0.00000001", lot_size="1"))


def trade(number: int) -> MarketEvent:
    return MarketEvent(
        trade=Trade(
            time_ms=number,
            trade_id=str(number),
            price_ticks=123_456,
            quantity_lots=7,
            taker_side=Side.SIDE_SELL,
        )
    )


def quote(time_ms: int) -> MarketEvent:
    return MarketEvent(quote=Quote(time_ms=time_ms, bid_ticks=1, bid_lots=2, ask_ticks=3, ask_lots=4, update_id=5))


class ScriptedVenue:
    """A public venue whose streams say what a test puts into them; `missed` is what REST tells."""

    name = "scripted"

    def __init__(self) -> None:
        self.said: Mailbox[MarketEvent | StreamLost] = Mailbox()
        self.funded: Mailbox[FundingUpdate] = Mailbox()
        self.missed: list[MarketEvent] | None = []
        self.asked: list[str] = []
        self.up = True

    async def start_public(self) -> Sequence[Instrument]:
        return [XRP]

    async def close(self) -> None: ...

    async def public_trades(self, symbol: str, *, after_id: str) -> list[MarketEvent]:
        self.asked.append(after_id)
        if self.missed is None:
            raise VenueUnavailableError("away")
        return [event for event in self.missed if int(event.trade.trade_id) > int(after_id)]

    async def market(self, symbol: str) -> AsyncIterator[MarketEvent | StreamLost]:
        async for item in self.said:
            yield item

    async def funding(self, symbol: str) -> AsyncIterator[FundingUpdate]:
        async for update in self.funded:
            yield update

    def status(self) -> dict[str, dict[str, Any]]:
        return {"quotes": {"ok": self.up, "silence_s": 0.0}}


class Recording:
    """A recorder that runs; `rows` is what it gave."""

    def __init__(self, venue: ScriptedVenue, **more: Any) -> None:
        self.rows: list[Row] = []
        clock = count(1)
        self.recorder = Recorder(venue, [XRP], self.rows.append, now_ns=lambda: next(clock), **more)

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self.recorder.run())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def until(self, rows: int) -> list[Row]:
        async with asyncio.timeout(5):
            while len(self.rows) < rows:
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
        return self.rows


async def test_prices_are_exact_and_both_times_are_kept() -> None:
    """ORD-7: eight decimals, no exponent; the venue's clock and ours."""
    venue = ScriptedVenue()
    venue.said.put(trade(11))
    async with Recording(venue) as it:
        assert await it.until(1) == [
            {
                "kind": "trade", "symbol": "XRPETH", "time_ms": 11, "received_ns": 1, "trade_id": "11",
                "taker_side": "sell", "price": "0.00123456", "quantity": "7",
            }
        ]  # fmt: skip


async def test_a_gap_is_marked_once_where_a_feed_was_lost() -> None:
    """STREAM-1: a subscription that is confirmed is none, and what the adapter put back follows the mark."""
    venue = ScriptedVenue()
    for item in (StreamLost(), trade(1), StreamLost()):
        venue.said.put(item)
    async with Recording(venue) as it:
        await it.until(1)
        await asyncio.sleep(0.3)
        venue.up = False
        await asyncio.sleep(0.3)
        assert it.recorder.lost == {"quotes"}
        venue.up = True
        for item in (StreamLost(), trade(2), StreamLost(), trade(3), trade(3)):
            venue.said.put(item)
        rows = await it.until(4)
    assert [(row["kind"], row.get("trade_id")) for row in rows] == [
        ("trade", "1"),
        ("gap", None),
        ("trade", "2"),
        ("trade", "3"),
    ]
    assert (rows[1]["time_ms"], rows[1]["feeds"]) == (1, ["quotes"])
    assert venue.asked == []


@pytest.mark.parametrize("missed", [[trade(6), trade(7)], None])
async def test_what_was_missed_while_nobody_recorded_is_asked_for(missed: list[MarketEvent] | None) -> None:
    """STREAM-1: after the last trade of the tape that is continued; a venue that cannot tell leaves the gap."""
    venue = ScriptedVenue()
    venue.missed = missed
    known = {"XRPETH": Newest(time_ms=5, received_ns=5, trade_id="5", lost={NOBODY_RECORDED})}
    for item in (StreamLost(), trade(7), trade(8)):
        venue.said.put(item)
    told = ["6", "7", "8"] if missed else ["7", "8"]
    async with Recording(venue, known=known) as it:
        rows = await it.until(1 + len(told))
    assert (rows[0]["kind"], rows[0]["time_ms"], rows[0]["feeds"]) == ("gap", 5, [NOBODY_RECORDED])
    assert [row["trade_id"] for row in rows[1:]] == told
    assert venue.asked == ["5"]


async def test_only_candles_that_ended_are_kept() -> None:
    """STREAM-1: one that still grows says what the trades beside it say."""
    venue = ScriptedVenue()
    for closed in (False, True):
        candle = Candle(open_time_ms=60_000, interval_ms=60_000, close_ticks=9, volume_lots=3, closed=closed)
        venue.said.put(MarketEvent(candle=candle))
    async with Recording(venue) as it:
        rows = await it.until(1)
    assert [(row["kind"], row["time_ms"], row["close"], row["closed"]) for row in rows] == [
        ("candle", 60_000, "0.00000009", True)
    ]


@pytest.mark.parametrize("predicted", [None, "0.0003"])
async def test_a_predicted_rate_is_there_only_where_the_venue_gives_it(predicted: str | None) -> None:
    """FUND-1: unset stays unset."""
    venue = ScriptedVenue()
    update = FundingUpdate(symbol="XRPETH", time_ms=9, rate="0.0001", next_funding_time_ms=10, mark_price="1.5")
    if predicted is not None:
        update.predicted_rate = predicted
    venue.funded.put(update)
    async with Recording(venue) as it:
        row = (await it.until(1))[0]
    assert (row["mark_price"], row["rate"], row["next_funding_time_ms"]) == ("1.5", "0.0001", 10)
    assert row.get("predicted_rate") == predicted
