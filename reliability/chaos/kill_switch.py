"""The kill switch thrown while everything goes wrong: nothing is placed afterwards, what is open is cancelled soon.

The venue's own ledger decides. No order may appear in it once `tapeline kill` said that it is done, not over a kill -9
of the connector either, until `tapeline release`. The time to the last cancel counts from the command's start, or from
the moment the venue could be reached again.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable, Coroutine, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from reliability.chaos.findings import percentile_s
from reliability.chaos.network import FAULTS
from reliability.chaos.pipeline import tapeline, wait_for
from reliability.chaos.trial import Trial, carried_out
from reliability.result import Result
from topics.identifiers import CLIENT_ORDER_ID_PREFIX
from venue.ledger_schema import FILE_NAME

NAME: Final = "kill-switch"
CANCELLED_WITHIN_S: Final = 3.0
CONNECTOR_KILLED: Final = "kill -9 of the connector"
_PATIENCE_S: Final = 60.0
_HELD_S: Final = 2.0
_LOOK_S: Final = 0.03
_OURS: Final = f"SELECT count(*) FROM orders WHERE client_order_id LIKE '{CLIENT_ORDER_ID_PREFIX}%'"  # noqa: S608 - a constant
_OPEN: Final = f"{_OURS} AND status IN ('NEW', 'PARTIALLY_FILLED')"

Disturbance = Callable[[Trial], Coroutine[Any, Any, float]]


def run(kills: int) -> Result:
    async def act(trial: Trial) -> None:
        alive_s: list[float] = []
        killed_s: list[float] = []
        for _ in trial.turns(range(kills)):
            name = trial.chance.choice(tuple(DURING))
            taken_s = await throw(trial, name)
            (killed_s if name == CONNECTOR_KILLED else alive_s).append(taken_s)
            trial.progress(f"{trial.found.runs + 1}/{kills} {name}: nothing open after {taken_s:.1f} s")
        trial.found.measures |= {
            "seconds until nothing of ours was open, p50": percentile_s(alive_s, 0.5),
            "the same, p95": percentile_s(alive_s, 0.95),
            "the same, longest": max(alive_s, default=0.0),
            f"longer than {CANCELLED_WITHIN_S:g} s": sum(value > CANCELLED_WITHIN_S for value in alive_s),
            "over a kill -9 of the connector (from the command's start), longest": max(killed_s, default=0.0),
            "orders placed after a kill": sum("after the kill" in one for one in trial.found.violations),
        }
        trial.found.notes.append(f"thrown during: {', '.join(DURING)}")

    return carried_out(NAME, "The kill switch thrown during faults", kills, act)


async def throw(trial: Trial, name: str) -> float:
    """One kill during this fault, then a release. Returns the seconds until nothing of ours was open at the venue."""
    venue = trial.home / "venue" / FILE_NAME
    disturbing = asyncio.create_task(DURING[name](trial))
    begin = time.monotonic()
    done = asyncio.Event()
    watching = asyncio.create_task(_last_open(venue, done))
    killed = await tapeline(
        trial.home, "kill", "--reason", name, "--timeout", f"{_PATIENCE_S:g}", code=None, settings=trial.settings
    )
    done.set()
    last_open, reachable = await watching, await disturbing
    trial.found.faults += 1
    if not killed["ok"]:
        trial.violation(f"tapeline kill during {name}: {killed}")
    await _stays_so(trial, venue, name)
    released = await tapeline(
        trial.home, "release", "--timeout", f"{_PATIENCE_S:g}", code=None, settings=trial.settings
    )
    if not released["ok"]:
        trial.violation(f"tapeline release after {name}: {released}")
    await trial.trading_again()
    return round(max(0.0, last_open - max(begin, reachable)), 2)


async def _last_open(venue: Path, done: asyncio.Event) -> float:
    """The last moment at which something of ours was seen open at the venue, until `done`."""
    seen = 0.0
    while not done.is_set():
        if _count(venue, _OPEN):
            seen = time.monotonic()
        await asyncio.sleep(_LOOK_S)
    return seen


async def _stays_so(trial: Trial, venue: Path, name: str) -> None:
    """For a while, and in half of the trials over a kill -9 of the connector."""
    orders = _count(venue, _OURS)
    if trial.chance.random() < 0.5:
        await trial.run.restarted("connector", trial.run.kill("connector"))
        trial.found.faults += 1
        await wait_for("the connector to answer", trial.run.gateway, _PATIENCE_S)
    await asyncio.sleep(_HELD_S)
    later, still_open = _count(venue, _OURS) - orders, _count(venue, _OPEN)
    if later or still_open:
        trial.violation(f"{later} orders placed after the kill during {name}, {still_open} open")


def _network(name: str) -> Disturbance:
    """The fault holds for the first seconds of the kill. The result: from when on the venue can be reached."""

    async def disturb(trial: Trial) -> float:
        faults, kinds = FAULTS[name]
        trial.proxy.apply(faults, *kinds)
        if faults.refused:
            trial.proxy.drop(*kinds)
        await asyncio.sleep(trial.chance.uniform(0.5, 3.0))
        trial.proxy.heal()
        trial.proxy.drop()  # half-open connections would keep the client waiting for its own time-out
        return time.monotonic()

    return disturb


async def _killed(trial: Trial) -> float:
    """kill -9 of the connector at a random moment of the kill. The venue can be reached all the time."""
    await asyncio.sleep(trial.chance.uniform(0.0, 1.5))
    before = trial.run.kill("connector")

    async def back() -> dict[str, Any]:
        status = await trial.run.gateway()
        return status if status and status["pid"] != before else {}

    await wait_for("the connector to answer", back, _PATIENCE_S)
    return 0.0


async def _venue_killed(trial: Trial) -> float:
    await asyncio.sleep(trial.chance.uniform(0.0, 1.0))
    await trial.run.restarted("venue", trial.run.kill("venue"))
    await wait_for("the venue to answer", trial.run.venue_state, _PATIENCE_S)
    return time.monotonic()


async def _nothing(trial: Trial) -> float:  # noqa: ARG001 - has the others' shape
    return 0.0


DURING: Final[Mapping[str, Disturbance]] = {
    "no fault": _nothing,
    CONNECTOR_KILLED: _killed,
    "kill -9 of the venue": _venue_killed,
    **{
        name: _network(name)
        for name in ("slow and uneven", "calls held", "half-open calls", "unreachable", "replies cut off")
    },
}


def _count(venue: Path, query: str) -> int:
    with closing(sqlite3.connect(f"file:{venue}?mode=ro", uri=True, timeout=5)) as connection:
        return int(connection.execute(query).fetchone()[0])
