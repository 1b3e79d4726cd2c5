"""One agents' process for trials: `python agent_worker.py BOOTSTRAP NAMESPACE WORKER_ID DATA_DIR gate|no-gate`."""

from __future__ import annotations

import sys
from pathlib import Path

from agents.gate import Gate, Pass
from agents.main import run
from agents.settings import AgentsSettings
from observability.logs import configure
from topics.log import LogAddress


class NoGate(Gate):
    """What a worker without the gate does: it folds whatever comes, whenever it comes."""

    async def wait(self) -> Pass:
        return self._pass

    def holds(self, granted: Pass) -> bool:  # noqa: ARG002 - the gate's signature
        return True

    def admits(self, granted: Pass, partition: int, group_generation: int | None) -> bool:  # noqa: ARG002 - as above
        return True


if __name__ == "__main__":
    bootstrap, namespace, worker_id, data_dir, gate = sys.argv[1:]
    configure("agents")
    run(
        AgentsSettings(data_dir=Path(data_dir), worker_id=worker_id, session_timeout_s=6),
        LogAddress(bootstrap, namespace),
        gate={"gate": Gate, "no-gate": NoGate}[gate],
    )
