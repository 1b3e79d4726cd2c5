"""The disk of the data folder fills up under a pipeline that trades: it ends with a clear message and goes on later.

The folder is on a small file system in memory, for which one must be root on Linux; where none can be mounted the trial
says so and is not carried out. A file takes all the room there is at once, so Kafka and Postgres really are refused
writes. When it is gone, `tapeline up` must go on with what was acknowledged, and `tapeline check` be satisfied.
"""

from __future__ import annotations

import asyncio
import errno
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from reliability.chaos.carrying_out import BUSY, NO_BACK_OFF, in_folder
from reliability.chaos.findings import Findings
from reliability.chaos.pipeline import Run
from reliability.chaos.trading_pipeline import judge, trading_pipeline
from reliability.result import Result, TrialError

NAME: Final = "disk-full"
TITLE: Final = "The disk fills up while it trades"
SIZE_MB: Final = 1_200
_ENDS_S: Final = 60.0
_CLEAR: Final = "is full"
_PIECE: Final = b"\0" * (1 << 20)


def run(times: int) -> Result:
    return in_folder(NAME, TITLE, times, trial)


async def trial(folder: Path, times: int) -> Findings:
    """Raises TrialError where no small file system can be had. What was lost once would still be missing in the end."""
    found = Findings(runs=times)
    messages: list[str] = []
    with small_disk(folder / "disk") as disk:
        home = folder / "home"  # a link, so that what is said on stderr is written where there is room
        home.symlink_to(disk / "home")
        trades = 0
        for number in range(times):
            async with trading_pipeline(home, *(BUSY if number == 0 else BUSY[1:]), settings=NO_BACK_OFF) as run:
                found.expect(await run.trades() >= trades, f"the venue had {trades} trades and has fewer")
                trades = await run.trading(more=2)
                ballast = await asyncio.to_thread(fill, disk)
                messages.append(await _ended(run))
                found.faults += 1
            ballast.unlink()
            found.expect(_CLEAR in messages[-1], f"it did not say that the disk is full: {messages[-1][-500:]!r}")
        async with trading_pipeline(home, *BUSY[1:], settings=NO_BACK_OFF) as run:
            await run.end()
        checked = await judge(home, found)
    found.measures = {
        "times": times,
        "ended with a clear message": sum(_CLEAR in message for message in messages),
        "orders checked": checked["orders_at_venue"],
        "fills checked": checked["fills_at_venue"],
    }
    return found


async def _ended(run: Run) -> str:
    """What it says in the end; that it does not end, where it does not."""
    try:
        code = await asyncio.wait_for(run.process.wait(), _ENDS_S)
    except TimeoutError:
        return f"it did not end within {_ENDS_S:g} s"
    return f"exit code {code}: {run.errors()}"


@contextmanager
def small_disk(place: Path) -> Iterator[Path]:
    """A file system of `SIZE_MB` in memory, gone afterwards."""
    place.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE_MB}m,mode=0755", "tapeline-trial", str(place)]
    try:
        done = subprocess.run(mount, capture_output=True, text=True, check=False)  # noqa: S603 - our own fixed command
    except FileNotFoundError:
        raise TrialError("disk-full needs the command mount") from None
    if done.returncode != 0:
        raise TrialError(f"disk-full needs root and a small file system in memory: {done.stderr.strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)  # noqa: S603, S607 - as above


def fill(disk: Path) -> Path:
    """Takes all the room there is; the file that does."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(_PIECE)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
    return ballast
