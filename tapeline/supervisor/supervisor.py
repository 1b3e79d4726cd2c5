"""The family: starts each process when the ones before it are ready, ends them in their order within ten seconds.

Nothing here knows a process by name; `tapeline.processes` says which there are. Whoever uses it must end it with
`stop()`; if that cannot happen (kill -9), the guardian and, on Linux, the kernel end the children.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from tapeline.data_folder import remember_processes
from tapeline.embedded.server import disk_full
from tapeline.errors import TapelineError
from tapeline.supervisor.child import Child, Record, Spec
from tapeline.supervisor.log_file import LogFile

_RESERVED_S: Final = 0.7
_READY_S: Final = 90.0
_TRIES_AT_START: Final = 3


class Supervisor:
    """`await start(spec)` for each process, in order; `await stop(order, deadline)` and `await close()` at the end."""

    def __init__(self, home: Path, *, on_record: Callable[[Record], None] = lambda _record: None) -> None:
        self._home = home
        self._on_record = on_record
        self._guardian = _Guardian()
        self.children: dict[str, Child] = {}

    async def start(self, *specs: Spec) -> None:
        """Start these together; returns when all are ready.

        Raises TapelineError when one dies three times, or ends with exit code 2 (it says what in its settings is
        wrong), or is not ready after 90 s.
        """
        started = []
        for spec in specs:
            log = LogFile(self._home / "logs", spec.name)
            child = Child(spec, log, self._guardian, on_record=self._on_record, on_change=self._remember)
            self.children[spec.name] = child
            child.start()
            started.append(child)
        await asyncio.gather(*(self._ready(child) for child in started))

    async def stop(self, order: Sequence[Sequence[str]], deadline: float) -> None:
        """End these groups one after the other, the members of a group together.

        Kills what is left at `deadline` (time.monotonic()); every later group keeps some of the time.
        """
        for position, group in enumerate(order):
            later_s = _RESERVED_S * (len(order) - position - 1)
            left_s = max(0.0, deadline - time.monotonic() - later_s)
            members = [self.children[name] for name in group if name in self.children]
            await asyncio.gather(*(child.stop(left_s) for child in members))

    async def close(self) -> None:
        """Kill whoever still runs and let the guardian go. Nothing is left afterwards."""
        await asyncio.gather(*(child.stop(0.0) for child in self.children.values()))
        self._guardian.close()
        with suppress(OSError):
            (self._home / "processes.json").unlink(missing_ok=True)

    def kill(self) -> None:
        """Everything, now. `close` still has to be awaited."""
        for child in self.children.values():
            child.kill()

    async def _ready(self, child: Child) -> None:
        deadline = time.monotonic() + _READY_S
        while not child.ready.is_set():
            if child.refuses_to_start or child.deaths_before_ready >= _TRIES_AT_START:
                raise TapelineError(f"{child.name} does not start: {self._reason(child)}")
            if time.monotonic() > deadline:
                raise TapelineError(f"{child.name} is not ready after {_READY_S:.0f} s: {self._reason(child)}")
            with suppress(TimeoutError):
                await asyncio.wait_for(child.ready.wait(), 0.2)

    def _reason(self, child: Child) -> str:
        return disk_full(self._home) or child.complaint

    def _remember(self) -> None:
        pids = {name: child.pid for name, child in self.children.items()}
        with suppress(OSError):  # a full disk: only a hint for the next start is lost
            remember_processes(self._home, {name: pid for name, pid in pids.items() if pid is not None})


class _Guardian:
    """The helper process that ends the children when this process is gone."""

    def __init__(self) -> None:
        script = Path(__file__).with_name("guardian.py")
        self._process = subprocess.Popen(  # noqa: S603 - our own fixed command
            [sys.executable, "-I", "-S", str(script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            text=True,
            bufsize=1,
            start_new_session=True,
            cwd="/",
        )

    def add(self, pid: int, signal_number: int) -> None:
        self._tell(f"add {pid} {int(signal_number)}")

    def remove(self, pid: int) -> None:
        self._tell(f"remove {pid}")

    def close(self) -> None:
        """Nobody is left to guard: it ends."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait()

    def _tell(self, line: str) -> None:
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # it was killed; the kernel's parent-death signal remains
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()
