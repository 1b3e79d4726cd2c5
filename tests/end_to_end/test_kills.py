"""kill -9 of any process at any time must leave `tapeline check` clean."""

import os
import random
import signal
import time
from pathlib import Path

import pytest

from tests.end_to_end.pipeline import tapeline, up, wait_for

ROUNDS = int(os.environ.get("TAPELINE_KILL_ROUNDS", "1"))

pytestmark = pytest.mark.timeout(300 + 90 * ROUNDS)

VICTIMS = ("connector", "agents", "projections", "venue", "kafka", "postgres")


@pytest.mark.parametrize("seed", [7])
def test_any_process_can_be_killed_while_it_trades(tmp_path: Path, tapes: Path, seed: int) -> None:
    """ORD-5, ORD-6, ES-2, ES-3, WF-3: each process killed at random moments of a busy run, in random order.

    TAPELINE_KILL_ROUNDS says how often each (once where it is not set).
    """
    home = tmp_path / "data"
    tape = str(tapes / "btc-perp-1m-2022-01.csv.gz")
    chance = random.Random(seed)
    victims = [victim for victim in VICTIMS for _ in range(ROUNDS)]
    chance.shuffle(victims)
    with up(home, "--fresh", "--tape", tape, "--speed", "max") as run:
        wait_for("trading", lambda: run.trades() >= 10)
        for victim in victims:
            time.sleep(chance.uniform(2.0, 5.0))  # a random moment is the point of it
            pid = wait_for(f"{victim} to be there", lambda victim=victim: run.pids().get(victim))
            os.kill(pid, signal.SIGKILL)
            wait_for(
                f"{victim} to be started again",
                lambda victim=victim, pid=pid: run.pids().get(victim, pid) != pid,
            )
        before = run.trades()
        wait_for("more trades after the last kill", lambda: run.trades() >= before + 10)
        run.process.send_signal(signal.SIGINT)
        summary = run.wait(60)
    assert summary["fills"] >= 20, summary
    checked = tapeline(home, "check")
    assert checked["ok"], checked
    assert checked["duplicate_orders"] == checked["lost_orders"] == checked["orphan_locked_slots"] == 0
    assert tapeline(home, "rebuild", "--verify")["equal"]
