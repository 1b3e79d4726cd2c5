"""One trial: a pipeline trading behind a proxy in a folder of its own, what was done to it, what it broke.

The end is the same for all: everything healed, more trades, nothing unknown left, ended in order, `tapeline check`.
The folder is kept, and named, where a promise was broken or the trial could not be carried out; otherwise it goes.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

from psycopg import AsyncConnection

from reliability.chaos.findings import Findings
from reliability.chaos.pipeline import Run, wait_for
from reliability.chaos.proxy import FaultProxy
from reliability.chaos.trading_pipeline import judge, trading_pipeline
from reliability.result import Result, TrialError
from tapeline.embedded.ports import LOOPBACK
from tapeline.embedded.postgres import EmbeddedPostgres

MARKET: Final = ("--fresh", "--speed", "20")
_RESOLVED_S: Final = 60.0
ItemT = TypeVar("ItemT")


@dataclass
class Trial:
    """`aim` is the file that arms a crash point of the running connector (`connector.gateway.crash_points`)."""

    name: str
    home: Path
    run: Run
    proxy: FaultProxy
    aim: Path
    chance: random.Random
    settings: Mapping[str, str] = field(default_factory=dict)
    found: Findings = field(default_factory=Findings)
    enough: asyncio.Event = field(default_factory=asyncio.Event)

    def turns(self, items: Iterable[ItemT]) -> Iterator[ItemT]:
        """Each item counts as a run. Ends early once somebody asked for that."""
        for item in items:
            if self.enough.is_set():
                self.found.notes.append("ended early, on request")
                return
            yield item
            self.found.runs += 1

    def progress(self, text: str) -> None:
        """For whoever watches."""
        print(f"{self.name}: {text}", file=sys.stderr, flush=True)  # noqa: T201 - of the terminal, not of a process

    def violation(self, text: str) -> None:
        self.found.violations.append(text)
        self.progress(f"VIOLATION {text}")

    async def trading_again(self, pid_before: int | None = None, timeout_s: float = 90.0) -> dict[str, Any]:
        """Returns the gateway's status once it (after `pid_before`: another process) had an order accepted since.

        Counts only what this process placed: the venue's own counters could move by what was on the way before.
        """
        first = {} if pid_before else await self.run.gateway()

        async def placed() -> dict[str, Any]:
            self.run.must_live()
            status = await self.run.gateway()
            if not status.get("ok") or status["pid"] == pid_before:
                return {}
            before = _placed(first) if status["pid"] == first.get("pid") else 0
            return status if _placed(status) > before else {}

        return await wait_for("an order to be accepted", placed, timeout_s)

    def logged(self, process: str, event: str) -> int:
        """How often a process said this in its log."""
        files = (self.home / "logs").glob(f"{process}.log*")
        return sum(file.read_text().count(f'"event":"{event}"') for file in files)

    async def nothing_unknown(self) -> None:
        """Returns once every outcome is known; one that stays unknown is a violation."""

        async def resolved() -> bool:
            status = await self.run.gateway()
            return bool(status.get("ok")) and not status["unknown_orders"]

        try:
            await wait_for("every outcome to be known", resolved, _RESOLVED_S)
        except TrialError as error:
            status = await self.run.gateway()
            self.violation(f"{error}; unknown {status.get('unknown_orders')}, halted {status.get('halted')!r}")


def _placed(status: Mapping[str, Any]) -> int:
    intents = status.get("intents") or {}
    return sum(intents.get(outcome, 0) for outcome in ("accepted", "filled", "partially_filled"))


@asynccontextmanager
async def trading(
    name: str, home: Path, *arguments: str, seed: int = 1, settings: Mapping[str, str] | None = None
) -> AsyncIterator[Trial]:
    """A pipeline that trades on the paper venue through a proxy, `home` its data folder."""
    port = free_port()
    aim = home.parent / "aim"
    async with FaultProxy(port, chance=random.Random(seed)) as proxy:  # noqa: S311 - faults, not secrets
        chosen = {
            "TAPELINE_VENUE__PORT": str(port),
            "TAPELINE_VENUE__REACHED_AT": f"{LOOPBACK}:{proxy.port}",
            "TAPELINE_CRASH_POINT": f"@{aim}",
            "TAPELINE_SUPERVISOR__CLEAN_SLATE_S": "0",  # trials kill every few seconds: no back-off for that
            **(settings or {}),
        }
        async with trading_pipeline(home, *(arguments or MARKET), settings=chosen) as run:
            yield Trial(name, home, run, proxy, aim, random.Random(seed), settings=chosen)  # noqa: S311


async def judged(trial: Trial) -> None:
    """The common end: healed, trading, resolved, ended, checked. What is wrong is added to the violations."""
    trial.aim.unlink(missing_ok=True)
    trial.proxy.heal()
    await trial.run.trading(5)
    await trial.nothing_unknown()
    await trial.run.end(60)
    checked = await judge(trial.home, trial.found)
    trial.found.measures |= {
        "orders at the venue": checked["orders_at_venue"],
        "double orders": checked["duplicate_orders"],
        "lost orders and fills": checked["lost_orders"],
        "fills": checked["fills_at_venue"],
    }


def carried_out(
    name: str,
    title: str,
    size: int,
    act: Callable[[Trial], Awaitable[None]],
    *arguments: str,
    settings: Mapping[str, str] | None = None,
) -> Result:
    """The scenario as a command runs it: in a temporary folder, with the common end.

    The first Ctrl-C lets `act` end after the turn under way, and what was done is judged; the second one ends it all.
    """
    folder = Path(tempfile.mkdtemp(prefix=f"tapeline-chaos-{name}-"))

    async def everything() -> Trial:
        async with trading(name, folder / "data", *arguments, settings=settings) as trial:
            _end_on_request(trial.enough)
            await act(trial)
            await judged(trial)
        return trial

    try:
        trial = asyncio.run(everything())
    except TrialError as error:
        raise TrialError(f"{error}; data folder and logs are kept in {folder}") from error
    if trial.found.violations:
        trial.progress(f"data folder and logs are kept in {folder}")
    else:
        shutil.rmtree(folder, ignore_errors=True)
    trial.found.notes.append(
        f"load average of the machine at the end: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    )
    return trial.found.result(name, title, size)


def _end_on_request(enough: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()

    def asked() -> None:
        enough.set()
        loop.remove_signal_handler(signal.SIGINT)

    loop.add_signal_handler(signal.SIGINT, asked)


@asynccontextmanager
async def database(home: Path) -> AsyncIterator[AsyncConnection]:
    """The pipeline's own Postgres, for looking."""
    port = json.loads((home / "ports.json").read_text())["postgres"]
    async with await AsyncConnection.connect(EmbeddedPostgres(home).address(port), autocommit=True) as connection:
        yield connection


def free_port() -> int:
    """A port nobody listens on now. Whoever uses it must do so soon."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])
