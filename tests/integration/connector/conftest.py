"""A paper venue of the test's own, in the test's event loop, that can go away and come back."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from benchmarks.connector_process import RunningConnector
from connector.settings import VenueConnection
from topics.admin import apply
from topics.log import LogAddress
from venue.main import serve
from venue.settings import VenueSettings

KEY, SECRET = SecretStr("paper-key-of-a-test"), SecretStr("paper-secret-of-a-test")


class PaperVenue:
    """`start` after `stop` takes the same port and the same ledger."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self._folder = folder
        self._settings = {"speed": 20.0} | settings
        self._stop = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.port = 0

    async def start(self) -> None:
        settings = VenueSettings(
            port=self.port, data_dir=self._folder, api_key=KEY, api_secret=SECRET, **self._settings
        )
        started: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._stop = asyncio.Event()
        self._task = asyncio.create_task(serve(settings, self._stop, started))
        self._task.add_done_callback(partial(_tell, started))
        self.port = await started

    async def stop(self) -> None:
        self._stop.set()
        if self._task is not None:
            await self._task
            self._task = None

    def connection(self, *, secret: SecretStr = SECRET, **others: Any) -> VenueConnection:
        return VenueConnection(
            **others,
            rest_url=f"http://127.0.0.1:{self.port}",
            ws_url=f"ws://127.0.0.1:{self.port}",
            api_key=KEY,
            api_secret=secret,
            symbols=("BTCUSDT",),
            reconnect_delays_s=(0.05, 0.1, 0.2),
        )


def _tell(started: "asyncio.Future[int]", task: "asyncio.Task[None]") -> None:
    if not started.done():
        started.set_exception(task.exception() or RuntimeError("the venue ended before it listened"))


@pytest.fixture
async def paper_venue(tmp_path: Path) -> AsyncIterator[PaperVenue]:
    venue = PaperVenue(tmp_path / "venue")
    await venue.start()
    try:
        yield venue
    finally:
        await venue.stop()


@pytest.fixture
async def log(kafka_bootstrap: str, namespace: str) -> LogAddress:
    address = LogAddress(kafka_bootstrap, namespace)
    await apply(address)
    return address


@pytest.fixture
async def connector_process(
    paper_venue: PaperVenue, log: LogAddress, postgres_database: str, tmp_path: Path
) -> AsyncIterator[RunningConnector]:
    """`tapeline connector` in a process of its own, ready."""
    running = RunningConnector(tmp_path, told(paper_venue, log, postgres_database))
    running.spawn()
    try:
        await running.ready()
        yield running
    finally:
        await asyncio.to_thread(running.end)


def told(paper_venue: PaperVenue, log: LogAddress, dsn: str, *, secret: SecretStr = SECRET) -> dict[str, str]:
    """The environment of a connector's process."""
    connection = paper_venue.connection(secret=secret)
    return {
        "TAPELINE_KAFKA__BOOTSTRAP": log.bootstrap,
        "TAPELINE_KAFKA__TOPIC_PREFIX": log.namespace,
        "TAPELINE_POSTGRES__DSN": dsn,
        "TAPELINE_CONNECTOR__VENUE__REST_URL": connection.rest_url or "",
        "TAPELINE_CONNECTOR__VENUE__WS_URL": connection.ws_url or "",
        "TAPELINE_CONNECTOR__VENUE__API_KEY": connection.api_key.get_secret_value(),
        "TAPELINE_CONNECTOR__VENUE__API_SECRET": connection.api_secret.get_secret_value(),
        "TAPELINE_CONNECTOR__VENUE__SYMBOLS": '["BTCUSDT"]',
    }
