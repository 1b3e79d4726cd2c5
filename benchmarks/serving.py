"""The connector's gateway, its publisher and its gRPC server in this process, the venue's engine behind them.

The ledger is in a real Postgres, updates go to a real Kafka: what a caller waits for, without a venue's network.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from benchmarks.servers import own_servers
from benchmarks.workload import instrument
from connector.account import AccountView
from connector.following import Following
from connector.gateway.gateway import Gateway
from connector.gateway.postgres_ledger import PostgresLedger
from connector.gateway.settings import GatewaySettings, RiskLimits
from connector.latest_prices import LatestPrices
from connector.publisher import Publisher
from connector.replay import Replays
from connector.sequences import Sequences
from connector.server import GrpcServer
from connector.service import ConnectorService
from connector.service_parts import Parts
from reliability.engine_port import EnginePort
from topics import admin
from topics.log import LogAddress, LogProducer

SYMBOL: Final = "BTCUSDT"
DEFAULT_BUFFER: Final = 1_024
_UNLIMITED: Final = Decimal(10**12)


@dataclass(frozen=True)
class Serving:
    gateway: Gateway
    publisher: Publisher
    parts: Parts


@asynccontextmanager
async def serving(*, subscriber_buffer: int = DEFAULT_BUFFER) -> AsyncIterator[Serving]:
    """Started, with servers of its own, and room for every order of a run."""
    async with own_servers() as servers:
        address = LogAddress(servers.bootstrap)
        await admin.apply(address)
        port = EnginePort(SYMBOL)
        instruments = {SYMBOL: instrument(SYMBOL)}
        async with LogProducer(address, client_id="bench-gateway") as producer:
            publisher = Publisher(producer, Sequences(), subscriber_buffer=subscriber_buffer)
            gateway = Gateway(
                port=port,
                ledger=PostgresLedger(servers.dsn),
                publish=publisher.publish_orders,
                instruments=instruments,
                limits=RiskLimits(
                    max_exposure_quote=_UNLIMITED, max_order_notional=_UNLIMITED, max_open_orders_per_symbol=10**9
                ),
                settings=GatewaySettings(reconcile_interval_s=3_600),
            )
            await gateway.start()
            gateway.on_mark_price(SYMBOL, await port.mark_price(SYMBOL))
            account = AccountView(port, max_age_s=1.0)
            try:
                following = Following(Replays(address), resume_limit=1_000_000)
                prices = LatestPrices(port, max_age_s=1.0)
                parts = Parts(gateway, port, account, prices, instruments, publisher, following)
                yield Serving(gateway, publisher, parts)
            finally:
                await gateway.stop()


@asynccontextmanager
async def listening(parts: Parts) -> AsyncIterator[str]:
    """The address of the gRPC server, on loopback, for as long as the block lasts."""
    server = GrpcServer(ConnectorService(parts), host="127.0.0.1", port=0, grace_s=1)
    async with server:
        yield f"127.0.0.1:{server.port}"
