"""Kafka and Postgres of one's own, looked at as they are."""

from __future__ import annotations

import asyncio
from pathlib import Path

import psycopg
import pytest

from connector.gateway.postgres_schema import MIGRATIONS
from connector.gateway.postgres_schema import migrate as migrate_ledger
from projections import store
from tapeline.doctor import stores
from tapeline.doctor.finding import Finding, Status
from tapeline.settings import Settings, load_settings
from topics.admin import apply
from topics.catalogue import BY_NAME
from topics.log import LogAddress


def settings_with(folder: Path, monkeypatch: pytest.MonkeyPatch, **overrides: object) -> Settings:
    monkeypatch.setenv("TAPELINE_HOME", str(folder / "data"))
    return load_settings(overrides=dict(overrides))


def told(found: list[Finding]) -> dict[str, Status]:
    return {one.text: one.status for one in found}


async def test_topics_are_compared_with_the_catalogue(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kafka_bootstrap: str, namespace: str
) -> None:
    """ES-1: not there yet is a warning; there and right is ok."""
    kafka = {"bootstrap": kafka_bootstrap, "topic_prefix": namespace}
    settings = settings_with(tmp_path, monkeypatch, kafka=kafka)
    before = told(await stores.kafka(settings, running=False))
    assert before[f"your own Kafka answers at {kafka_bootstrap}"] is Status.OK
    assert before[f"{len(BY_NAME)} of {len(BY_NAME)} topics are not there yet"] is Status.WARNING
    await apply(LogAddress(kafka_bootstrap, namespace))
    after = told(await stores.kafka(settings, running=False))
    assert after[f"{len(BY_NAME)} topics with the right partitions and configuration"] is Status.OK


async def test_a_wrong_number_of_partitions_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kafka_bootstrap: str, namespace: str
) -> None:
    """ES-1: keys would move, and with them the order of events."""
    from aiokafka.admin import AIOKafkaAdminClient, NewTopic

    admin = AIOKafkaAdminClient(bootstrap_servers=kafka_bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(BY_NAME["orders"].physical_name(namespace), 3, 1)])
    finally:
        await admin.close()
    kafka = {"bootstrap": kafka_bootstrap, "topic_prefix": namespace}
    settings = settings_with(tmp_path, monkeypatch, kafka=kafka)
    wrong: list[Finding] = []
    async with asyncio.timeout(20):  # a broker answers before all of it knows of a topic
        while not wrong:
            wrong = [one for one in await stores.kafka(settings, running=False) if one.status is Status.FAILED]
    assert [one.text for one in wrong] == [f"topic orders: partitions, 3; wanted {BY_NAME['orders'].partitions}"]
    assert "keys would move" in wrong[0].remedy


async def test_a_kafka_that_is_not_there_fails_with_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """OPS-1: own servers are named by their setting."""
    settings = settings_with(tmp_path, monkeypatch, kafka={"bootstrap": "127.0.0.1:9"})
    (found,) = await stores.kafka(settings, running=False)
    assert (found.status, found.text) == (Status.FAILED, "your own Kafka does not answer at 127.0.0.1:9")
    assert "kafka.bootstrap" in found.remedy


async def test_schemas_are_new_old_up_to_date_or_of_a_newer_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, postgres_database: str
) -> None:
    """ES-2: a newer program's tables are not written by an older one."""
    settings = settings_with(tmp_path, monkeypatch, postgres={"dsn": postgres_database})
    new = told(await stores.postgres(settings, running=False))
    assert new["schema ledger is made at the first start"] is Status.OK
    assert new["schema projections is made at the first start"] is Status.OK

    async with await psycopg.AsyncConnection.connect(postgres_database) as connection:
        await migrate_ledger(connection)
    projections = await store.connect(postgres_database)
    await store.migrate(projections)
    await projections.close()
    done = told(await stores.postgres(settings, running=False))
    assert done[f"schema ledger is up to date (step {len(MIGRATIONS)})"] is Status.OK
    assert any(text.startswith("schema projections is up to date") for text in done)

    async with await psycopg.AsyncConnection.connect(postgres_database, autocommit=True) as connection:
        await connection.execute("DELETE FROM ledger.migrations WHERE step > 1")
        await connection.execute("INSERT INTO projections.migrations (name) VALUES ('9999_future.sql')")
    found = told(await stores.postgres(settings, running=False))
    old = f"schema ledger is at step 1 of {len(MIGRATIONS)}; the next start brings it up to date"
    assert found[old] is Status.OK
    assert [text for text, status in found.items() if status is Status.FAILED] == [
        text for text in found if text.startswith("schema projections was made by a newer version")
    ]


async def test_who_may_not_write_is_told_what_to_grant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, postgres_database: str
) -> None:
    """OPS-1: a role that may only read, and a database that is read only."""
    from psycopg.conninfo import conninfo_to_dict, make_conninfo

    database = conninfo_to_dict(postgres_database)["dbname"]
    async with await psycopg.AsyncConnection.connect(postgres_database, autocommit=True) as connection:
        await connection.execute("DROP ROLE IF EXISTS only_reads")
        await connection.execute("CREATE ROLE only_reads LOGIN PASSWORD 'reads-4711'")
        reader = make_conninfo(postgres_database, user="only_reads", password="reads-4711")
        found = await stores.postgres(settings_with(tmp_path, monkeypatch, postgres={"dsn": reader}), running=False)
        await connection.execute("DROP ROLE only_reads")
    wrong = [one for one in found if one.status is Status.FAILED]
    assert [one.remedy for one in wrong] == [f"GRANT CREATE ON DATABASE {database} TO only_reads"]
    read_only = make_conninfo(postgres_database, options="-c default_transaction_read_only=on")
    settings = settings_with(tmp_path, monkeypatch, postgres={"dsn": read_only})
    assert told(await stores.postgres(settings, running=False)).get("it is read only (a standby?)") is Status.FAILED


async def test_a_wrong_password_fails_and_is_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, postgres_dsn: str
) -> None:
    """GRPC-4: no password in what is said."""
    from psycopg.conninfo import make_conninfo

    wrong = make_conninfo(postgres_dsn, password="wrong-4711")
    settings = settings_with(tmp_path, monkeypatch, postgres={"dsn": wrong})
    (found,) = await stores.postgres(settings, running=False)
    assert found.status is Status.FAILED
    assert "4711" not in str(found.as_dict())
