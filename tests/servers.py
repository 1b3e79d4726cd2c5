"""Real Kafka and Postgres for the tests of a session: embedded, in containers, or given from outside.

Chosen by `--kafka=embedded|container|external`. What is started here is ended by its own handle at the end.
"""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from tapeline.embedded.kafka import EmbeddedKafka, kafka_answers
from tapeline.embedded.postgres import EmbeddedPostgres, postgres_answers
from tapeline.embedded.server import EmbeddedServer


@dataclass(frozen=True)
class Choice:
    """How the session gets its servers."""

    kind: str
    folder: Path


@contextmanager
def running_kafka(choice: Choice) -> Iterator[str]:
    """The bootstrap address of a Kafka that answers."""
    if choice.kind == "external":
        yield _external("TAPELINE_KAFKA__BOOTSTRAP", lambda address: kafka_answers(address, 10))
    elif choice.kind == "container":
        from testcontainers.kafka import KafkaContainer

        with KafkaContainer("apache/kafka:4.3.1") as container:
            yield container.get_bootstrap_server()
    else:
        kafka = EmbeddedKafka(choice.folder)
        with _started(kafka):
            yield kafka.bootstrap


@contextmanager
def running_postgres(choice: Choice) -> Iterator[str]:
    """The DSN of a Postgres that answers; its user may create databases."""
    if choice.kind == "external" and "TAPELINE_POSTGRES__DSN" in os.environ:
        yield _external("TAPELINE_POSTGRES__DSN", lambda dsn: postgres_answers(dsn, 10))
    elif choice.kind == "container":
        from testcontainers.postgres import PostgresContainer

        with PostgresContainer("postgres:18", driver=None) as container:
            yield container.get_connection_url()
    else:
        postgres = EmbeddedPostgres(choice.folder)
        with _started(postgres):
            yield postgres.dsn


@contextmanager
def new_database(dsn: str) -> Iterator[str]:
    """The DSN of an empty database that is dropped afterwards, connections or not."""
    name = f"test_{secrets.token_hex(6)}"
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    yield make_conninfo(dsn, dbname=name)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@contextmanager
def _started(server: EmbeddedServer) -> Iterator[None]:
    server.start()
    try:
        asyncio.run(server.wait_ready())
        yield
    finally:
        server.stop()


def _external(variable: str, answers: object) -> str:
    address = os.environ.get(variable)
    if not address:
        pytest.fail(f"--kafka=external needs {variable}")
    assert callable(answers)
    if not asyncio.run(answers(address)):
        pytest.fail(f"nothing answers at the address of {variable}")
    return address
