"""The door of the order gateway: one path to the venue for intents and direct calls alike.

The promise: at most one order at the venue for each client order id and none lost, though the process may be killed
at any moment. It holds because a claim is durable before anything is sent, an uncertain outcome is looked up instead
of sent again, and every change is said on the log before the ledger forgets that it has to be. The parts: placing,
cancelling, lookups, reports, reconciliation, intents; the rules: lifecycle, exposure; the memory: ledger.
"""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from decimal import Decimal
from typing import Any

from connector.errors import VenueError
from connector.gateway.accounts import Positions
from connector.gateway.alerts import Alerts, PublishAlerts
from connector.gateway.background import Background
from connector.gateway.cancelling import Cancelling
from connector.gateway.clock import Clock, SystemClock
from connector.gateway.crash_points import reach
from connector.gateway.desk import Desk
from connector.gateway.exposure import SymbolExposure, total_exposure
from connector.gateway.group_commit import GroupCommit
from connector.gateway.intents import Intents
from connector.gateway.journal import Journal, Publish
from connector.gateway.kill_state import KillState
from connector.gateway.kill_switch import KillReport, KillSwitch
from connector.gateway.ledger import Ledger
from connector.gateway.lifecycle import TERMINAL, as_update
from connector.gateway.live_orders import LiveOrders
from connector.gateway.lookups import Lookups
from connector.gateway.placement_gate import PlacementGate
from connector.gateway.placing import PlaceResult, Placing
from connector.gateway.reconciliation import Reconciliation
from connector.gateway.reconciling import Reconciling
from connector.gateway.reports import Reports
from connector.gateway.settings import GatewaySettings, RiskLimits
from connector.port import OrderReport, OrderRequest, VenueOrder, VenuePort
from observability.logs import get_logger
from topics.errors import TapelineError
from topics.log import Log
from topics.scale import Scale
from topics.v1.account_pb2 import AccountUpdate
from topics.v1.instruments_pb2 import Instrument
from topics.v1.orders_pb2 import ORDER_SOURCE_STREAM, OrderUpdate

_log = get_logger(__name__)
_STREAM_LOST_TRIES = 5
STOP_WAIT_S = 2.0
_MOST_UNSAID = 10_000


class Gateway:
    """`publish` returns when the log has the updates, and stamps their seq. `instruments`: what may be traded.
    Without `publish_alerts`, alerts are only in the structured log.

    Only `start` fails on a ledger that is away; after that such a failure ends in `wait_failed`, and the process with
    it.
    """

    def __init__(
        self,
        port: VenuePort,
        ledger: Ledger,
        publish: Publish,
        instruments: Mapping[str, Instrument],
        limits: RiskLimits,
        clock: Clock | None = None,
        *,
        settings: GatewaySettings | None = None,
        publish_alerts: PublishAlerts | None = None,
    ) -> None:
        clock = clock or SystemClock()
        settings = settings or GatewaySettings()
        background = Background()
        group = GroupCommit(ledger, clock, background, flush_delay_s=settings.ledger_flush_s)
        journal = Journal(publish, group, background)
        exposures = {name: SymbolExposure(Scale.of(it.grain).lot_size) for name, it in instruments.items()}
        orders = LiveOrders(exposures, journal, clock, settled_in_memory=settings.settled_in_memory)
        alerts = Alerts(publish_alerts, clock, background, venue=port.name, account=port.account)
        self._desk = Desk(
            port=port,
            ledger=ledger,
            instruments=instruments,
            limits=limits,
            settings=settings,
            clock=clock,
            background=background,
            group=group,
            journal=journal,
            orders=orders,
            alerts=alerts,
            gate=PlacementGate(settings.breaker, clock, alerts),
        )
        self._positions = Positions(exposures, instruments)
        self._lookups = Lookups(self._desk)
        self._reports = Reports(self._desk)
        self._placing = Placing(self._desk, self._lookups)
        self._cancelling = Cancelling(self._desk, self._lookups)
        self._reconciliation = Reconciliation(
            self._desk, self._reports, self._lookups, self._cancelling, self._positions
        )
        self._kill_switch = KillSwitch(self._desk, self._lookups, self._reports)
        self._lookups.connect(fetch_fills=self._reconciliation.fetch_fills, cancel_again=self._cancelling.again)
        self._intents = Intents(self._desk, self._placing, self._cancelling)
        self._reconciling = Reconciling(self._desk, self._reconciliation)
        self._epoch = 0

    async def start(self) -> None:
        """Takes the account over and reconciles. Until the venue lets it, placing stays halted and it tries on."""
        desk = self._desk
        holder = f"{socket.gethostname()}/{os.getpid()}"
        self._epoch = await desk.ledger.start(desk.port.name, desk.port.account, holder)
        desk.gate.begin(self._epoch)
        reach("during_start_up")
        desk.background.spawn(desk.group.run(), name="ledger")
        desk.background.spawn(desk.journal.run(), name="journal")
        desk.background.spawn(desk.alerts.run(), name="alerts")
        await self._reconciliation.load()
        desk.background.spawn(self._kill_switch.run(), name="kill switch")
        await self._reconciling.begin(self._epoch)
        desk.background.spawn(self._reconciling.run(), name="reconciliation")

    async def stop(self) -> None:
        """Waits a little for placements under way; what is left is claimed, and the next start looks it up.

        Cancel `run_intents` before. Intents read and not begun stay for the next start.
        """
        desk = self._desk
        desk.stopping = True
        if self._epoch and desk.background.failure is None:
            await self._let_placements_land()
            await desk.journal.said()
            reach("during_shut_down")
            await desk.alerts.said()
            await desk.group.flush()
        await desk.background.stop()
        await desk.ledger.close()

    async def _let_placements_land(self) -> None:
        orders = self._desk.orders
        landings = asyncio.gather(*(orders.landed(order.id) for order in orders.open()))
        limit = asyncio.ensure_future(self._desk.clock.sleep(STOP_WAIT_S))
        both: set[asyncio.Future[Any]] = {landings, limit}
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        for future in both:
            future.cancel()
        await asyncio.gather(*both, return_exceptions=True)

    async def wait_failed(self) -> None:
        """Never returns; raises what this gateway cannot go on after (fenced, log or ledger lost)."""
        await self._desk.background.wait_failed()

    async def place(self, request: OrderRequest, *, strategy: str = "", intent_id: str = "") -> PlaceResult:
        """The order as the venue answered, DENIED by our limits, or UNKNOWN while it is looked up (WF-2, WF-3).

        Raises InvalidOrderError for a request that can be no order, AlreadyExistsError for an id used with other
        details.
        """
        return await self._placing.place(request, strategy=strategy, intent_id=intent_id)

    async def place_batch(
        self, requests: Sequence[OrderRequest], *, strategy: str = "", intent_id: str = ""
    ) -> list[PlaceResult | TapelineError]:
        """One result or error for each request, in their order; what `place` would raise is a value here (ORD-2)."""
        return await self._placing.place_batch(requests, strategy=strategy, intent_id=intent_id)

    async def cancel(self, symbol: str, client_order_id: str = "", venue_order_id: str = "") -> OrderUpdate:
        """The order as it is afterwards; an ended one as it is. Raises OrderNotFoundError, or the venue's error."""
        return await self._cancelling.cancel(symbol, client_order_id=client_order_id, venue_order_id=venue_order_id)

    async def cancel_batch(
        self, symbol: str, *, client_order_ids: Sequence[str] = (), venue_order_ids: Sequence[str] = ()
    ) -> list[OrderUpdate | TapelineError]:
        """As `cancel`, each by itself: first those by client order id, then those by venue order id (ORD-2)."""
        return await self._cancelling.cancel_batch(
            symbol, client_order_ids=client_order_ids, venue_order_ids=venue_order_ids
        )

    async def cancel_all(self, symbol: str, *, everything: bool = False) -> dict[str, OrderUpdate | TapelineError]:
        """Ours on the symbol by client order id, as they are then or why not. `everything`: others' too (ORD-1)."""
        return await self._cancelling.cancel_all(symbol, everything=everything)

    async def on_report(self, report: OrderReport) -> None:
        """From the venue's user stream."""
        try:
            await self._reports.route(report, source=ORDER_SOURCE_STREAM)
        except VenueError as error:
            _log.warning("a report waits for the next reconciliation", symbol=report.symbol, error=str(error))
        if isinstance(report, VenueOrder) and report.status not in TERMINAL:
            self._kill_switch.noticed()
        if self._desk.journal.backlog > _MOST_UNSAID:
            await self._desk.journal.said()

    def kill(self, *, by: str, reason: str, everything: bool = False) -> None:
        """RISK-8: nothing is placed from here on, everything of ours is cancelled; `kill_reports` tells how far it is.

        `everything`: orders of others on the account too.
        """
        self._kill_switch.kill(by=by, reason=reason, everything=everything)

    async def release(self, *, by: str, reason: str) -> KillState:
        """Durable when it returns. Raises ConnectorError where that failed: the switch stays on."""
        return await self._kill_switch.release(by=by, reason=reason)

    @property
    def kill_report(self) -> KillReport:
        return self._kill_switch.report

    def kill_reports(self) -> AsyncIterator[KillReport]:
        """How the kill switch is now, and again whenever that changes."""
        return self._kill_switch.reports()

    async def not_before_a_kill(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """What fails ends the process, but not before a kill under way is durable and carried out (RISK-8): a process
        that died of its database first would leave orders at the venue with nobody to cancel them."""
        try:
            await work()
        except Exception as error:
            if self.kill_report.state.killed:
                _log.error("the process ends once the kill is carried out", error=str(error), kind=type(error).__name__)
            await self.kill_carried_out()
            raise

    async def kill_carried_out(self) -> None:
        """Returns when a kill under way, if any, cannot be lost with this process any more."""
        await self._kill_switch.carried_out()

    async def on_stream_lost(self) -> None:
        """The user stream is back after a cut: what happened meanwhile is fetched (STREAM-1)."""
        for _ in range(_STREAM_LOST_TRIES):
            if await self._reconciling.now():
                return
            await self._desk.clock.sleep(self._desk.settings.lookup_retry_s)

    async def on_account(self, update: AccountUpdate) -> None:
        self._positions.on_account(update)

    def on_mark_price(self, symbol: str, price: Decimal) -> None:
        """Quote currency."""
        if exposure := self._desk.orders.exposures.get(symbol):
            exposure.mark(price)

    async def reconcile(self) -> int:
        """Now. Returns how many updates it brought. Raises VenueError."""
        return await self._reconciliation.run()

    async def order(
        self, client_order_id: str = "", venue_order_id: str = "", *, symbol: str = ""
    ) -> OrderUpdate | None:
        """One of ours, as far back as the ledger goes; None where it is not. A venue order id needs its symbol."""
        found = await self._desk.load(client_order_id=client_order_id, symbol=symbol, venue_order_id=venue_order_id)
        return as_update(found) if found else None

    def open_orders(self, symbol: str = "") -> list[OrderUpdate]:
        """Ours that have not ended, unknown ones and claims in flight included."""
        return [as_update(order) for order in self._desk.orders.open(symbol)]

    def status(self) -> dict[str, Any]:
        desk = self._desk
        failure = desk.background.failure
        return {
            "ok": not desk.halted and not desk.stopping and failure is None,
            "halted": desk.halted,
            "killed": desk.killed,
            "failure": "" if failure is None else str(failure),
            "epoch": self._epoch,
            "open_orders": len(desk.orders.open()),
            "unknown_orders": desk.orders.unknown_count,
            "unknown_oldest_s": round(desk.orders.oldest_unknown_s(), 1),
            "awaiting_fills": len(desk.orders.awaiting_fills()),
            "duplicates_suppressed": self._placing.duplicates_suppressed,
            "intents": dict(self._intents.outcomes),
            "intents_pending": desk.group.progress.pending,
            "breaker": desk.gate.state.name.lower(),
            "unsaid_updates": desk.journal.backlog,
            "exposure_quote": format(total_exposure(desk.orders.exposures), "f"),
            "positions": {symbol: it.position_lots for symbol, it in desk.orders.exposures.items()},
            **self._reconciling.status(),
        }

    async def run_intents(self, log: Log) -> None:
        """Carries out intents from where the ledger stands. Raises what ends it.

        Waits for the first reconciliation as long as `reconcile_patience_s`; while placing is halted for longer,
        placements are answered DENIED with code HALTED, so that strategies know, and cancels are carried out.
        """
        failed = asyncio.ensure_future(self.wait_failed())
        work = asyncio.ensure_future(self._intents_when_ready(log))
        try:
            done, _ = await asyncio.wait({failed, work}, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            failed.cancel()
            work.cancel()
            await asyncio.gather(failed, work, return_exceptions=True)

    async def _intents_when_ready(self, log: Log) -> None:
        await self._reconciling.decided.wait()
        await self._intents.run(log)
