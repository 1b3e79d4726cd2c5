"""Both ledgers, and a gateway on each of them with a venue in the process."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field

import pytest

from connector.gateway.gateway import Gateway
from connector.gateway.ledger import Ledger
from connector.gateway.memory_ledger import MemoryDatabase, MemoryLedger
from connector.gateway.postgres_ledger import PostgresLedger
from connector.gateway.settings import GatewaySettings, RiskLimits
from tests.unit.connector.gateway.given import OTHER_SYMBOL, SYMBOL
from tests.unit.connector.gateway.quick_clock import QuickClock
from tests.unit.connector.gateway.scripted_venue import ScriptedVenue
from topics.v1.alerts_pb2 import Alert
from topics.v1.orders_pb2 import OrderUpdate

NewLedger = Callable[[], Ledger]
# Nothing looks by itself: a test asks for what it is about.
_QUIET: dict[str, object] = {"reconcile_interval_s": 1e6, "kill_poll_s": 1e6}


@pytest.fixture(params=["memory", "postgres"])
def new_ledger(request: pytest.FixtureRequest) -> NewLedger:
    """Makes ledgers that share one database, as processes do."""
    if request.param == "memory":
        database = MemoryDatabase()
        return lambda: MemoryLedger(database)
    dsn: str = request.getfixturevalue("postgres_database")
    return lambda: PostgresLedger(dsn)


class Log:
    """What was published, in order; waits for what is to come."""

    def __init__(self) -> None:
        self.updates: list[OrderUpdate] = []
        self._changed = asyncio.Condition()

    async def publish(self, updates: list[OrderUpdate]) -> None:
        async with self._changed:
            self.updates.extend(updates)
            self._changed.notify_all()

    async def until(self, holds: Callable[[list[OrderUpdate]], bool]) -> list[OrderUpdate]:
        async with self._changed:
            await asyncio.wait_for(self._changed.wait_for(lambda: holds(self.updates)), 20)
        return self.updates

    async def until_status(self, client_order_id: str, status: int) -> OrderUpdate:
        def seen(updates: list[OrderUpdate]) -> list[OrderUpdate]:
            return [it for it in updates if it.client_order_id == client_order_id and it.status == status]

        return seen(await self.until(lambda updates: bool(seen(updates))))[-1]

    def of(self, client_order_id: str) -> list[OrderUpdate]:
        return [it for it in self.updates if it.client_order_id == client_order_id]


@dataclass
class Stage:
    """A venue and a log that outlive the gateways started on them."""

    new_ledger: NewLedger
    venue: ScriptedVenue = field(default_factory=lambda: ScriptedVenue(SYMBOL, OTHER_SYMBOL))
    log: Log = field(default_factory=Log)
    clock: QuickClock = field(default_factory=QuickClock)
    gateways: list[Gateway] = field(default_factory=list)
    alerts: list[Alert] = field(default_factory=list)

    async def gateway(
        self, *, limits: RiskLimits | None = None, settings: Mapping[str, object] | None = None
    ) -> Gateway:
        gateway = Gateway(
            self.venue,
            self.new_ledger(),
            self.log.publish,
            self.venue.instruments,
            limits or RiskLimits(),
            self.clock,
            settings=GatewaySettings.model_validate(_QUIET | dict(settings or {})),
            publish_alerts=self.publish_alerts,
        )
        self.venue.emit = gateway.on_report
        self.gateways.append(gateway)
        await gateway.start()
        return gateway

    async def publish_alerts(self, alerts: Sequence[Alert]) -> None:
        self.alerts.extend(alerts)

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not holds():
                await asyncio.sleep(0.001)

    async def until_alert(self, code: str) -> Alert:
        await self.until(lambda: any(it.code == code for it in self.alerts))
        return next(it for it in self.alerts if it.code == code)

    async def crash(self, gateway: Gateway) -> None:
        """Ends it as kill -9 does: nothing is finished, nothing more is written."""
        await gateway._desk.background.stop()
        await gateway._desk.ledger.close()
        self.gateways.remove(gateway)


@pytest.fixture
async def stage(new_ledger: NewLedger) -> AsyncIterator[Stage]:
    it = Stage(new_ledger)
    yield it
    for gateway in it.gateways:
        await gateway.stop()
