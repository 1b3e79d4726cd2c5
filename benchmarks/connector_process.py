"""The connector as its users run it, `tapeline connector`, in a process that can be killed and started again."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from benchmarks.own_process import end, environment, free_port
from benchmarks.result import BenchmarkError
from benchmarks.servers import own_servers
from benchmarks.venue_process import RunningVenue, paper_venue
from topics import admin
from topics.log import LogAddress

_START_S: Final = 60.0
_STOP_S: Final = 10.0


class RunningConnector:
    """Its ports stay the same over restarts."""

    def __init__(self, home: Path, told: dict[str, str]) -> None:
        self._home = home
        grpc_port, operations_port = free_port(), free_port()
        self._told = told | {
            "TAPELINE_CONNECTOR__GRPC_PORT": str(grpc_port),
            "TAPELINE_CONNECTOR__OPERATIONS_PORT": str(operations_port),
        }
        self.address = f"127.0.0.1:{grpc_port}"
        self.metrics_url = f"http://127.0.0.1:{operations_port}/metrics"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        if self._process is None:
            raise BenchmarkError("the connector has not been started")
        return self._process.pid

    def spawn(self) -> None:
        with (self._home / "connector.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tapeline", "connector"],
                env=environment(self._home) | self._told,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self._home,
            )

    def kill(self) -> None:
        """As `kill -9` does, gone when it returns."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def end(self) -> None:
        if self._process is not None:
            end(self._process, within_s=_STOP_S)

    async def ready(self) -> None:
        """Returns when it answers; gRPC is the last to listen. Raises BenchmarkError with its last words."""
        deadline = time.monotonic() + _START_S
        host, port = self.address.split(":")
        while True:
            try:
                _, writer = await asyncio.open_connection(host, int(port))
            except ConnectionError:
                self._require_running(deadline)
                await asyncio.sleep(0.05)
            else:
                writer.close()
                return

    async def metrics(self) -> dict[str, float]:
        """Of those without labels, by name."""
        async with aiohttp.ClientSession() as session, session.get(self.metrics_url) as answer:
            text = await answer.text()
        families = text_string_to_metric_families(text)
        return {sample.name: sample.value for family in families for sample in family.samples if not sample.labels}

    def _require_running(self, deadline: float) -> None:
        if self._process is None or self._process.poll() is not None or time.monotonic() > deadline:
            words = (self._home / "connector.log").read_text(errors="replace")[-2_000:]
            raise BenchmarkError(f"the connector did not start; it said:\n{words}")


@asynccontextmanager
async def connector(symbol: str, *, speed: str = "1") -> AsyncIterator[RunningConnector]:
    """Ready, on the paper venue in a process of its own (its market at so many times real time), with a Kafka and a
    Postgres of its own. Ended with the block, whatever was done to it."""
    with tempfile.TemporaryDirectory(prefix="tapeline-bench-", ignore_cleanup_errors=True) as folder:
        async with own_servers() as servers, paper_venue(symbol, {"SPEED": speed}) as venue:
            await admin.apply(LogAddress(servers.bootstrap))
            told = {"TAPELINE_KAFKA__BOOTSTRAP": servers.bootstrap, "TAPELINE_POSTGRES__DSN": servers.dsn}
            running = RunningConnector(Path(folder), told | _venue(venue, symbol))
            running.spawn()
            try:
                await running.ready()
                yield running
            finally:
                await asyncio.to_thread(running.end)


def _venue(venue: RunningVenue, symbol: str) -> dict[str, str]:
    connection = venue.connection(symbol)
    return {
        f"TAPELINE_CONNECTOR__VENUE__{name}": value
        for name, value in {
            "REST_URL": connection.rest_url or "",
            "WS_URL": connection.ws_url or "",
            "API_KEY": connection.api_key.get_secret_value(),
            "API_SECRET": connection.api_secret.get_secret_value(),
            "SYMBOLS": f'["{symbol}"]',
        }.items()
    }
