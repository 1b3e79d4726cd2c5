"""A paper venue that follows a live feed: it plays what comes, when it comes, and comes back after a loss."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Self

import aiohttp
import orjson
import pytest

from tests.integration.venue.paper_venue import API_KEY, settings_for, signed
from venue.errors import InstrumentError, LedgerError, TapeError
from venue.live import LiveFeed
from venue.main import running
from venue.recorded import header_line

SOL = {"symbol": "SOLUSDT", "base_asset": "SOL", "quote_asset": "USDT", "tick_size": "0.001", "lot_size": "1"}
BUY = {"symbol": "SOLUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTX", "quantity": 3}
HEADER = header_line("binance", "perpetual", [SOL])


class Feed:
    """Says to whoever listens what a test tells it to."""

    def __init__(self, header: bytes = HEADER) -> None:
        self.header = header
        self.port = 0
        self._writers: list[asyncio.StreamWriter] = []

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        for writer in self._writers:
            writer.close()
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(self.header)
        self._writers.append(writer)
        await reader.read()

    def say(self, kind: str, time_ms: int, symbol: str = "SOLUSDT", **values: Any) -> None:
        row = {"kind": kind, "symbol": symbol, "time_ms": time_ms, "received_ns": 1, **values}
        for writer in self._writers:
            writer.write(orjson.dumps(row) + b"\n")

    def quote(self, time_ms: int, bid: str, ask: str) -> None:
        self.say("quote", time_ms, bid=bid, bid_size="5", ask=ask, ask_size="5", update_id=1)


@asynccontextmanager
async def venue(folder: Path, feed: Feed) -> AsyncIterator[Venue]:
    settings = settings_for(folder / "paper", live_feed=f"127.0.0.1:{feed.port}")
    async with running(settings) as port, aiohttp.ClientSession(f"http://127.0.0.1:{port}") as http:
        yield Venue(http)


class Venue:
    def __init__(self, http: aiohttp.ClientSession) -> None:
        self._http = http

    async def get(self, path: str, **parameters: Any) -> Any:
        async with self._http.get(path, params=parameters) as answer:
            return await answer.json()

    async def signed(self, method: str, path: str, **parameters: Any) -> Any:
        headers = {"X-MBX-APIKEY": API_KEY}
        async with self._http.request(method, f"{path}?{signed(**parameters)}", headers=headers) as answer:
            return await answer.json()

    async def subscribed(self, name: str) -> Any:
        """What the venue answers to a subscription."""
        async with self._http.ws_connect("/ws") as socket:
            await socket.send_json({"method": "SUBSCRIBE", "params": [name], "id": 1})
            return await socket.receive_json(timeout=5)

    async def until(self, events: int) -> dict[str, Any]:
        async with asyncio.timeout(5):
            while (state := await self.get("/paper/v1/state"))["live"]["events"] < events:
                await asyncio.sleep(0.02)
        return dict(state)


async def test_the_followed_venue_s_instrument_and_clock_are_its_own(tmp_path: Path) -> None:
    """SYM-1: an instrument our list does not have, its tick and lot; market time is the followed venue's."""
    async with Feed() as feed, venue(tmp_path, feed) as paper:
        feed.quote(1_700_000_000_123, "20.001", "20.003")
        state = await paper.until(1)
        assert (state["live"]["venue"], state["tape_time_ms"], state["synthetic"]) == (
            "binance",
            1_700_000_000_123,
            False,
        )
        info = (await paper.get("/fapi/v1/exchangeInfo"))["symbols"][0]
        filters = {one["filterType"]: one for one in info["filters"]}
        assert (info["symbol"], filters["PRICE_FILTER"]["tickSize"]) == ("SOLUSDT", "0.001")
        assert filters["LOT_SIZE"]["stepSize"] == "1"


@pytest.mark.parametrize("symbol", ["BTC-USDT-SWAP", "BTC_USDT"])
async def test_a_symbol_as_another_venue_spells_it_has_streams_too(tmp_path: Path, symbol: str) -> None:
    """VEN-1: OKX and Gate put dashes and underscores into their names."""
    header = header_line("okx", "perpetual", [SOL | {"symbol": symbol}])
    async with Feed(header) as feed, venue(tmp_path, feed) as paper:
        feed.say("quote", 1_000, symbol, bid="20.001", bid_size="5", ask="20.003", ask_size="5", update_id=1)
        await paper.until(1)
        answer = await paper.subscribed(f"{symbol.lower()}@bookTicker")
        assert answer == {"result": None, "id": 1}


async def test_a_resting_order_is_filled_by_the_followed_market(tmp_path: Path) -> None:
    """ORD-5: live trades and quotes meet orders on paper."""
    async with Feed() as feed, venue(tmp_path, feed) as paper:
        feed.quote(1_000, "20.001", "20.003")
        await paper.until(1)
        order = {
            "symbol": "SOLUSDT",
            "side": "BUY",
            "type": "LIMIT",
            "timeInForce": "GTX",
            "price": "20",
            "quantity": 3,
        }
        placed = await paper.signed("POST", "/fapi/v1/order", **order)
        feed.say("trade", 1_001, trade_id="7", taker_side="sell", price="19.999", quantity="9")
        await paper.until(2)
        found = await paper.signed("GET", "/fapi/v1/order", symbol="SOLUSDT", orderId=placed["orderId"])
        assert (found["status"], found["executedQty"], found["updateTime"]) == ("FILLED", "3", 1_001)


async def test_a_feed_that_is_lost_is_said_and_comes_back(tmp_path: Path) -> None:
    """STREAM-1: nothing moves meanwhile; then it goes on by itself."""
    async with Feed() as feed, venue(tmp_path, feed) as paper:
        feed.quote(1_000, "20.001", "20.003")
        assert (await paper.until(1))["live"]["lost"] == []
        port = feed.port
        await feed.__aexit__()
        async with asyncio.timeout(5):
            while (state := await paper.get("/paper/v1/state"))["live"]["connected"]:
                await asyncio.sleep(0.02)
        assert state["live"]["lost"] == ["feed"]
        assert state["waiting"] == f"waiting for the live feed at 127.0.0.1:{port}"
        again = Feed()
        again.port = port
        async with again:
            async with asyncio.timeout(5):
                while not (await paper.get("/paper/v1/state"))["live"]["connected"]:
                    await asyncio.sleep(0.02)
            again.quote(1_500, "20.101", "20.103")
            await paper.until(2)
            assert (await paper.get("/fapi/v1/ticker/bookTicker", symbol="SOLUSDT"))["bidPrice"] == "20.101"


async def test_funding_is_settled_when_the_followed_venue_s_time_comes(tmp_path: Path) -> None:
    """FUND-1: announced, then charged once at the rate told last before."""
    async with Feed() as feed, venue(tmp_path, feed) as paper:
        feed.quote(1_000, "20.001", "20.003")
        await paper.until(1)
        await paper.signed("POST", "/fapi/v1/order", symbol="SOLUSDT", side="BUY", type="MARKET", quantity=5)
        mark = {"mark_price": "20.002"}
        feed.say("funding", 1_100, rate="0.001", next_funding_time_ms=2_000, **mark)
        await paper.until(2)
        assert (await paper.get("/fapi/v1/premiumIndex", symbol="SOLUSDT"))["nextFundingTime"] == 2_000
        feed.say("funding", 2_001, rate="0.004", next_funding_time_ms=9_000, **mark)
        await paper.until(4)
        paid = await paper.signed("GET", "/fapi/v1/income", incomeType="FUNDING_FEE")
        assert [(one["income"], one["time"]) for one in paid] == [("-0.10001000", 2_000)]


async def test_a_venue_goes_on_with_its_orders_and_refuses_another_market(tmp_path: Path) -> None:
    """ES-2: the same ledger after a restart; a data folder tells one story."""
    async with Feed() as feed:
        async with venue(tmp_path, feed) as paper:
            feed.quote(1_000, "20.001", "20.003")
            await paper.until(1)
            order = {
                "symbol": "SOLUSDT",
                "side": "BUY",
                "type": "LIMIT",
                "timeInForce": "GTX",
                "price": "19",
                "quantity": 3,
            }
            await paper.signed("POST", "/fapi/v1/order", **order)
        async with venue(tmp_path, feed) as paper:
            assert (await paper.get("/paper/v1/state"))["orders_open"] == 1
    with pytest.raises(LedgerError, match="was made with live binance, this run has None; start with --fresh"):
        async with running(settings_for(tmp_path / "paper")):
            pass


async def test_instruments_that_change_meanwhile_end_it(tmp_path: Path) -> None:
    """SYM-1, ORD-7: prices on another grid are not read as if they were on the old one."""
    async with Feed() as feed:
        live = LiveFeed(f"127.0.0.1:{feed.port}")
        await live.open()
        live.close()
        feed.header = header_line("binance", "perpetual", [SOL | {"tick_size": "0.01"}])
        with pytest.raises(InstrumentError, match="binance changed its instruments while we followed it"):
            await anext(live.lines())


async def test_an_instrument_the_feed_did_not_announce_ends_it(tmp_path: Path) -> None:
    """SYM-1: nothing unknown is played."""

    async def follow() -> None:
        async with Feed() as feed, venue(tmp_path, feed):
            feed.say("trade", 1, "DOTUSDT")
            await asyncio.sleep(0.5)

    with pytest.raises(TapeError, match="tells of DOTUSDT, which its first line does not list"):
        await follow()
