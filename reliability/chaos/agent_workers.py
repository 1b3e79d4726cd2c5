"""Worker processes that are started, killed and started again; ended by their own handles at the end."""

from __future__ import annotations

import asyncio
import signal
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from topics.log import LogAddress

ENTRY = Path(__file__).with_name("agent_worker.py")
REPOSITORY = ENTRY.parents[2]


@dataclass
class Workers:
    """`gate` is "gate", or "no-gate" to show what it is for."""

    address: LogAddress
    folder: Path
    gate: str = "gate"
    running: dict[str, asyncio.subprocess.Process] = field(default_factory=dict)
    exit_codes: list[int] = field(default_factory=list)
    _logs: list[IO[bytes]] = field(default_factory=list)

    async def start(self, worker_id: str) -> None:
        output = (self.folder / f"{worker_id}.log").open("ab")
        self._logs.append(output)
        self.running[worker_id] = await asyncio.create_subprocess_exec(
            sys.executable,
            str(ENTRY),
            self.address.bootstrap,
            self.address.namespace,
            worker_id,
            str(self.folder / worker_id),
            self.gate,
            cwd=REPOSITORY,
            env={"PYTHONPATH": str(REPOSITORY), "PATH": ""},
            stdout=output,
            stderr=output,
        )

    async def kill(self, worker_id: str) -> None:
        """-9: no goodbye, nothing flushed."""
        process = self.running.pop(worker_id)
        if process.returncode is None:
            process.kill()
        await process.wait()

    def tell(self, worker_id: str, number: signal.Signals) -> None:
        """SIGSTOP, SIGCONT; nothing where it has ended."""
        if self.running[worker_id].returncode is None:
            self.running[worker_id].send_signal(number)

    async def leave(self, worker_id: str) -> None:
        """SIGTERM: it goes in order; what it ended with is remembered where it is not 0."""
        process = self.running.pop(worker_id)
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        if code := await asyncio.wait_for(process.wait(), 30):
            self.exit_codes.append(code)

    async def revive(self) -> None:
        """Starts again whoever ended by itself, as the supervisor does."""
        for worker_id, process in list(self.running.items()):
            if process.returncode is not None:
                self.exit_codes.append(process.returncode)
                await self.start(worker_id)

    async def terminate(self) -> dict[str, int | None]:
        """SIGTERM to all; exit codes, None where one had to be killed after 15 s."""
        codes: dict[str, int | None] = {}
        for process in self.running.values():
            if process.returncode is None:
                process.send_signal(signal.SIGTERM)
        for worker_id, process in self.running.items():
            try:
                codes[worker_id] = await asyncio.wait_for(process.wait(), 15)
            except TimeoutError:
                codes[worker_id] = None
        await self.close()
        return codes

    async def close(self) -> None:
        for worker_id in list(self.running):
            await self.kill(worker_id)
        for output in self._logs:
            output.close()
        self._logs.clear()

    def told(self) -> str:
        """The last lines of every worker, for a report."""
        lines = []
        for path in sorted(self.folder.glob("*.log")):
            lines += [f"--- {path.name}", *path.read_text().splitlines()[-5:]]
        return "\n".join(lines)
