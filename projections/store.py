"""The one place that writes projection tables: schema, fencing, offsets, and bulk upserts in a transaction.

Decides nothing about rows. Every write checks the epoch first, so a projector that was replaced cannot write (ES-2).
"""

import os
import socket
from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from typing import Any

from psycopg import AsyncConnection, sql
from psycopg.rows import TupleRow

from projections.errors import FencedError
from projections.rows import Key, Rows, Table
from projections.tables import TABLES, Tables
from topics.catalogue import Topic

Connection = AsyncConnection[TupleRow]
Partition = tuple[str, int]

LIVE_SCHEMA = "projections"
# Held shared by every living projector of the live schema; `tapeline check` asks it whether one lives.
ALIVE_LOCK = 0x7461_7065  # "tape"
_MIGRATIONS_LOCK = 0x7461_7066
_EPOCH_NAME = "projector"


async def connect(dsn: str, schema: str = LIVE_SCHEMA) -> Connection:
    """A connection whose unqualified names are those of the schema.

    Commits do not wait for the disk: rows and offsets are lost together or not at all, and the log still has them.
    """
    connection = await AsyncConnection.connect(dsn, autocommit=True, connect_timeout=10)
    name = sql.Identifier(schema)
    await connection.execute(sql.SQL("SET search_path TO {}").format(name))
    await connection.execute("SET synchronous_commit TO off")
    return connection


async def migrate(connection: Connection, schema: str = LIVE_SCHEMA) -> None:
    """Brings the schema up to date; safe to repeat and to run from several processes."""
    migrations = sorted(
        (entry for entry in files("projections").joinpath("schema").iterdir() if entry.name.endswith(".sql")),
        key=lambda entry: entry.name,
    )
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock(%s)", [_MIGRATIONS_LOCK])
        await connection.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(schema)))
        await connection.execute(
            "CREATE TABLE IF NOT EXISTS migrations "
            "(name TEXT PRIMARY KEY, applied_at TIMESTAMPTZ NOT NULL DEFAULT now())"
        )
        cursor = await connection.execute("SELECT name FROM migrations")
        applied = {row[0] for row in await cursor.fetchall()}
        for migration in migrations:
            if migration.name not in applied:
                await connection.execute(migration.read_text().encode())
                await connection.execute("INSERT INTO migrations (name) VALUES (%s)", [migration.name])


async def exists(connection: Connection, schema: str = LIVE_SCHEMA) -> bool:
    cursor = await connection.execute("SELECT to_regclass(%s) IS NOT NULL", [f"{schema}.offsets"])
    row = await cursor.fetchone()
    return bool(row and row[0])


class Store:
    """One projector's hold on the tables of one schema. Use `Store.take` to get it."""

    def __init__(self, connection: Connection, epoch: int) -> None:
        self.connection = connection
        self.epoch = epoch

    @classmethod
    async def take(cls, connection: Connection) -> "Store":
        """Takes the tables over: whoever wrote them before is fenced from here on."""
        cursor = await connection.execute(
            "INSERT INTO epoch (name, epoch, owner) VALUES (%s, 1, %s) ON CONFLICT (name) DO UPDATE "
            "SET epoch = epoch.epoch + 1, owner = excluded.owner, since = now() RETURNING epoch",
            [_EPOCH_NAME, f"{socket.gethostname()}:{os.getpid()}"],
        )
        row = await cursor.fetchone()
        if row is None:
            raise FencedError("the projections' epoch could not be taken")
        return cls(connection, row[0])

    async def offsets(self, topics: Sequence[Topic[Any]]) -> dict[Partition, int]:
        """Next offset to read by (topic, partition); 0 where nothing was read yet."""
        cursor = await self.connection.execute("SELECT topic, partition, next_offset FROM offsets")
        stored = {(topic, partition): offset for topic, partition, offset in await cursor.fetchall()}
        return {
            (topic.name, number): stored.get((topic.name, number), 0)
            for topic in topics
            for number in range(topic.partitions)
        }

    async def load(self) -> Tables:
        """Resident tables whole, of the others only whether they are empty."""
        loaded = []
        for table in TABLES:
            cursor = await self.connection.execute(_select(table, limit=None if table.resident else 1))
            found = [table.row(*row) for row in await cursor.fetchall()]
            rows = Rows(table, complete=table.resident or not found)
            if table.resident:
                rows.load(found)
            loaded.append(rows)
        return Tables(loaded)

    async def look_up(self, tables: Tables, needs: Mapping[Table[Any], Iterable[Key]]) -> None:
        """Loads the rows a batch needs and memory lacks; one query a table."""
        for table, keys in needs.items():
            unknown = tables[table].unknown(keys)
            if unknown:
                cursor = await self.connection.execute(_select_keys(table), _arrays(unknown))
                tables[table].load([table.row(*row) for row in await cursor.fetchall()], unknown)

    async def write(self, tables: Tables, offsets: Mapping[Partition, int], ends: Mapping[Partition, int]) -> None:
        """Changed rows and offsets in one transaction. Raises FencedError when the tables have another owner."""
        changes = [(rows.table, changed) for rows in tables.all() if (changed := rows.changed())]
        async with self.connection.transaction():
            cursor = await self.connection.execute("SELECT epoch FROM epoch WHERE name = %s FOR SHARE", [_EPOCH_NAME])
            row = await cursor.fetchone()
            if row is None or row[0] != self.epoch:
                raise FencedError(
                    f"another projector took the tables over (epoch {row[0] if row else 'gone'}, "
                    f"this one has {self.epoch}); this one ends"
                )
            async with self.connection.pipeline():
                for table, changed in changes:
                    await self.connection.execute(_upsert(table), _arrays(changed))
                await self.connection.execute(_UPSERT_OFFSETS, _offset_arrays(offsets, ends))
        tables.written()


_UPSERT_OFFSETS = (
    "INSERT INTO offsets (topic, partition, next_offset, log_end) "
    "SELECT * FROM unnest(%s::text[], %s::int[], %s::bigint[], %s::bigint[]) "
    "ON CONFLICT (topic, partition) DO UPDATE "
    "SET next_offset = excluded.next_offset, log_end = excluded.log_end, updated_at = now()"
)


def _offset_arrays(offsets: Mapping[Partition, int], ends: Mapping[Partition, int]) -> list[list[Any]]:
    return [
        [topic for topic, _ in offsets],
        [number for _, number in offsets],
        list(offsets.values()),
        [max(ends.get(partition, 0), offset) for partition, offset in offsets.items()],
    ]


def _arrays(rows: Sequence[tuple[Any, ...]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]


def _names(columns: Iterable[str]) -> sql.Composed:
    return sql.SQL(", ").join(sql.Identifier(column) for column in columns)


def _unnest(sql_types: Iterable[str]) -> sql.Composed:
    arrays = sql.SQL(", ").join(sql.SQL("%s::{}[]").format(sql.SQL(kind)) for kind in sql_types)
    return sql.SQL("unnest({})").format(arrays)


def _select(table: Table[Any], limit: int | None) -> sql.Composed:
    statement = sql.SQL("SELECT {} FROM {}").format(_names(table.columns), sql.Identifier(table.name))
    return statement if limit is None else statement + sql.SQL(" LIMIT {}").format(limit)


def _select_keys(table: Table[Any]) -> sql.Composed:
    return sql.SQL("SELECT {} FROM {} WHERE ({}) IN (SELECT * FROM {})").format(
        _names(table.columns),
        sql.Identifier(table.name),
        _names(table.key),
        _unnest(table.sql_types[: table.key_size]),
    )


def _upsert(table: Table[Any]) -> sql.Composed:
    updates = sql.SQL(", ").join(
        sql.SQL("{0} = excluded.{0}").format(sql.Identifier(column)) for column in table.columns[table.key_size :]
    )
    return sql.SQL("INSERT INTO {} ({}) SELECT * FROM {} ON CONFLICT ({}) DO UPDATE SET {}").format(
        sql.Identifier(table.name), _names(table.columns), _unnest(table.sql_types), _names(table.key), updates
    )
