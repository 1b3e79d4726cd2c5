"""What client processes do while they are measured: calls one after the other, and reading streams."""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import grpc

from benchmarks.bare_server import ECHO, STREAM, repeated
from benchmarks.orders import require_accepted, resting_message
from connector.client import ConnectorClient
from topics.v1.market_pb2 import MarketBatch

_AT_ONCE: Final = 10
_PATIENCE_S: Final = 0.02
Call = Callable[[], Awaitable[object]]


@dataclass(frozen=True)
class Pace:
    """`count` calls, begun at least `apart_s` after each other; the first at `begin` on the monotonic clock, which is
    the same in all processes."""

    count: int
    apart_s: float = 0.0
    begin: float = 0.0


@dataclass(frozen=True)
class Calls(ABC):
    """One after the other. Answers with the milliseconds that each took."""

    pace: Pace

    async def run(self, client: ConnectorClient) -> list[float]:
        call = await self.prepared(client)
        times = []
        due = self.pace.begin or time.monotonic()
        for _ in range(self.pace.count):
            await _until(due)
            started = time.perf_counter()
            await call()
            times.append((time.perf_counter() - started) * 1_000)
            due = max(due + self.pace.apart_s, time.monotonic())
        return times

    @abstractmethod
    async def prepared(self, client: ConnectorClient) -> Call:
        """The call, with all it needs made before."""


@dataclass(frozen=True)
class Accounts(Calls):
    async def prepared(self, client: ConnectorClient) -> Call:
        return client.account


@dataclass(frozen=True)
class Orders(Calls):
    """Those of this number and after it."""

    symbol: str
    first: int

    async def prepared(self, client: ConnectorClient) -> Call:
        requests = iter([resting_message(self.symbol, self.first + number) for number in range(self.pace.count)])

        async def place() -> None:
            placed = await client.place_order(next(requests))
            require_accepted(placed.order.status)

        return place


@dataclass(frozen=True)
class Echoes(Calls):
    """As many bytes to a bare server and back: a connection of its own."""

    address: str
    body: bytes

    async def prepared(self, client: ConnectorClient) -> Call:  # noqa: ARG002 - it is measured beside ours
        echo = grpc.aio.insecure_channel(self.address).unary_unary(ECHO)

        async def call() -> None:
            await echo(self.body)

        await call()  # connects
        return call


async def _until(due: float) -> None:
    left = due - time.monotonic()
    if left > 0:
        await asyncio.sleep(left)


@dataclass(frozen=True)
class Delays:
    """Reads this many quotes, however many come together. Answers with the milliseconds since each one's `update_id`,
    the wall clock in nanoseconds when it was published."""

    symbol: str
    count: int

    async def run(self, client: ConnectorClient) -> list[float]:
        delays: list[float] = []
        async for batch in client.prices(self.symbol):
            now_ns = time.time_ns()
            delays += [(now_ns - event.quote.update_id) / 1e6 for event in batch.events]
            if len(delays) >= self.count:
                break
        return delays


@dataclass(frozen=True)
class Arrivals:
    """On the monotonic clock, of how many messages in how many gRPC messages."""

    first: float
    last: float
    messages: int
    grpc_messages: int


@dataclass(frozen=True)
class Reading(ABC):
    """Reads this many messages, however many come together."""

    count: int

    async def run(self, client: ConnectorClient) -> Arrivals:
        read, received, first = 0, 0, 0.0
        async for message in self.messages(client):
            read += len(message.events) if isinstance(message, MarketBatch) else 1
            received += 1
            first = first or time.monotonic()
            if read >= self.count:
                break
        return Arrivals(first, time.monotonic(), read, received)

    @abstractmethod
    def messages(self, client: ConnectorClient) -> AsyncIterator[object]: ...


@dataclass(frozen=True)
class Prices(Reading):
    """Of one event each when they were published."""

    symbol: str

    def messages(self, client: ConnectorClient) -> AsyncIterator[object]:
        return client.prices(self.symbol)


@dataclass(frozen=True)
class OrderUpdates(Reading):
    symbol: str

    def messages(self, client: ConnectorClient) -> AsyncIterator[object]:
        return client.order_updates(self.symbol)


@dataclass(frozen=True)
class Bytes(Reading):
    """From a bare server, sent as fast as it can."""

    address: str
    body: bytes

    async def messages(self, client: ConnectorClient) -> AsyncIterator[object]:  # noqa: ARG002 - measured beside ours
        async with grpc.aio.insecure_channel(self.address) as channel:
            async for message in channel.unary_stream(STREAM)(repeated(self.body, self.count)):
                yield message


@dataclass(frozen=True)
class Subscriptions:
    """Begins and ends this many streams, some at a time: prices after the first message, orders without one."""

    count: int
    symbol: str

    async def run(self, client: ConnectorClient) -> int:
        lanes = (self._lane(client, self.count // _AT_ONCE) for _ in range(_AT_ONCE))
        return sum(await asyncio.gather(*lanes))

    async def _lane(self, client: ConnectorClient, count: int) -> int:
        for number in range(count):
            if number % 2:
                await anext(client.prices(self.symbol))
            else:
                with suppress(TimeoutError):
                    async with asyncio.timeout(_PATIENCE_S):
                        await anext(client.order_updates(self.symbol))
        return count


@dataclass(frozen=True)
class Connections:
    """Connects this many times, one after the other, makes a call and leaves."""

    count: int

    async def run(self, client: ConnectorClient) -> int:
        for _ in range(self.count):
            async with ConnectorClient(client.address) as another:
                await another.account()
        return self.count


@dataclass(frozen=True)
class Seen:
    """One market message: the numbers of its events, and when it came, on the monotonic clock."""

    first: int
    last: int
    at: float


@dataclass(frozen=True)
class Watching:
    """Reads market messages for so long, over restarts of the connector too."""

    seconds: float
    symbol: str

    async def run(self, client: ConnectorClient) -> list[Seen]:
        seen: list[Seen] = []
        with suppress(TimeoutError):
            async with asyncio.timeout(self.seconds):
                async for batch in client.prices(self.symbol):
                    last = batch.first_seq + len(batch.events) - 1
                    seen.append(Seen(batch.first_seq, last, time.monotonic()))
        return seen
