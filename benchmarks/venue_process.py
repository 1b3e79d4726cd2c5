"""The paper venue as its users run it, `tapeline venue`, in a process and a folder of its own."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import aiohttp
from pydantic import SecretStr

from benchmarks.own_process import end, environment, free_port
from benchmarks.result import BenchmarkError
from connector.settings import VenueConnection

_START_S: Final = 30.0
_STOP_S: Final = 10.0
_KEY, _SECRET = SecretStr("key-of-a-benchmark"), SecretStr("secret-of-a-benchmark")


@dataclass(frozen=True)
class RunningVenue:
    pid: int
    port: int

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def connection(self, symbol: str) -> VenueConnection:
        """For a connector that trades on it."""
        return VenueConnection(
            rest_url=self.address,
            ws_url=f"ws://127.0.0.1:{self.port}",
            api_key=_KEY,
            api_secret=_SECRET,
            symbols=(symbol,),
        )


@asynccontextmanager
async def paper_venue(symbol: str, settings: Mapping[str, str] | None = None) -> AsyncIterator[RunningVenue]:
    """Listens until the block ends; its market stands still until somebody subscribes to it. Raises BenchmarkError.

    `settings` are more of `TAPELINE_VENUE__`, by the names of venue.settings in capitals.
    """
    with tempfile.TemporaryDirectory(prefix="tapeline-bench-", ignore_cleanup_errors=True) as folder:
        port = free_port()
        process = subprocess.Popen(  # noqa: ASYNC220 - our own command
            [sys.executable, "-m", "tapeline", "venue"],
            env=environment(Path(folder)) | _told(symbol, port, settings or {}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            cwd=folder,
        )
        try:
            await _listens(process, port)
            yield RunningVenue(process.pid, port)
        finally:
            await asyncio.to_thread(end, process, within_s=_STOP_S)


def _told(symbol: str, port: int, settings: Mapping[str, str]) -> dict[str, str]:
    return {
        "TAPELINE_VENUE__PORT": str(port),
        "TAPELINE_VENUE__SYMBOLS": f'["{symbol}"]',
        "TAPELINE_VENUE__API_KEY": _KEY.get_secret_value(),
        "TAPELINE_VENUE__API_SECRET": _SECRET.get_secret_value(),
        **{f"TAPELINE_VENUE__{name}": value for name, value in settings.items()},
    }


async def _listens(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + _START_S
    async with aiohttp.ClientSession() as session:
        while True:
            try:
                async with session.get(f"http://127.0.0.1:{port}/health") as answer:
                    answer.raise_for_status()
            except aiohttp.ClientError as error:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise BenchmarkError(f"the paper venue did not start (exit code {process.poll()})") from error
                await asyncio.sleep(0.1)
            else:
                return
