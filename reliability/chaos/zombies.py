"""Two gateways on one account: the first stopped (SIGSTOP) while a second takes over, then continued.

The zombie wakes up with claims, sends and changes half done. The ledger must accept nothing of it from then on: the
rows that carry its epoch are compared, whole, before it is continued and after it has ended. That no order is double
is the venue's word, at the end.
"""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

import psutil
from psycopg import AsyncConnection

from reliability.chaos.pipeline import COMMAND, wait_for
from reliability.chaos.trial import Trial, carried_out, database, free_port
from reliability.result import Result
from tapeline.settings import HANDED_OVER

NAME: Final = "zombies"
_FENCED_S: Final = 30.0
_ROWS: Final = "SELECT client_order_id, md5(it::text) FROM ledger.orders AS it WHERE epoch = %s"
_EPOCH: Final = "SELECT epoch FROM ledger.epoch"


def run(times: int) -> Result:
    async def act(trial: Trial) -> None:
        for _ in trial.turns(range(times)):
            stopped_s = trial.chance.choice([0.5, 2.0, 6.0, 12.0])
            await zombie(trial, stopped_s)
            trial.progress(f"{trial.found.runs + 1}/{times} stopped for at least {stopped_s:g} s, continued, fenced")
        trial.found.measures["writes of a fenced gateway accepted"] = sum(
            "fenced" in one for one in trial.found.violations
        )

    return carried_out(NAME, "A gateway stopped, taken over from, and continued (zombie)", times, act)


async def zombie(trial: Trial, stopped_s: float) -> None:
    """Stops the connector for at least so long, lets another one trade meanwhile, continues the first."""
    run = trial.run
    first = await run.present("connector")
    pid = first["connector"]
    await trial.trading_again()
    async with database(trial.home) as ledger:
        epoch = await _one(ledger, _EPOCH)
        run.signal("connector", signal.SIGSTOP)
        resting = asyncio.create_task(asyncio.sleep(stopped_s))
        async with _second_connector(trial, pid) as second:
            await _placed_by_the_second(trial, ledger, epoch)
            await resting
            before = await _rows(ledger, epoch)
            run.signal("connector", signal.SIGCONT)
            trial.found.faults += 1
            await wait_for("the zombie to end", lambda: not _lives(pid), _FENCED_S)
            after = await _rows(ledger, epoch)
            for name in sorted(after.items() - before.items()):
                trial.violation(f"the fenced epoch {epoch} wrote the ledger's row of order {name[0]}")
            await trial.trading_again(pid)
            # the restarted first one took over from the second, which must notice and end by itself
            await wait_for("the second gateway to end", lambda: second.poll() is not None, _FENCED_S)


def _lives(pid: int) -> bool:
    with suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False


@asynccontextmanager
async def _second_connector(trial: Trial, pid: int) -> AsyncIterator[subprocess.Popen[bytes]]:
    """Told the same as the process of this pid, but for the ports it listens on."""
    environment = psutil.Process(pid).environ()
    told = json.loads(environment[HANDED_OVER])
    told["connector"] |= {"grpc_port": free_port(), "operations_port": free_port()}
    log = trial.home / "logs" / "connector-second.log"
    with log.open("ab") as output:
        process = subprocess.Popen(  # noqa: S603, ASYNC220 - our own fixed command; starting it takes a moment only
            [*COMMAND, "connector"],
            env=environment | {HANDED_OVER: json.dumps(told)},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        process.kill()
        await asyncio.to_thread(process.wait)


async def _placed_by_the_second(trial: Trial, ledger: AsyncConnection, epoch: int) -> None:
    async def placed() -> int:
        trial.run.must_live()
        query = "SELECT count(*) FROM ledger.orders WHERE epoch > %s AND venue_order_id <> ''"
        return await _one(ledger, query, epoch)

    await wait_for("the second gateway to place an order", placed)


async def _rows(ledger: AsyncConnection, epoch: int) -> dict[str, str]:
    return dict(await (await ledger.execute(_ROWS, (epoch,))).fetchall())


async def _one(ledger: AsyncConnection, query: str, *values: int) -> int:
    row = await (await ledger.execute(query.encode(), values)).fetchone()
    return int(row[0]) if row else 0
