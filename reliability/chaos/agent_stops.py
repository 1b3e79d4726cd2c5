"""A worker of the agents stopped (SIGSTOP) past its lease, taken over from by another one, and continued.

Nothing tells it that it slept. What it had handed to its producers may still go out, passed over by its term; from then
on it must find its lease over and end, or be told by the group that others own its partitions.
"""

from __future__ import annotations

import asyncio
import random
import signal
from functools import partial
from pathlib import Path
from typing import Final

from reliability.chaos import rebalances
from reliability.chaos.agent_workers import Workers
from reliability.chaos.carrying_out import in_folder
from reliability.chaos.findings import Findings
from reliability.chaos.pipeline import wait_for
from reliability.result import Result
from topics.log import LogAddress

NAME: Final = "agent-stops"
TITLE: Final = "A worker of the agents stopped past its lease and continued"
_LEASE_OVER: Final = "the group last confirmed this worker"
_ONE_S: Final = 120.0
# So that the other one has written every key: what had been handed over is then seen to be late by its term.
_LONGER_S: Final = (1.5, 4.0)


def run(stops: int) -> Result:
    return in_folder(NAME, TITLE, stops, _on_own_log)


async def _on_own_log(folder: Path, stops: int) -> Findings:
    async with rebalances.own_log() as log:
        return await trial(log, folder, stops)


async def trial(log: LogAddress, folder: Path, stops: int) -> Findings:
    """As `rebalances.trial`."""
    found = await rebalances.trial(log, folder, stops, hurt=_stopped)
    found.measures["workers that found their lease over"] = _leases_over(folder)
    return found


def _leases_over(folder: Path) -> int:
    return sum(_LEASE_OVER in path.read_text(errors="replace") for path in folder.glob("*.log"))


async def _stopped(workers: Workers, chance: random.Random) -> str:
    """Until another worker has its partitions, and a while longer."""
    victim = chance.choice(sorted(workers.running))
    others = [name for name in workers.running if name != victim]

    def by_others() -> int:
        return sum(rebalances.taken_over(workers.folder, name) for name in others)

    before, own_before = by_others(), rebalances.taken_over(workers.folder, victim)
    workers.tell(victim, signal.SIGSTOP)
    try:
        await wait_for(f"another worker to take over from {victim}", lambda: by_others() > before, _ONE_S)
        await asyncio.sleep(chance.uniform(*_LONGER_S))
    finally:
        workers.tell(victim, signal.SIGCONT)
    await wait_for(f"{victim} to be back", partial(_back, workers, victim, own_before), _ONE_S)
    return "stopped and continued"


async def _back(workers: Workers, victim: str, before: int) -> bool:
    """By itself or started again."""
    await workers.revive()
    return rebalances.taken_over(workers.folder, victim) > before
