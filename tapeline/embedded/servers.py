"""Kafka and Postgres for a command: configured ones, the running ones of this data folder, or our own for a while.

`tapeline up` owns the data folder and starts its servers itself; `check`, `rebuild` and the queries come
through here. It must not change what it attaches to.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from tapeline.data_folder import FolderInUseError, owned, remember_processes
from tapeline.embedded.jars import Progress
from tapeline.embedded.kafka import EmbeddedKafka, kafka_answers
from tapeline.embedded.postgres import EmbeddedPostgres, postgres_answers
from tapeline.errors import TapelineError

_ATTACH_S: Final = 60.0


@dataclass(frozen=True)
class Servers:
    """Where the log and the database are. `dsn` holds a password: keep it out of logs and command lines."""

    bootstrap: str
    dsn: str


class ServerSettings(Protocol):
    """What `servers` needs to know; `tapeline.settings.Settings` has it."""

    @property
    def home(self) -> Path: ...
    @property
    def bootstrap(self) -> str | None: ...
    @property
    def dsn(self) -> str | None: ...


@asynccontextmanager
async def servers(
    settings: ServerSettings,
    *,
    command: str = "servers",
    needs: Sequence[str] = ("kafka", "postgres"),
    progress: Progress | None = None,
) -> AsyncIterator[Servers]:
    """`async with servers(settings) as it:` gives ready servers; what it started, it stops afterwards.

    `needs` may leave one out: it is then neither started nor asked, and its address may be empty.

    Raises TapelineError when a configured server does not answer, or when the data folder's owner does not
    get its servers ready within a minute.
    """
    if (settings.bootstrap or "kafka" not in needs) and (settings.dsn or "postgres" not in needs):
        found = Servers(settings.bootstrap or "", settings.dsn or "")
        await _require(found)
        yield found
        return
    ownership = await _own_or_attach(settings, command, needs)
    if isinstance(ownership, Servers):
        yield ownership
        return
    with ownership:
        async with _own(settings, needs, progress) as found:
            yield found


async def _own_or_attach(settings: ServerSettings, command: str, needs: Sequence[str]) -> ExitStack | Servers:
    """The data folder for ourselves, or the servers of a running `up`. Waits out any other command."""
    deadline = time.monotonic() + _ATTACH_S
    while True:
        try:
            with ExitStack() as stack:
                stack.enter_context(owned(settings.home, command))
                return stack.pop_all()
        except FolderInUseError as in_use:
            if in_use.owner.command == "up":
                known = known_servers(settings)
                if known and await _answer(known, needs):
                    return known
            if time.monotonic() > deadline:
                raise TapelineError(
                    f"{in_use}; waited {_ATTACH_S:.0f} s for its servers, see {settings.home / 'logs'}"
                ) from in_use
        await asyncio.sleep(0.3)


async def _answer(known: Servers, needs: Sequence[str]) -> bool:
    """Whether what is needed is there; a command that needs one of them works while the other is away."""
    return ("kafka" not in needs or await kafka_answers(known.bootstrap)) and (
        "postgres" not in needs or await postgres_answers(known.dsn)
    )


@asynccontextmanager
async def _own(settings: ServerSettings, needs: Sequence[str], progress: Progress | None) -> AsyncIterator[Servers]:
    kafka = postgres = None
    if "kafka" in needs and not settings.bootstrap:
        kafka = EmbeddedKafka(settings.home, progress=progress)
    if "postgres" in needs and not settings.dsn:
        postgres = EmbeddedPostgres(settings.home)
    ours = [server for server in (kafka, postgres) if server is not None]
    try:
        for server in ours:
            server.spawn(await asyncio.to_thread(server.prepare))
        remember_processes(settings.home, {server.name: server.pid for server in ours if server.pid is not None})
        for server in ours:
            await server.wait_ready()
        bootstrap = settings.bootstrap or (kafka.bootstrap if kafka else "")
        dsn = settings.dsn or (postgres.dsn if postgres else "")
        found = Servers(bootstrap, dsn)
        await _require(found)
        yield found
    finally:
        for server in reversed(ours):
            await asyncio.to_thread(server.stop)


def known_servers(settings: ServerSettings) -> Servers | None:
    """Addresses of the data folder's embedded servers from its files, running or not; None before the first run."""
    try:
        ports = json.loads((settings.home / "ports.json").read_text())
        bootstrap = settings.bootstrap or EmbeddedKafka.address(ports["kafka"])
        return Servers(bootstrap, settings.dsn or EmbeddedPostgres(settings.home).address(ports["postgres"]))
    except (OSError, ValueError, KeyError):
        return None


async def _require(found: Servers) -> None:
    if found.bootstrap and not await kafka_answers(found.bootstrap, timeout_s=10):
        raise TapelineError(
            f"no Kafka answers at {found.bootstrap} (TAPELINE_KAFKA__BOOTSTRAP); start it or correct the address, "
            f"or unset it to use the embedded one"
        )
    if found.dsn and not await postgres_answers(found.dsn, timeout_s=10):
        raise TapelineError(
            f"no Postgres answers at {_without_password(found.dsn)} (TAPELINE_POSTGRES__DSN); start it or correct the "
            f"address, or unset it to use the embedded one"
        )


def _without_password(dsn: str) -> str:
    from psycopg.conninfo import conninfo_to_dict

    parts = conninfo_to_dict(dsn)
    return f"{parts.get('host', 'localhost')}:{parts.get('port', '5432')}/{parts.get('dbname', '')}"
