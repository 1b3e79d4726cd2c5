"""Each process stopped (SIGSTOP) past its session, lease or time-out while all trade, then continued (SIGCONT).

Nothing tells a process that it slept. What it believed to own may be somebody else's by then, what it was about to
send may be old.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

import psutil

from reliability.chaos.trial import Trial, carried_out
from reliability.result import Result

NAME: Final = "stop-cont"
# Seconds, and what they outlast: the venue's window for signed requests (5 s), the agents' session on Kafka (set to
# 6 s here), the connector's time-out on calls (10 s), the broker's session with its controller (6 s).
STOPPED_S: Final[Mapping[str, float]] = {
    "connector": 8.0,
    "agents": 10.0,
    "projections": 10.0,
    "venue": 12.0,
    "kafka": 9.0,
    "postgres": 9.0,
}
SETTINGS: Final[Mapping[str, str]] = {"TAPELINE_AGENTS__SESSION_TIMEOUT_S": "6"}


def run(rounds: int) -> Result:
    async def act(trial: Trial) -> None:
        back_s: dict[str, list[float]] = defaultdict(list)
        names = [name for _ in range(rounds) for name in trial.chance.sample(list(STOPPED_S), len(STOPPED_S))]
        for name in trial.turns(names):
            back_s[name].append(await stop(trial, name))
            done = f"{trial.found.runs + 1}/{len(names)}"
            trial.progress(f"{done} {name}: trading again after {back_s[name][-1]:.1f} s")
        for name, values in back_s.items():
            trial.found.measures[f"seconds from continuing {name} to the next accepted order, longest"] = max(values)
        stops = ", ".join(f"{name} {seconds:g} s" for name, seconds in STOPPED_S.items())
        trial.found.notes.append(f"stopped for: {stops}")

    return carried_out(NAME, "Processes stopped past their lease and continued", rounds, act, settings=SETTINGS)


async def stop(trial: Trial, name: str) -> float:
    """Returns the seconds from its continuation until an order was accepted."""
    pid = (await trial.run.present(name))[name]
    family = [pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))]
    _tell(family, signal.SIGSTOP)
    try:
        await asyncio.sleep(STOPPED_S[name])
    finally:
        _tell(family, signal.SIGCONT)
    trial.found.faults += 1
    continued = time.monotonic()
    await trial.trading_again()
    return round(time.monotonic() - continued, 2)


def _tell(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)
