"""A Kafka and a Postgres of a benchmark's own, in a temporary folder, gone afterwards."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TypeVar

from tapeline.embedded.kafka import EmbeddedKafka
from tapeline.embedded.postgres import EmbeddedPostgres
from tapeline.embedded.server import EmbeddedServer
from tapeline.embedded.servers import Servers

ServerT = TypeVar("ServerT", bound=EmbeddedServer)


@asynccontextmanager
async def own_servers(*, kafka: bool = True, postgres: bool = True) -> AsyncIterator[Servers]:
    """Ready servers; the address of what was not asked for is empty."""
    with tempfile.TemporaryDirectory(prefix="tapeline-bench-", ignore_cleanup_errors=True) as folder:
        async with AsyncExitStack() as running:
            broker = await _run(running, EmbeddedKafka(Path(folder))) if kafka else None
            database = await _run(running, EmbeddedPostgres(Path(folder))) if postgres else None
            yield Servers(broker.bootstrap if broker else "", database.dsn if database else "")


async def _run(running: AsyncExitStack, server: ServerT) -> ServerT:
    command = await asyncio.to_thread(server.prepare)
    server.spawn(command)
    running.push_async_callback(asyncio.to_thread, server.stop)
    await server.wait_ready()
    return server
