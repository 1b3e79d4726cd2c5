"""The connector killed and started again under load: when a client's stream goes on, and what it missed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from benchmarks.connector_process import RunningConnector, connector
from benchmarks.grpc_clients import clients
from benchmarks.grpc_jobs import Seen, Watching
from benchmarks.percentiles import percentile
from benchmarks.result import Benchmark, BenchmarkError, Figure, at_least, at_most

SYMBOL: Final = "BTCUSDT"
KILLS: Final = 6
APART_S: Final = 10.0
CLIENTS: Final = 3


async def measure() -> list[Figure]:
    # the synthetic market: 20 events a second
    async with connector(SYMBOL, speed="6") as running, clients(running.address, CLIENTS) as connected:
        watching = asyncio.create_task(
            connected.each([Watching((KILLS + 1) * APART_S, SYMBOL)] * CLIENTS, limit_s=APART_S * (KILLS + 4))
        )
        killed_at = await _kills(running)
        each = await watching
    rates = [_untouched_rate(seen, killed_at) for seen in each]
    outages = [outage for seen in each for outage in _outages(seen, killed_at)]
    return [
        Figure("connector killed with -9", len(killed_at), "times", at_least(KILLS)),
        Figure("market events read between kills", min(rates), "events/s", at_least(100)),
        Figure("market events read, all clients", sum(one.last - one.first + 1 for it in each for one in it), "events"),
        Figure("market events lost, by seq", sum(map(_lost, each)), "events", at_most(0)),
        Figure("market events repeated or out of order, by seq", sum(map(_repeated, each)), "events", at_most(0)),
        Figure("a client's stream goes on after a kill, p50", percentile(outages, 50), "s"),
        Figure("a client's stream goes on after a kill, longest", max(outages), "s"),
    ]


async def _kills(running: RunningConnector) -> list[float]:
    """When, on the monotonic clock. It is started again at once."""
    killed_at = []
    begun = time.monotonic()
    for number in range(KILLS):
        await asyncio.sleep(max(0.0, begun + (number + 1) * APART_S - APART_S / 2 - time.monotonic()))
        killed_at.append(time.monotonic())
        await asyncio.to_thread(running.kill)
        running.spawn()
        await running.ready()
    return killed_at


def _lost(seen: Sequence[Seen]) -> int:
    return sum(max(0, later.first - before.last - 1) for before, later in pairwise(seen))


def _repeated(seen: Sequence[Seen]) -> int:
    return sum(max(0, before.last - later.first + 1) for before, later in pairwise(seen))


def _outages(seen: Sequence[Seen], killed_at: Sequence[float]) -> list[float]:
    """After each kill, seconds until the first message after the longest silence. Raises BenchmarkError."""
    outages = []
    for killed, until in pairwise([*killed_at, float("inf")]):
        near = [one.at for one in seen if killed - 1 < one.at < until]
        silences = [(after - before, after) for before, after in pairwise(near)]
        if not silences:
            raise BenchmarkError("a client's stream did not go on after a kill")
        outages.append(max(silences)[1] - killed)
    return outages


def _untouched_rate(seen: Sequence[Seen], killed_at: Sequence[float]) -> float:
    """Until the first kill."""
    before = [one for one in seen if one.at < killed_at[0]]
    return (before[-1].last - before[0].last) / (before[-1].at - before[0].at)


BENCHMARK = Benchmark(
    name="grpc_restarts",
    title="The connector killed under load",
    how="`tapeline connector` in a process of its own on the paper venue, over 100 market events a second, with a real "
    f"Kafka and Postgres; {CLIENTS} clients, each in a process of its own, read the stream. The connector is killed "
    f"with -9 {KILLS} times, about {APART_S:.0f} s apart, and started again at once; a client's outage is from the "
    "kill to its first new message: the start of the process, the resumed ledger and log, and the venue's stream "
    "included. Lost is a number of the sequence that a client never had; what the venue said while no connector "
    "ran has no number.",
    measure=measure,
    limit_s=130,
)
