"""One process of the product on a given log and database, to be killed, and what the database says from outside."""

from __future__ import annotations

import asyncio
import tempfile
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, LiteralString

import psycopg
from psycopg.errors import UndefinedTable

from benchmarks.trading_log import TradingLog
from reliability.chaos.pipeline import COMMAND, environment, wait_for
from reliability.result import REPOSITORY, TrialError
from topics.log import LogAddress

Connection = psycopg.AsyncConnection[tuple[Any, ...]]
SYMBOLS: Final = ("BTCUSDT", "ETHUSDT", "XRPUSDT", "SUSHIUSDT")


def trading(events: int) -> TradingLog:
    """So many market events, 32 a record, and for every hundred of an instrument an order's life."""
    return TradingLog(SYMBOLS, market_events=events // len(SYMBOLS), batch=32, events_an_order=100)


@asynccontextmanager
async def store_process(
    log: LogAddress, dsn: str, *arguments: str, settings: Mapping[str, str] | None = None
) -> AsyncIterator[Process]:
    """`tapeline …` on these servers; its stdout is a pipe with `--json`. Killed where it still runs at the end."""
    with tempfile.TemporaryDirectory(prefix="tapeline-trial-") as folder:
        where = {
            "TAPELINE_KAFKA__BOOTSTRAP": log.bootstrap,
            "TAPELINE_KAFKA__TOPIC_PREFIX": log.namespace,
            "TAPELINE_POSTGRES__DSN": dsn,
        }
        told = Path(folder) / "told"
        with told.open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                *COMMAND,
                *arguments,
                cwd=REPOSITORY,
                env=environment(Path(folder), where | dict(settings or {})),
                stdin=DEVNULL,
                stdout=PIPE if "--json" in arguments else output,
                stderr=output,
            )
        try:
            yield process
        except TrialError as error:
            raise TrialError(f"{error}; tapeline {arguments[0]} said: {told.read_text()[-1000:]}") from error
        finally:
            await kill(process)


async def kill(process: Process) -> None:
    """-9: no goodbye, nothing flushed."""
    if process.returncode is None:
        process.kill()
    await process.wait()


async def connect(dsn: str) -> Connection:
    return await psycopg.AsyncConnection.connect(dsn, autocommit=True)


async def records_in(connection: Connection, schema: LiteralString) -> int:
    """How many records the tables of the schema hold, by their own offsets; 0 where there is no such schema."""
    try:
        cursor = await connection.execute(f"SELECT coalesce(sum(next_offset), 0)::bigint FROM {schema}.offsets")  # noqa: S608 - a literal
    except UndefinedTable:
        return 0
    row = await cursor.fetchone()
    return int(row[0]) if row else 0


async def only_connection(connection: Connection) -> None:
    """Returns when the killed process's sessions have ended, and with them its locks and open transactions."""

    async def alone() -> bool:
        cursor = await connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        return await cursor.fetchone() == (0,)

    await wait_for("the sessions of a killed process to end", alone)
