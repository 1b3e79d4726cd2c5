"""The embedded Kafka and Postgres keep what they acknowledged, whatever kills them."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import psutil
import psycopg
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from tapeline.embedded.kafka import EmbeddedKafka
from tapeline.embedded.postgres import EmbeddedPostgres
from tapeline.embedded.server import EmbeddedServer
from tapeline.errors import TapelineError

ACKNOWLEDGED = 500


async def make_topic(bootstrap: str, name: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(name, num_partitions=1, replication_factor=1)])
    finally:
        await admin.close()


async def append(bootstrap: str, topic: str, values: range) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", enable_idempotence=True)
    await producer.start()
    try:
        acks = [await producer.send(topic, str(value).encode()) for value in values]
        await asyncio.gather(*acks)
    finally:
        await producer.stop()


async def read_all(bootstrap: str, topic: str, count: int) -> list[int]:
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    try:
        partition = TopicPartition(topic, 0)
        consumer.assign([partition])
        await consumer.seek_to_beginning(partition)
        found: list[int] = []
        while len(found) < count:
            records = await consumer.getmany(partition, timeout_ms=10_000)
            assert records, f"only {len(found)} of {count} records are left"
            found += [int(record.value) for record in records[partition]]
        return found
    finally:
        await consumer.stop()


async def test_kafka_killed_hard_loses_nothing_acknowledged_and_comes_back_on_its_port(tmp_path: Path) -> None:
    """ES-1, OPS-1: kill -9 of the broker, start again: every acknowledged record, same address."""
    kafka = EmbeddedKafka(tmp_path)
    try:
        kafka.start()
        await kafka.wait_ready()
        bootstrap = kafka.bootstrap
        await make_topic(bootstrap, "facts")
        await append(bootstrap, "facts", range(ACKNOWLEDGED))
        kafka.kill()
        kafka.start()
        await kafka.wait_ready()
        assert kafka.bootstrap == bootstrap
        assert await read_all(bootstrap, "facts", ACKNOWLEDGED) == list(range(ACKNOWLEDGED))
    finally:
        kafka.stop()


async def test_postgres_killed_hard_loses_nothing_committed(tmp_path: Path) -> None:
    """ORD-7: a claim in the ledger survives kill -9 of the database."""
    postgres = EmbeddedPostgres(tmp_path)
    try:
        postgres.start()
        await postgres.wait_ready()
        with psycopg.connect(postgres.dsn, autocommit=True) as connection:
            connection.execute("CREATE TABLE claims (id int PRIMARY KEY)")
            for claim in range(100):
                connection.execute("INSERT INTO claims VALUES (%s)", (claim,))
        dsn = postgres.dsn
        postgres.kill()
        postgres.start()
        await postgres.wait_ready()
        assert postgres.dsn == dsn
        with psycopg.connect(dsn) as connection:
            assert connection.execute("SELECT count(*) FROM claims").fetchone() == (100,)
            assert connection.execute("SHOW fsync").fetchone() == ("on",)
            assert connection.execute("SHOW synchronous_commit").fetchone() == ("on",)
    finally:
        postgres.stop()


async def test_a_stale_pid_file_whose_number_was_given_to_another_process_is_no_obstacle(tmp_path: Path) -> None:
    """OPS-1: what kill -9 leaves behind must not stop the next start."""
    postgres = EmbeddedPostgres(tmp_path)
    try:
        postgres.start()
        await postgres.wait_ready()
        postgres.kill()
        pid_file = tmp_path / "postgres" / "data" / "postmaster.pid"
        lines = pid_file.read_text().splitlines()
        pid_file.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
        postgres.start()
        await postgres.wait_ready()
    finally:
        postgres.stop()


async def test_a_second_postgres_on_a_served_folder_is_refused_by_pid(tmp_path: Path) -> None:
    """OPS-1: a live owner gives a clear error that names it."""
    first = EmbeddedPostgres(tmp_path)
    try:
        first.start()
        await first.wait_ready()
        with pytest.raises(TapelineError, match=rf"still serves .* \(process {first.pid}\); stop it with: kill"):
            EmbeddedPostgres(tmp_path).start()
    finally:
        first.stop()


async def test_postgres_wants_its_password_and_listens_on_loopback_only(tmp_path: Path) -> None:
    """GRPC-4: nobody else on the machine reads the ledger."""
    postgres = EmbeddedPostgres(tmp_path)
    try:
        postgres.start()
        await postgres.wait_ready()
        wrong = postgres.dsn.replace(postgres.dsn.split(":")[2].split("@")[0], "guess")
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(wrong)
        assert postgres.pid is not None
        listening = {
            connection.laddr.ip
            for connection in psutil.Process(postgres.pid).net_connections()
            if connection.status == psutil.CONN_LISTEN
        }
        assert listening == {"127.0.0.1"}
        password_file = tmp_path / "postgres" / "password"
        assert password_file.stat().st_mode & 0o077 == 0
    finally:
        postgres.stop()


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel does this on Linux only; elsewhere the guardian does")
@pytest.mark.parametrize("kind", [EmbeddedKafka, EmbeddedPostgres])
async def test_a_server_does_not_outlive_a_parent_killed_hard(tmp_path: Path, kind: type[EmbeddedServer]) -> None:
    """OPS-1: kill -9 of the process that started it leaves nothing running."""
    script = (
        f"import asyncio, time; from pathlib import Path; from {kind.__module__} import {kind.__name__} as Server\n"
        f"server = Server(Path({str(tmp_path)!r})); server.start(); asyncio.run(server.wait_ready())\n"
        "print(server.pid, flush=True); time.sleep(600)"
    )
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", script, stdout=asyncio.subprocess.PIPE)
    assert parent.stdout is not None
    server = psutil.Process(int(await asyncio.wait_for(parent.stdout.readline(), 60)))
    family = [server, *server.children(recursive=True)]
    parent.send_signal(signal.SIGKILL)
    await parent.wait()
    _, alive = await asyncio.to_thread(psutil.wait_procs, family, 10)
    assert alive == []
