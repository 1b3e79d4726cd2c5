"""The trial: every script, again and again, each with a venue and a database of its own, all over Postgres."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from benchmarks.servers import own_servers
from connector.gateway.postgres_ledger import PostgresLedger
from observability.logs import configure
from reliability.result import Result
from reliability.scripts.catalogue import SCRIPTS
from reliability.scripts.playing import Played, play

NAME: Final = "venue-misbehaviour"


def run(size: int) -> Result:
    """`size`: how often each script is played."""
    configure("trial", "ERROR")
    started = time.monotonic()
    played = asyncio.run(_play_all(size))
    violations = [violation for one in played for violation in one.violations]
    return Result(
        scenario=NAME,
        title="A venue that misbehaves, through real ccxt",
        command=f'make reliability ARGS="{NAME} --size {size}"',
        runs=len(played),
        faults=sum(one.faults for one in played),
        violations=len(violations),
        measures={
            "scripts": len(SCRIPTS),
            "orders the venue took": sum(one.orders for one in played),
            "executions": sum(one.executions for one in played),
        },
        notes=[*violations, "Scripts: " + "; ".join(f"{script.name}: {script.title}" for script in SCRIPTS)],
        seconds=time.monotonic() - started,
    )


async def _play_all(times: int) -> list[Played]:
    played = []
    async with own_servers(kafka=False) as servers:
        with tempfile.TemporaryDirectory(prefix="tapeline-scripts-") as folder:
            for number, script in enumerate(SCRIPTS * times):
                new_ledger = _ledgers(servers.dsn, f"script_{number}")
                played.append(await play(script, Path(folder) / str(number), new_ledger))
    return played


def _ledgers(dsn: str, database: str) -> Callable[[], PostgresLedger]:
    """Ledgers in a new database, which goes with its server."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(database)))
    own = make_conninfo(dsn, dbname=database)
    return lambda: PostgresLedger(own)
