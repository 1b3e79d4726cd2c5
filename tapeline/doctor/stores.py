"""Kafka and Postgres: the user's own, or the embedded ones of the data folder. Starts neither, changes nothing."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path
from typing import Any, Final

from tapeline.doctor.finding import Finding, failed, ok, warning
from tapeline.embedded.cache import cache_folder
from tapeline.embedded.jars import KAFKA_VERSION, is_cached
from tapeline.embedded.kafka import java, kafka_answers
from tapeline.embedded.postgres import programs
from tapeline.embedded.servers import known_servers
from tapeline.errors import TapelineError
from tapeline.settings import Settings

KAFKA: Final = "kafka"
POSTGRES: Final = "postgres"
_ANSWER_S: Final = 5.0
_APPLY: Final = "nothing to do: the next start makes it so (or `tapeline topics apply`)"


async def kafka(settings: Settings, *, running: bool) -> list[Finding]:
    """`running`: a `tapeline up` holds the data folder, so embedded servers should answer."""
    own = settings.bootstrap
    if own is not None:
        if not await kafka_answers(own, _ANSWER_S):
            remedy = "start it, correct kafka.bootstrap, or leave it out to use the embedded one"
            return [failed(KAFKA, f"your own Kafka does not answer at {own}", remedy)]
        return [ok(KAFKA, f"your own Kafka answers at {own}"), *await _topics(settings, own)]
    known = known_servers(settings)
    if running and known is not None:
        if not await kafka_answers(known.bootstrap, _ANSWER_S):
            log = settings.home / "logs" / "kafka.log"
            return [failed(KAFKA, f"the embedded Kafka does not answer at {known.bootstrap}", f"see {log}")]
        return [
            ok(KAFKA, f"embedded Kafka {KAFKA_VERSION} answers at {known.bootstrap}"),
            *await _topics(settings, known.bootstrap),
        ]
    return await asyncio.to_thread(_embedded_kafka, settings)


def _embedded_kafka(settings: Settings) -> list[Finding]:
    cache = cache_folder(settings.home)
    if is_cached(cache):
        found = [ok(KAFKA, f"embedded Kafka {KAFKA_VERSION} is in {cache}; it starts with tapeline up")]
    else:
        remedy = "nothing to do with a network; else set TAPELINE_MAVEN_REPOSITORY or kafka.bootstrap"
        found = [warning(KAFKA, f"embedded Kafka {KAFKA_VERSION} is fetched at the first start (44 MB)", remedy)]
    return [*found, _starts(KAFKA, "its Java", java(), "-version", "make setup")]


async def _topics(settings: Settings, bootstrap: str) -> list[Finding]:
    from aiokafka.errors import KafkaError

    from topics.admin import check
    from topics.catalogue import BY_NAME
    from topics.log import LogAddress

    try:
        async with asyncio.timeout(_ANSWER_S * 2):
            differences = await check(LogAddress(bootstrap, settings.kafka.topic_prefix))
    except (KafkaError, TimeoutError, OSError) as error:
        return [failed(KAFKA, f"the topics cannot be listed: {type(error).__name__}", "see the log of Kafka")]
    found = []
    for one in differences:
        told = f"topic {one.topic}: {one.kind}, {one.found or 'not there'}; wanted {one.expected}"
        if one.kind == "partitions":
            remedy = "keys would move: set kafka.topic_prefix to a new one, or restore the topic with that count"
            found.append(failed(KAFKA, told, remedy))
        elif one.kind == "configuration":
            found.append(warning(KAFKA, told, _APPLY))
    missing = [one.topic for one in differences if one.kind == "missing"]
    if missing:
        found.append(warning(KAFKA, f"{len(missing)} of {len(BY_NAME)} topics are not there yet", _APPLY))
    return found or [ok(KAFKA, f"{len(BY_NAME)} topics with the right partitions and configuration")]


async def postgres(settings: Settings, *, running: bool) -> list[Finding]:
    if settings.dsn is not None:
        remedy = "start it, correct postgres.dsn, or leave it out to use the embedded one"
        return await _database("your own Postgres", settings.dsn, remedy)
    known = known_servers(settings)
    if running and known is not None:
        return await _database("the embedded Postgres", known.dsn, f"see {settings.home / 'logs' / 'postgres.log'}")
    return await asyncio.to_thread(_embedded_postgres)


def _embedded_postgres() -> list[Finding]:
    try:
        program = programs() / "postgres"
    except TapelineError as error:
        return [failed(POSTGRES, str(error), "make setup")]
    return [_starts(POSTGRES, "the embedded Postgres", program, "--version", "make setup")]


async def _database(whose: str, dsn: str, remedy: str) -> list[Finding]:
    import psycopg

    try:
        async with asyncio.timeout(_ANSWER_S * 2):
            async with await psycopg.AsyncConnection.connect(
                dsn, autocommit=True, connect_timeout=int(_ANSWER_S)
            ) as connection:
                return await _asked(whose, connection)
    except (psycopg.Error, TimeoutError, OSError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        return [failed(POSTGRES, f"{whose} does not answer: {reason}", remedy)]


async def _asked(whose: str, connection: Any) -> list[Finding]:
    version, database, user, creates, read_only = await _row(
        connection,
        """SELECT current_setting('server_version'), current_database(), current_user,
                  has_database_privilege(current_database(), 'CREATE'),
                  pg_is_in_recovery() OR current_setting('default_transaction_read_only')::boolean""",
    )
    found = [ok(POSTGRES, f"{whose} answers: {version}, database {database} as {user}")]
    if read_only:
        found.append(failed(POSTGRES, "it is read only (a standby?)", "set postgres.dsn to the primary"))
    elif not creates:
        grant = f"GRANT CREATE ON DATABASE {database} TO {user}"
        found.append(failed(POSTGRES, f"{user} may not create schemas in {database}", grant))
    return [*found, await _ledger_schema(connection), await _projections_schema(connection)]


async def _ledger_schema(connection: Any) -> Finding:
    from connector.gateway.postgres_schema import MIGRATIONS

    if not await _there(connection, "ledger.migrations"):
        return ok(POSTGRES, "schema ledger is made at the first start")
    (step,) = await _row(connection, "SELECT coalesce(max(step), 0) FROM ledger.migrations")
    return _at("ledger", int(step), len(MIGRATIONS))


async def _projections_schema(connection: Any) -> Finding:
    from importlib.resources import files

    known = [entry.name for entry in files("projections").joinpath("schema").iterdir() if entry.name.endswith(".sql")]
    if not await _there(connection, "projections.migrations"):
        return ok(POSTGRES, "schema projections is made at the first start")
    (applied,) = await _row(connection, "SELECT array_agg(name) FROM projections.migrations")
    unknown = set(applied or ()) - set(known)
    return _at("projections", len(applied or ()), len(known), newer=bool(unknown))


def _at(schema: str, step: int, newest: int, *, newer: bool = False) -> Finding:
    if newer or step > newest:
        remedy = "use the newer version again: this one must not write there"
        return failed(POSTGRES, f"schema {schema} was made by a newer version (step {step} of {newest})", remedy)
    if step < newest:
        return ok(POSTGRES, f"schema {schema} is at step {step} of {newest}; the next start brings it up to date")
    return ok(POSTGRES, f"schema {schema} is up to date (step {step})")


async def _there(connection: Any, table: str) -> bool:
    (found,) = await _row(connection, f"SELECT to_regclass('{table}') IS NOT NULL")
    return bool(found)


async def _row(connection: Any, query: str) -> tuple[Any, ...]:
    cursor = await connection.execute(query)
    row: tuple[Any, ...] = await cursor.fetchone()
    return row


def _starts(area: str, what: str, program: Path, argument: str, remedy: str) -> Finding:
    try:
        done = subprocess.run(  # noqa: S603 - our own fixed command
            [str(program), argument], capture_output=True, text=True, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return failed(area, f"{what} does not start: {error}", remedy)
    said = (done.stdout or done.stderr).strip().splitlines()
    if done.returncode != 0:
        return failed(area, f"{what} does not start: {said[0] if said else done.returncode}", remedy)
    return ok(area, f"{what} starts: {said[0] if said else 'no version told'}")
