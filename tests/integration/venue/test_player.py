"""The tape at the venue: when it plays, how fast, that it resumes, and that at speed max it waits for the agents."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from tests.integration.venue.paper_venue import settings_for
from venue.main import running
from venue.pacing import SMALLEST_WINDOW

HEADER = "time_ms,bid,bid_size,ask,ask_size\n"


def quotes_tape(folder: Path, rows: int) -> Path:
    path = folder / "btc-usdt-quotes.csv"
    lines = (f"{1_000 + n * 10},{40_000 + n % 50}.00,1,{40_001 + n % 50}.00,1\n" for n in range(rows))
    path.write_text(HEADER + "".join(lines))
    return path


@asynccontextmanager
async def listening(port: int, stream: str = "btcusdt@bookTicker") -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"ws://127.0.0.1:{port}/public/ws/{stream}") as socket,
    ):
        yield socket


async def state(port: int) -> dict[str, Any]:
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}/paper/v1/state") as answer:
        found: dict[str, Any] = await answer.json()
        return found


async def state_with(port: int, **wanted: Any) -> dict[str, Any]:
    """The state once it is as wanted; fails after 10 s."""
    async with asyncio.timeout(10):
        while True:
            now = await state(port)
            if all(now[name] == value for name, value in wanted.items()):
                return now
            await asyncio.sleep(0.01)


async def test_the_tape_waits_for_a_subscriber_and_pauses_without_one(tmp_path: Path) -> None:
    """STREAM-1: nothing plays to an empty room, and a connector that comes back has missed nothing."""
    settings = settings_for(tmp_path / "venue", tapes=[quotes_tape(tmp_path, 5_000)], speed=1.0)
    async with running(settings) as port:
        assert (await state(port))["position"] == 0
        async with listening(port) as socket:
            first = [(await socket.receive_json())["u"] for _ in range(3)]
        waiting = await state_with(port, waiting="waiting for a market-data subscriber of BTCUSDT")
        async with listening(port) as socket:
            again = (await socket.receive_json())["u"]

    assert first == [1, 2, 3]
    assert again == waiting["update_id"]["BTCUSDT"] + 1


async def test_at_speed_max_it_waits_for_progress_and_ends_with_every_event_acknowledged(tmp_path: Path) -> None:
    """RISK-1: no more than the window unacknowledged, then all of it, each exactly once and in order."""
    settings = settings_for(tmp_path / "venue", tapes=[quotes_tape(tmp_path, 600)], speed="max")
    async with running(settings) as port, listening(port) as socket:
        held = await state_with(port, waiting="waiting for progress")
        assert held["in_flight"] == held["position"] == SMALLEST_WINDOW
        received = []
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as agent:
            for _ in range(600):
                update_id = (await asyncio.wait_for(socket.receive_json(), 10))["u"]
                received.append(update_id)
                decided = {"symbol": "BTCUSDT", "update_id": update_id}
                async with agent.post("/paper/v1/progress", json=decided) as answer:
                    assert answer.status == 200
        ended = await state_with(port, ended=True)

    assert received == list(range(1, 601))
    assert (ended["position"], ended["total"]) == (600, 600)


async def test_unpaced_it_plays_a_tape_to_its_end_and_stays_up(tmp_path: Path) -> None:
    """RISK-1: `paced` off: the reader alone sets the pace; after the end the venue still answers."""
    settings = settings_for(tmp_path / "venue", tapes=[quotes_tape(tmp_path, 20_000)], speed="max", paced=False)
    async with running(settings) as port, listening(port) as socket:
        received = [(await asyncio.wait_for(socket.receive_json(), 10))["u"] for _ in range(20_000)]
        await state_with(port, ended=True)

    assert received == list(range(1, 20_001)), "nobody is cut off at speed max"


async def test_a_connection_that_goes_away_does_not_hold_the_tape_for_ever(tmp_path: Path) -> None:
    """STREAM-1: what was in flight to it is forgotten; the next one goes on after it."""
    settings = settings_for(tmp_path / "venue", tapes=[quotes_tape(tmp_path, 500)], speed="max")
    async with running(settings) as port:
        async with listening(port):
            await state_with(port, waiting="waiting for progress")
        await state_with(port, waiting="waiting for a market-data subscriber of BTCUSDT")
        async with listening(port) as socket:
            assert (await asyncio.wait_for(socket.receive_json(), 10))["u"] == SMALLEST_WINDOW + 1


async def test_a_stopped_venue_goes_on_where_the_tape_stood(tmp_path: Path) -> None:
    """ES-3: position and update ids continue; the quote in force is known at once."""
    settings = settings_for(tmp_path / "venue", tapes=[quotes_tape(tmp_path, 400)], speed="max", paced=False)
    timed = settings.model_copy(update={"speed": 1.0})
    async with running(timed) as port, listening(port) as socket:
        for _ in range(20):
            last = await socket.receive_json()
    async with running(settings) as port:
        resumed = await state(port)
        async with listening(port) as socket:
            following = await socket.receive_json()
            await state_with(port, ended=True)

    assert resumed["position"] >= last["u"]
    assert following["u"] == resumed["position"] + 1


async def test_a_market_has_a_mark_price_before_anybody_listens(tmp_path: Path) -> None:
    """SYM-1, RISK-2: what an order puts at stake can be judged from the first moment on."""
    settings = settings_for(tmp_path / "venue", tapes=[quotes_tape(tmp_path, 10)])
    async with running(settings) as port, aiohttp.ClientSession() as session:
        async with session.get(f"http://127.0.0.1:{port}/fapi/v1/premiumIndex?symbol=BTCUSDT") as answer:
            assert (await answer.json())["markPrice"].startswith("40000.5")
        assert (await state(port))["position"] == 0
