"""The connector's gateway, its publisher and its gRPC server in this process, the venue's engine behind them.

The ledger is in a real Postgres, updates go to a real Kafka: what a caller waits for, without a venue's network.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from benchmarks.servers import own_servers
from benchmarks.workload import instrument
from connector.account import AccountView
from connector.following import Following
from connector.gateway.gateway import Gateway
from connector.latest_prices import LatestPrices
from connector.publisher import Publisher
from connector.replay import Replays
from connector.server import GrpcServer
from connector.service import ConnectorService
from connector.service_parts import Parts
from reliability.engine_port import EnginePort
from reliability.unlimited_gateway import BUFFER, unlimited_gateway
from topics import admin
from topics.log import LogAddress

SYMBOL: Final = "BTCUSDT"


@dataclass(frozen=True)
class Serving:
    gateway: Gateway
    publisher: Publisher
    parts: Parts


@asynccontextmanager
async def serving(*, subscriber_buffer: int = BUFFER) -> AsyncIterator[Serving]:
    """Started, with servers of its own, and room for every order of a run."""
    async with own_servers() as servers:
        address = LogAddress(servers.bootstrap)
        await admin.apply(address)
        port = EnginePort(SYMBOL)
        instruments = {SYMBOL: instrument(SYMBOL)}
        async with unlimited_gateway(
            port, address, servers.dsn, instruments, client_id="bench-gateway", subscriber_buffer=subscriber_buffer
        ) as trading:
            gateway, publisher = trading.gateway, trading.publisher
            gateway.on_mark_price(SYMBOL, await port.mark_price(SYMBOL))
            account = AccountView(port, max_age_s=1.0)
            following = Following(Replays(address), resume_limit=1_000_000)
            prices = LatestPrices(port, max_age_s=1.0)
            parts = Parts(gateway, port, account, prices, instruments, publisher, following)
            yield Serving(gateway, publisher, parts)


@asynccontextmanager
async def listening(parts: Parts) -> AsyncIterator[str]:
    """The address of the gRPC server, on loopback, for as long as the block lasts."""
    server = GrpcServer(ConnectorService(parts), host="127.0.0.1", port=0, grace_s=1)
    async with server:
        yield f"127.0.0.1:{server.port}"
