"""The machine, the commit and the date a figure belongs to. No host or user name."""

from __future__ import annotations

import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import psutil

from benchmarks.result import Circumstances

REPOSITORY = Path(__file__).resolve().parent.parent


def now() -> Circumstances:
    return Circumstances(machine(), commit(REPOSITORY), f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC")


def machine() -> str:
    """Processor, cores, memory, system and Python in one line."""
    cores = psutil.cpu_count() or 1
    memory = psutil.virtual_memory().total / 2**30
    return (
        f"{_processor()}, {cores} cores, {memory:.0f} GB, {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}"
    )


def commit(repository: Path) -> str:
    """The short commit, with "+" where tracked files differ from it; "unknown" outside a repository."""
    short = _git(repository, "rev-parse", "--short", "HEAD")
    if not short:
        return "unknown"
    return short + ("+" if _git(repository, "status", "--porcelain", "--untracked-files=no", "--", ":!docs") else "")


def _git(repository: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - our own fixed command
            ["git", "-C", str(repository), *arguments],  # noqa: S607 - the user's own git
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())
