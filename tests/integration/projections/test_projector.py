"""The projector on a real log and a real database: rows equal a rebuild whatever happens to it (ES-2, ES-3)."""

import asyncio
import json
import os
import random
import signal
import sys
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from projections import queries
from projections.errors import FencedError, LogChangedError, ProjectionError
from projections.feed import open_feed
from projections.folds import TOPICS
from projections.projector import Projector, ignore
from projections.rebuild import rebuild
from projections.runner import Progress, catch_up, follow, projector_runs
from projections.settings import ProjectionsSettings
from projections.store import Store, connect, migrate
from projections.tables import TABLES
from tests.integration.projections.story import Teller
from topics.catalogue import MARKET, ORDERS
from topics.codec import decode
from topics.log import LogAddress, partitions_of, read_to_end, reader

REPOSITORY = Path(__file__).resolve().parents[3]
SETTINGS = ProjectionsSettings(flush_ms=20, log_check_s=0.2, give_up_after_s=2)


async def test_rows_of_the_schema_and_of_the_code_have_the_same_columns(postgres_database: str) -> None:
    """ES-2: what a fold makes can be stored, column by column; a later migration adds its columns at the end."""
    async with await connect(postgres_database) as connection:
        await migrate(connection)
        await migrate(connection)
        for table in TABLES:
            cursor = await connection.execute(
                "SELECT column_name::text FROM information_schema.columns WHERE table_schema = 'projections' "
                "AND table_name = %s AND is_generated = 'NEVER'",
                [table.name],
            )
            assert sorted(row[0] for row in await cursor.fetchall()) == sorted(table.columns), table.name


async def test_a_rebuild_ends_in_the_rows_of_the_live_tables(log: LogAddress, postgres_database: str) -> None:
    """ES-2: replay from offset 0 gives the same hash; each table has rows, so the hash says something."""
    teller = Teller(log)
    for _ in range(4):
        await teller.tell(20)
        behind = await catch_up(log, postgres_database)
        assert sum(behind.values()) == 0
    report = await rebuild(log, postgres_database)
    assert report.equal, report.differing
    assert report.live_hash == report.rebuilt_hash
    empty = {name for name, (live, _) in report.tables.items() if live.startswith("0:")}
    assert empty == {"poison"}
    async with await connect(postgres_database) as connection:
        seen = await queries.overview(connection)
    assert seen.symbols == ["paper:BTCUSDT", "paper:ETHUSDT", "paper:XRPUSDT"]
    assert seen.counts.fills > 100
    assert len(seen.last_fills) == 10
    assert all(row.net == row.realized + row.unrealized - row.fees + row.funding for row in seen.pnl)
    assert seen.lag.records == 0


async def test_a_changed_row_is_found_by_the_rebuild(log: LogAddress, postgres_database: str) -> None:
    """ES-2: one digit in one row makes the hashes differ, and the report names the table."""
    await Teller(log).tell(10)
    await catch_up(log, postgres_database)
    async with await connect(postgres_database) as connection:
        await connection.execute("UPDATE positions SET realized_pnl = realized_pnl + 0.01 WHERE symbol = 'ETHUSDT'")
    report = await rebuild(log, postgres_database)
    assert not report.equal
    assert report.differing == ["positions"]


async def test_a_swap_brings_the_rebuilt_tables_in_and_fences_the_old_projector(
    log: LogAddress, postgres_database: str
) -> None:
    """ES-2: after the swap live tables are the rebuilt ones; who held the old ones cannot write the new ones."""
    teller = Teller(log)
    await teller.tell(10)
    await catch_up(log, postgres_database)
    async with await connect(postgres_database) as old, open_feed(log, TOPICS, client_id="test-old") as feed:
        projector = await Projector.open(await Store.take(old), ignore)
        await feed.seek(projector.offsets)
        async with await connect(postgres_database) as connection:
            await connection.execute("UPDATE orders SET reason = 'tampered with'")
        report = await rebuild(log, postgres_database, swap=True)
        assert report.swapped
        assert not report.equal
        await teller.tell(5)
        batch = await feed.batch(1000, 5000)
        assert batch
        with pytest.raises(FencedError):
            await projector.apply(batch)
    await catch_up(log, postgres_database)
    assert (await rebuild(log, postgres_database)).equal


async def test_an_interrupted_rebuild_goes_on_where_it_stopped(log: LogAddress, postgres_database: str) -> None:
    """ES-2: a rebuild that is cut off is resumed, not begun again, and ends equal."""
    await Teller(log).tell(200)
    await catch_up(log, postgres_database)
    script = f"""
import asyncio
import json
from projections import rebuild as module
from topics.log import LogAddress
module._BATCH_RECORDS = 300
asyncio.run(module.rebuild(LogAddress({log.bootstrap!r}, {log.namespace!r}), {postgres_database!r}))
"""
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", script, cwd=REPOSITORY)
    async with await psycopg.AsyncConnection.connect(postgres_database, autocommit=True) as connection:
        async with asyncio.timeout(60):
            while not await _rebuilt_some(connection):
                await asyncio.sleep(0.005)
        process.kill()
        await process.wait()
        await _until_only_connection(connection)
    report = await rebuild(log, postgres_database)
    assert report.resumed_from > 0
    assert report.equal, report.differing


async def _rebuilt_some(connection: psycopg.AsyncConnection[tuple[object, ...]]) -> bool:
    try:
        cursor = await connection.execute("SELECT count(*) FROM rebuild_1.offsets")
        row = await cursor.fetchone()
    except psycopg.errors.UndefinedTable:
        return False
    return bool(row and row[0])


async def _until_only_connection(connection: psycopg.AsyncConnection[tuple[object, ...]]) -> None:
    async with asyncio.timeout(30):
        while True:
            cursor = await connection.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            row = await cursor.fetchone()
            if row == (0,):
                return
            await asyncio.sleep(0.02)


async def test_poison_stops_nothing_and_is_kept_with_its_reason(log: LogAddress, postgres_database: str) -> None:
    """ES-6: unreadable and unbookable records go to the dead letters, all others are projected, a rebuild agrees."""
    teller = Teller(log)
    await teller.tell(20, poison=12)
    await catch_up(log, postgres_database)
    async with await connect(postgres_database) as connection:
        counts = await queries.counts(connection)
        cursor = await connection.execute("SELECT count(*) FROM orders WHERE client_order_id = 'tlpoison'")
        assert await cursor.fetchone() == (0,)
    assert counts.poison_records == 12
    assert counts.fills > 30
    letters = [decode(ORDERS.dead_letters, value) for value in await _values(log)]
    assert len(letters) == 4
    assert all(letter.reader == "projections" and letter.reason for letter in letters)
    report = await rebuild(log, postgres_database)
    assert report.equal, report.differing
    assert report.poisoned == 12
    assert len(await _values(log)) == 4  # a rebuild buries nothing a second time


async def _values(log: LogAddress) -> list[bytes]:
    async with reader(log, client_id="test-letters") as consumer:
        partitions = partitions_of(log, [ORDERS.dead_letters])
        return [record.value async for batch in read_to_end(consumer, partitions) for record in batch]


async def test_a_second_projector_takes_over_and_the_first_ends(log: LogAddress, postgres_database: str) -> None:
    """ES-2: fencing. The first can write nothing after the second has started."""
    teller = Teller(log)
    await teller.tell(5)
    stop = asyncio.Event()
    first = asyncio.create_task(follow(SETTINGS, log, postgres_database, stop, Progress()))
    async with asyncio.timeout(60):
        while not await _projected(postgres_database):
            await asyncio.sleep(0.05)
    assert await projector_runs(postgres_database)
    second_progress = Progress()
    second = asyncio.create_task(follow(SETTINGS, log, postgres_database, stop, second_progress))
    async with asyncio.timeout(60):
        while not second_progress.epoch:
            await asyncio.sleep(0.05)
        await teller.tell(5)
        with pytest.raises(FencedError, match="took the tables over"):
            await first
    stop.set()
    await second
    await catch_up(log, postgres_database)
    assert (await rebuild(log, postgres_database)).equal
    assert not await projector_runs(postgres_database)


async def _projected(dsn: str) -> bool:
    async with await connect(dsn) as connection:
        return (await queries.counts(connection)).fills > 0


async def test_kill_9_at_random_moments_leaves_the_rows_of_an_uninterrupted_run(
    log: LogAddress, postgres_database: str
) -> None:
    """ES-2, ES-3: killed eight times while it works, restarted from the stored offsets: the hash equals a rebuild."""
    chance = random.Random(8)
    teller = Teller(log)
    await teller.tell(20)
    await catch_up(log, postgres_database)
    reached = []
    for _ in range(8):
        process = await _start(log, postgres_database)
        telling = asyncio.create_task(teller.tell(60, poison=3))
        assert process.stdout is not None
        async with asyncio.timeout(60):
            await process.stdout.readline()  # its first commit
        await asyncio.sleep(chance.random() * 0.4)
        process.kill()
        assert await process.wait() == -signal.SIGKILL
        await telling
        async with await connect(postgres_database) as connection:
            cursor = await connection.execute("SELECT sum(next_offset)::bigint FROM offsets")
            reached += await cursor.fetchall()
    assert sorted(reached) == reached
    assert len(set(reached)) > 1  # it did work between the kills
    await catch_up(log, postgres_database)
    report = await rebuild(log, postgres_database)
    assert report.equal, report.differing


async def test_sigterm_ends_the_process_cleanly(log: LogAddress, postgres_database: str) -> None:
    """OPS-2: exit code 0 within seconds, nothing half written."""
    await Teller(log).tell(5)
    process = await _start(log, postgres_database)
    assert process.stdout is not None
    async with asyncio.timeout(60):
        await process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(10):
        assert await process.wait() == 0
    await catch_up(log, postgres_database)
    assert (await rebuild(log, postgres_database)).equal


async def _start(log: LogAddress, dsn: str) -> asyncio.subprocess.Process:
    """The process as it is run, with small batches; it prints a line after its first commit."""
    script = """
import asyncio, os
from projections import gauges, main
from projections.settings import ProjectionsSettings
from topics.log import LogAddress
show, told = gauges.Gauges.show, []
def tell(self, progress):
    show(self, progress)
    if progress.counts.records and not told:
        told.append(print("working", flush=True))
main.Gauges.show = tell
settings = ProjectionsSettings(batch_records=40, flush_ms=5)
asyncio.run(main.run(settings, LogAddress(os.environ["BOOTSTRAP"], os.environ["NAMESPACE"]), os.environ["DSN"]))
"""
    environment = {**os.environ, "BOOTSTRAP": log.bootstrap, "NAMESPACE": log.namespace, "DSN": dsn}
    return await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, cwd=REPOSITORY, env=environment, stdout=asyncio.subprocess.PIPE
    )


async def test_a_log_made_anew_is_refused_with_what_to_do(
    log: LogAddress, kafka_bootstrap: str, postgres_database: str
) -> None:
    """ES-3: offsets of another log are not silently applied to this one."""
    await Teller(log).tell(5)
    await catch_up(log, postgres_database)
    async with await connect(postgres_database) as connection:
        await connection.execute("UPDATE offsets SET next_offset = next_offset + 100000 WHERE topic = 'orders'")
    with pytest.raises(LogChangedError, match="rebuild --swap"):
        await catch_up(log, postgres_database)
    await rebuild(log, postgres_database, swap=True)
    await catch_up(log, postgres_database)
    assert (await rebuild(log, postgres_database)).equal


async def test_a_lost_connection_is_made_again_and_nothing_is_missing(log: LogAddress, postgres_database: str) -> None:
    """ES-3: Postgres ends the connections under a following projector; it goes on from the stored offsets."""
    teller = Teller(log)
    await teller.tell(5)
    stop, progress = asyncio.Event(), Progress()
    following = asyncio.create_task(follow(SETTINGS, log, postgres_database, stop, progress))
    for _ in range(3):
        await teller.tell(5)
        async with asyncio.timeout(60):
            while not progress.epoch or any(progress.behind.values()) or not progress.counts.records:
                await asyncio.sleep(0.02)
        epoch = progress.epoch
        async with await connect(postgres_database) as connection:
            await connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        await teller.tell(5)
        async with asyncio.timeout(60):
            while progress.epoch == epoch:
                await asyncio.sleep(0.02)
    stop.set()
    await following
    await catch_up(log, postgres_database)
    assert (await rebuild(log, postgres_database)).equal


async def test_a_database_that_stays_away_ends_the_projector_with_what_to_do(log: LogAddress) -> None:
    """ES-3: crash-only, after its own patience, with a message and no traceback of a driver."""
    nowhere = "postgresql://nobody@127.0.0.1:9/none"
    with pytest.raises(ProjectionError, match="did not answer for 2 s"):
        async with asyncio.timeout(60):
            await follow(SETTINGS, log, nowhere, asyncio.Event(), Progress())


async def test_the_newest_rows_can_be_asked_for_by_command(
    log: LogAddress, postgres_database: str, tmp_path: Path
) -> None:
    """ES-4: every query as a table of at most 80 columns and as JSON with money as text; exit code 0."""
    await Teller(log).tell(8)
    environment = os.environ | {
        "TAPELINE_HOME": str(tmp_path),
        "TAPELINE_POSTGRES__DSN": postgres_database,
        "TAPELINE_KAFKA__BOOTSTRAP": log.bootstrap,
        "TAPELINE_KAFKA__TOPIC_PREFIX": log.namespace,
        "COLUMNS": "80",
    }
    told = await _command(environment, "orders")
    assert "nothing yet" in told.stderr
    await catch_up(log, postgres_database)
    for command in ("status", "orders", "slots", "positions", "pnl"):
        as_table = await _command(environment, command, "--symbol", "BTCUSDT")
        assert "BTCUSDT" in as_table.stdout
        assert max(map(len, as_table.stdout.splitlines())) <= 80
        as_json = json.loads((await _command(environment, command, "--json")).stdout)
        assert as_json
    positions = json.loads((await _command(environment, "positions", "--json")).stdout)
    assert {row["symbol"] for row in positions} == {"BTCUSDT", "ETHUSDT", "XRPUSDT"}
    assert all(isinstance(row["quantity"], str) and Decimal(row["quantity"]).is_finite() for row in positions)
    limited = json.loads((await _command(environment, "orders", "--limit", "3", "--json")).stdout)
    assert len(limited) == 3
    verified = json.loads((await _command(environment, "rebuild", "--verify", "--json")).stdout)
    assert verified["equal"]
    assert verified["live_hash"] == verified["rebuilt_hash"]


@dataclass
class Told:
    stdout: str
    stderr: str


async def _command(environment: dict[str, str], *arguments: str) -> Told:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tapeline", *arguments, cwd=REPOSITORY, env=environment,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    stdout, stderr = await process.communicate()
    assert process.returncode == 0, stderr.decode()
    return Told(stdout.decode(), stderr.decode())


async def test_what_retention_took_is_kept_and_left_out_of_the_comparison(
    log: LogAddress, postgres_database: str
) -> None:
    """ES-2: the market is kept a week. Rows with a part in lost records are not compared, and survive a swap."""
    await Teller(log).tell(60)
    await catch_up(log, postgres_database)
    gone = await _forget_market(log, records=30)
    report = await rebuild(log, postgres_database, swap=True)
    assert report.equal, report.differing
    assert report.log_begins == dict.fromkeys(gone, 30)
    async with await connect(postgres_database) as connection:
        cursor = await connection.execute(
            "SELECT count(*) FILTER (WHERE first_offset < 30), count(*) FILTER (WHERE first_offset >= 30) "
            "FROM market_minutes"
        )
        row = await cursor.fetchone()
    assert row is not None
    assert row[0] > 0
    assert row[1] > 0
    await catch_up(log, postgres_database)
    assert (await rebuild(log, postgres_database)).equal


async def _forget_market(log: LogAddress, records: int) -> list[str]:
    """Deletes the oldest records of the market's used partitions, as retention does; returns which."""
    async with reader(log, client_id="test-ends") as consumer:
        ends = await consumer.end_offsets(partitions_of(log, [MARKET]))
    used = {partition: RecordsToDelete(before_offset=records) for partition, end in ends.items() if end}
    admin = AIOKafkaAdminClient(bootstrap_servers=log.bootstrap)
    await admin.start()
    try:
        await admin.delete_records(used)
    finally:
        await admin.close()
    return [f"market/{partition.partition}" for partition in used]
