"""Fixtures every test may use: real servers for the session, a database or a namespace of its own, the tapes."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers import Choice, new_database, running_kafka, running_postgres

REPOSITORY = Path(__file__).resolve().parent.parent


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--kafka",
        choices=("embedded", "container", "external"),
        default="embedded",
        help="where Kafka and Postgres come from: started from packages (default), containers (testcontainers, "
        "needs Docker), or TAPELINE_KAFKA__BOOTSTRAP and TAPELINE_POSTGRES__DSN",
    )


@pytest.fixture(scope="session")
def server_choice(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Choice:
    return Choice(request.config.getoption("--kafka"), tmp_path_factory.mktemp("servers"))


@pytest.fixture(scope="session")
def kafka_bootstrap(server_choice: Choice) -> Iterator[str]:
    """host:port of the session's Kafka. Use `namespace` for topics of a test's own."""
    with running_kafka(server_choice) as bootstrap:
        yield bootstrap


@pytest.fixture(scope="session")
def postgres_dsn(server_choice: Choice) -> Iterator[str]:
    """The session's Postgres. Use `postgres_database` for tables of a test's own."""
    with running_postgres(server_choice) as dsn:
        yield dsn


@pytest.fixture
def postgres_database(postgres_dsn: str) -> Iterator[str]:
    """The DSN of a new, empty database, dropped after the test."""
    with new_database(postgres_dsn) as dsn:
        yield dsn


@pytest.fixture
def namespace() -> str:
    """A prefix for topic names that no other test uses: `LogAddress(kafka_bootstrap, namespace)`."""
    return f"test-{secrets.token_hex(4)}."


@pytest.fixture(scope="session")
def tapes() -> Path:
    """The folder of recorded market data; skips without it, fails when TAPELINE_REQUIRE_TAPES=1."""
    folder = Path(os.environ.get("TAPELINE_TAPES") or REPOSITORY.parent / "shared" / "tapes")
    if any(folder.glob("*.gz")):
        return folder
    reason = f"no recorded tapes in {folder}; set TAPELINE_TAPES to their folder"
    if os.environ.get("TAPELINE_REQUIRE_TAPES") == "1":
        pytest.fail(reason)
    pytest.skip(reason)
