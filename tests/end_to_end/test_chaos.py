"""A small version of each chaos trial, one after the other on one pipeline that trades. The long ones are commands."""

from pathlib import Path

import pytest

from reliability.chaos import crash_points, network, websocket_drops, zombies
from reliability.chaos.trial import judged, trading

pytestmark = pytest.mark.timeout(420)


async def test_a_trading_pipeline_survives_a_little_of_everything(tmp_path: Path) -> None:
    """WF-3, ORD-4, ORD-5, ORD-6, ES-3, STREAM-1: killed at named points, a zombie, lost replies, cut streams.

    In the end `tapeline check` finds nothing lost and nothing double, and a rebuild makes the same rows.
    """
    async with trading("test", tmp_path / "data") as trial:
        await crash_points.strike(trial, "after_log_before_ledger")
        await zombies.zombie(trial, stopped_s=0.5)
        for name in (network.REPLY_LOST, "unreachable"):
            await network.disturb(trial, name)
        await websocket_drops.drop(trial, away_s=0.5)
        await judged(trial)
    assert trial.found.violations == []
    assert trial.found.faults == 5
    assert int(trial.found.measures["orders at the venue"]) > 0
