"""A bad line on purpose: slow requests, lost and late frames, dropped connections, a clock that stands (ORD-8)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import aiohttp
import ccxt.pro
import pytest
from pydantic import ValidationError

from tests.integration.venue.paper_venue import API_KEY, API_SECRET, settings_for, signed
from venue.conditions import Conditions, StreamCondition
from venue.main import running

SPOT_QUOTES, PERPETUAL_QUOTES = "/stream/ws/btcusdt@bookTicker", "/public/ws/btcusdt@bookTicker"


class Control:
    """One venue of both products and its control endpoints."""

    def __init__(self, port: int, session: aiohttp.ClientSession) -> None:
        self.address = f"http://127.0.0.1:{port}"
        self.session = session

    async def ask(self, method: str, path: str, body: Any = None) -> Any:
        async with self.session.request(method, self.address + path, json=body) as answer:
            return await answer.json()

    async def meet(self, conditions: Conditions) -> None:
        assert await self.ask("PUT", "/paper/v1/conditions", conditions.model_dump(mode="json")) == {}

    async def listen(self, path: str) -> aiohttp.ClientWebSocketResponse:
        return await self.session.ws_connect(self.address + path)


@pytest.fixture
async def control(tmp_path: Path) -> AsyncIterator[Control]:
    settings = settings_for(tmp_path / "venue", spot_symbols=["BTCUSDT"], wait_for_subscriber=False, misbehaves=True)
    async with running(settings) as port, aiohttp.ClientSession(headers={"X-MBX-APIKEY": API_KEY}) as session:
        yield Control(port, session)


async def update(socket: aiohttp.ClientWebSocketResponse) -> int:
    async with asyncio.timeout(10):
        return int((await socket.receive_json())["u"])


async def test_requests_of_one_product_are_late_and_those_of_the_other_are_not(control: Control) -> None:
    """ORD-3: the spot request left first and is answered last."""
    await control.meet(Conditions(rest_late_ms=500, rest_of="spot"))
    finished: list[str] = []

    async def ask(path: str) -> None:
        await control.ask("GET", path)
        finished.append(path)

    async with asyncio.TaskGroup() as group:
        group.create_task(ask("/api/v3/time"))
        group.create_task(ask("/fapi/v1/time"))
    assert finished == ["/fapi/v1/time", "/api/v3/time"]
    assert (await control.ask("GET", "/paper/v1/conditions"))["rest_late_ms"] == 500


async def test_frames_of_one_stream_are_lost_until_it_is_over(control: Control) -> None:
    """STREAM-1: the perpetual's quotes go on; the spot stream goes on with a gap."""
    spot, perpetual = await control.listen(SPOT_QUOTES), await control.listen(PERPETUAL_QUOTES)
    await control.meet(Conditions(streams=(StreamCondition(stream="spot/*", lost=True),)))
    await update(perpetual)
    heard = [await update(perpetual) for _ in range(5)]
    await control.meet(Conditions())
    told = [await update(spot)]
    while told[-1] <= heard[-1]:
        told.append(await update(spot))
    assert [later - earlier for earlier, later in pairwise(heard)] == [2] * 4, "every quote: two numbers a step"
    assert not set(told) & set(heard)


async def test_late_frames_keep_their_order_and_none_is_lost(control: Control) -> None:
    """STREAM-1: also those that are sent right after the line is well again."""
    spot = await control.listen(SPOT_QUOTES)
    await control.meet(Conditions(streams=(StreamCondition(stream="spot/btcusdt@bookTicker", late_ms=300, for_s=0.5),)))
    numbers = [await update(spot) for _ in range(15)]
    assert [later - earlier for earlier, later in pairwise(numbers)] == [2] * 14


async def test_connections_of_one_product_are_dropped_now(control: Control) -> None:
    """STREAM-1: market data and user stream of spot; the perpetual's stays."""
    spot, perpetual = await control.listen(SPOT_QUOTES), await control.listen(PERPETUAL_QUOTES)
    user = await control.listen("/ws-api/v3")
    await user.send_json({"id": 1, "method": "ping"})
    await user.receive_json()
    told = await control.ask("POST", "/paper/v1/happenings", {"drop_connections": ["spot"]})
    assert told["dropped"] == 2
    async with asyncio.timeout(10):
        while not spot.closed:
            await spot.receive()
        while not user.closed:
            await user.receive()
    assert await update(perpetual) < await update(perpetual)


async def test_the_clock_stands_while_orders_are_still_taken(control: Control) -> None:
    """VEN-1: no event is played; then it goes on."""
    await control.meet(Conditions(clock_stands=True))
    before = await control.ask("GET", "/paper/v1/state")
    body = signed(symbol="BTCUSDT", side="BUY", type="LIMIT_MAKER", quantity="0.01", price="30000")
    async with control.session.post(f"{control.address}/api/v3/order", data=body) as answer:
        placed = await answer.json()
    await asyncio.sleep(0.3)
    after = await control.ask("GET", "/paper/v1/state")
    assert placed["transactTime"] == before["tape_time_ms"] == after["tape_time_ms"]
    assert "clock" in after["waiting"]
    await control.meet(Conditions())
    async with asyncio.timeout(10):
        while (await control.ask("GET", "/paper/v1/state"))["tape_time_ms"] == before["tape_time_ms"]:
            await asyncio.sleep(0.01)


async def test_scripts_touch_spot_requests_and_messages_too(control: Control) -> None:
    """ORD-2: a spot order whose answer is lost; the perpetual's is not touched; its fill is told twice."""
    script = {
        "requests": [{"on": "place", "product": "spot", "answered": False}],
        "messages": [{"product": "spot", "execution": "TRADE", "client_order_id": "TLx", "sent_after_s": [0, 0]}],
    }
    await control.ask("PUT", "/paper/v1/misbehaviour", script)
    user = await control.listen("/ws-api/v3")
    async with ccxt.pro.binance({"apiKey": API_KEY, "secret": API_SECRET}) as client:
        signature = client.sign_params({})
    await user.send_json({"id": 1, "method": "userDataStream.subscribe.signature", "params": signature})
    await user.receive_json()
    order = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.01", "newClientOrderId": "TLx"}
    async with control.session.post(f"{control.address}/fapi/v1/order", data=signed(**order)) as answer:
        assert answer.status == 200
    with pytest.raises(aiohttp.ClientError):
        async with control.session.post(f"{control.address}/api/v3/order", data=signed(**order)):
            pass
    query = signed(symbol="BTCUSDT", origClientOrderId="TLx")
    assert (await control.ask("GET", f"/api/v3/order?{query}"))["status"] == "FILLED"
    async with asyncio.timeout(10):
        told = [(await user.receive_json())["event"] for _ in range(4)]
    assert [one.get("x") for one in told] == ["NEW", "TRADE", "TRADE", None]


def test_conditions_are_of_a_venue_that_misbehaves(tmp_path: Path) -> None:
    """GRPC-4: not by mistake."""
    with pytest.raises(ValidationError, match="set misbehaves too"):
        settings_for(tmp_path, conditions={"clock_stands": True})
