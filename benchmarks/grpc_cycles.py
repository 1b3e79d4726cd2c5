"""What clients leave behind in the connector's process: streams begun and ended, connections made and closed."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from statistics import median_low
from typing import Final

import psutil

from benchmarks.connector_process import RunningConnector, connector
from benchmarks.grpc_clients import Job, clients
from benchmarks.grpc_jobs import Connections, Subscriptions
from benchmarks.result import Benchmark, Figure, at_most

SYMBOL: Final = "BTCUSDT"
SUBSCRIPTIONS: Final = 1_000
CONNECTIONS: Final = 100
AIM_MB: Final = 5
_MB: Final = 1_000_000
_SETTLED_S: Final = 3.0
_LOOKS: Final = 20


@dataclass(frozen=True)
class _Held:
    """By the connector's process; its own tasks come and go: the median of several looks."""

    memory_mb: float
    tasks: float
    files: float


async def measure() -> list[Figure]:
    async with connector(SYMBOL, speed="5") as running, clients(running.address, 1) as connected:

        async def cycles(job: Job[int]) -> _Held:
            await connected.each([job])
            return await _held(running)

        # so that what is only made once is there before, and what the start needed has been given back
        await cycles(Subscriptions(SUBSCRIPTIONS, SYMBOL))
        at_first = await cycles(Connections(CONNECTIONS))
        subscribed = await cycles(Subscriptions(SUBSCRIPTIONS, SYMBOL))
        after_them = await cycles(Connections(CONNECTIONS))
    return [
        *_gained(f"{SUBSCRIPTIONS:,} subscriptions", at_first, subscribed),
        *_gained(f"{CONNECTIONS:,} connections", subscribed, after_them),
    ]


def _gained(by: str, before: _Held, after: _Held) -> list[Figure]:
    return [
        Figure(f"memory before {by}", before.memory_mb, "MB"),
        Figure(f"memory gained by {by}", after.memory_mb - before.memory_mb, "MB", at_most(AIM_MB)),
        Figure(f"tasks left by {by}", after.tasks - before.tasks, "tasks", at_most(0)),
        Figure(f"open files left by {by}", after.files - before.files, "files", at_most(0)),
    ]


async def _held(running: RunningConnector) -> _Held:
    await asyncio.sleep(_SETTLED_S)
    process = psutil.Process(running.pid)
    looks = []
    for _ in range(_LOOKS):
        tasks = (await running.metrics())["asyncio_tasks"]
        looks.append((process.memory_info().rss / _MB, tasks, process.num_fds()))
        await asyncio.sleep(0.1)
    return _Held(*(median_low(column) for column in zip(*looks, strict=True)))


BENCHMARK = Benchmark(
    name="grpc_cycles",
    title="What clients leave behind",
    how="`tapeline connector` in a process of its own on the paper venue, 100 market events a second, with a real Kafka"
    f" and Postgres. A client in another process begins and ends {SUBSCRIPTIONS:,} streams, 10 at a time (prices after "
    "the first message, orders while waiting for one), then connects, calls and leaves "
    f"{CONNECTIONS} times; all of it once before, not counted. Of the connector's process alone: resident "
    "memory, asyncio tasks by its own metric and open files, the median of 20 looks each time.",
    measure=measure,
    limit_s=120,
)
