"""The one owner of live-order state (ORD-7): every order that can still change, and what all of them put at stake.

All news about an order passes `tell`, which is synchronous: decided, folded, counted and handed to the journal before
anything else can happen. Must not talk to the venue.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import replace
from weakref import WeakValueDictionary

from connector.gateway import metrics
from connector.gateway.clock import Clock
from connector.gateway.exposure import SymbolExposure
from connector.gateway.journal import Journal
from connector.gateway.lifecycle import Ended, News, Order, decide, evolve, moved_lots
from connector.port import VenueFill
from topics.v1.orders_pb2 import ORDER_STATUS_FILLED, ORDER_STATUS_UNKNOWN, OrderUpdate


class LiveOrders:
    def __init__(
        self, exposures: Mapping[str, SymbolExposure], journal: Journal, clock: Clock, *, settled_in_memory: int
    ) -> None:
        self.exposures = exposures
        self._journal = journal
        self._clock = clock
        self._settled_in_memory = settled_in_memory
        self._orders: dict[str, Order] = {}
        self._ids: dict[tuple[str, str], str] = {}
        self._open: dict[str, dict[str, None]] = {}
        self._unknown: set[str] = set()
        self._settled: OrderedDict[str, None] = OrderedDict()
        self._flights: dict[str, asyncio.Future[None]] = {}
        self._answers: WeakValueDictionary[str, asyncio.Future[None]] = WeakValueDictionary()

    def get(self, client_order_id: str) -> Order | None:
        return self._orders.get(client_order_id)

    def at_venue(self, symbol: str, venue_order_id: str) -> Order | None:
        client_order_id = self._ids.get((symbol, venue_order_id))
        return self._orders.get(client_order_id) if client_order_id else None

    def open(self, symbol: str = "") -> list[Order]:
        """Not ended: claims in flight and unknown ones included."""
        symbols = [symbol] if symbol else list(self._open)
        return [self._orders[key] for it in symbols for key in self._open.get(it, ())]

    def open_count(self, symbol: str) -> int:
        return len(self._open.get(symbol, ()))

    @property
    def unknown_count(self) -> int:
        return len(self._unknown)

    def oldest_unknown_s(self) -> float:
        """Seconds since the oldest order of unknown outcome was claimed; 0: there is none."""
        claimed = [self._orders[key].claimed_ns for key in self._unknown if key in self._orders]
        return max(0.0, (self._clock.now_ns() - min(claimed)) / 1e9) if claimed else 0.0

    def short_of_fills(self, symbol: str) -> list[Order]:
        """Filled further than executions were told, ended or not."""
        return [it for it in self._orders.values() if it.symbol == symbol and it.filled_lots > it.booked_lots]

    def awaiting_fills(self) -> list[Order]:
        return [order for order in self._orders.values() if order.terminal and not order.settled]

    def put(self, order: Order) -> None:
        """Takes this for the order's state, whatever it was before."""
        before = self._orders.get(order.id)
        self._count_exposure(before, order)
        self._orders[order.id] = order
        if order.venue_order_id:
            self._ids[(order.symbol, order.venue_order_id)] = order.id
            if (answer := self._answers.get(order.id)) and not answer.done():
                answer.set_result(None)
        self._count_open(before, order)
        self._keep_few_settled(order)

    def forget(self, client_order_id: str) -> None:
        """Undoes a `put` that reserved room for an order which turned out to be another account's."""
        if order := self._orders.pop(client_order_id, None):
            self._count_exposure(order, None)
            self._open.get(order.symbol, {}).pop(client_order_id, None)

    def tell(self, client_order_id: str, news: News, *, source: int) -> list[OrderUpdate]:
        """Returns what was new in it, already on its way to the log.

        An order that is no longer at hand is settled: for late news of it, `Desk.load` it first.
        """
        order = self._orders.get(client_order_id)
        updates = decide(order, news, source=source, now_ns=self._clock.now_ns()) if order else []
        if order is None or not updates:
            return []
        after = order
        for update in updates:
            after = evolve(after, update)
        self.put(after)
        fills = []
        if isinstance(news, VenueFill):
            fills = [replace(news, client_order_id=client_order_id, fill=update.fill) for update in updates]
            for fill in fills:
                self.book(fill)
        if after.status == ORDER_STATUS_FILLED and order.status != ORDER_STATUS_FILLED:
            metrics.ORDERS_FILLED.labels(after.symbol).inc()
        corrections = [update for update in updates if update.fill.synthetic]
        concluded = [after] if isinstance(news, Ended) else []
        self._journal.write(updates, orders=[after], fills=fills, corrections=corrections, concluded=concluded)
        return updates

    def book(self, execution: VenueFill) -> None:
        """Moves the position; for executions of others on this account too. Each execution once."""
        if exposure := self.exposures.get(execution.symbol):
            exposure.book(execution.side, moved_lots(execution.fill))

    def begin_flight(self, client_order_id: str) -> None:
        self._flights[client_order_id] = asyncio.get_running_loop().create_future()

    def end_flight(self, client_order_id: str) -> None:
        flight = self._flights.pop(client_order_id, None)
        if flight is not None and not flight.done():
            flight.set_result(None)

    def in_flight(self, client_order_id: str) -> bool:
        return client_order_id in self._flights

    async def landed(self, client_order_id: str) -> None:
        """Returns when no placement of this id is under way."""
        if flight := self._flights.get(client_order_id):
            await asyncio.shield(flight)

    async def at_venue_or_landed(self, client_order_id: str, placement: "asyncio.Future[None] | None" = None) -> None:
        """Returns when the venue has it, whatever the call that placed it still waits for, or when no placement of it
        is under way. `placement`: one that has yet to begin."""
        order = self._orders.get(client_order_id)
        placement = placement or self._flights.get(client_order_id)
        if placement is None or (order and order.venue_order_id):
            return
        answer = self._answers.setdefault(client_order_id, asyncio.get_running_loop().create_future())
        await asyncio.wait({placement, answer}, return_when=asyncio.FIRST_COMPLETED)

    def _count_exposure(self, before: Order | None, after: Order | None) -> None:
        for order, sign in ((before, -1), (after, 1)):
            if order is not None and (exposure := self.exposures.get(order.symbol)):
                exposure.change_open(order.request, sign * order.at_stake_lots)

    def _count_open(self, before: Order | None, after: Order) -> None:
        was_open, is_open = before is not None and not before.terminal, not after.terminal
        if was_open != is_open:
            if is_open:
                self._open.setdefault(after.symbol, {})[after.id] = None
            else:
                self._open.get(after.symbol, {}).pop(after.id, None)
            if after.symbol in self.exposures:
                metrics.ORDERS_ACTIVE.labels(after.symbol).set(self.open_count(after.symbol))
        if (after.status == ORDER_STATUS_UNKNOWN) != (after.id in self._unknown):
            if after.status == ORDER_STATUS_UNKNOWN:
                self._unknown.add(after.id)
            else:
                self._unknown.discard(after.id)
            metrics.UNKNOWN_ORDERS.set(len(self._unknown))

    def _keep_few_settled(self, order: Order) -> None:
        if not order.settled:
            self._settled.pop(order.id, None)
            return
        self._settled[order.id] = None
        while len(self._settled) > self._settled_in_memory:
            oldest = next((it for it in self._settled if it not in self._flights), None)
            if oldest is None:
                return
            del self._settled[oldest]
            dropped = self._orders.pop(oldest)
            self._ids.pop((dropped.symbol, dropped.venue_order_id), None)
