"""Orders through the gateway and real ccxt to the paper venue's process, for a minute, the user stream read meanwhile.

The gateway alone, at an engine in the same process, is benchmarks/gateway.py.
"""

from __future__ import annotations

import asyncio
import time
from array import array
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from itertools import count
from typing import Final

import psutil

from benchmarks.orders import resting
from benchmarks.percentiles import percentile
from benchmarks.result import Benchmark, BenchmarkError, Figure, at_least, at_most
from benchmarks.servers import own_servers
from benchmarks.venue_process import RunningVenue, paper_venue
from connector.ccxt_adapter.venue import CcxtVenue
from connector.gateway.gateway import Gateway
from connector.port import OrderRequest, StreamLost
from reliability.unlimited_gateway import unlimited_gateway
from topics import admin
from topics.log import LogAddress
from topics.scale import Scale
from topics.v1.common_pb2 import TIME_IN_FORCE_IOC
from topics.v1.orders_pb2 import ORDER_STATUS_EXPIRED, OrderStatus

SYMBOL: Final = "BTCUSDT"
WARM_UP_S: Final = 10.0
MEASURED_S: Final = 60.0
AT_ONCE: Final = 48
AIM: Final = 1_000
_MB: Final = 1_000_000


async def measure() -> list[Figure]:
    async with (
        own_servers() as servers,
        paper_venue(SYMBOL) as venue,
        _trading(servers.bootstrap, servers.dsn, venue) as load,
    ):
        await load.run(WARM_UP_S)
        ours, theirs = psutil.Process(), psutil.Process(venue.pid)
        before_mb, spent = [_memory_mb(it) for it in (ours, theirs)], (_cpu_s(ours), _cpu_s(theirs))
        times, seconds = await load.run(MEASURED_S)
        gained, venue_gained = (_memory_mb(it) - mb for it, mb in zip((ours, theirs), before_mb, strict=True))
        connector_us, venue_us = (
            (now - before) / len(times) * 1e6 for now, before in zip((_cpu_s(ours), _cpu_s(theirs)), spent, strict=True)
        )
    return [
        Figure("orders through gateway and ccxt", len(times) / seconds, "orders/s", at_least(AIM)),
        Figure("place, p50", percentile(times, 50), "ms"),
        Figure("place, p99", percentile(times, 99), "ms"),
        Figure("memory gained in the minute, this process", gained, "MB", at_most(10)),
        Figure("memory gained in the minute, the venue", venue_gained, "MB"),
        Figure("processor time of an order, this process", connector_us, "µs"),
        Figure("processor time of an order, the venue", venue_us, "µs"),
    ]


@dataclass
class Load:
    """Places one order after the other in `AT_ONCE` lanes. An order that would take nothing expires at once, so that
    none stays open: what is held in memory does not grow with the run."""

    gateway: Gateway
    price_ticks: int
    numbers: count[int]

    async def run(self, seconds: float) -> tuple[array[float], float]:
        """Milliseconds of each placement, and how long it took in all."""
        times = array("d")
        started = time.perf_counter()
        await asyncio.gather(*(self._lane(started + seconds, times) for _ in range(AT_ONCE)))
        return times, time.perf_counter() - started

    async def _lane(self, until: float, times: array[float]) -> None:
        while (begun := time.perf_counter()) < until:
            result = await self.gateway.place(self._request(next(self.numbers)))
            if result.order.status != ORDER_STATUS_EXPIRED:
                name = OrderStatus.Name(result.order.status)
                raise BenchmarkError(f"an order ended as {name} ({result.order.reason}) instead of expiring")
            times.append((time.perf_counter() - begun) * 1_000)

    def _request(self, number: int) -> OrderRequest:
        price = self.price_ticks - number % 1_000
        return replace(resting(SYMBOL, number), price_ticks=price, time_in_force=TIME_IN_FORCE_IOC)


@asynccontextmanager
async def _trading(bootstrap: str, dsn: str, venue: RunningVenue) -> AsyncIterator[Load]:
    address = LogAddress(bootstrap)
    await admin.apply(address)
    port = CcxtVenue(venue.connection(SYMBOL))
    instruments = {it.symbol: it for it in await port.start()}
    try:
        async with unlimited_gateway(port, address, dsn, instruments, client_id="bench-gateway") as trading:
            listening = asyncio.create_task(_listen(port, trading.gateway))
            below = await port.mark_price(SYMBOL) * 9 / 10
            try:
                yield Load(trading.gateway, Scale.of(instruments[SYMBOL].grain).ticks_down(below), count())
            finally:
                listening.cancel()
                await asyncio.gather(listening, return_exceptions=True)
    finally:
        await port.close()


async def _listen(port: CcxtVenue, gateway: Gateway) -> None:
    async for report in port.order_reports():
        if isinstance(report, StreamLost):
            await gateway.on_stream_lost()
        else:
            await gateway.on_report(report)


def _memory_mb(process: psutil.Process) -> float:
    """Of this one alone; the servers it started have caches that fill."""
    return float(process.memory_info().rss) / _MB


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


BENCHMARK = Benchmark(
    name="gateway_ccxt",
    title="The order gateway through ccxt",
    how="The connector's gateway with its ledger in a real Postgres (synchronous commit), its updates on a real Kafka, "
    "real ccxt over HTTP to the paper venue in a process of its own, which commits each order to its own ledger, and "
    f"the user stream read over a websocket. Limit orders that would take nothing (IOC), {AT_ONCE} at a time, for "
    f"{MEASURED_S:.0f} s after {WARM_UP_S:.0f} s that are not counted. All of it shares the cores.",
    measure=measure,
    limit_s=180,
)
