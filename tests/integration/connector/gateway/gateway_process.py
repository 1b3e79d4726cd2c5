"""A gateway as a process of its own, to be killed: `python -m … BOOTSTRAP NAMESPACE DSN VENUE_PORT`."""

import asyncio
import sys
from decimal import Decimal

from connector.gateway.gateway import Gateway
from connector.gateway.postgres_ledger import PostgresLedger
from connector.gateway.settings import GatewaySettings, RiskLimits
from observability.logs import configure
from tests.integration.connector.gateway.venue_server import RemoteVenue
from tests.unit.connector.gateway.given import OTHER_SYMBOL, SYMBOL
from topics.catalogue import ORDERS
from topics.codec import encode
from topics.envelope import Envelope
from topics.log import LogAddress, LogProducer
from topics.v1.orders_pb2 import OrderUpdate

SETTINGS = GatewaySettings(unknown_lookup_delay_s=0.1, visibility_delay_s=0.5, reconcile_interval_s=1.0)
LIMITS = RiskLimits(
    max_exposure_quote=Decimal(10_000_000), max_order_notional=Decimal(10_000), max_open_orders_per_symbol=100_000
)


async def main(bootstrap: str, namespace: str, dsn: str, venue_port: str) -> None:
    log = LogAddress(bootstrap, namespace)
    venue = RemoteVenue(SYMBOL, OTHER_SYMBOL)
    await venue.connect(int(venue_port))
    async with LogProducer(log, client_id="orders") as producer:

        async def publish(updates: list[OrderUpdate]) -> None:
            await producer.send_all(encode(ORDERS, it, Envelope("id", "test", it.time_ms)) for it in updates)

        gateway = Gateway(venue, PostgresLedger(dsn), publish, venue.instruments, LIMITS, settings=SETTINGS)
        venue.emit = gateway.on_report
        await gateway.start()
        await gateway.run_intents(log)


if __name__ == "__main__":
    configure("gateway", "WARNING")
    asyncio.run(main(*sys.argv[1:]))
