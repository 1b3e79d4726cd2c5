"""Memory of each process of `tapeline up` after a minute of trading, and of all together."""

from __future__ import annotations

import asyncio
from typing import Final

from benchmarks.pipeline import pipeline
from benchmarks.result import Benchmark, Figure, at_most
from tapeline.memory import used_bytes

TRADED_S: Final = 60.0
AIM_MB: Final = 1200
_MB: Final = 1_000_000


async def measure() -> list[Figure]:
    async with pipeline() as running:
        await asyncio.sleep(TRADED_S)
        used = {name: used_bytes(pid) / _MB for name, pid in running.pids().items() if name != "up"}
        # its children are the other processes
        used["up"] = used_bytes(running.process.pid) / _MB - sum(used.values())
    figures = [Figure(name, megabytes, "MB") for name, megabytes in used.items()]
    return [*figures, Figure("all processes", sum(used.values()), "MB", at_most(AIM_MB))]


BENCHMARK = Benchmark(
    name="memory",
    title="Memory of the whole pipeline",
    how=f"`tapeline up` with its defaults on a fresh data folder; each process with its children {TRADED_S:.0f} s "
    "after all had been started. Proportional set size: pages shared by several processes are counted once.",
    measure=measure,
    limit_s=130,
)
