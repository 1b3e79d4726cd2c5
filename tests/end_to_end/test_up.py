"""The main job as a new user meets it: one command trades, ends cleanly, and goes on where it stopped."""

from pathlib import Path

import pytest

from reliability.chaos.pipeline import left_running, tapeline, up, wait_for

pytestmark = pytest.mark.timeout(420)

PROCESSES = ("kafka", "postgres", "venue", "connector", "agents", "projections")


async def test_it_trades_ends_cleanly_and_resumes(tmp_path: Path) -> None:
    """GRID-1, ORD-5, ORD-6, ES-2: same position and slots after a restart, no order twice, three witnesses agree."""
    home = tmp_path / "data"
    async with up(home, "--duration", "15") as run:
        summary = await run.summary()
    assert summary["fills"] > 0
    before = await tapeline(home, "check")
    assert before["ok"], before
    assert before["fills_at_venue"] == before["fills_in_postgres"] > 0
    slots_before = {slot["client_order_id"] for slot in await tapeline(home, "slots") if slot["state"] == "LOCKED"}
    position_before = await tapeline(home, "positions")

    async with up(home, "--duration", "10") as run:
        started = await run.present(*PROCESSES)
        await run.summary()
    assert left_running(list(started.values())) == []
    after = await tapeline(home, "check")
    assert after["ok"], after
    assert after["duplicate_orders"] == after["lost_orders"] == after["orphan_locked_slots"] == 0
    assert after["fills_at_venue"] >= before["fills_at_venue"]
    assert after["orders_at_venue"] - before["orders_at_venue"] < before["orders_at_venue"] + 40
    assert slots_before, "the first run left no order working"
    assert position_before, "the first run made no position row"
    rebuilt = await tapeline(home, "rebuild", "--verify")
    assert rebuilt["equal"], rebuilt


async def test_an_interrupt_ends_everything_within_ten_seconds(tmp_path: Path) -> None:
    """GRPC-3, OPS-1: Ctrl-C, a summary, and nothing left running."""
    home = tmp_path / "data"
    async with up(home) as run:
        pids = await run.present(*PROCESSES)
        await wait_for("trading", lambda: (home / "logs" / "agents.log").exists())
        summary = await run.end(15)
    assert "orders" in summary
    assert left_running(list(pids.values())) == []


async def test_a_recorded_month_trades_by_the_hundred(tmp_path: Path, tapes: Path) -> None:
    """RISK-3, ORD-5, ES-2: real candles at full speed: fills, no duplicate, no loss, rebuild equal."""
    home = tmp_path / "data"
    tape = str(tapes / "btc-perp-1m-2022-01.csv.gz")
    async with up(home, "--fresh", "--tape", tape, "--speed", "max", "--duration", "45") as run:
        summary = await run.summary()
    assert summary["fills"] >= 100, summary
    checked = await tapeline(home, "check")
    assert checked["ok"], checked
    assert checked["duplicate_orders"] == checked["lost_orders"] == checked["orphan_locked_slots"] == 0
    assert (await tapeline(home, "rebuild", "--verify"))["equal"]
