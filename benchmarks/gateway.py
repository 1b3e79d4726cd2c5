"""Orders through the gateway: claimed in Postgres, placed at an engine in this process, said on the log.

First many at once (how many a second), then one after the other (how long one takes), then the same over gRPC.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from itertools import count
from typing import Final

from benchmarks.engine_port import MID_TICKS, EnginePort
from benchmarks.percentiles import percentile
from benchmarks.result import Benchmark, BenchmarkError, Figure, at_least, at_most
from benchmarks.servers import own_servers
from benchmarks.workload import instrument
from connector.account import AccountView
from connector.client import ConnectorClient
from connector.gateway.gateway import Gateway
from connector.gateway.postgres_ledger import PostgresLedger
from connector.gateway.settings import GatewaySettings, RiskLimits
from connector.port import OrderRequest
from connector.publisher import Publisher
from connector.sequences import Sequences
from connector.server import GrpcServer
from connector.service import ConnectorService, Parts
from connector.v1 import connector_pb2 as pb
from topics import admin
from topics.identifiers import client_order_id
from topics.log import LogAddress, LogProducer
from topics.scale import Scale
from topics.v1.common_pb2 import ORDER_TYPE_LIMIT, SIDE_BUY, TIME_IN_FORCE_POST_ONLY
from topics.v1.orders_pb2 import ORDER_STATUS_ACCEPTED, OrderStatus

SYMBOL: Final = "BTCUSDT"
WARM_UP: Final = 1_024
BURST: Final = 12_800
AT_ONCE: Final = 128
ONE_BY_ONE: Final = 1_000
REASON: Final = (
    "By profile an order costs about 0.35 ms of this process's time, which bounds one core to 2,900 a second "
    "while Kafka and Postgres have the other one: a fifth of it is the engine that stands for the venue, a tenth "
    "the exposure check, a tenth its updates on their way to the log."
)
PLACE_REASON: Final = (
    "Timed call by call: the ledger's commit takes 1.5 ms (p50) and the log's ack of the update 0.8 to 0.9 ms, one "
    "after the other; the rest is the event loop between them. Over gRPC the client shares the process."
)
_UNLIMITED: Final = Decimal(10**12)


async def measure() -> list[Figure]:
    async with own_servers() as servers, _gateway(servers.bootstrap, servers.dsn) as (gateway, parts):
        # made before, so that making them is not measured
        requests = [_request(number) for number in range(WARM_UP + BURST + ONE_BY_ONE)]
        waiting = iter(requests)

        async def place() -> None:
            result = await gateway.place(next(waiting))
            _require_accepted(result.order.status)

        await _burst(place, WARM_UP)
        rate = await _burst(place, BURST)
        direct = await _one_by_one(place)
        server = GrpcServer(ConnectorService(parts), host="127.0.0.1", port=0, grace_s=1)
        async with server, ConnectorClient(f"127.0.0.1:{server.port}") as client:
            messages = (_message(number) for number in count(len(requests)))

            async def place_remotely() -> None:
                placed = await client.place_order(next(messages))
                _require_accepted(placed.order.status)

            async def get_account() -> None:
                await client.account()

            remote = await _one_by_one(place_remotely)
            account = await _one_by_one(get_account)
    return [
        Figure("orders through the gateway", rate, "orders/s", at_least(3_000), REASON),
        *_times("place, in this process", direct, 1.5, 5, PLACE_REASON),
        *_times("PlaceOrder over gRPC", remote, 1.5, 5, PLACE_REASON),
        *_times("GetAccount over gRPC", account, 0.8, 2),
    ]


@asynccontextmanager
async def _gateway(bootstrap: str, dsn: str) -> AsyncIterator[tuple[Gateway, Parts]]:
    address = LogAddress(bootstrap)
    await admin.apply(address)
    port = EnginePort(SYMBOL)
    instruments = {SYMBOL: instrument(SYMBOL)}
    async with LogProducer(address, client_id="bench-gateway") as producer:
        publisher = Publisher(producer, Sequences(), subscriber_buffer=1024)
        gateway = Gateway(
            port=port,
            ledger=PostgresLedger(dsn),
            publish=publisher.publish_orders,
            instruments=instruments,
            limits=RiskLimits(
                max_exposure_quote=_UNLIMITED, max_order_notional=_UNLIMITED, max_open_orders_per_symbol=10**9
            ),
            settings=GatewaySettings(reconcile_interval_s=3_600),
        )
        await gateway.start()
        gateway.on_mark_price(SYMBOL, await port.mark_price(SYMBOL))
        try:
            account = AccountView(port, max_age_s=1.0)
            yield gateway, Parts(gateway, port, account, instruments, publisher.market, publisher.orders)
        finally:
            await gateway.stop()


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


def _times(name: str, times: list[float], p50_ms: float, p99_ms: float, reason: str = "") -> list[Figure]:
    return [
        Figure(f"{name}, p50", percentile(times, 50), "ms", at_most(p50_ms), reason),
        Figure(f"{name}, p99", percentile(times, 99), "ms", at_most(p99_ms), reason),
    ]


def _request(number: int) -> OrderRequest:
    return OrderRequest(
        symbol=SYMBOL,
        client_order_id=_id(number),
        side=SIDE_BUY,
        type=ORDER_TYPE_LIMIT,
        time_in_force=TIME_IN_FORCE_POST_ONLY,
        price_ticks=MID_TICKS - 1_000 - number % 1_000,
        quantity_lots=10,
    )


def _message(number: int) -> pb.PlaceOrderRequest:
    request = _request(number)
    scale = Scale.of(instrument(SYMBOL).grain)
    return pb.PlaceOrderRequest(
        symbol=request.symbol,
        client_order_id=request.client_order_id,
        side=SIDE_BUY,
        type=ORDER_TYPE_LIMIT,
        time_in_force=TIME_IN_FORCE_POST_ONLY,
        price=format(scale.price(request.price_ticks), "f"),
        quantity=format(scale.quantity(request.quantity_lots), "f"),
    )


def _id(number: int) -> str:
    return client_order_id(strategy="bench", venue="paper", symbol=SYMBOL, slot=number, side="BUY", epoch=0, attempt=0)


def _require_accepted(status: OrderStatus.ValueType) -> None:
    if status != ORDER_STATUS_ACCEPTED:
        raise BenchmarkError(f"an order ended as {OrderStatus.Name(status)} instead of being accepted")


BENCHMARK = Benchmark(
    name="gateway",
    title="The order gateway",
    how="The connector's gateway with its ledger in a real Postgres (synchronous commit), its updates on a real Kafka, "
    f"and the matching engine in the same process as the venue. {BURST:,} different orders, {AT_ONCE} at a time; then "
    f"{ONE_BY_ONE:,} calls one after the other, the first tenth left out, in this process and over gRPC on loopback "
    "(client and server share the process).",
    measure=measure,
    limit_s=90,
)
