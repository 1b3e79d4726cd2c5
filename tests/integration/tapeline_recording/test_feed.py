"""The feed process: no key in it, newest first to who comes late, and one clear line for what is wrong."""

from __future__ import annotations

import asyncio
from pathlib import Path

import orjson
import pytest
from pydantic import SecretStr, ValidationError

from connector.public import open_public, secrets_of
from connector.settings import VenueConnection
from tapeline.recording.feed import serve
from tapeline.recording.feed_settings import FeedSettings
from tests.integration.tapeline_recording.test_record import connection, real_venue, tapeline

KEYS = {"api_key": SecretStr("a-real-key"), "api_secret": SecretStr("a-real-secret")}


def test_a_key_is_refused_by_the_feed_s_settings() -> None:
    """GRPC-4: there is no way to give it one."""
    with pytest.raises(ValidationError, match="live market data needs no key: leave api_key, api_secret out") as error:
        FeedSettings(connection=VenueConnection(**KEYS))
    assert "a-real" not in str(error.value)


async def test_what_is_opened_for_the_public_has_no_key_and_cannot_order(tmp_path: Path) -> None:
    """GRPC-4: keys of a configured venue are dropped before anything is opened."""
    async with real_venue(tmp_path) as proxy:
        venue = open_public(connection(proxy.port).model_copy(update=KEYS))
        try:
            await venue.start_public()
            with pytest.raises(Exception, match="apiKey"):
                await venue.snapshot()  # type: ignore[attr-defined]
        finally:
            await venue.close()
    assert secrets_of(connection(1)) == {}


async def test_who_comes_late_hears_the_newest_first(tmp_path: Path) -> None:
    """LIVE-3: header, what is lost, newest quote and funding of each instrument, then what comes."""
    stop = asyncio.Event()
    started: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    async with real_venue(tmp_path) as proxy:
        serving = asyncio.create_task(serve(FeedSettings(connection=connection(proxy.port)), stop, started))
        port = await started
        await asyncio.sleep(2)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        lines = [orjson.loads(await reader.readline()) for _ in range(12)]
        writer.close()
        stop.set()
        await serving
    assert [one["symbol"] for one in lines[0]["instruments"]] == ["BTCUSDT", "ETHUSDT"]
    first = lines[1:6]
    assert {"lost": []} in first
    told = {(row["kind"], row["symbol"]) for row in first if "kind" in row}
    assert told == {(kind, symbol) for kind in ("quote", "funding") for symbol in ("BTCUSDT", "ETHUSDT")}


async def test_a_venue_that_is_not_there_ends_the_feed_with_its_reason(tmp_path: Path) -> None:
    """ERR-1: no network."""
    async with real_venue(tmp_path) as proxy:
        port = proxy.port
    with pytest.raises(Exception, match="no connection to the venue"):
        await serve(FeedSettings(connection=connection(port)), asyncio.Event())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--paper",), "--paper needs a venue to follow: --venue binance"),
        (("--venue", "binance"), "--venue binance goes with --paper: live market data, orders on paper"),
        (("--venue", "binanse", "--paper"), "there is no venue 'binanse'. Did you mean 'binance'?"),
        (
            ("--venue", "binance", "--paper", "--speed", "max"),
            "--paper follows a live market: leave --tape and --speed",
        ),
    ],
)
async def test_flags_that_do_not_fit_are_one_line(tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    """OPS-2: exit 2 is usage."""
    process = await tapeline(tmp_path, "up", *arguments)
    out, told = await process.communicate()
    assert process.returncode == 2, told
    assert message in told.decode()
    assert b"Traceback" not in out + told


async def test_without_a_network_up_ends_with_one_line_and_nothing_left(tmp_path: Path) -> None:
    """OPS-1, ERR-1: no network: exit 1."""
    dead = {
        "TAPELINE_CONNECTOR__VENUE__REST_URL": "http://127.0.0.1:9",
        "TAPELINE_CONNECTOR__VENUE__WS_URL": "ws://127.0.0.1:9",
    }
    process = await tapeline(
        tmp_path, "up", "--venue", "binance", "--paper", TAPELINE_CONNECTOR__VENUE__NAME="binance", **dead
    )
    _, told = await process.communicate()
    lines = [line for line in told.decode().splitlines() if line.startswith("tapeline: ")]
    assert process.returncode == 1, told
    assert len(lines) == 1
    assert "feed does not start: " in lines[0]
    assert "no connection to the venue" in lines[0]
    assert not (tmp_path / "data" / "processes.json").exists()
