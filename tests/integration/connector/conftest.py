"""A paper venue of the test's own, in the test's event loop, that can go away and come back."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from connector.settings import VenueConnection
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
