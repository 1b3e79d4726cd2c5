"""Messages on gRPC streams: from the publish in the connector to a client in another process, and how many a second."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import chain
from typing import Final, TypeVar

from prometheus_client import REGISTRY

from benchmarks.bare_server import bare_server
from benchmarks.grpc_clients import Clients, Job, clients
from benchmarks.grpc_jobs import Arrivals, Bytes, Delays, OrderUpdates, Prices, Reading
from benchmarks.market import batches, market_events
from benchmarks.orders import resting
from benchmarks.percentiles import percentile
from benchmarks.result import Benchmark, BenchmarkError, Figure, at_least, at_most
from benchmarks.serving import SYMBOL, Serving, listening, serving
from connector.broadcast import Broadcast
from connector.sequences import last_seq
from connector.v1.connector_pb2 import SubscribePriceResponse
from topics.v1.market_pb2 import MarketBatch
from topics.v1.orders_pb2 import OrderUpdate

MANY: Final = (10, 50)
MESSAGES: Final = 50_000
PACES: Final = ((1, 100), (10, 100), (50, 100), (1, 1_000), (1, 5_000))
PACED_S: Final = 5.0
ORDERS_REASON: Final = (
    "Each is a gRPC message of its own, and grpc.aio alone is not much faster: compare the figure of bare grpc.aio. By "
    "profile three quarters of the server's time for a message are its write."
)
_P50_MS: Final = 0.5
_P99_MS: Final = 1.5
_AT_ONCE: Final = 64
_SUBSCRIBED_S: Final = 30.0
ItemT = TypeVar("ItemT")
AnswerT = TypeVar("AnswerT")


@dataclass
class _Bench:
    """`market` and `updates` are what is sent, as often as it is wanted."""

    serving: Serving
    clients: Clients
    floor: str
    market: Sequence[MarketBatch]
    updates: Sequence[OrderUpdate]


async def measure() -> list[Figure]:
    async with _bench() as bench:
        figures = [figure for many, a_second in PACES for figure in await _delays(bench, many, a_second)]
        orders = await _order_rate(bench)
        figures += [
            Figure("bare grpc.aio, as many bytes to 1 client", await _floor(bench), "messages/s"),
            Figure("order updates to 1 client", orders, "messages/s", at_least(25_000), ORDERS_REASON),
        ]
        for many in (1, *MANY):
            figures += await _market_rate(bench, many)
    return figures


@asynccontextmanager
async def _bench() -> AsyncIterator[_Bench]:
    async with (
        serving(subscriber_buffer=MESSAGES) as started,
        listening(started.parts) as address,
        bare_server() as floor,
        clients(address, max(MANY)) as connected,
    ):
        quotes = [event for event in market_events(SYMBOL, 2 * MESSAGES) if event.HasField("quote")]
        market = list(batches(SYMBOL, quotes, 1))
        placed = (await started.gateway.place(resting(SYMBOL, 0))).order
        updates = [OrderUpdate() for _ in range(MESSAGES)]
        for number, update in enumerate(updates):
            update.CopyFrom(placed)
            update.seq = number + 1
        yield _Bench(started, connected, floor, market, updates)


async def _delays(bench: _Bench, many: int, a_second: int) -> list[Figure]:
    """Every client gets all of `a_second` messages a second, sent evenly."""
    count = round(a_second * PACED_S)
    publish = bench.serving.publisher.market.publish

    async def send() -> None:
        begun, sent = time.monotonic(), 0
        while sent < count:
            due = min(count, 1 + int((time.monotonic() - begun) * a_second))
            for batch in bench.market[sent:due]:
                batch.events[0].quote.update_id = time.time_ns()
                publish(SYMBOL, batch, last_seq(batch))
            sent = due
            await asyncio.sleep(0.001)

    delays = list(chain(*await _while_sending(bench, "price", [Delays(SYMBOL, count)] * many, send)))
    name = f"market message, {a_second:,}/s to {many} client{'s' if many > 1 else ''}"
    return [
        Figure(f"{name}, p50", percentile(delays, 50), "ms", at_most(_P50_MS)),
        Figure(f"{name}, p99", percentile(delays, 99), "ms", at_most(_P99_MS)),
    ]


async def _market_rate(bench: _Bench, many: int) -> list[Figure]:
    sent = bench.market[: MESSAGES // many]
    arrived = await _arrivals(bench, "price", [Prices(len(sent), SYMBOL)] * many, sent, bench.serving.publisher.market)
    together = sum(it.messages for it in arrived) / sum(it.grpc_messages for it in arrived)
    name = f"market messages to {_clients(many)}"
    return [
        Figure(name, _a_second(arrived), "messages/s", at_least(25_000)),
        Figure(f"{name}: in one gRPC message", together, "messages"),
    ]


async def _order_rate(bench: _Bench) -> float:
    jobs = [OrderUpdates(len(bench.updates), SYMBOL)]
    return _a_second(await _arrivals(bench, "orders", jobs, bench.updates, bench.serving.publisher.orders))


async def _arrivals(
    bench: _Bench, stream: str, jobs: Sequence[Reading], sent: Sequence[ItemT], through: Broadcast[ItemT]
) -> list[Arrivals]:
    """All are published at once, so that what is measured is how fast they leave and arrive."""

    async def send() -> None:
        for number, item in enumerate(sent):
            through.publish(SYMBOL, item, last_seq(item))
            if number % _AT_ONCE == 0:
                await asyncio.sleep(0)

    return await _while_sending(bench, stream, jobs, send)


async def _floor(bench: _Bench) -> float:
    body = SubscribePriceResponse(batch=bench.market[0]).SerializeToString()
    return _a_second(await bench.clients.each([Bytes(MESSAGES, bench.floor, body)]))


def _a_second(arrived: Sequence[Arrivals]) -> float:
    """What all clients read, from the first message that anyone had to the last."""
    seconds = max(it.last for it in arrived) - min(it.first for it in arrived)
    return sum(it.messages for it in arrived) / seconds


def _clients(many: int) -> str:
    return "1 client" if many == 1 else f"{many} clients in all"


async def _while_sending(
    bench: _Bench, stream: str, jobs: Sequence[Job[AnswerT]], send: Callable[[], Awaitable[None]]
) -> list[AnswerT]:
    """Answers of clients that had all subscribed before the first message was sent; every run numbers from one."""
    await _subscribers(stream, 0)
    for broadcast in (bench.serving.publisher.market, bench.serving.publisher.orders):
        broadcast.newest.clear()
    reading = asyncio.create_task(bench.clients.each(jobs))
    await _subscribers(stream, len(jobs))
    await send()
    return await reading


async def _subscribers(stream: str, wanted: int) -> None:
    """Returns when there are so many. Raises BenchmarkError."""
    deadline = time.monotonic() + _SUBSCRIBED_S
    while (there := REGISTRY.get_sample_value("connector_grpc_subscribers", {"stream": stream}) or 0) != wanted:
        if time.monotonic() > deadline:
            raise BenchmarkError(f"{stream}: {there:g} of {wanted} subscribers after {_SUBSCRIBED_S:.0f} s")
        await asyncio.sleep(0.01)


BENCHMARK = Benchmark(
    name="grpc_streams",
    title="Streams over gRPC",
    how="Quotes, each a market message of its own, handed to the connector's subscribers, sent by its gRPC server and "
    "read by its client, each client in a process with a connection of its own. A message's time is from the publish "
    f"(when the log has it) to its arrival, decoded; sent evenly for {PACED_S:.0f} s, all messages to every client. A "
    f"rate: {MESSAGES:,} messages published at once, in all to 1, 10 and 50 clients, from the first arrival to the "
    "last; market messages that wait for a client leave together, order updates one by one. Beside it a grpc.aio "
    "server that sends as many bytes as a quote has, one by one without anything of ours, read without decoding. "
    "Clients and server share the cores.",
    measure=measure,
    limit_s=120,
)
