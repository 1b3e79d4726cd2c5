"""kill -9 of the gateway at every named crash point, under trading: nothing lost, nothing double, back soon.

The points are the gateway's own list, and one that only the venue's side knows: the order is at the venue, its answer
never came back. Each strike waits until an order of the restarted gateway was accepted; that time is measured.
"""

from __future__ import annotations

import asyncio
import signal
import time
from typing import Final

from connector.gateway.crash_points import POINTS
from reliability.chaos.findings import percentile_s
from reliability.chaos.pipeline import wait_for
from reliability.chaos.trial import Trial, carried_out
from reliability.result import Result

NAME: Final = "crash-points"
REPLY_HELD: Final = "after_send_before_answer"
_PLACING: Final = b"POST /fapi/v1/order"
_AT_START: Final = frozenset({"during_start_up", "during_reconciliation"})
_STRIKE_S: Final = 45.0


def every_point() -> tuple[str, ...]:
    return (*POINTS, REPLY_HELD)


def run(times: int) -> Result:
    """Each point so many times."""

    async def act(trial: Trial) -> None:
        back_s: list[float] = []
        strikes = [(at, name) for at in range(1, times + 1) for name in every_point()]
        for at, name in trial.turns(strikes):
            back_s.append(await strike(trial, name))
            trial.progress(f"{at}/{times} {name}: trading again after {back_s[-1]:.1f} s")
        note(trial, back_s)
        trial.found.notes.append(f"{len(every_point())} points in turn: {', '.join(every_point())}")

    return carried_out(NAME, "kill -9 of the gateway at named points", times, act)


def note(trial: Trial, back_s: list[float]) -> None:
    trial.found.measures |= {
        "seconds from the kill to the next accepted order, p50": percentile_s(back_s, 0.5),
        "the same, p95": percentile_s(back_s, 0.95),
        "the same, longest": max(back_s, default=0.0),
    }


async def strike(trial: Trial, name: str) -> float:
    """Kills the connector at this point. Returns the seconds until its successor had an order accepted."""
    before = trial.run.pids()["connector"]
    if name == REPLY_HELD:
        died = await _with_a_held_reply(trial)
    elif name == "during_lookup":
        trial.aim.write_text(name)
        await _with_a_held_reply(trial)
        died = await _struck(trial, name)
    else:
        trial.aim.write_text(name if name in _AT_START else f"{name}:{trial.chance.randint(1, 3)}")
        if name in _AT_START:
            trial.run.kill("connector")
        elif name == "during_shut_down":
            trial.aim.write_text(name)
            trial.run.signal("connector", signal.SIGTERM)
        died = await _struck(trial, name)
    trial.found.faults += 1
    await trial.trading_again(before)
    return round(time.monotonic() - died, 2)


async def _with_a_held_reply(trial: Trial) -> float:
    held = trial.proxy.hold_reply_to(_PLACING)
    async with asyncio.timeout(_STRIKE_S):
        await held.wait()
    trial.run.kill("connector")
    return time.monotonic()


async def _struck(trial: Trial, name: str) -> float:
    """The file that aims is removed right before the kill."""
    await wait_for(f"the gateway to come by {name}", lambda: not trial.aim.exists(), _STRIKE_S)
    return time.monotonic()
