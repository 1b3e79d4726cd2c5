"""`tapeline up` as its users run it, in a temporary data folder, for a benchmark to watch from outside."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.own_process import end, environment
from benchmarks.result import BenchmarkError
from tapeline.embedded.kafka import EmbeddedKafka

_START_S: Final = 120.0
_STOP_S: Final = 20.0
PROCESSES: Final = ("kafka", "postgres", "venue", "connector", "agents", "projections")


@dataclass(frozen=True)
class Running:
    """A pipeline whose processes have all been started."""

    home: Path
    process: subprocess.Popen[bytes]

    @property
    def bootstrap(self) -> str:
        return EmbeddedKafka.address(json.loads((self.home / "ports.json").read_text())["kafka"])

    def pids(self) -> dict[str, int]:
        """Process id by name, `up` itself included."""
        return {"up": self.process.pid} | _written_pids(self.home)


@asynccontextmanager
async def pipeline(*arguments: str, symbols: tuple[str, ...] = ()) -> AsyncIterator[Running]:
    """Runs until the block ends. Raises BenchmarkError with its last words where it does not start."""
    with tempfile.TemporaryDirectory(prefix="tapeline-bench-", ignore_cleanup_errors=True) as folder:
        home = Path(folder) / "home"
        told = Path(folder) / "up.log"
        process = _spawn(home, told, arguments, symbols)
        try:
            await _started(process, home, told)
            yield Running(home, process)
        finally:
            await asyncio.to_thread(end, process, within_s=_STOP_S, by=signal.SIGINT)


def _spawn(home: Path, told: Path, arguments: tuple[str, ...], symbols: tuple[str, ...]) -> subprocess.Popen[bytes]:
    chosen = {"TAPELINE_VENUE__SYMBOLS": json.dumps(symbols)} if symbols else {}
    with told.open("wb") as output:
        return subprocess.Popen(  # noqa: S603 - our own command
            [sys.executable, "-m", "tapeline", "up", *arguments],
            env=environment(home) | chosen,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=home.parent,
        )


async def _started(process: subprocess.Popen[bytes], home: Path, told: Path) -> None:
    deadline = time.monotonic() + _START_S
    while not set(PROCESSES) <= set(_written_pids(home)):
        if process.poll() is not None or time.monotonic() > deadline:
            raise BenchmarkError(
                f"tapeline up did not start (exit code {process.poll()}); it said:\n{_last_words(told)}"
            )
        await asyncio.sleep(0.2)


def _last_words(told: Path) -> str:
    return told.read_text(errors="replace")[-2000:]


def _written_pids(home: Path) -> dict[str, int]:
    """As the supervisor wrote them down; empty before it has."""
    try:
        rows = json.loads((home / "processes.json").read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return {name: int(row["pid"]) for name, row in rows.items()}
