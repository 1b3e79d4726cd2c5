"""kill -9 of any process at any time must leave `tapeline check` clean."""

import asyncio
import os
import random
from pathlib import Path

import pytest

from reliability.chaos.pipeline import tapeline, up

ROUNDS = int(os.environ.get("TAPELINE_KILL_ROUNDS", "1"))

pytestmark = pytest.mark.timeout(300 + 90 * ROUNDS)

VICTIMS = ("connector", "agents", "projections", "venue", "kafka", "postgres")


@pytest.mark.parametrize("seed", [7])
async def test_any_process_can_be_killed_while_it_trades(tmp_path: Path, tapes: Path, seed: int) -> None:
    """ORD-5, ORD-6, ES-2, ES-3, WF-3: each process killed at random moments of a busy run, in random order.

    TAPELINE_KILL_ROUNDS says how often each (once where it is not set).
    """
    home = tmp_path / "data"
    tape = str(tapes / "btc-perp-1m-2022-01.csv.gz")
    chance = random.Random(seed)
    victims = [victim for victim in VICTIMS for _ in range(ROUNDS)]
    chance.shuffle(victims)
    async with up(home, "--fresh", "--tape", tape, "--speed", "max") as run:
        await run.present(*VICTIMS)
        await run.trading(10)
        for victim in victims:
            await asyncio.sleep(chance.uniform(2.0, 5.0))  # a random moment is the point of it
            await run.present(victim)
            await run.restarted(victim, run.kill(victim))
        await run.trading(10)
        summary = await run.end(60)
    assert summary["fills"] >= 20, summary
    checked = await tapeline(home, "check")
    assert checked["ok"], checked
    assert checked["duplicate_orders"] == checked["lost_orders"] == checked["orphan_locked_slots"] == 0
    assert (await tapeline(home, "rebuild", "--verify"))["equal"]
