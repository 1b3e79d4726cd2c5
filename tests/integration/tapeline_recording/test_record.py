"""`tapeline record` through real ccxt from a second paper venue that stands for a real one, cut off in between."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections import Counter
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest

from connector.settings import VenueConnection
from reliability.chaos.proxy import FaultProxy, Faults
from tapeline.errors import TapelineError
from tapeline.recording.session import Progress, Target, record, symbols_for, target_of
from tests.integration.venue.paper_venue import settings_for
from venue import tape_files
from venue.main import running
from venue.recorded_file import header_of

REPOSITORY = Path(__file__).resolve().parents[3]
SYMBOLS = ("BTCUSDT", "ETHUSDT")


@asynccontextmanager
async def real_venue(folder: Path, **more: Any) -> Any:
    """Plays whether anybody listens or not, as a real one does; reached through a proxy that can fail."""
    settings = settings_for(folder / "real", symbols=list(SYMBOLS), wait_for_subscriber=False, **more)
    async with running(settings) as port, FaultProxy(port) as proxy:
        yield proxy


def connection(port: int, *symbols: str) -> VenueConnection:
    return VenueConnection(
        name="binance",
        rest_url=f"http://127.0.0.1:{port}",
        ws_url=f"ws://127.0.0.1:{port}",
        symbols=symbols or SYMBOLS,
        reconnect_delays_s=(0.6, 0.6),
    )


def rows_of(path: Path) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in path.read_bytes().splitlines()[1:]]


def untold(_: Progress) -> None: ...


async def test_a_cut_stream_is_resumed_its_gap_marked_and_no_trade_is_missing(tmp_path: Path) -> None:
    """STREAM-1: every trade the venue made is on the tape once; and the tape can be played."""
    target, stop = Target(tmp_path / "tape.jsonl"), asyncio.Event()
    async with real_venue(tmp_path) as proxy:
        recording = asyncio.create_task(
            record(connection(proxy.port), target, stop=stop, duration_s=None, tell=untold), name="recording"
        )
        await asyncio.sleep(2)
        proxy.apply(Faults(refused=True))
        proxy.drop()
        await asyncio.sleep(1.5)
        proxy.heal()
        await asyncio.sleep(2.5)
        stop.set()
        end = await recording
    assert end.counts["quote"] > 20
    rows = rows_of(target.path)
    for symbol in SYMBOLS:
        numbers = [int(row["trade_id"]) for row in rows if (row["kind"], row["symbol"]) == ("trade", symbol)]
        step = numbers[1] - numbers[0]
        assert numbers == list(range(numbers[0], numbers[-1] + 1, step))
        gaps = [row for row in rows if (row["kind"], row["symbol"]) == ("gap", symbol)]
        assert gaps
        assert {"quotes", "trades"} <= {feed for gap in gaps for feed in gap["feeds"]}
    recordings = {one.symbol: one for one in tape_files.inspect_recorded(target.path)}
    assert recordings.keys() == set(SYMBOLS)
    assert all(one.rows > 20 for one in recordings.values())


async def test_a_tape_is_continued_where_it_was_killed(tmp_path: Path) -> None:
    """ES-2, STREAM-1: kill -9 of the recorder, a half line left, `--append`: no trade missing, none twice."""
    path = tmp_path / "tape.jsonl"
    async with real_venue(tmp_path) as proxy:
        await record(connection(proxy.port), Target(path), stop=asyncio.Event(), duration_s=1.5, tell=untold)
        with path.open("ab") as file:
            file.write(b'{"kind":"trade","symb')
        target = target_of(path, append=True)
        assert symbols_for(target, ()) == SYMBOLS
        await record(connection(proxy.port), target, stop=asyncio.Event(), duration_s=1.5, tell=untold)
    rows = rows_of(path)
    assert Counter(row["kind"] for row in rows)["gap"] == len(SYMBOLS)
    for symbol in SYMBOLS:
        numbers = [int(row["trade_id"]) for row in rows if (row["kind"], row["symbol"]) == ("trade", symbol)]
        assert numbers == list(range(numbers[0], numbers[-1] + 1, numbers[1] - numbers[0]))


async def test_the_tape_carries_the_venue_s_own_tick_and_lot(tmp_path: Path) -> None:
    """SYM-1: they come from the venue, whatever our own list says."""
    path = tmp_path / "tape.jsonl.gz"
    async with real_venue(tmp_path) as proxy:
        await record(connection(proxy.port, "ETHUSDT"), Target(path), stop=asyncio.Event(), duration_s=1, tell=untold)
    header = header_of(path)
    assert (header.venue, header.product, list(header.instruments)) == ("binance", "perpetual", ["ETHUSDT"])
    eth = header.instruments["ETHUSDT"]
    assert (f"{eth.tick_size:f}", f"{eth.lot_size:f}", f"{eth.min_notional:f}") == ("0.01", "0.001", "5")


async def test_spot_is_recorded_through_the_unified_calls(tmp_path: Path) -> None:
    """VEN-1, STREAM-1: another product, another adapter, the same rows; no funding there."""
    path = tmp_path / "tape.jsonl"
    spot = {"product": "spot", "name": "binance-spot"}
    async with real_venue(tmp_path, spot_symbols=["ETHUSDT"]) as proxy:
        told = connection(proxy.port, "ETHUSDT").model_copy(update=spot)
        await record(told, Target(path), stop=asyncio.Event(), duration_s=4, tell=untold)
    header = header_of(path)
    assert (header.venue, header.product, list(header.instruments)) == ("binance-spot", "spot", ["ETHUSDT"])
    kinds = Counter(row["kind"] for row in rows_of(path))
    assert kinds["quote"] > 5
    assert kinds["trade"] > 5
    assert tape_files.inspect_recorded(path)[0].rows > 10


async def test_a_venue_that_cannot_be_reached_is_said_and_leaves_no_file(tmp_path: Path) -> None:
    """ERR-1: no network."""
    async with real_venue(tmp_path) as proxy:
        port = proxy.port
    with pytest.raises(TapelineError, match="no connection to the venue"):
        await record(connection(port), Target(tmp_path / "t.jsonl"), stop=asyncio.Event(), duration_s=1, tell=untold)
    assert not (tmp_path / "t.jsonl").exists()


async def tapeline(folder: Path, *arguments: str, **more: str) -> asyncio.subprocess.Process:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TAPELINE_")}
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tapeline", *arguments,
        cwd=folder, stdout=-1, stderr=-1,
        env=kept | {"TAPELINE_HOME": str(folder / "data"), "PYTHONPATH": str(REPOSITORY)} | more,
    )  # fmt: skip


def at(port: int) -> dict[str, str]:
    prefix = "TAPELINE_CONNECTOR__VENUE__"
    addresses = {"REST_URL": f"http://127.0.0.1:{port}", "WS_URL": f"ws://127.0.0.1:{port}"}
    return {prefix + name: value for name, value in {"NAME": "binance", **addresses}.items()}


async def test_ctrl_c_ends_the_command_with_counts_and_a_tape_that_plays(tmp_path: Path) -> None:
    """OPS-2: what a person sees."""
    async with real_venue(tmp_path) as proxy:
        command = ("record", "--venue", "binance", "--symbols", "BTCUSDT, ETHUSDT", "--out", "tape.jsonl.gz")
        process = await tapeline(tmp_path, *command, **at(proxy.port))
        async with asyncio.timeout(30):
            while not (tmp_path / "tape.jsonl.gz").exists():
                await asyncio.sleep(0.05)
        await asyncio.sleep(2)
        process.send_signal(signal.SIGINT)
        _, told = await process.communicate()
    assert process.returncode == 0, told
    assert b"recording BTCUSDT, ETHUSDT of binance to tape.jsonl.gz; Ctrl-C ends" in told
    assert b" quotes, " in told
    assert b"play it: tapeline up --fresh --tape tape.jsonl.gz" in told
    assert len(tape_files.inspect_recorded(tmp_path / "tape.jsonl.gz")) == 2


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("--venue", "binanse", "--out", "t.jsonl"), 2, "there is no venue 'binanse'. Did you mean 'binance'?"),
        (
            ("--venue", "binance", "--symbols", "NOPE", "--out", "t.jsonl"),
            2,
            "--symbols: binance has no instrument 'NOPE'",
        ),
        (("--out", "t.csv"), 2, "--out is t.csv; a tape's name ends with .jsonl or .jsonl.gz"),
        (("--out", "nowhere/t.jsonl"), 2, "there is no folder nowhere; make it first: mkdir -p nowhere"),
        (("--out", "mine.jsonl"), 2, "the file mine.jsonl exists; add to it with --append, or choose another"),
        (("--out", "mine.jsonl", "--append"), 2, "--append: mine.jsonl, line 1: not the first line of a recording"),
    ],
)
async def test_a_mistake_is_one_clear_line(tmp_path: Path, arguments: tuple[str, ...], code: int, message: str) -> None:
    """LIVE-5: unknown venue, unknown symbol, file that exists, folder that does not."""
    (tmp_path / "mine.jsonl").write_text("mine\n")
    async with real_venue(tmp_path) as proxy:
        process = await tapeline(tmp_path, "record", "--duration", "1", *arguments, **at(proxy.port))
        out, told = await process.communicate()
    assert process.returncode == code, told
    assert message in told.decode()
    assert b"Traceback" not in out + told
    assert (tmp_path / "mine.jsonl").read_text() == "mine\n"
    assert not (tmp_path / "t.jsonl").exists()
