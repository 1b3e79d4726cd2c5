"""Whose news is it? Routes what the venue says of an order or an execution to the order it belongs to.

An order of ours by prefix that the ledger does not know is adopted into it. Everything else is foreign: said on the
log, counted into the position, never touched (ORD-6). The same rules of lifecycle.py hold for both.
"""

from collections import OrderedDict
from dataclasses import replace

from connector.errors import VenueError
from connector.gateway import metrics
from connector.gateway.crash_points import reach
from connector.gateway.desk import Desk
from connector.gateway.lifecycle import (
    CONCLUDED,
    TERMINAL,
    Found,
    News,
    Order,
    adopted,
    alone,
    decide,
    describes,
    evolve,
)
from connector.port import OrderReport, VenueFill, VenueOrder
from observability.logs import get_logger
from topics.identifiers import is_ours
from topics.v1.orders_pb2 import ORDER_STATUS_SENT, OWNERSHIP_FOREIGN, OWNERSHIP_OURS, OrderUpdate

_log = get_logger(__name__)
_FOREIGN_IN_MEMORY = 5_000
_STRAYS_IN_MEMORY = 50_000


class Reports:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._foreign: OrderedDict[tuple[str, str], Order] = OrderedDict()
        self._unclaimed: set[str] = set()
        self._strays: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._orphans: dict[tuple[str, str], float] = {}

    async def route(self, report: OrderReport, *, source: int) -> int:
        """Returns how many updates came of it. Raises VenueError where the venue had to be asked and failed."""
        order = await self._owner(report)
        if isinstance(report, VenueFill):
            reach("after_execution_before_log")
        if order is not None:
            news: News = report
            if isinstance(report, VenueOrder) and order.id in self._unclaimed:
                self._unclaimed.discard(order.id)
                news = Found(report, "the list of open orders, without a claim of ours")
            updates = self._desk.orders.tell(order.id, news, source=source)
            if isinstance(report, VenueOrder) and report.status not in TERMINAL and order.reason_code in CONCLUDED:
                metrics.DIFFERENCES.labels("ghost_at_venue").inc()
                self._desk.background.spawn(self._end_ghost(order, report), name="cancel of a ghost")
            return len(updates)
        if isinstance(report, VenueOrder):
            return self._tell_foreign(report, source)
        return await self._route_stray_fill(report, source)

    def waits_for_orders(self, symbol: str) -> bool:
        """Executions were heard of whose order the venue does not show yet."""
        return any(of == symbol for of, _ in self._orphans)

    def open_foreign(self, symbol: str) -> list[Order]:
        return [order for order in self._foreign.values() if order.symbol == symbol and not order.terminal]

    async def _owner(self, report: OrderReport) -> Order | None:
        if (report.symbol, report.venue_order_id) in self._foreign:
            return None
        if report.venue_order_id:
            order = self._desk.orders.at_venue(report.symbol, report.venue_order_id)
            if order is not None:
                return order
        if report.client_order_id:
            order = await self._desk.load(client_order_id=report.client_order_id)
            if order is not None:
                return order if order.symbol == report.symbol and describes(order, report) else None
        order = await self._desk.load(symbol=report.symbol, venue_order_id=report.venue_order_id)
        if order is None and isinstance(report, VenueOrder) and is_ours(report.client_order_id):
            return await self._adopt(report)
        return order

    async def _adopt(self, report: VenueOrder) -> Order | None:
        # SENT, for it was: a claim yet to be sent would be denied while the kill switch is on
        order = replace(self._as_new(report, OWNERSHIP_OURS), status=ORDER_STATUS_SENT)
        _log.warning("an order of ours was not in the ledger", client_order_id=order.id, symbol=order.symbol)
        metrics.DIFFERENCES.labels("unclaimed_order").inc()
        metrics.ADOPTED.labels("open orders").inc()
        taken = await self._desk.group.claim(order)
        known = self._desk.orders.get(order.id)
        if known is None:
            known = taken or order
            self._desk.orders.put(known)
            self._unclaimed.add(known.id)
        return known if describes(known, report) else None

    def _as_new(self, report: VenueOrder, ownership: int) -> Order:
        return adopted(
            report,
            venue=self._desk.port.name,
            account=self._desk.port.account,
            grain=self._desk.grain(report.symbol),
            ownership=ownership,
            now_ns=self._desk.clock.now_ns(),
        )

    def _tell_foreign(self, report: OrderReport, source: int) -> int:
        key = (report.symbol, report.venue_order_id)
        order = self._foreign.get(key)
        if order is None:
            if isinstance(report, VenueFill):
                return 0
            metrics.DIFFERENCES.labels("foreign_order").inc()
            order = self._as_new(report, OWNERSHIP_FOREIGN)
        if isinstance(report, VenueFill) and not self._first_time(report):
            return 0
        updates = decide(order, report, source=source, now_ns=self._desk.clock.now_ns())
        for update in updates:
            order = evolve(order, update)
        self._keep_foreign(key, order)
        self._say_foreign(updates, [report] if updates and isinstance(report, VenueFill) else [])
        return len(updates)

    def _say_foreign(self, updates: list[OrderUpdate], fills: list[VenueFill]) -> None:
        for fill in fills:
            self._desk.orders.book(fill)
        self._desk.journal.write(updates, fills=fills)

    def _first_time(self, execution: VenueFill) -> bool:
        """Of executions that are no order's of ours. From here on it is known: it must be booked without a pause."""
        key = _key(execution)
        if key in self._strays:
            return False
        self._strays[key] = None
        if len(self._strays) > _STRAYS_IN_MEMORY:
            self._strays.popitem(last=False)
        return True

    def _keep_foreign(self, key: tuple[str, str], order: Order) -> None:
        self._foreign[key] = order
        self._foreign.move_to_end(key)
        if len(self._foreign) > _FOREIGN_IN_MEMORY:
            ended = next((it for it, known in self._foreign.items() if known.terminal), next(iter(self._foreign)))
            del self._foreign[ended]

    async def _route_stray_fill(self, execution: VenueFill, source: int) -> int:
        """An execution of no order of ours we know of: its order is asked for, then both are told."""
        key = _key(execution)
        if key in self._strays or await self._desk.ledger.known_trades(execution.symbol, [execution.fill.trade_id]):
            return 0
        if (execution.symbol, execution.venue_order_id) in self._foreign:
            return self._tell_foreign(execution, source)
        found = await self._desk.port.find_order(execution.symbol, venue_order_id=execution.venue_order_id)
        if found is None:
            return self._without_order(execution)
        self._orphans.pop(key, None)
        told = await self.route(found, source=source)
        owner = await self._owner(replace(execution, client_order_id=found.client_order_id))
        if owner is None:
            return told + self._tell_foreign(execution, source)
        return told + len(self._desk.orders.tell(owner.id, execution, source=source))

    def _without_order(self, execution: VenueFill) -> int:
        """The venue may show the order later; asked for in vain past the visibility delay, it is nobody's we know."""
        desk, key = self._desk, _key(execution)
        now = desk.clock.monotonic()
        if self._orphans.setdefault(key, now) > now - desk.settings.visibility_delay_s:
            return 0
        del self._orphans[key]
        if not self._first_time(execution):
            return 0
        reason = f"the venue does not know order {execution.venue_order_id}, of which this is an execution"
        _log.warning("an execution without an order", symbol=execution.symbol, trade_id=key[1], reason=reason)
        update = alone(
            execution,
            venue=desk.port.name,
            account=desk.port.account,
            grain=desk.grain(execution.symbol),
            code="ORDER_NOT_FOUND",
            reason=reason,
        )
        self._say_foreign([update], [execution])
        return 1

    async def _end_ghost(self, order: Order, report: VenueOrder) -> None:
        """Alive at the venue although we concluded that it ended: whoever placed it counts on nothing of it."""
        _log.error("an order concluded to have ended lives at the venue; cancelling it", client_order_id=order.id)
        try:
            answer = await self._desk.port.cancel(order.symbol, venue_order_id=report.venue_order_id)
        except VenueError as error:
            _log.warning("cancel failed, the next reconciliation repeats it", error=str(error))
        else:
            await self.route(answer, source=0)


def _key(execution: VenueFill) -> tuple[str, str]:
    return (execution.symbol, execution.fill.trade_id)
