"""Postgres restarted under a pipeline that trades, in turn by kill -9 and in order (ES-2, ORD-5).

What the ledger had committed before a restart is looked at from outside and must be there after it, no order further
back in its life; trading goes on; in the end `tapeline check` and a rebuild judge the rest.
"""

from __future__ import annotations

import asyncio
import signal
import time
from pathlib import Path
from typing import Final

import psycopg

from reliability.chaos.carrying_out import BUSY, NO_BACK_OFF, in_folder
from reliability.chaos.findings import Findings, percentile_s
from reliability.chaos.pipeline import Run, wait_for
from reliability.chaos.trading_pipeline import judge, trading_pipeline
from reliability.result import Result, TrialError
from tapeline.embedded.postgres import EmbeddedPostgres

NAME: Final = "postgres-restarts"
TITLE: Final = "Postgres restarted while it trades"
_ENDED: Final = frozenset({"filled", "canceled", "rejected", "expired", "denied"})
_BACK_S: Final = 120.0
_BETWEEN_S: Final = 2.0
Ledger = dict[str, tuple[str, int]]


def run(restarts: int) -> Result:
    return in_folder(NAME, TITLE, restarts, trial)


async def trial(folder: Path, restarts: int) -> Findings:
    home = folder / "home"
    found = Findings(runs=restarts)
    back: list[float] = []
    again: list[float] = []
    async with trading_pipeline(home, *BUSY, settings=NO_BACK_OFF) as run:
        for number in range(restarts):
            before = await _ledger(home, run)
            how = signal.SIGKILL if number % 2 == 0 else signal.SIGINT
            at, pid = time.monotonic(), run.signal("postgres", how)
            await run.restarted("postgres", pid, _BACK_S)
            after = await _ledger(home, run)
            back.append(time.monotonic() - at)
            _compare(found, before, after, number)
            await run.trading(more=2, timeout_s=_BACK_S)
            again.append(time.monotonic() - at)
            found.faults += 1
            await asyncio.sleep(_BETWEEN_S)
        await run.end()
    checked = await judge(home, found)
    found.measures = {
        "restarts": restarts,
        "of these by kill -9": (restarts + 1) // 2,
        "committed ledger rows lost": sum("is gone" in violation for violation in found.violations),
        "Postgres back s, p50": percentile_s(back, 0.5),
        "Postgres back s, longest": round(max(back), 1),
        "second trade s, p50": percentile_s(again, 0.5),
        "second trade s, longest": round(max(again), 1),
        "orders checked": checked["orders_at_venue"],
        "fills checked": checked["fills_at_venue"],
    }
    return found


async def _ledger(home: Path, run: Run) -> Ledger:
    """Every order: state and filled lots. Waits until Postgres answers."""
    dsn = EmbeddedPostgres(home).address(run.ports()["postgres"])
    found: Ledger = {}

    async def read() -> bool:
        try:
            async with await psycopg.AsyncConnection.connect(dsn, connect_timeout=2) as connection:
                cursor = await connection.execute("SELECT client_order_id, state, filled_lots FROM ledger.orders")
                found.update({name: (state, filled) for name, state, filled in await cursor.fetchall()})
        except psycopg.OperationalError:
            return False
        return True

    await wait_for("Postgres to answer", read, _BACK_S)
    if not found:
        raise TrialError("the ledger has no order though trades are booked")
    return found


def _compare(found: Findings, before: Ledger, after: Ledger, number: int) -> None:
    for name, (state, filled) in before.items():
        if name not in after:
            found.violations.append(f"restart {number + 1}: the ledger's row of {name} ({state}) is gone")
            continue
        now_state, now_filled = after[name]
        found.expect(now_filled >= filled, f"restart {number + 1}: {name} had {filled} lots filled, now {now_filled}")
        if state.lower() in _ENDED:
            found.expect_equal(now_state, state, f"restart {number + 1}: state of {name}, which had ended")
