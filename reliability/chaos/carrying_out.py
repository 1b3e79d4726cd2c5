"""How a trial of the log and the databases becomes a result: what it runs on, and what is kept as evidence.

A data folder is kept, and named, where a promise was broken or the trial could not be carried out; otherwise it goes.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from benchmarks.servers import own_servers
from reliability.chaos.findings import Findings
from reliability.result import Result, TrialError
from topics.admin import apply
from topics.log import LogAddress

# The paper venue's market in a hurry, and processes that are hurt every few seconds are started again at once.
BUSY: Final = ("--fresh", "--speed", "20")
NO_BACK_OFF: Final = {"TAPELINE_SUPERVISOR__CLEAN_SLATE_S": "0"}


def on_own_servers(
    name: str, title: str, size: int, trial: Callable[[LogAddress, str, int], Awaitable[Findings]]
) -> Result:
    """The trial gets a log with its topics and an empty database, both its own."""

    async def run() -> Findings:
        async with own_servers() as servers:
            log = LogAddress(servers.bootstrap)
            await apply(log)
            return await trial(log, servers.dsn, size)

    return _reported(asyncio.run(run()), name, title, size)


def in_folder(name: str, title: str, size: int, trial: Callable[[Path, int], Awaitable[Findings]]) -> Result:
    """The trial gets an empty folder and starts there what it needs."""
    folder = Path(tempfile.mkdtemp(prefix=f"tapeline-chaos-{name}-"))

    async def run() -> Findings:
        return await trial(folder, size)

    try:
        found = asyncio.run(run())
    except TrialError as error:
        raise TrialError(f"{error}; data folder and logs are kept in {folder}") from error
    if not found.violations:
        shutil.rmtree(folder, ignore_errors=True)
    return _reported(found, name, title, size)


def _reported(found: Findings, name: str, title: str, size: int) -> Result:
    load = f"load average of the machine at the end: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    found.notes.append(load)
    return found.result(name, title, size)
