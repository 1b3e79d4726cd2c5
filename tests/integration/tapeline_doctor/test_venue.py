"""A venue as this machine reaches it, through real ccxt: a paper venue, one whose clock is wrong, one that is none."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from pydantic import SecretStr

from connector.settings import VenueConnection
from tapeline.doctor.finding import Finding, Status
from tapeline.doctor.venue import probe
from tests.integration.venue.paper_venue import API_KEY, API_SECRET, settings_for
from venue.main import running

KEYS = {"api_key": SecretStr(API_KEY), "api_secret": SecretStr(API_SECRET)}


def at(port: int, **more: object) -> VenueConnection:
    addresses = {"rest_url": f"http://127.0.0.1:{port}", "ws_url": f"ws://127.0.0.1:{port}"}
    return VenueConnection(name="binance", **{"symbols": ("BTCUSDT",), **addresses, **more})


def told(found: list[Finding]) -> dict[Status, list[str]]:
    return {status: [one.text for one in found if one.status is status] for status in Status}


async def test_a_venue_that_is_well_is_told_in_full(tmp_path: Path) -> None:
    """SYM-1, GRPC-4: reachable both ways, in time, instruments known, key valid."""
    async with running(settings_for(tmp_path)) as port:
        found = told(await probe(at(port, **KEYS)))
    assert found[Status.WARNING] == found[Status.FAILED] == []
    rest, clock, instrument, stream, key = found[Status.OK]
    assert rest.startswith(f"binance at http://127.0.0.1:{port} answers over REST; round trip ")
    assert " ms from ours" in clock
    assert instrument == "BTCUSDT: tick 0.01, lot 0.001, least notional 5 USDT"
    assert stream == "websocket: connected and answering"
    assert key == "API key of account main: a signed call is answered, and it may trade"


async def test_it_is_not_taken_for_a_reader_of_the_market(tmp_path: Path) -> None:
    """RISK-1: a tape that waits for its readers does not start for a doctor."""
    import aiohttp

    async with running(settings_for(tmp_path)) as port, aiohttp.ClientSession() as http:
        await probe(at(port, **KEYS))
        async with http.get(f"http://127.0.0.1:{port}/paper/v1/state") as answer:
            state = await answer.json()
    assert state["waiting"] == "waiting for a market-data subscriber of BTCUSDT"
    assert state["position"] == 0


async def test_a_wrong_key_an_unknown_symbol_and_no_key_are_told_apart(tmp_path: Path) -> None:
    """GRPC-4, SYM-1: each with what to do, and without the key."""
    async with running(settings_for(tmp_path)) as port:
        wrong = await probe(at(port, api_key=SecretStr("a-wrong-key-4711"), api_secret=SecretStr("wrong-4711")))
        unknown = told(await probe(at(port, symbols=("BTCUSDT", "NOPE"), **KEYS)))
        public = await probe(at(port))
        followed = await probe(at(port), followed=True)
    (refused,) = [one for one in wrong if one.status is Status.FAILED]
    assert refused.text.startswith("the API key is refused: ")
    assert "TAPELINE_CONNECTOR__VENUE__API_KEY" in refused.remedy
    assert "4711" not in str([one.as_dict() for one in wrong])
    assert "NOPE is not listed as perpetual" in unknown[Status.FAILED]
    assert [one.text for one in public if one.status is Status.WARNING] == ["no API key is set: public data only"]
    assert {one.status for one in followed} == {Status.OK}


@asynccontextmanager
async def answering(handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> AsyncIterator[int]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


async def test_a_clock_ninety_seconds_off_fails_with_the_difference() -> None:
    """ERR-1: and how to mend it."""

    async def slow_clock(_: web.Request) -> web.Response:
        return web.json_response({"serverTime": time.time_ns() // 1_000_000 - 90_000})

    async with answering(slow_clock) as port:
        found = await probe(at(port))
    (wrong,) = [one for one in found if "ms from ours" in one.text]
    assert wrong.status is Status.FAILED
    assert -90_500 < int(wrong.text.split()[3]) < -89_500
    assert "timedatectl" in wrong.remedy


async def test_a_page_in_place_of_a_venue_fails() -> None:
    """ERR-1: HTML with status 200."""

    async def page(_: web.Request) -> web.Response:
        return web.Response(text="<html>maintenance</html>", content_type="text/html")

    async with answering(page) as port:
        (found,) = await probe(at(port))
    assert found.status is Status.FAILED
    assert "does not answer" in found.text
    assert "rest_url" in found.remedy


async def test_nobody_there_and_no_sandbox_are_one_line_each() -> None:
    """ERR-1: no network."""
    (nobody,) = await probe(at(9))
    assert nobody.status is Status.FAILED
    assert "no connection to the venue" in nobody.text


async def test_a_websocket_that_is_not_let_through_fails_by_itself(tmp_path: Path) -> None:
    """STREAM-1: REST works, and the firewall keeps websockets out."""
    async with running(settings_for(tmp_path)) as port:
        found = await probe(at(port, ws_url="ws://127.0.0.1:9", **KEYS))
    (wrong,) = [one for one in found if one.status is Status.FAILED]
    assert "ws_url" in wrong.remedy


@pytest.mark.parametrize("product", ["spot"])
async def test_a_symbol_is_looked_for_among_its_product(tmp_path: Path, product: str) -> None:
    """SYM-1: a perpetual of that name is no spot pair."""
    async with running(settings_for(tmp_path, spot_symbols=["ETHUSDT"])) as port:
        found = told(await probe(at(port, product=product)))
    assert "BTCUSDT is not listed as spot" in found[Status.FAILED]
