"""Processes of the product that a benchmark starts and ends: nothing of this machine's configuration reaches them."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from pathlib import Path


def environment(home: Path) -> dict[str, str]:
    """With this data folder; settings are added to it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TAPELINE_") or "CACHE" in name}
    return kept | {"TAPELINE_HOME": str(home), "PYTHONPATH": str(Path(__file__).resolve().parent.parent)}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def end(process: subprocess.Popen[bytes], *, within_s: float, by: signal.Signals = signal.SIGTERM) -> None:
    """Asks, and kills who is not gone by then."""
    if process.poll() is None:
        process.send_signal(by)
        try:
            process.wait(within_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
