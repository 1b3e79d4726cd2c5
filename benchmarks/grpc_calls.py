"""Calls over gRPC from processes of their own: how long each takes, what gRPC adds to the call in process, and what
more clients change.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import chain
from typing import Final

from benchmarks.bare_server import bare_server
from benchmarks.grpc_clients import Clients, clients
from benchmarks.grpc_jobs import Accounts, Calls, Echoes, Orders, Pace
from benchmarks.orders import require_accepted, resting, resting_message
from benchmarks.percentiles import percentile
from benchmarks.result import Benchmark, Figure, at_least, at_most
from benchmarks.serving import SYMBOL, Serving, listening, serving

CLIENTS: Final = (1, 10, 50)
WARM_UP: Final = 1_024
ROUNDS: Final = 10
IN_A_ROUND: Final = 100
LOAD_S: Final = 5.0
ACCOUNTS_A_SECOND: Final = 500
ORDERS_A_SECOND: Final = 100
RACE: Final = 5_000
_ACCOUNT: Final = (0.8, 2.0)
_PLACE: Final = (1.5, 5.0)


@dataclass
class _Bench:
    serving: Serving
    clients: Clients
    floor: str
    _numbers: int = field(default=0)

    def orders(self, pace: Pace) -> Orders:
        """None twice."""
        self._numbers += pace.count
        return Orders(pace, symbol=SYMBOL, first=self._numbers - pace.count)

    async def placed_here(self, many: int) -> list[float]:
        """Milliseconds of each placement without gRPC, one after the other."""
        self._numbers += many
        times = []
        for request in [resting(SYMBOL, self._numbers - many + number) for number in range(many)]:
            started = time.perf_counter()
            result = await self.serving.gateway.place(request)
            times.append((time.perf_counter() - started) * 1_000)
            require_accepted(result.order.status)
        return times

    async def alone(self, job: Calls) -> list[float]:
        """With the first client."""
        [times] = await self.clients.each([job])
        return times

    async def together(self, jobs: list[Calls]) -> list[float]:
        return list(chain(*await self.clients.each(jobs)))


async def measure() -> list[Figure]:
    async with _bench() as bench:
        await asyncio.gather(*(bench.placed_here(WARM_UP // 64) for _ in range(64)))
        figures = await _one_client(bench)
        for many in CLIENTS:
            figures += await _same_load(bench, many)
        for many in CLIENTS:
            figures += await _race(bench, many)
    return figures


@asynccontextmanager
async def _bench() -> AsyncIterator[_Bench]:
    async with (
        serving() as started,
        listening(started.parts) as address,
        bare_server() as floor,
        clients(address, max(CLIENTS)) as connected,
    ):
        yield _Bench(started, connected, floor)


async def _one_client(bench: _Bench) -> list[Figure]:
    """The four kinds in turns, so that each has the same machine; the first turn is not counted."""
    body = resting_message(SYMBOL, 0).SerializeToString()
    pace = Pace(IN_A_ROUND)
    here, placed, accounts, echoes = list[float](), list[float](), list[float](), list[float]()
    for _ in range(1 + ROUNDS):
        here += await bench.placed_here(IN_A_ROUND)
        placed += await bench.alone(bench.orders(pace))
        accounts += await bench.alone(Accounts(pace))
        echoes += await bench.alone(Echoes(pace, address=bench.floor, body=body))
    here, placed, accounts, echoes = (times[IN_A_ROUND:] for times in (here, placed, accounts, echoes))
    added = percentile(placed, 50) - percentile(here, 50)
    return [
        *_times("PlaceOrder, one client", placed, _PLACE),
        *_times("place in process, in turns with it", here),
        Figure("gRPC over in-process, of PlaceOrder p50", added, "ms", at_most(0.6)),
        *_times("GetAccount, one client", accounts, _ACCOUNT),
        *_times("bare grpc.aio echo, in turns with it", echoes),
    ]


async def _same_load(bench: _Bench, many: int) -> list[Figure]:
    """As many calls a second in all, however many clients share them."""
    accounts = await bench.together([Accounts(pace) for pace in _paces(many, ACCOUNTS_A_SECOND)])
    orders = await bench.together([bench.orders(pace) for pace in _paces(many, ORDERS_A_SECOND)])
    return [
        *_times(f"GetAccount at {ACCOUNTS_A_SECOND}/s, {_clients(many)}", accounts, _ACCOUNT),
        *_times(f"PlaceOrder at {ORDERS_A_SECOND}/s, {_clients(many)}", orders, _PLACE),
    ]


async def _race(bench: _Bench, many: int) -> list[Figure]:
    """Each client makes its next call when it has the answer: what they get in all."""
    accounts = await _rate(bench, [Accounts(Pace(RACE // many)) for _ in range(many)])
    orders = await _rate(bench, [bench.orders(Pace(RACE // many)) for _ in range(many)])
    aim = at_least(3_000) if many == max(CLIENTS) else None
    return [
        Figure(f"GetAccount, as many as {_clients(many)} can", accounts, "calls/s"),
        Figure(f"PlaceOrder, as many as {_clients(many)} can", orders, "orders/s", aim),
    ]


async def _rate(bench: _Bench, jobs: list[Calls]) -> float:
    started = time.perf_counter()
    times = await bench.together(jobs)
    return len(times) / (time.perf_counter() - started)


def _paces(many: int, a_second: int) -> list[Pace]:
    """Clients take turns, evenly."""
    begin = time.monotonic() + 0.2
    count = round(LOAD_S * a_second / many)
    return [Pace(count, apart_s=many / a_second, begin=begin + number / a_second) for number in range(many)]


def _clients(many: int) -> str:
    return f"{many} clients" if many > 1 else "1 client"


def _times(name: str, times: list[float], aims: tuple[float, float] | None = None) -> list[Figure]:
    p50, p99 = (at_most(aim) for aim in aims) if aims else (None, None)
    return [
        Figure(f"{name}, p50", percentile(times, 50), "ms", p50),
        Figure(f"{name}, p99", percentile(times, 99), "ms", p99),
    ]


BENCHMARK = Benchmark(
    name="grpc_calls",
    title="Calls over gRPC",
    how="The connector's gRPC server over its gateway with a real Postgres (synchronous commit) and a real Kafka, the "
    "matching engine in the same process as the venue; each client in a process with a connection of its own. One "
    f"client: {ROUNDS * IN_A_ROUND:,} calls of each kind one after the other, in turns of {IN_A_ROUND} with placements "
    "in the server's process and with a grpc.aio server that sends bytes back: the floor. Then the same load "
    f"({ACCOUNTS_A_SECOND} and {ORDERS_A_SECOND} calls a second for {LOAD_S:.0f} s) shared by 1, 10 and 50 clients; "
    "then as fast as they can. Clients and servers share the cores.",
    measure=measure,
    limit_s=120,
)
