"""The typed client at a real gRPC server: what it leaves behind."""

import asyncio
import gc
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest

from connector.account import AccountView
from connector.broadcast import Broadcast
from connector.client import ConnectorClient
from connector.following import Following
from connector.latest_prices import LatestPrices
from connector.port import VenuePort
from connector.publisher import Publisher
from connector.replay import Replays
from connector.sequences import Sequences
from connector.server import GrpcServer
from connector.service import ConnectorService
from connector.service_parts import Orders, Parts
from topics.memory_broker import MemoryBroker
from topics.memory_log import MemoryLog
from topics.v1.common_pb2 import Grain
from topics.v1.instruments_pb2 import Instrument
from topics.v1.market_pb2 import MarketBatch, MarketEvent

SYMBOL = "BTCUSDT"


class OnlyNames:
    name, account = "paper", "main"


@pytest.fixture
def no_collector() -> Iterator[None]:
    """Nothing is cleaned up by chance."""
    gc.disable()
    yield
    gc.enable()


@asynccontextmanager
async def served(buffer: int = 8) -> AsyncIterator[tuple[Parts, ConnectorClient]]:
    """Streams only: nobody asks the gateway or the venue, and the log is in memory."""
    port = cast("VenuePort", OnlyNames())
    instruments = {SYMBOL: Instrument(venue="paper", symbol=SYMBOL, grain=Grain(tick_size="1", lot_size="1"))}
    log = MemoryLog(MemoryBroker())
    publisher = Publisher(log.producer(client_id="test"), Sequences(), subscriber_buffer=buffer)
    account, prices = AccountView(port, max_age_s=1), LatestPrices(port, max_age_s=1)
    following = Following(Replays(log), resume_limit=1_000_000)
    parts = Parts(cast("Orders", None), port, account, prices, instruments, publisher, following)
    async with (
        GrpcServer(ConnectorService(parts), host="127.0.0.1", port=0, grace_s=1) as server,
        ConnectorClient(f"127.0.0.1:{server.port}") as client,
    ):
        yield parts, client


def subscriptions(broadcast: Broadcast[Any]) -> int:
    return len(broadcast._of_all) + sum(map(len, broadcast._by_key.values()))


async def until(broadcast: Broadcast[Any], wanted: int) -> None:
    async with asyncio.timeout(5):
        while subscriptions(broadcast) != wanted:
            await asyncio.sleep(0.01)


@pytest.mark.usefixtures("no_collector")
async def test_a_stream_ends_at_the_server_when_its_reader_leaves_the_loop() -> None:
    """GRPC-6: a client that reads no more leaves no subscription, and does not wait for a garbage collector."""
    async with served() as (parts, client):
        for number in range(3):
            reading = asyncio.create_task(_first(client))
            await until(parts.publisher.market, 1)
            batch = MarketBatch(symbol=SYMBOL, first_seq=number + 1, events=[MarketEvent()])
            parts.publisher.market.publish(SYMBOL, batch, number + 1)
            assert await reading == number + 1
            await until(parts.publisher.market, 0)


async def _first(client: ConnectorClient) -> int:
    async for batch in client.prices(SYMBOL):
        return batch.first_seq
    raise AssertionError("the stream ended")
