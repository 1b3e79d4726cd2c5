"""The data folder (`TAPELINE_HOME`): one owner at a time, and no process of a dead owner left in it.

The owner holds a lock of the operating system on `owner.lock`, which no kill can leave behind; the file's
text says who it is. `processes.json` lists what the owner started, so that the next owner can end what a
hard kill left. It must not start anything.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TextIO

import psutil

from tapeline.errors import TapelineError

DEFAULT_HOME: Final = Path(".tapeline")
_LEFTOVER_GRACE_S: Final = 3.0


@dataclass(frozen=True)
class Owner:
    """Who holds the data folder: process id, and `up` or the command that needed its servers for a moment."""

    pid: int
    command: str


class FolderInUseError(TapelineError):
    """Another process holds the data folder."""

    def __init__(self, home: Path, owner: Owner) -> None:
        super().__init__(
            f"the data folder {home} is in use by 'tapeline {owner.command}' (process {owner.pid}); "
            f"stop it first, or set TAPELINE_HOME to another folder"
        )
        self.owner = owner


def data_home() -> Path:
    """`TAPELINE_HOME`, else `.tapeline` in the current folder; absolute."""
    return Path(os.environ.get("TAPELINE_HOME") or DEFAULT_HOME).expanduser().resolve()


@contextmanager
def owned(home: Path, command: str) -> Iterator[None]:
    """Own the data folder for the block and end what a dead owner left running. Raises FolderInUseError."""
    with _open_lock(home) as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise FolderInUseError(home, _read_owner(home)) from None
        lock.seek(0)
        lock.truncate()
        json.dump({"pid": os.getpid(), "command": command}, lock)
        lock.flush()
        end_leftovers(home)
        try:
            yield
        finally:
            lock.seek(0)
            lock.truncate()
            lock.flush()


def owner_of(home: Path) -> Owner | None:
    """Who holds the data folder now, or None."""
    if not (home / "owner.lock").exists():
        return None
    with _open_lock(home) as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return _read_owner(home)
    return None


def remember_processes(home: Path, processes: dict[str, int]) -> None:
    """Write down what the owner started: name → pid."""
    rows = {}
    for name, pid in processes.items():
        with suppress(psutil.NoSuchProcess):
            rows[name] = {"pid": pid, "created": psutil.Process(pid).create_time()}
    file = home / "processes.json"
    written = file.with_suffix(".json.new")
    written.write_text(json.dumps(rows, indent=1) + "\n")
    written.replace(file)


def end_leftovers(home: Path) -> None:
    """End processes of a former owner that still run: TERM, after 3 s KILL. Only for the owner."""
    left = list(_leftovers(home / "processes.json"))
    for process in left:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGINT if "postgres" in process.name() else signal.SIGTERM)
    _, stubborn = psutil.wait_procs(left, timeout=_LEFTOVER_GRACE_S)
    for process in stubborn:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(stubborn, timeout=_LEFTOVER_GRACE_S)
    (home / "processes.json").unlink(missing_ok=True)


def _leftovers(file: Path) -> Iterator[psutil.Process]:
    try:
        rows = json.loads(file.read_text())
    except (FileNotFoundError, ValueError):
        return
    for row in rows.values():
        with suppress(psutil.NoSuchProcess):
            process = psutil.Process(int(row["pid"]))
            if abs(process.create_time() - float(row["created"])) < 0.01:  # not a number given anew
                yield process


def _open_lock(home: Path) -> TextIO:
    try:
        home.mkdir(parents=True, exist_ok=True)
        return (home / "owner.lock").open("a+")
    except OSError as error:
        raise TapelineError(
            f"cannot use the data folder {home}: {error.strerror or error}; "
            f"set TAPELINE_HOME to a folder you may write to"
        ) from error


def _read_owner(home: Path) -> Owner:
    """The text of the lock file; its writer may be between taking the lock and writing, so look twice."""
    for _ in range(20):
        with suppress(ValueError, KeyError, TypeError):
            found = json.loads((home / "owner.lock").read_text())
            return Owner(int(found["pid"]), str(found["command"]))
        time.sleep(0.05)
    return Owner(0, "(unknown)")
