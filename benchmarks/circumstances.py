"""The machine, the commit and the date a figure belongs to. No host or user name."""

from __future__ import annotations

import platform
from datetime import UTC, datetime
from pathlib import Path

import psutil

from benchmarks.result import Circumstances
from tapeline.revision import commit

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


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())
