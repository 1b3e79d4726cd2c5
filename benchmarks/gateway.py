"""Orders through the gateway: claimed in Postgres, placed at an engine in this process, said on the log.

First many at once (how many a second), then one after the other (how long one takes). Over gRPC: grpc_calls.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

from benchmarks.orders import require_accepted, resting
from benchmarks.percentiles import percentile
from benchmarks.result import Benchmark, Figure, at_least, at_most
from benchmarks.serving import SYMBOL, serving

WARM_UP: Final = 1_024
BURST: Final = 12_800
AT_ONCE: Final = 128
ONE_BY_ONE: Final = 1_000
PLACE_REASON: Final = (
    "One order at a time waits for two round trips, one after the other: the ledger's durable commit before the send, "
    "and the log's ack of the update after it. The rest is the event loop between them."
)


async def measure() -> list[Figure]:
    async with serving() as started:
        # made before, so that making them is not measured
        waiting = iter([resting(SYMBOL, number) for number in range(WARM_UP + BURST + ONE_BY_ONE)])

        async def place() -> None:
            result = await started.gateway.place(next(waiting))
            require_accepted(result.order.status)

        await _burst(place, WARM_UP)
        rate = await _burst(place, BURST)
        times = await _one_by_one(place)
    return [
        Figure("orders through the gateway", rate, "orders/s", at_least(3_000)),
        Figure("place, p50", percentile(times, 50), "ms", at_most(1.5), PLACE_REASON),
        Figure("place, p99", percentile(times, 99), "ms", at_most(5), PLACE_REASON),
    ]


async def _burst(place: Callable[[], Awaitable[None]], orders: int) -> float:
    """Orders a second, `AT_ONCE` of them at a time (of which `orders` is a multiple)."""

    async def worker() -> None:
        for _ in range(orders // AT_ONCE):
            await place()

    started = time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(AT_ONCE)))
    return orders / (time.perf_counter() - started)


async def _one_by_one(call: Callable[[], Awaitable[None]]) -> list[float]:
    """Milliseconds of each call, the first tenth left out."""
    times = []
    for _ in range(ONE_BY_ONE):
        started = time.perf_counter()
        await call()
        times.append((time.perf_counter() - started) * 1_000)
    return times[ONE_BY_ONE // 10 :]


BENCHMARK = Benchmark(
    name="gateway",
    title="The order gateway",
    how="The connector's gateway with its ledger in a real Postgres (synchronous commit), its updates on a real Kafka, "
    f"and the matching engine in the same process as the venue. {BURST:,} different orders, {AT_ONCE} at a time; then "
    f"{ONE_BY_ONE:,} calls one after the other, the first tenth left out.",
    measure=measure,
    limit_s=90,
)
