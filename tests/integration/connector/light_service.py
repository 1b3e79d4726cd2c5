"""The service at a real gRPC server, with streams and what a test's venue reads; the log is in memory."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

from connector.account import AccountView
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

SYMBOL = "BTCUSDT"


class OnlyNames:
    name, account = "paper", "main"


def parts_of(port: Any = None, *, buffer: int = 8) -> Parts:
    """Nobody asks the gateway."""
    port = cast("VenuePort", port or OnlyNames())
    instruments = {SYMBOL: Instrument(venue="paper", symbol=SYMBOL, grain=Grain(tick_size="1", lot_size="1"))}
    log = MemoryLog(MemoryBroker())
    publisher = Publisher(log.producer(client_id="test"), Sequences(), subscriber_buffer=buffer)
    account, prices = AccountView(port, max_age_s=1), LatestPrices(port, max_age_s=1)
    following = Following(Replays(log), resume_limit=1_000_000)
    return Parts(cast("Orders", None), port, account, prices, instruments, publisher, following)


@asynccontextmanager
async def listening(parts: Parts, **door: Any) -> AsyncIterator[str]:
    """The address; `door` is what else a GrpcServer takes."""
    async with GrpcServer(ConnectorService(parts), host="127.0.0.1", port=0, grace_s=1, **door) as server:
        yield f"127.0.0.1:{server.port}"


@asynccontextmanager
async def served(*, buffer: int = 8) -> AsyncIterator[tuple[Parts, ConnectorClient]]:
    parts = parts_of(buffer=buffer)
    async with listening(parts) as address, ConnectorClient(address) as client:
        yield parts, client
