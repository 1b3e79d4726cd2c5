"""The product as its users run it, for trials and end-to-end tests: `tapeline` in processes of its own.

Each run has a data folder of its own. Everything is watched from outside: pids as the supervisor wrote them down, the
venue's and the processes' own pages, the commands with --json. Signals go to pids, never to names. Must not reach into
a process.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar, overload

import psutil

from reliability.result import TrialError
from tapeline.embedded.ports import LOOPBACK
from tapeline.http_client import HttpClient

COMMAND: Final = (sys.executable, "-m", "tapeline")
LIMIT_S: Final = 240.0
_POLL_S: Final = 0.05
_END_S: Final = 25.0
FoundT = TypeVar("FoundT")


@dataclass
class Run:
    """A running `tapeline up`. Its output goes to files beside `home`, so that a full pipe never stops it."""

    process: Process
    home: Path
    http: HttpClient
    chosen_ports: Mapping[str, int] = field(default_factory=dict)

    def pids(self) -> dict[str, int]:
        """Process id by name, as the supervisor wrote it down; empty before it has."""
        rows = _json(self.home / "processes.json")
        return {name: int(row["pid"]) for name, row in rows.items()}

    def ports(self) -> dict[str, int]:
        """Port by name (`venue`, `connector`, `connector_grpc`, `agents`, …); empty before they are chosen."""
        return {**_json(self.home / "ports.json"), **self.chosen_ports}

    def signal(self, name: str, number: signal.Signals) -> int:
        """Sends a signal to the process of this name. Returns its pid. Raises TrialError where it is not there."""
        pid = self.pids().get(name)
        if pid is None:
            raise TrialError(f"there is no process {name} to send {number.name} to; running: {self.pids()}")
        with suppress(ProcessLookupError):
            os.kill(pid, number)
        return pid

    def kill(self, name: str) -> int:
        """kill -9. Returns the pid it had; `restarted` waits for the next one."""
        return self.signal(name, signal.SIGKILL)

    async def present(self, *names: str, timeout_s: float = 90.0) -> dict[str, int]:
        """Returns the pids once all of these run."""

        def all_there() -> dict[str, int]:
            self.must_live()
            pids = self.pids()
            return pids if set(names) <= set(pids) else {}

        return await wait_for(f"{', '.join(names)} to run", all_there, timeout_s)

    async def restarted(self, name: str, before: int, timeout_s: float = 60.0) -> int:
        """Returns the new pid once the supervisor has started the process again."""

        def newer() -> int | None:
            self.must_live()
            pid = self.pids().get(name)
            return None if pid == before else pid

        return await wait_for(f"{name} to be started again after {before}", newer, timeout_s)

    async def page(self, name: str, path: str) -> dict[str, Any]:
        """What a process says of itself (`/status`, `/health`; the venue: `/paper/v1/state`); empty without answer."""
        port = self.ports().get(name)
        found = await self.http.get(f"http://{LOOPBACK}:{port}{path}") if port else None
        return found or {}

    async def venue_state(self) -> dict[str, Any]:
        return await self.page("venue", "/paper/v1/state")

    async def trades(self) -> int:
        """How many trades the paper venue has booked; 0 while it does not answer."""
        return int((await self.venue_state()).get("trades", 0))

    async def orders(self) -> int:
        """How many orders were ever placed at the venue; 0 while it does not answer."""
        return int((await self.venue_state()).get("orders", 0))

    async def gateway(self) -> dict[str, Any]:
        """The gateway's part of the connector's `/status`, and its `pid`; empty while it does not answer."""
        page = await self.page("connector", "/status")
        return {**page["components"]["gateway"], "pid": page["pid"]} if page else {}

    async def trading(self, more: int = 1, timeout_s: float = 90.0) -> int:
        """Returns the venue's count of trades once so many have come in addition to those at the call."""
        before = await wait_for("the venue to answer", self.venue_state, timeout_s)
        wanted = int(before["trades"]) + more

        async def enough() -> int | None:
            self.must_live()
            now = await self.trades()
            return now if now >= wanted else None

        return await wait_for(f"{more} more trades after {wanted - more}", enough, timeout_s)

    async def end(self, timeout_s: float = LIMIT_S) -> dict[str, Any]:
        """Ctrl-C, then the summary it ends with. Raises TrialError with its output where it does not end well."""
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGINT)
        return await self.summary(timeout_s)

    async def summary(self, timeout_s: float = LIMIT_S) -> dict[str, Any]:
        """Waits until it ends by itself (`--duration`). Raises TrialError where it does not end well."""
        try:
            code = await asyncio.wait_for(self.process.wait(), timeout_s)
        except TimeoutError:
            raise TrialError(f"tapeline up did not end within {timeout_s:g} s; see {self.home / 'logs'}") from None
        if code != 0:
            raise TrialError(f"tapeline up ended with {code}: {self.errors()}")
        return _json(self.home.parent / "up.out")

    def must_live(self) -> None:
        """Raises TrialError once `tapeline up` has ended."""
        if self.process.returncode is not None:
            raise TrialError(f"tapeline up ended with {self.process.returncode}: {self.errors()}")

    def errors(self) -> str:
        """The end of what it wrote to stderr."""
        return (self.home.parent / "up.err").read_text()[-4000:]


@asynccontextmanager
async def up(home: Path, *arguments: str, settings: Mapping[str, str] | None = None) -> AsyncIterator[Run]:
    """`tapeline up --json …`; ended (SIGINT) when the block ends, killed if that does not help.

    `settings`: TAPELINE_… variables in addition.
    """
    home.parent.mkdir(parents=True, exist_ok=True)
    with (home.parent / "up.out").open("w") as output, (home.parent / "up.err").open("w") as errors:
        process = await asyncio.create_subprocess_exec(
            *COMMAND,
            "up",
            "--json",
            *arguments,
            env=environment(home, settings),
            stdin=DEVNULL,
            stdout=output,
            stderr=errors,
        )
    async with HttpClient() as http:
        try:
            yield Run(process, home, http, _chosen_ports(settings or {}))
        finally:
            await _ended(process, home)


async def _ended(process: Process, home: Path) -> None:
    if process.returncode is None:
        for pid in [int(row["pid"]) for row in _json(home / "processes.json").values()]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)  # one that is stopped could not end
        process.send_signal(signal.SIGINT)
        try:
            await asyncio.wait_for(process.wait(), _END_S)
        except TimeoutError:
            process.kill()
            await process.wait()


async def tapeline(home: Path, *arguments: str, code: int | None = 0, settings: Mapping[str, str] | None = None) -> Any:
    """Runs a command with --json and returns what it printed.

    Raises TrialError with everything it said on another exit code than `code` (None: any but 2).
    """
    process = await asyncio.create_subprocess_exec(
        *COMMAND, *arguments, "--json", env=environment(home, settings), stdin=DEVNULL, stdout=PIPE, stderr=PIPE
    )
    try:
        output, errors = await asyncio.wait_for(process.communicate(), LIMIT_S)
    except BaseException:
        process.kill()
        await process.wait()
        raise
    good = process.returncode in (0, 1) if code is None else process.returncode == code
    if not good or not output:
        raise TrialError(
            f"tapeline {' '.join(arguments)} ended with {process.returncode}: {output.decode()}{errors.decode()}"
        )
    return json.loads(output)


async def check(home: Path, *, wait_s: float = 0.0, settings: Mapping[str, str] | None = None) -> dict[str, Any]:
    """`tapeline check`, whatever it finds."""
    found: dict[str, Any] = await tapeline(home, "check", "--wait", f"{wait_s:g}", code=None, settings=settings)
    return found


def environment(home: Path, settings: Mapping[str, str] | None = None) -> dict[str, str]:
    """Ours, without what configures another pipeline."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TAPELINE_") or "CACHE" in name}
    return kept | {"TAPELINE_HOME": str(home)} | dict(settings or {})


def left_running(pids: Sequence[int]) -> list[int]:
    """Those of the processes that still are there a moment later."""
    alive = [psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)]
    _, still = psutil.wait_procs(alive, timeout=5)
    return [process.pid for process in still]


@overload
async def wait_for(
    what: str, condition: Callable[[], Coroutine[Any, Any, FoundT | None]], timeout_s: float = 90.0
) -> FoundT: ...
@overload
async def wait_for(what: str, condition: Callable[[], FoundT | None], timeout_s: float = 90.0) -> FoundT: ...
async def wait_for(what: str, condition: Callable[[], Any], timeout_s: float = 90.0) -> Any:
    """Polls until the condition gives something true, and returns that. Raises TrialError after the time."""
    deadline = time.monotonic() + timeout_s
    while True:
        answer = condition()
        found = (await answer) if asyncio.iscoroutine(answer) else answer
        if found:
            return found
        if time.monotonic() > deadline:
            raise TrialError(f"waited {timeout_s:g} s for {what}")
        await asyncio.sleep(_POLL_S)


def _chosen_ports(settings: Mapping[str, str]) -> dict[str, int]:
    """Ports that the settings choose are not remembered in the data folder."""
    port = settings.get("TAPELINE_VENUE__PORT")
    return {"venue": int(port)} if port else {}


def _json(file: Path) -> dict[str, Any]:
    """Empty while the file is not there or being written."""
    try:
        found = json.loads(file.read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
