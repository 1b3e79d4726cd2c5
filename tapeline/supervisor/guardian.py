"""The one that cleans up when the supervisor is killed with -9.

Run by path with `python -I -S guardian.py`; standard library only. It reads `add PID SIGNAL` and `remove PID` from
stdin. When stdin ends, the supervisor is gone: whoever is still listed gets its signal, and KILL after a grace time.
It works on every system; on Linux the kernel's parent-death signal comes first. It must not end anybody while the
supervisor lives.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

GRACE_S = 5.0


def born(pid: int) -> str:
    """Something that differs between two processes of one number, where the system tells (Linux)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""


def is_alive(pid: int, birth: str) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return born(pid) == birth


def follow(lines: Iterable[str]) -> dict[int, tuple[int, str]]:
    """Everybody listed when the lines end: pid → (signal, birth)."""
    wards: dict[int, tuple[int, str]] = {}
    for line in lines:
        word, *numbers = line.split()
        if word == "add":
            pid, signal_number = map(int, numbers)
            wards[pid] = (signal_number, born(pid))
        elif word == "remove":
            wards.pop(int(numbers[0]), None)
    return wards


def end(wards: dict[int, tuple[int, str]], grace_s: float) -> None:
    def send(number: int | None) -> None:
        for pid, (asked, birth) in wards.items():
            if is_alive(pid, birth):
                with suppress(ProcessLookupError):
                    os.kill(pid, asked if number is None else number)

    send(None)
    deadline = time.monotonic() + grace_s
    while time.monotonic() < deadline and any(is_alive(pid, birth) for pid, (_, birth) in wards.items()):
        time.sleep(0.05)
    send(signal.SIGKILL)


def main() -> None:
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    end(follow(sys.stdin), GRACE_S)


if __name__ == "__main__":
    main()
