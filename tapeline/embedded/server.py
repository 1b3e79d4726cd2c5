"""What the embedded Kafka and Postgres have in common: prepared, started as our child, awaited, stopped.

`prepare` is slow and may block (download, format); `spawn` is quick and must run on the thread that stays
alive, because on Linux the child ends with that thread. The supervisor runs the same `command` itself. This
module must not know anything specific to either server.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tapeline.embedded.ports import LOOPBACK, choose_ports, is_free
from tapeline.errors import TapelineError

_LAUNCHER: Final = Path(__file__).with_name("launch.py")
START_NEEDS_MB: Final = 256
GOING_ON_NEEDS_MB: Final = 48


@dataclass(frozen=True)
class Command:
    """How to run a server in the foreground, and how to end it.

    `uid`/`gid` -1: as ourselves. `stop_signal` asks it to end cleanly, within `stop_s` seconds.
    """

    argv: tuple[str, ...]
    stop_signal: signal.Signals
    stop_s: float
    uid: int = -1
    gid: int = -1

    def launched(self) -> list[str]:
        """The arguments that start it bound to the life of this process."""
        bound = (os.getpid(), int(self.stop_signal), self.uid, self.gid)
        return [sys.executable, "-I", "-S", str(_LAUNCHER), *map(str, bound), *self.argv]


class EmbeddedServer(ABC):
    """A server in `home/<name>` with its log in `home/logs/<name>.log`."""

    name: str
    start_s: float = 60.0

    def __init__(self, home: Path) -> None:
        self.home = home.resolve()
        self.folder = self.home / self.name
        self.log_file = self.home / "logs" / f"{self.name}.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._ports: dict[str, int] = {}

    @abstractmethod
    def prepare(self) -> Command:
        """Everything before the start, safe to repeat; blocks. Raises TapelineError with what to do."""

    @abstractmethod
    async def is_ready(self) -> bool:
        """Whether the server answers a real request now."""

    def _claim_ports(self, *names: str) -> dict[str, int]:
        """Ports for this server; once chosen they stay, because others were told them."""
        if not self._ports:
            self._ports = choose_ports(self.home, *names)
        for name, port in self._ports.items():
            if not is_free(port):
                raise TapelineError(f"port {port} of {name} on {LOOPBACK} was taken by another program; stop it")
        return self._ports

    @property
    def pid(self) -> int | None:
        return None if self._process is None else self._process.pid

    def start(self) -> None:
        """Prepare and spawn; does not wait until it is ready."""
        self.spawn(self.prepare())

    def spawn(self, command: Command) -> None:
        """Start the prepared server, its output appended to its log file."""
        self._command = command
        self.log_file.parent.mkdir(parents=True, exist_ok=True)
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own fixed command
                command.launched(), stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, cwd=self.folder
            )

    async def wait_ready(self) -> None:
        """Returns when it answers; TapelineError with the end of its log when it died or takes over `start_s`."""
        deadline = time.monotonic() + self.start_s
        while not await self.is_ready():
            exit_code = None if self._process is None else self._process.poll()
            if exit_code is not None:
                raise TapelineError(f"{self.name} ended with {exit_code} at its start; {self.last_words()}")
            if time.monotonic() > deadline:
                raise TapelineError(f"{self.name} is not ready after {self.start_s:.0f} s; {self.last_words()}")
            await asyncio.sleep(0.1)

    def stop(self) -> None:
        """Ask it to end, then insist. Returns when it is gone; doing it twice is harmless."""
        process, self._process = self._process, None
        if process is None or process.poll() is not None:
            return
        process.send_signal(self._command.stop_signal)
        try:
            process.wait(self._command.stop_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def kill(self) -> None:
        """End it as a power cut would (for tests): kill -9."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def last_words(self, lines: int = 8) -> str:
        """The end of its log, for an error message."""
        full = disk_full(self.home)
        if full is not None:
            return full
        try:
            tail = self.log_file.read_text(errors="replace").splitlines()[-lines:]
        except FileNotFoundError:
            tail = []
        return f"the end of {self.log_file}:\n  " + "\n  ".join(tail or ["(empty)"])


def require_space(home: Path) -> None:
    """Raises TapelineError when the data folder's disk cannot hold even a short run."""
    full = disk_full(home, START_NEEDS_MB)
    if full is not None:
        raise TapelineError(full)


def disk_full(home: Path, needs_mb: int = GOING_ON_NEEDS_MB) -> str | None:
    """The message for a disk without room, or None."""
    home.mkdir(parents=True, exist_ok=True)
    free_mb = shutil.disk_usage(home).free // 2**20
    if free_mb >= needs_mb:
        return None
    return (
        f"the disk of the data folder {home} is full: {free_mb} MB free, at least {needs_mb} MB needed; "
        f"free some space or set TAPELINE_HOME to a folder on another disk"
    )
