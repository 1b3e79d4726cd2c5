"""The kill switch at work (RISK-8): nothing is placed any more, everything of ours at the venue is cancelled, and the
venue is asked until it has nothing left, now and for as long as the switch is on.

The order of things is the promise. Placing halts in memory first, at once. Then the row in the ledger is written (from
there on it holds for every gateway on the account and over restarts) and at the same time orders are cancelled:
neither waits for the other, so a database that is away delays no cancel and a venue that is away no row. Log and
ledger may be gone: nothing here waits for them. It is verified when the venue listed nothing twice, with a pause
between for what arrives late, and no order's fate is unknown. It must never be the reason to place anything.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

from connector.errors import ConnectorError, VenueError
from connector.gateway import metrics
from connector.gateway.desk import Desk
from connector.gateway.kill_state import KillState, kill_text
from connector.gateway.lookups import Lookups
from connector.gateway.reports import Reports
from connector.gateway.venue_sweep import Look, VenueSweep
from connector.port import VenueOrder
from observability.logs import get_logger
from topics.v1.alerts_pb2 import SEVERITY_CRITICAL, SEVERITY_WARNING
from topics.v1.orders_pb2 import ORDER_SOURCE_GATEWAY, ORDER_SOURCE_RECONCILIATION

_log = get_logger(__name__)
_CLEAN_LOOKS = 2


@dataclass(frozen=True, slots=True)
class KillReport:
    """How far it is. `state`: as it is durable, or as it is wished while `durable` is False. `found`, `cancelled`:
    orders since the kill. `left`: not cancelled by the newest look. `unresolved`: orders whose fate the venue has not
    told.
    """

    state: KillState
    durable: bool
    verified: bool
    found: int
    cancelled: int
    left: int
    unresolved: int
    problem: str

    @property
    def done(self) -> bool:
        return self.durable and (self.verified or not self.state.killed)


class KillSwitch:
    def __init__(self, desk: Desk, lookups: Lookups, reports: Reports) -> None:
        self._desk = desk
        self._lookups = lookups
        self._reports = reports
        self._sweep = VenueSweep(desk.port, wanted=lambda: bool(desk.killed), told=self._told, gone=self._gone)
        self._wish: KillState | None = None
        self._noted = False
        self._found = self._cancelled = self._left = self._clean_looks = 0
        self._problems: dict[str, str] = {}
        self._retry_after_s = 0.0
        self._wake = asyncio.Event()
        self._changed = asyncio.Event()
        self._turning = asyncio.Lock()

    @property
    def report(self) -> KillReport:
        return KillReport(
            state=self._wish or self._desk.ledger.kill,
            durable=self._wish is None,
            verified=bool(self._desk.killed) and self._verified and self._noted,
            found=self._found,
            cancelled=self._cancelled,
            left=self._left,
            unresolved=self._unresolved,
            problem="; ".join(text for text in self._problems.values() if text),
        )

    async def reports(self) -> AsyncIterator[KillReport]:
        """How it is now, and again whenever that changes."""
        last: KillReport | None = None
        while True:
            changed = self._changed
            if (now := self.report) != last:
                last = now
                yield now
            await changed.wait()

    def kill(self, *, by: str, reason: str, everything: bool = False) -> None:
        """Nothing is placed from here on; `run` does the rest, `reports` tells how far it is."""
        now_ms = self._desk.clock.now_ns() // 1_000_000
        self._wish = KillState(0, killed=True, time_ms=now_ms, by=by, reason=reason, everything=everything)
        self._desk.killing = kill_text(by, reason)
        self._desk.kills += 1
        self._found = self._cancelled = 0
        self._noted = False
        self._desk.cancel_wishes.wake(order.id for order in self._desk.orders.open())
        _log.error("kill switch", by=by, reason=reason, everything=everything)
        self._look_soon()

    async def release(self, *, by: str, reason: str) -> KillState:
        """Durable when it returns. Raises ConnectorError where it could not be written: then the switch stays on."""
        async with self._turning:
            wish, before = self._wish, self._desk.ledger.kill
            now_ms = self._desk.clock.now_ns() // 1_000_000
            try:
                state = await self._desk.ledger.set_kill(
                    killed=False, by=by, reason=reason, everything=False, time_ms=now_ms
                )
            except Exception as error:
                raise ConnectorError(f"the kill switch stays on: its release could not be written: {error}") from error
            if self._wish is wish:  # a kill that came meanwhile wins
                self._wish, self._desk.killing = None, ""
        _log.warning("kill switch released", by=by, reason=reason)
        if state != before:
            text = f"the kill switch is off, released by {by or 'somebody'}: {reason or 'no reason given'}"
            self._desk.alerts.tell("KILL_SWITCH_RELEASED", state.version, text)
        self._look_soon()
        return state

    def noticed(self) -> None:
        """Somebody heard of an order that is alive: while the switch is on, the venue is looked at at once."""
        if self._desk.killed:
            self._look_soon()

    async def carried_out(self) -> None:
        """Returns at once while the switch is off; else when it is durable and the venue has nothing of ours. What
        ends the process waits for this: a kill must not be lost with it."""
        while self._desk.killed and (self._wish is not None or self._clean_looks < _CLEAN_LOOKS):
            await self._changed.wait()

    async def run(self) -> None:
        """For ever. A ledger that cannot be read while the switch is off ends the process, not this: a kill that is
        found meanwhile must still be carried out."""
        while True:
            self._wake.clear()
            if not self._desk.killed:
                await self._find_out()
            if self._desk.killed:
                await asyncio.gather(self._write_down(), self._look())
                if self._verified:
                    await self._note_verified()
            metrics.KILL_SWITCH.set(1 if self._desk.killed else 0)
            self._tell()
            await self._pause(self._wait_s())

    async def _find_out(self) -> None:
        try:
            await self._desk.ledger.kill_state()
        except Exception as error:  # noqa: BLE001  whatever it was, this process cannot tell any more
            self._desk.background.fail(error)

    async def _write_down(self) -> None:
        """The wish as a durable row; without one, what the row says now."""
        async with self._turning:
            wish = self._wish
            try:
                if wish is None:
                    await self._desk.ledger.kill_state()
                else:
                    state = await self._desk.ledger.set_kill(
                        killed=True,
                        by=wish.by,
                        reason=wish.reason,
                        everything=wish.everything,
                        time_ms=wish.time_ms,
                    )
                    if self._wish is wish:
                        self._wish, self._desk.killing = None, ""
                    _log.warning("the kill switch is durable", version=state.version)
            except Exception as error:  # noqa: BLE001  cancels go on whatever the database says
                self._problems["row"] = f"{'not durable yet: ' if wish else ''}{type(error).__name__}: {error}".strip()
                _log.error("the kill switch could not be written or read, will be tried again", error=str(error))
            else:
                self._problems.pop("row", None)
        state = self._desk.ledger.kill
        if state.killed:
            self._desk.alerts.tell("KILL_SWITCH", state.version, state.text, severity=SEVERITY_CRITICAL)
        self._tell()

    async def _look(self) -> None:
        state = self._wish or self._desk.ledger.kill
        symbols = dict.fromkeys([*self._desk.instruments, *(it.symbol for it in self._desk.orders.open())])
        known = {
            symbol: [it.venue_order_id for it in self._desk.orders.open(symbol) if it.answered and it.venue_order_id]
            for symbol in symbols
        }
        was_verified = self._verified
        look = await self._sweep.look(symbols, everything=state.everything, known=known)
        self._count(look)
        if was_verified and look.found:
            text = f"{look.found} orders were alive at the venue after it had none; cancelled {look.cancelled}"
            subject = f"{state.version}/{self._found}"
            self._desk.alerts.tell("KILL_SWITCH_LATE_ORDERS", subject, text, severity=SEVERITY_WARNING)
        if not self._verified:
            self._tell()

    def _count(self, look: Look) -> None:
        self._found += look.found
        self._cancelled += look.cancelled
        self._left = look.left
        self._retry_after_s = look.retry_after_s
        self._clean_looks = self._clean_looks + 1 if look.clean else 0
        self._problems["venue"] = "; ".join(look.problems[:3])

    async def _note_verified(self) -> None:
        state = self._desk.ledger.kill
        if not self._noted:
            _log.warning("the venue has no order of ours left", cancelled=self._cancelled, version=state.version)
        try:
            await self._desk.ledger.note_verified(state.version, self._desk.clock.now_ns() // 1_000_000)
        except Exception as error:  # noqa: BLE001  it is so although it is not written; written after the next look
            _log.warning("that it is verified will be written later", error=str(error))
        else:
            self._noted = True

    @property
    def _verified(self) -> bool:
        return self._wish is None and self._clean_looks >= _CLEAN_LOOKS and not self._unresolved

    @property
    def _unresolved(self) -> int:
        return sum(not order.answered for order in self._desk.orders.open())

    def _wait_s(self) -> float:
        settings = self._desk.settings
        if not self._desk.killed:
            return settings.kill_poll_s
        if self._verified:
            return settings.kill_watch_s
        if self._clean_looks == 1:
            return settings.kill_verify_s
        return max(settings.kill_retry_s, self._retry_after_s)

    async def _pause(self, seconds: float) -> None:
        both = (
            asyncio.ensure_future(self._desk.clock.sleep(seconds)),
            asyncio.ensure_future(self._wake.wait()),
        )
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for future in both:
                future.cancel()
            await asyncio.gather(*both, return_exceptions=True)

    def _look_soon(self) -> None:
        self._clean_looks = 0
        self._wake.set()
        self._tell()

    def _tell(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    def _told(self, answer: VenueOrder) -> None:
        order = self._desk.orders.at_venue(answer.symbol, answer.venue_order_id)
        if order is not None:
            self._desk.orders.tell(order.id, answer, source=ORDER_SOURCE_GATEWAY)
        else:
            self._desk.background.spawn(self._route(answer), name="cancelled by the kill switch")

    async def _route(self, answer: VenueOrder) -> None:
        """Not in memory: an order of an earlier run, of ours or not. Its story may wait for ledger and log."""
        try:
            await self._reports.route(answer, source=ORDER_SOURCE_RECONCILIATION)
        except VenueError as error:
            _log.warning("a cancelled order waits for the next reconciliation", error=str(error))

    def _gone(self, symbol: str, venue_order_id: str) -> None:
        order = self._desk.orders.at_venue(symbol, venue_order_id)
        if order is not None and not order.terminal:
            self._lookups.watch(order.id, delay_s=0.0)
