"""Bringing what we believe and what the venue holds together again: at start, after a cut stream, and now and then.

Open orders are compared, each missing one is asked for before anything is concluded, executions are fetched from the
last mark on (ORD-6). A second run right after the first changes nothing. It places nothing.
"""

import asyncio
from collections import deque

from connector.errors import VenueError, VenueRejectedError
from connector.gateway import metrics
from connector.gateway.accounts import Positions
from connector.gateway.cancelling import Cancelling
from connector.gateway.corrections import Corrections
from connector.gateway.crash_points import reach
from connector.gateway.desk import Desk
from connector.gateway.lifecycle import Order, Uncertain, as_update, describes
from connector.gateway.lookups import Lookups
from connector.gateway.reports import Reports
from connector.gateway.shared_reads import SharedReads
from observability.logs import get_logger
from topics.v1.orders_pb2 import ORDER_SOURCE_RECONCILIATION, ORDER_STATUS_UNKNOWN

_log = get_logger(__name__)
_AT_ONCE = 8
_SNAPSHOT_TRIES = 5


class Reconciliation:
    def __init__(
        self, desk: Desk, reports: Reports, lookups: Lookups, cancelling: Cancelling, positions: Positions
    ) -> None:
        self._desk = desk
        self._reports = reports
        self._lookups = lookups
        self._cancelling = cancelling
        self._corrections = Corrections(desk, positions)
        self._marks: dict[str, str] = {}
        self._listed: dict[str, deque[tuple[float, str]]] = {}
        self._fills = SharedReads(self._fetch, desk.background, name="executions")
        self._lock = asyncio.Lock()
        self.runs = 0
        self.last_corrections = 0

    async def load(self) -> None:
        """What the ledger remembers, before the venue is asked anything."""
        self._marks = await self._desk.ledger.fill_marks()
        for order in await self._desk.ledger.unsettled():
            self._desk.orders.put(order)
            if order.terminal:  # perhaps not said yet; what was said is only repeated
                self._desk.journal.write([as_update(order, source=ORDER_SOURCE_RECONCILIATION)], orders=[order])
        await self._corrections.load()

    async def start_up(self) -> int:
        """Everything that must be known before the first placement. Raises VenueError. Returns the corrections."""
        async with self._lock:
            for symbol in self._desk.instruments:
                await self._set_first_mark(symbol)
            corrections = await self._look_up_unanswered()
            corrections += await self._all_symbols()
            for symbol, exposure in self._desk.orders.exposures.items():
                exposure.mark(await self._desk.port.mark_price(symbol))
            corrections += await self._begin_positions()
            return await self._finish(corrections)

    async def run(self) -> int:
        """Returns how many updates only this look at the venue brought. Raises VenueError."""
        async with self._lock:
            corrections = await self._all_symbols()
            corrections += await self._corrections.compare_positions(self.fetch_fills)
            return await self._finish(corrections)

    async def fetch_fills(self, symbol: str) -> int:
        """Books what was executed since the mark. Raises VenueError. Returns how many updates it brought."""
        return await self._fills.ask(symbol)

    async def _fetch(self, symbol: str, _since_ms: int) -> int:
        """The mark follows the newest execution by the visibility delay: the venue may list some late."""
        mark, begun = self._marks.get(symbol, ""), self._desk.clock.monotonic()
        executions = await self._desk.port.fills(symbol, since_trade_id=mark)
        corrections = 0
        for execution in executions:
            corrections += await self._reports.route(execution, source=ORDER_SOURCE_RECONCILIATION)
        if corrections:
            metrics.DIFFERENCES.labels("missed_execution").inc(corrections)
        listed = self._listed.setdefault(symbol, deque())
        newest = executions[-1].fill.trade_id if executions else mark
        if not listed or listed[-1][1] != newest:
            listed.append((begun, newest))
        if self._reports.waits_for_orders(symbol):
            return corrections
        while listed and listed[0][0] <= begun - self._desk.settings.visibility_delay_s:
            self._marks[symbol] = listed.popleft()[1]
        if self._marks.get(symbol, "") != mark:
            self._desk.journal.write([], marks={symbol: self._marks[symbol]})
        return corrections

    async def _finish(self, corrections: int) -> int:
        await self._desk.journal.said()
        self.runs += 1
        self.last_corrections = corrections
        metrics.CORRECTIONS.inc(corrections)
        return corrections

    async def _set_first_mark(self, symbol: str) -> None:
        """The first start of all: what was executed before us is in the position already and is not ours to tell."""
        if symbol in self._marks:
            return
        if self._desk.orders.open(symbol):
            self._marks[symbol] = ""
        else:
            before = await self._desk.port.fills(symbol)
            self._marks[symbol] = before[-1].fill.trade_id if before else ""
        self._desk.group.change([], [], {symbol: self._marks[symbol]})
        await self._desk.group.flush()

    async def _look_up_unanswered(self) -> int:
        unanswered = [
            order
            for order in self._desk.orders.open()
            if not order.answered and not self._desk.orders.in_flight(order.id)
        ]
        gate = asyncio.Semaphore(_AT_ONCE)

        async def look(order: Order) -> int:
            delay_s = self._until_visible_s(order)
            async with gate:
                uncertain = Uncertain("found in the ledger at start without an answer")
                told = self._desk.orders.tell(order.id, uncertain, source=ORDER_SOURCE_RECONCILIATION)
                found = await self._lookups.find(order)
            if found is None or not describes(order, found):
                self._lookups.watch(order.id, delay_s=delay_s, missed=1)
                return len(told)
            return len(told) + len(self._lookups.adopt(self._desk.orders.get(order.id) or order, found))

        return sum(await asyncio.gather(*map(look, unanswered)))

    def _until_visible_s(self, order: Order) -> float:
        """How long to wait for what an earlier process sent to show or to be void; restarts must not begin it anew.

        It counts from when the order was told UNKNOWN, on the wall clock that dates requests: nobody has sent it since,
        save a predecessor that did not know yet that it was one. The delay is longer than a venue takes requests dated
        in the past and in the future together, so a clock set forward makes it refuse our questions before it can
        shorten the wait; one set back makes it whole again.
        """
        settings = self._desk.settings
        told_s_ago = (self._desk.clock.now_ns() // 1_000_000 - order.time_ms) / 1_000
        if order.status != ORDER_STATUS_UNKNOWN or told_s_ago < 0:
            return settings.visibility_delay_s
        left_s = settings.visibility_delay_s + settings.claim_fresh_s - told_s_ago
        return min(settings.visibility_delay_s, max(0.0, left_s))

    async def _all_symbols(self) -> int:
        corrections = 0
        for symbol in self._desk.instruments:
            corrections += await self._symbol(symbol)
        return corrections

    async def _symbol(self, symbol: str) -> int:
        orders = self._desk.orders
        expected = [order for order in orders.open(symbol) if order.answered]
        foreign = self._reports.open_foreign(symbol)
        listed = await self._desk.port.open_orders(symbol)
        reach("during_reconciliation")
        corrections = 0
        for report in listed:
            corrections += await self._reports.route(report, source=ORDER_SOURCE_RECONCILIATION)
        if corrections:
            metrics.DIFFERENCES.labels("missed_update").inc(corrections)
        seen = {report.venue_order_id for report in listed}
        for order in expected:
            if order.venue_order_id not in seen:
                corrections += await self._ask_for(order)
        for order in foreign:
            if order.venue_order_id not in seen and (found := await self._lookups.find(order)):
                corrections += await self._reports.route(found, source=ORDER_SOURCE_RECONCILIATION)
        corrections += await self._foreign(symbol)
        corrections += await self.fetch_fills(symbol)
        corrections += self._corrections.fill_gaps(symbol)
        for order in orders.open(symbol):
            if order.cancel_requested and not orders.in_flight(order.id):
                self._cancelling.again(order)
        return corrections

    async def _foreign(self, symbol: str) -> int:
        """Orders of others: counted, and cancelled only where a person has set that."""
        orders = self._reports.open_foreign(symbol)
        metrics.FOREIGN_ORDERS.labels(symbol).set(len(orders))
        corrections = 0
        for order in orders if self._desk.settings.cancel_foreign_orders else ():
            _log.warning("cancelling an order of somebody else", symbol=symbol, venue_order_id=order.venue_order_id)
            try:
                answer = await self._desk.port.cancel(symbol, venue_order_id=order.venue_order_id)
            except VenueRejectedError as error:
                _log.warning("it was not cancelled; the next look tells why", error=str(error))
            else:
                corrections += await self._reports.route(answer, source=ORDER_SOURCE_RECONCILIATION)
        return corrections

    async def _ask_for(self, missing: Order) -> int:
        now = self._desk.orders.get(missing.id)
        if now is None or now.terminal:
            return 0
        metrics.DIFFERENCES.labels("missing_at_venue").inc()
        found = await self._lookups.find(now)
        if found is not None:
            return len(self._lookups.adopt(now, found))
        _log.warning("the venue does not know an open order of ours", client_order_id=missing.id)
        self._lookups.watch(missing.id, delay_s=self._desk.settings.visibility_delay_s, missed=1)
        return 0

    async def _begin_positions(self) -> int:
        corrections = await self._corrections.begin_positions(self.fetch_fills, tries=_SNAPSHOT_TRIES)
        if corrections is None:
            raise VenueError(
                f"the position could not be read: executions came in between {_SNAPSHOT_TRIES} times; will be tried "
                "again"
            )
        return corrections
