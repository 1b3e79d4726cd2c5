"""The connector's process in the simulator: the product's publisher, pumps and gateway, wired as connector.main does.

Only the ends differ: venue, log and ledger are the simulated ones. It fails as the product does, by ending.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from connector.account import AccountView
from connector.gateway.clock import Clock
from connector.gateway.gateway import Gateway
from connector.gateway.ledger import Ledger
from connector.gateway.settings import GatewaySettings, RiskLimits
from connector.latest_prices import LatestPrices
from connector.port import VenuePort
from connector.publisher import Publisher
from connector.pumps import Pumps
from connector.sequences import resume
from connector.venue_at_start import start_venue
from connector.wiring import Work, keys_of, works
from topics.log import Log
from topics.v1.instruments_pb2 import Instrument

_START_S, _CALL_S = 30.0, 10.0


@dataclass(slots=True)
class ConnectorProcess:
    """`on_ready` is called once the gateway has started."""

    port: VenuePort
    log: Log
    ledger: Ledger
    clock: Clock
    limits: RiskLimits
    settings: GatewaySettings
    on_ready: Callable[[], None]
    account_snapshot_interval_s: float = 30.0
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    gateway: Gateway | None = None

    async def serve(self) -> None:
        """Until `stopping`. Raises what the process ends with."""
        listed = await start_venue(self.port, limit_s=_START_S, timeout_s=_CALL_S)
        instruments = {instrument.symbol: instrument for instrument in listed}
        sequences = await resume(self.log, keys_of(self.port.name, self.port.account, instruments))
        async with (
            self.log.producer(client_id="connector") as producer,
            self.log.producer(client_id="connector-market") as market_producer,
        ):
            publisher = Publisher(
                producer,
                sequences,
                subscriber_buffer=16,
                market_producer=market_producer,
                now_ns=self.clock.now_ns,
            )
            await publisher.publish_instruments(instruments.values())
            await self._trade(publisher, instruments)

    async def _trade(self, publisher: Publisher, instruments: dict[str, Instrument]) -> None:
        gateway = self.gateway = Gateway(
            port=self.port,
            ledger=self.ledger,
            publish=publisher.publish_orders,
            instruments=instruments,
            limits=self.limits,
            clock=self.clock,
            settings=self.settings,
            publish_alerts=publisher.publish_alerts,
        )
        try:
            await gateway.start()
            account = AccountView(self.port, max_age_s=1.0)
            prices = LatestPrices(self.port, max_age_s=1.0)
            pumps = Pumps(
                self.port,
                publisher,
                gateway,
                account,
                prices,
                self.account_snapshot_interval_s,
                now_ns=self.clock.now_ns,
            )
            self.on_ready()
            await self._until_stopped(gateway, works(publisher, pumps, gateway, instruments, self.log))
        finally:
            await gateway.stop()
            await self.port.close()

    async def _until_stopped(self, gateway: Gateway, jobs: list[Work]) -> None:
        """Raises what the first worker to fail raised."""
        workers = [asyncio.ensure_future(gateway.not_before_a_kill(work)) for work in jobs]
        stop = asyncio.ensure_future(self.stopping.wait())
        try:
            await asyncio.wait([stop, *workers], return_when=asyncio.FIRST_COMPLETED)
            for worker in workers:
                if worker.done():
                    worker.result()
        finally:
            for task in (*workers, stop):
                task.cancel()
            await asyncio.gather(*workers, stop, return_exceptions=True)
