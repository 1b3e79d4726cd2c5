"""`tapeline up --venue binance --paper` against a second paper venue that stands for the real one.

Real ccxt, real processes. Everything sent to the "real" venue is kept and looked through.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from reliability.chaos.pipeline import Run, left_running, tapeline, up, wait_for
from tests.integration.venue.paper_venue import settings_for
from tests.wiretap import Wiretap
from venue.main import running

pytestmark = pytest.mark.timeout(420)

SYMBOLS = ["ETHUSDT", "XRPUSDT"]
KEY, SECRET = "the-real-key-of-a-user", "the-real-secret-of-a-user"
PROCESSES = ("kafka", "postgres", "feed", "venue", "connector", "agents", "projections")


@asynccontextmanager
async def real_venue(folder: Path) -> AsyncIterator[Wiretap]:
    settings = settings_for(folder / "real", symbols=SYMBOLS, wait_for_subscriber=False, seed=7)
    async with running(settings) as port, Wiretap(port) as tap:
        yield tap


def configuration(tap: Wiretap) -> dict[str, str]:
    """As for real trading, keys included: `--paper` must leave them alone."""
    prefix = "TAPELINE_CONNECTOR__VENUE__"
    return {
        f"{prefix}NAME": "binance",
        f"{prefix}REST_URL": f"http://127.0.0.1:{tap.port}",
        f"{prefix}WS_URL": f"ws://127.0.0.1:{tap.port}",
        f"{prefix}API_KEY": KEY,
        f"{prefix}API_SECRET": SECRET,
        f"{prefix}RECONNECT_DELAYS_S": "[0.5, 0.5]",
    }


def assert_no_key_in(file: Path, what: str) -> None:
    content = file.read_bytes()
    for secret in (KEY, SECRET):
        assert secret.encode() not in content, what


async def is_stale(run: Run, *, stale: bool) -> None:
    async def found() -> bool:
        live = (await run.venue_state()).get("live") or {}
        ages = live.get("age_s", {}).values()
        old = bool(live.get("lost")) and any(age is None or age > 1 for age in ages)
        fresh = not live.get("lost") and bool(ages) and all(age is not None and age < 1 for age in ages)
        return old if stale else fresh

    await wait_for("stale market data" if stale else "fresh market data", found)


async def test_live_data_trades_on_paper_is_cut_resumes_and_the_real_venue_is_never_ordered_from(
    tmp_path: Path,
) -> None:
    """STREAM-1, GRPC-4, SYM-1: fills on the paper venue, staleness said, no key and no signed call to the real one."""
    home = tmp_path / "data"
    async with real_venue(tmp_path) as tap:
        settings = configuration(tap)
        flags = ("--venue", "binance", "--paper", "--symbol", ",".join(SYMBOLS))
        async with up(home, *flags, settings=settings) as run:
            pids = await run.present(*PROCESSES, timeout_s=240)
            await run.trading(3)
            await is_stale(run, stale=False)
            status = await tapeline(home, "status", settings=settings)
            assert (status["live"]["venue"], status["live"]["lost"]) == ("binance", [])

            tap.cut()
            await is_stale(run, stale=True)
            status = await tapeline(home, "status", settings=settings)
            assert {"quotes", "trades"} <= set(status["live"]["lost"])
            tap.heal()
            await is_stale(run, stale=False)
            await run.trading(2)

            feed = run.kill("feed")
            await run.restarted("feed", feed)
            await is_stale(run, stale=False)
            await run.trading(2)

            for name, pid in {**pids, "feed": run.pids()["feed"]}.items():
                assert_no_key_in(Path(f"/proc/{pid}/environ"), name)
            summary = await run.end()
        assert summary["fills"] >= 7
        shown = (tmp_path / "up.err").read_text()
        assert "live market data of binance, orders on paper" in shown
        assert "STALE market data: " in shown
        checked = await tapeline(home, "check", settings=settings)
        assert checked["ok"], checked
        assert checked["duplicate_orders"] == checked["lost_orders"] == checked["orphan_locked_slots"] == 0
        # as at a real venue, the market goes on after the connector has left: the next start hears of those fills
        assert checked["fills_at_venue"] >= checked["fills_in_postgres"] >= summary["fills"]
        assert left_running(list(pids.values())) == []

        sent = tap.sent
    calls = set(re.findall(rb"(?m)^(GET|POST|PUT|DELETE) (\S+?)(?:\?\S*)? HTTP", sent))
    assert {(b"GET", b"/fapi/v1/exchangeInfo"), (b"GET", b"/fapi/v1/aggTrades")} <= calls
    assert {method for method, _ in calls} == {b"GET"}
    for secret in (KEY, SECRET, "signature=", "X-MBX-APIKEY", "listenKey"):
        assert secret.lower().encode() not in sent.lower(), secret
    for file in (*home.rglob("*.log"), home / "live_paper.json", tmp_path / "up.err", tmp_path / "up.out"):
        assert_no_key_in(file, str(file))
