"""A gateway that nothing holds back: its ledger in a real Postgres, its updates on a real Kafka, and no limit reached.

For measurements and trials that are about neither limits nor reconciliation.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from connector.gateway.gateway import Gateway
from connector.gateway.postgres_ledger import PostgresLedger
from connector.gateway.settings import GatewaySettings, RiskLimits
from connector.port import VenuePort
from connector.publisher import Publisher
from connector.sequences import Sequences
from topics.log import LogAddress, LogProducer
from topics.v1.instruments_pb2 import Instrument

BUFFER: Final = 1_024
_UNLIMITED: Final = Decimal(10**12)
_SETTINGS: Final = GatewaySettings(reconcile_interval_s=3_600, reconcile_patience_s=7_200)


@dataclass(frozen=True)
class Trading:
    gateway: Gateway
    publisher: Publisher


@asynccontextmanager
async def unlimited_gateway(
    port: VenuePort,
    log: LogAddress,
    dsn: str,
    instruments: Mapping[str, Instrument],
    *,
    client_id: str,
    sequences: Sequences | None = None,
    subscriber_buffer: int = BUFFER,
) -> AsyncIterator[Trading]:
    """Started; stopped in the end. `client_id`: of its producer. `sequences`: where the log ends, if it has records."""
    async with LogProducer(log, client_id=client_id) as producer:
        publisher = Publisher(producer, sequences or Sequences(), subscriber_buffer=subscriber_buffer)
        gateway = Gateway(
            port=port,
            ledger=PostgresLedger(dsn),
            publish=publisher.publish_orders,
            instruments=instruments,
            limits=RiskLimits(
                max_exposure_quote=_UNLIMITED, max_order_notional=_UNLIMITED, max_open_orders_per_symbol=10**9
            ),
            settings=_SETTINGS,
        )
        await gateway.start()
        try:
            yield Trading(gateway, publisher)
        finally:
            await gateway.stop()
