"""The product as its users run it: the `tapeline` command in processes of its own, on a data folder of the test's."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import psutil

COMMAND = (sys.executable, "-m", "tapeline")
LIMIT_S = 240


@dataclass
class Run:
    """A running `tapeline up`; its output goes to a file, so a full pipe never stops it."""

    process: subprocess.Popen[str]
    home: Path
    output: IO[str]

    def pids(self) -> dict[str, int]:
        """Process id by name, as the supervisor wrote it down; empty before it has."""
        try:
            rows = json.loads((self.home / "processes.json").read_text())
        except (FileNotFoundError, ValueError):
            return {}
        return {name: int(row["pid"]) for name, row in rows.items()}

    def trades(self) -> int:
        """How many trades the paper venue has booked; 0 while it does not answer."""
        try:
            port = json.loads((self.home / "ports.json").read_text())["venue"]
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/paper/v1/state", timeout=2) as answer:
                return int(json.load(answer)["trades"])
        except (OSError, ValueError, KeyError):
            return 0

    def wait(self, timeout_s: float = LIMIT_S) -> dict[str, Any]:
        """The summary it ends with. Fails with its output where it does not end well."""
        code = self.process.wait(timeout_s)
        errors = (self.home.parent / "up.err").read_text()
        assert code == 0, f"tapeline up ended with {code}:\n{errors[-4000:]}"
        summary: dict[str, Any] = json.loads(Path(self.output.name).read_text())
        return summary


@contextmanager
def up(home: Path, *arguments: str) -> Iterator[Run]:
    """`tapeline up --json …`; ended (SIGINT) when the block ends, killed if that does not help."""
    home.parent.mkdir(parents=True, exist_ok=True)
    with (home.parent / "up.out").open("w") as output, (home.parent / "up.err").open("w") as errors:
        process = subprocess.Popen(
            [*COMMAND, "up", "--json", *arguments],
            env=environment(home),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
            text=True,
        )
        run = Run(process, home, output)
        try:
            yield run
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
                try:
                    process.wait(20)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()


def tapeline(home: Path, *arguments: str, code: int = 0) -> Any:
    """Runs a command with --json and returns what it printed. Fails with everything it said on another exit code."""
    done = subprocess.run(
        [*COMMAND, *arguments, "--json"],
        env=environment(home),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert done.returncode == code, f"tapeline {' '.join(arguments)}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return json.loads(done.stdout)


def environment(home: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TAPELINE_") or "CACHE" in name}
    return kept | {"TAPELINE_HOME": str(home)}


def left_running(pids: Sequence[int]) -> list[int]:
    """Those of the processes that still are there a moment later."""
    alive = [psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)]
    _, still = psutil.wait_procs(alive, timeout=5)
    return [process.pid for process in still]


def wait_for(what: str, condition: Any, timeout_s: float = 90) -> Any:
    """Polls until the condition gives something true, and returns that."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError(f"waited {timeout_s} s for {what}")
