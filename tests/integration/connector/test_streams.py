"""Every stream to clients in processes of their own, while the connector's process is killed and started again."""

import asyncio
import sys
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import grpc
import pytest

from benchmarks.connector_process import RunningConnector
from connector import ConnectorClient
from connector.sequences import first_seq, last_seq
from connector.v1.connector_pb2 import PlaceOrderRequest
from tests.integration.connector.log_contents import everything
from topics.catalogue import ACCOUNT, FUNDING, MARKET, ORDERS, Topic
from topics.log import LogAddress
from topics.scale import Scale
from topics.v1.common_pb2 import OrderType, Side, TimeInForce

SYMBOL = "BTCUSDT"
WAIT_S = 60.0
WHOLE: dict[str, Topic[Any]] = {"market": MARKET, "orders": ORDERS, "funding": FUNDING, "account": ACCOUNT}
PARTS: dict[str, Topic[Any]] = {"candles": MARKET, "positions": ACCOUNT}


@dataclass
class Reader:
    """What a client in another process has read: pairs of first and last number, by stream."""

    process: asyncio.subprocess.Process
    read: dict[str, list[tuple[int, int]]] = field(default_factory=lambda: defaultdict(list))
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def listen(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            stream, _, first, last = line.decode().split()
            async with self._changed:
                self.read[stream].append((int(first), int(last)))
                self._changed.notify_all()

    async def until(self, reached: Callable[[dict[str, list[tuple[int, int]]]], bool]) -> None:
        async with asyncio.timeout(WAIT_S), self._changed:
            await self._changed.wait_for(lambda: reached(self.read))


@asynccontextmanager
async def reader(address: str) -> AsyncIterator[Reader]:
    script = Path(__file__).with_name("reading_process.py")
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(script), address, stdout=asyncio.subprocess.PIPE, cwd=Path(__file__).parents[3]
    )
    it = Reader(process)
    listening = asyncio.create_task(it.listen())
    try:
        yield it
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        await listening


@asynccontextmanager
async def trading(address: str) -> AsyncIterator[None]:
    """Orders are placed and cancelled all the time; that calls fail while the connector is gone is part of it."""

    async def trade() -> None:
        async with ConnectorClient(address, first_wait_s=0.1, timeout_s=5) as client:
            grain = Scale.of((await client.instrument(SYMBOL)).grain)
            number = 0
            while True:
                number += 1
                with suppress(grpc.aio.AioRpcError):
                    price = grain.price((await client.latest_price(SYMBOL)).quote.bid_ticks * 9 // 10)
                    order = PlaceOrderRequest(
                        symbol=SYMBOL,
                        client_order_id=f"tl{number:026d}",
                        side=Side.SIDE_BUY,
                        type=OrderType.ORDER_TYPE_LIMIT,
                        time_in_force=TimeInForce.TIME_IN_FORCE_POST_ONLY,
                        price=f"{price:f}",
                        quantity="0.010",
                    )
                    await client.place_order(order)
                    await client.cancel_order(SYMBOL, client_order_id=order.client_order_id)
                await asyncio.sleep(0.02)

    task = asyncio.create_task(trade())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def beyond(it: Reader, more: int) -> Callable[[dict[str, list[tuple[int, int]]]], bool]:
    """It has read some more of the market and of orders than now."""
    wanted = {stream: len(it.read[stream]) + more for stream in ("market", "orders")}
    return lambda read: all(len(read[stream]) >= count for stream, count in wanted.items())


def missed(read: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Neighbours that do not follow each other."""
    return [(before[1], after[0]) for before, after in pairwise(read) if after[0] != before[1] + 1]


@pytest.mark.timeout(240)
async def test_no_kill_of_the_connector_costs_a_client_an_update(
    connector_process: RunningConnector, log: LogAddress
) -> None:
    """GRPC-2, GRPC-5: two clients in other processes read every stream at over 100 updates a second, over three kills
    with -9; each number once, in order, and what they have read is what the log holds."""
    async with reader(connector_process.address) as one, reader(connector_process.address) as other:
        async with trading(connector_process.address):
            for _ in range(3):
                await asyncio.gather(*(it.until(beyond(it, 5)) for it in (one, other)))
                await asyncio.sleep(1)
                connector_process.kill()
                connector_process.spawn()
                await connector_process.ready()
            await one.until(lambda read: all(read[stream] for stream in (*WHOLE, *PARTS)))
            await asyncio.sleep(1)
        newest = {stream: max(map(last_seq, await everything(log, topic))) for stream, topic in WHOLE.items()}
        for it in (one, other):
            await it.until(lambda read: all(read[stream][-1][1] >= newest[stream] for stream in WHOLE))
        logged = {topic: await everything(log, topic) for topic in (MARKET, ACCOUNT)}
    for it in (one, other):
        assert not {stream: holes for stream in WHOLE if (holes := missed(it.read[stream]))}
        assert it.process.returncode == -9, "it read until the test ended it"
    candles = [
        batch.first_seq + place
        for batch in sorted(logged[MARKET], key=first_seq)
        for place, event in enumerate(batch.events)
        if event.HasField("candle")
    ]
    positions = [update.seq for update in logged[ACCOUNT] if update.positions]
    for stream, numbers in (("candles", candles), ("positions", positions)):
        read = [first for first, _ in one.read[stream] if first <= numbers[-1]]
        assert read == [number for number in numbers if read[0] <= number <= read[-1]]
    assert sum(last - first + 1 for first, last in one.read["market"]) > 1_000, "there was a load"
