"""A worker that is to end ends, whatever the consumer's thread waits for."""

import subprocess
import sys

PROGRAM = """
import asyncio, threading
from agents import main

class StuckApp:
    crash_reason = RuntimeError("lease over")

    async def start(self):
        threading.Thread(target=threading.Event().wait).start()

    async def wait_until_stopped(self):
        pass

    async def stop(self):
        await asyncio.Event().wait()

main.STOP_S = 0.2
asyncio.run(main._serve(StuckApp(), asyncio.Event()))
"""


def test_a_worker_whose_consumer_does_not_stop_ends_all_the_same() -> None:
    """ORD-5: found by `tapeline chaos agent-stops`; who hangs is not started again."""
    ended = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1
    assert "the process ends without it" in ended.stdout + ended.stderr
    assert "lease over" in ended.stdout + ended.stderr
