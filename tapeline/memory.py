"""Memory of the processes, shared pages counted once where the system tells."""

from __future__ import annotations

from contextlib import suppress

import psutil


def used_bytes(pid: int) -> int:
    """Of a process and its children: proportional set size on Linux, resident size elsewhere; 0 when it is gone."""
    total = 0
    with suppress(psutil.Error):
        process = psutil.Process(pid)
        for member in (process, *process.children(recursive=True)):
            total += _one(member)
    return total


def _one(process: psutil.Process) -> int:
    with suppress(psutil.NoSuchProcess):
        try:
            full = process.memory_full_info()
            return int(getattr(full, "pss", 0) or full.rss)
        except psutil.AccessDenied:
            return int(process.memory_info().rss)
    return 0
