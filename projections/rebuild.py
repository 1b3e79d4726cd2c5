"""The projections made again from offset 0 beside the live ones, compared, and swapped in if asked (ES-2).

Live offsets and hashes are read in one snapshot; the log is folded into `rebuild_<n>` up to exactly those offsets by
the same folds, with no row of the live tables read. What is interrupted goes on where it stopped: the target stands in
the schema itself. The `market` topic is kept a week: rows made from records that are gone are left out of both hashes,
and carried over in a swap.

The broker may compact topics that hold the newest record of each key (`instruments`, agents' states). A row made from a
record that was compacted away since can then not be made again; it shows as a difference of that table alone.
"""

import time
from dataclasses import dataclass, field

from psycopg import IsolationLevel, sql

from projections.errors import ProjectionError
from projections.feed import Feed, open_feed
from projections.folds import TOPICS
from projections.hashes import combined, lost, table_hashes
from projections.projector import Projector, ignore
from projections.store import (
    LIVE_SCHEMA,
    Connection,
    Partition,
    Store,
    connect,
    exists,
    migrate,
)
from projections.tables import TABLES
from topics.log import LogAddress

_PREFIX = "rebuild_"
_LOCK = 0x7461_7067
_BATCH_RECORDS = 20_000


@dataclass(frozen=True)
class RebuildReport:
    """`events` and `seconds` are of this run; a resumed one began at `resumed_from` records. `tables`: name to pair of
    live and rebuilt hash. `log_begins`: `topic/partition` to the oldest offset kept, where offset 0 is gone."""

    events: int
    records: int
    poisoned: int
    seconds: float
    live_hash: str
    rebuilt_hash: str
    equal: bool
    swapped: bool
    tables: dict[str, tuple[str, str]] = field(default_factory=dict)
    log_begins: dict[str, int] = field(default_factory=dict)
    resumed_from: int = 0

    @property
    def differing(self) -> list[str]:
        return [name for name, (live, rebuilt) in self.tables.items() if live != rebuilt]


@dataclass(frozen=True)
class _Target:
    schema: str
    offsets: dict[Partition, int]
    begins: dict[Partition, int]
    live: dict[str, str]


async def rebuild(log: LogAddress, dsn: str, *, verify: bool = True, swap: bool = False) -> RebuildReport:
    """Folds the log anew and compares. With `swap`, the new tables take the place of the live ones, equal or not; a
    running projector is fenced by that, and goes on with them when it is started again.

    `verify=False` leaves the hashes out (both empty, equal False). Raises ProjectionError when another rebuild runs or
    there is nothing to rebuild.
    """
    async with await connect(dsn) as live, open_feed(log, TOPICS, client_id="tapeline-rebuild") as feed:
        await _only_one(live)
        target = await _resumable(live) or await _new_target(live, feed)
        async with await connect(dsn, target.schema) as own:
            started = time.monotonic()
            projector = await Projector.open(await Store.take(own), ignore)
            resumed_from = sum(projector.offsets.values())
            await _fold(projector, feed, target)
            seconds = time.monotonic() - started
            await _carry_over(live, target)
            rebuilt = await table_hashes(own, target.begins) if verify else {}
        if swap:
            await _swap_in(live, target)
        else:
            await _drop(live, target.schema)
    expected = target.live if verify else {}
    return RebuildReport(
        events=projector.counts.events,
        records=projector.counts.records,
        poisoned=projector.counts.poisoned,
        seconds=seconds,
        live_hash=combined(expected) if verify else "",
        rebuilt_hash=combined(rebuilt) if verify else "",
        equal=verify and rebuilt == expected,
        swapped=swap,
        tables={name: (expected[name], rebuilt[name]) for name in rebuilt},
        log_begins={f"{topic}/{number}": begin for (topic, number), begin in target.begins.items()},
        resumed_from=resumed_from,
    )


async def _only_one(live: Connection) -> None:
    cursor = await live.execute("SELECT pg_try_advisory_lock(%s)", [_LOCK])
    row = await cursor.fetchone()
    if not (row and row[0]):
        raise ProjectionError("another rebuild is running; wait for it to end")
    if not await exists(live):
        raise ProjectionError("there are no projections to rebuild yet: start the pipeline with `tapeline up` first")


async def _new_target(live: Connection, feed: Feed) -> _Target:
    """Live offsets and hashes at one moment, written into a new schema. A log made anew may end before an offset."""
    ends = await feed.ends()
    begins = {partition: begin for partition, begin in (await feed.begins()).items() if begin > 0}
    await live.set_isolation_level(IsolationLevel.REPEATABLE_READ)
    async with live.transaction():
        cursor = await live.execute("SELECT topic, partition, next_offset FROM offsets")
        stored = [((topic, number), offset) for topic, number, offset in await cursor.fetchall()]
        offsets = {partition: min(offset, ends[partition]) for partition, offset in stored}
        hashes = await table_hashes(live, begins)
    await live.set_isolation_level(None)
    schemas = await _schemas(live)
    number = 1 + max((int(name.removeprefix(_PREFIX)) for name in schemas), default=0)
    target = _Target(f"{_PREFIX}{number}", offsets, begins, hashes)
    await _write_target(live, target)
    return target


async def _write_target(live: Connection, target: _Target) -> None:
    """One transaction: a schema without a target was never begun."""
    name = sql.Identifier(target.schema)
    async with live.transaction():
        await live.execute(sql.SQL("CREATE SCHEMA {}").format(name))
        await live.execute(sql.SQL("SET LOCAL search_path TO {}").format(name))
        await migrate(live, target.schema)
        await live.execute("CREATE TABLE target (topic TEXT, partition INTEGER, next_offset BIGINT, begins BIGINT)")
        await live.execute("CREATE TABLE target_hashes (name TEXT PRIMARY KEY, hash TEXT NOT NULL)")
        for (topic, number), offset in target.offsets.items():
            begin = target.begins.get((topic, number), 0)
            await live.execute("INSERT INTO target VALUES (%s, %s, %s, %s)", [topic, number, offset, begin])
        for table, table_hash in target.live.items():
            await live.execute("INSERT INTO target_hashes VALUES (%s, %s)", [table, table_hash])


async def _resumable(live: Connection) -> _Target | None:
    """The target of an interrupted rebuild; leftovers of another version of the schema are dropped."""
    for schema in await _schemas(live):
        name = sql.Identifier(schema)
        if await exists(live, schema) and await _same_migrations(live, schema):
            cursor = await live.execute(sql.SQL("SELECT * FROM {}.target").format(name))
            rows = await cursor.fetchall()
            cursor = await live.execute(sql.SQL("SELECT name, hash FROM {}.target_hashes").format(name))
            hashes = {table: table_hash for table, table_hash in await cursor.fetchall()}  # noqa: C416 - typed rows
            return _Target(
                schema,
                {(topic, number): offset for topic, number, offset, _ in rows},
                {(topic, number): begin for topic, number, _, begin in rows if begin},
                hashes,
            )
        await _drop(live, schema)
    return None


async def _same_migrations(live: Connection, schema: str) -> bool:
    statement = sql.SQL("SELECT array_agg(name ORDER BY name) FROM {}.migrations")
    found = []
    for name in (LIVE_SCHEMA, schema):
        cursor = await live.execute(statement.format(sql.Identifier(name)))
        found.append(await cursor.fetchone())
    return found[0] == found[1]


async def _schemas(live: Connection) -> list[str]:
    cursor = await live.execute(
        "SELECT schema_name::text FROM information_schema.schemata WHERE schema_name ~ %s", [f"^{_PREFIX}[0-9]+$"]
    )
    return sorted(row[0] for row in await cursor.fetchall())


async def _fold(projector: Projector, feed: Feed, target: _Target) -> None:
    """Up to the target's offsets and not a record further."""
    await feed.seek(projector.offsets)
    open_partitions = {at for at, end in target.offsets.items() if await feed.position(at) < end}
    while open_partitions:
        batch = await feed.batch(_BATCH_RECORDS, 200, only=tuple(open_partitions))
        wanted = {
            at: kept
            for at, records in batch.items()
            if (kept := [record for record in records if record.offset < target.offsets[at]])
        }
        if wanted:
            await projector.apply(wanted)
        open_partitions = {at for at in open_partitions if await feed.position(at) < target.offsets[at]}


async def _swap_in(live: Connection, target: _Target) -> None:
    """In one transaction; the epoch goes on from the live one, so that a projector of the old tables is fenced."""
    new = sql.Identifier(target.schema)
    async with live.transaction():
        cursor = await live.execute("SELECT epoch FROM epoch WHERE name = 'projector' FOR UPDATE")
        row = await cursor.fetchone()
        await live.execute(
            sql.SQL("UPDATE {}.epoch SET epoch = greatest(epoch, %s) + 1").format(new), [row[0] if row else 0]
        )
        await live.execute(sql.SQL("DROP TABLE {0}.target, {0}.target_hashes").format(new))
        await live.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(LIVE_SCHEMA)))
        await live.execute(sql.SQL("ALTER SCHEMA {} RENAME TO {}").format(new, sql.Identifier(LIVE_SCHEMA)))


async def _carry_over(live: Connection, target: _Target) -> None:
    """Rows the log can no longer make, wholly or in part, are kept as they are; no hash has them.

    They are as old as the retention, so the live projector does not change them any more.
    """
    for table in TABLES if target.begins else ():
        condition, values = lost(table, target.begins)
        name, columns = sql.Identifier(table.name), sql.SQL(", ").join(map(sql.Identifier, table.columns))
        statement = sql.SQL("INSERT INTO {}.{} ({}) SELECT {} FROM {}.{} WHERE {} ON CONFLICT ({}) DO UPDATE SET {}")
        await live.execute(
            statement.format(
                sql.Identifier(target.schema),
                name,
                columns,
                columns,
                sql.Identifier(LIVE_SCHEMA),
                name,
                condition,
                sql.SQL(", ").join(map(sql.Identifier, table.key)),
                sql.SQL(", ").join(
                    sql.SQL("{0} = excluded.{0}").format(sql.Identifier(column))
                    for column in table.columns[table.key_size :]
                ),
            ),
            values,
        )


async def _drop(live: Connection, schema: str) -> None:
    await live.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(schema)))
