"""One supervised process: spawn, read its log, see it ready, notice its death, start it again.

A child never ends by itself from the supervisor's view: it is restarted until told to stop. It must not know what the
process does; the `Spec` says how to start it and how to see that it is ready.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

from tapeline.embedded.server import Command
from tapeline.errors import TapelineError
from tapeline.supervisor.backoff import HEALTHY_S, BackOff
from tapeline.supervisor.log_file import LogFile, parse_line

Record = dict[str, Any]

_PROBE_S: Final = 0.1
_WATCH_S: Final = 2.0
_DRAIN_S: Final = 1.0
_USAGE: Final = 2
_LOUD: Final = frozenset({"warning", "error", "critical"})


@dataclass(frozen=True)
class Spec:
    """How to run one process.

    `prepare` may block (it runs in a thread) and is called before every start. `is_ready` asks the process itself.
    `environment` is added to ours and may hold secrets; the command may not. A process that does not answer for
    `hung_s` after it was ready is killed and started again. After `clean_slate_s` its earlier deaths are forgotten.
    """

    name: str
    prepare: Callable[[], Command]
    is_ready: Callable[[], Awaitable[bool]]
    environment: Mapping[str, str] = field(default_factory=dict)
    folder: Path | None = None
    hung_s: float = 60.0
    clean_slate_s: float = HEALTHY_S


class Guard(Protocol):
    """Who ends the children when the supervisor cannot."""

    def add(self, pid: int, signal_number: int) -> None: ...
    def remove(self, pid: int) -> None: ...


class Child:
    """Runs `spec` from `start()` to `stop()`. `on_record` gets every log record, `on_change` every change of state."""

    def __init__(
        self,
        spec: Spec,
        log: LogFile,
        guard: Guard,
        *,
        on_record: Callable[[Record], None],
        on_change: Callable[[], None],
    ) -> None:
        self.spec = spec
        self.name = spec.name
        self.restarts = 0
        self.last_exit: int | None = None
        self.ready = asyncio.Event()
        self.deaths_before_ready = 0
        self._log = log
        self._guard = guard
        self._on_record = on_record
        self._on_change = on_change
        self._process: Process | None = None
        self._command: Command | None = None
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._complaints: deque[str] = deque(maxlen=5)
        self._back_off = BackOff(clean_slate_s=spec.clean_slate_s)
        self._ready_at: float | None = None
        self._was_ready = False

    @property
    def pid(self) -> int | None:
        process = self._process
        return process.pid if process is not None and process.returncode is None else None

    @property
    def state(self) -> str:
        """starting, ready, waiting (to be started again) or stopped."""
        if self._stopping.is_set() and self.pid is None:
            return "stopped"
        if self.pid is None:
            return "waiting"
        return "ready" if self.ready.is_set() else "starting"

    @property
    def refuses_to_start(self) -> bool:
        """It never was ready and ended with exit code 2: its settings are wrong, trying again would not help."""
        return not self._was_ready and self.last_exit == _USAGE

    @property
    def complaint(self) -> str:
        """Its last warnings and errors, for a message about its death."""
        return "; ".join(dict.fromkeys(self._complaints)) or f"nothing in its log, see {self._log.path}"

    def start(self) -> None:
        self._task = asyncio.create_task(self._keep_running(), name=f"supervise {self.name}")

    async def stop(self, grace_s: float) -> None:
        """End the process and stop restarting it; KILL after `grace_s`, or sooner if its command says so."""
        self._stopping.set()
        process, command = self._process, self._command
        if process is not None and command is not None and process.returncode is None:
            with suppress(ProcessLookupError):
                process.send_signal(command.stop_signal)
            with suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), min(command.stop_s, grace_s))
        self.kill()
        task, self._task = self._task, None
        if task is not None:
            await task
            self._log.close()

    def kill(self) -> None:
        """KILL without waiting and without a restart."""
        self._stopping.set()
        if self._process is not None and self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.kill()

    async def _keep_running(self) -> None:
        while not self._stopping.is_set():
            await self._run_once()
            if self._stopping.is_set():
                return
            healthy_s = 0.0 if self._ready_at is None else time.monotonic() - self._ready_at
            self.deaths_before_ready = self.deaths_before_ready + 1 if self._ready_at is None else 0
            self._was_ready = self._was_ready or self._ready_at is not None
            self._ready_at = None
            if self.refuses_to_start:
                return
            self._back_off, delay_s = self._back_off.after_death(healthy_s)
            self._say("error", f"{self.name} ended ({_cause(self.last_exit)}); starting it again", delay_s=delay_s)
            self._on_change()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), delay_s)
            self.restarts += 1

    async def _run_once(self) -> None:
        try:
            command = await asyncio.to_thread(self.spec.prepare)
            if self._stopping.is_set():
                return
            process = await self._spawn(command)
        except (TapelineError, OSError) as error:
            self.last_exit = None
            self._say("error", f"cannot start {self.name}: {error}")
            return
        watch = asyncio.create_task(self._watch(process), name=f"watch {self.name}")
        pump = asyncio.create_task(self._pump(process), name=f"log of {self.name}")
        try:
            self.last_exit = await process.wait()
            # its own children may hold the pipe open a little longer than it lived
            await asyncio.wait({pump}, timeout=_DRAIN_S)
        finally:
            self.ready.clear()
            self._guard.remove(process.pid)
            await self._end_task(watch)
            await self._end_task(pump)

    async def _end_task(self, task: asyncio.Task[None]) -> None:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    async def _spawn(self, command: Command) -> Process:
        process = await asyncio.create_subprocess_exec(
            *command.launched(),
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=STDOUT,
            env=os.environ | self.spec.environment,
            cwd=self.spec.folder,
            limit=1 << 20,
            start_new_session=True,  # Ctrl-C is for us; we end the children in their order
        )
        self._command, self._process = command, process
        self._guard.add(process.pid, command.stop_signal)
        self._on_change()
        return process

    async def _watch(self, process: Process) -> None:
        while True:
            if await self._answers():
                break
            await asyncio.sleep(_PROBE_S)
        self._ready_at = time.monotonic()
        self.ready.set()
        self._on_change()
        answered = time.monotonic()
        while True:
            await asyncio.sleep(_WATCH_S)
            if await self._answers():
                answered = time.monotonic()
            elif time.monotonic() - answered > self.spec.hung_s:
                self._say("error", f"{self.name} has not answered for {self.spec.hung_s:.0f} s; killing it")
                process.send_signal(signal.SIGKILL)
                return

    async def _answers(self) -> bool:
        try:
            return await self.spec.is_ready()
        except OSError:
            return False

    async def _pump(self, process: Process) -> None:
        assert process.stdout is not None
        while True:
            try:
                line = await process.stdout.readline()
            except ValueError:  # a line over 1 MB: its rest follows as the next line
                continue
            if not line:
                return
            if line.strip():
                self._record(parse_line(self.name, line))

    def _say(self, level: str, text: str, **more: Any) -> None:
        self._record({**parse_line(self.name, text.encode()), "level": level, "logger": "supervisor", **more})

    def _record(self, record: Record) -> None:
        if record["level"] in _LOUD and record.get("logger") != "supervisor":
            self._complaints.append(str(record["event"])[:500])
        # a full disk must not end the supervision: the record still reaches the terminal
        with suppress(OSError, ValueError):
            self._log.write(record)
        self._on_record(record)


def _cause(exit_code: int | None) -> str:
    if exit_code is None:
        return "could not be started"
    if exit_code < 0:
        with suppress(ValueError):
            return f"killed by {signal.Signals(-exit_code).name}"
    return f"exit code {exit_code}"
