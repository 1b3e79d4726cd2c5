"""When cancels keep failing: once everything of the symbol is cancelled in one call, then a person is told (ORD-3).

Once for an order and once for a run of failures of its symbol, so that a venue that fails for long is not answered with
a storm, and one order that cannot be cancelled does not take the others down each time its cancel is repeated.
"""

import asyncio

from connector.errors import UnsupportedError, VenueError
from connector.gateway import metrics
from connector.gateway.desk import Desk
from connector.gateway.lifecycle import Order
from connector.gateway.lookups import Lookups
from observability.logs import get_logger
from topics.identifiers import is_ours
from topics.v1.alerts_pb2 import SEVERITY_CRITICAL, SEVERITY_WARNING

_log = get_logger(__name__)
CANCEL_FAILED = "CANCEL_FAILED"
_AT_ONCE = 8


class Escalation:
    def __init__(self, desk: Desk, lookups: Lookups) -> None:
        self._desk = desk
        self._lookups = lookups
        self._failed_orders: set[str] = set()
        self._failing_symbols: set[str] = set()

    def over(self, order: Order) -> None:
        """The venue answered a cancel of this symbol: a later failure is a new one."""
        self._failing_symbols.discard(order.symbol)
        self._failed_orders.discard(order.id)

    async def ended(self, order: Order, error: VenueError) -> bool:
        """Call when all tries to cancel the order failed. Whether it ended after all."""
        if order.id in self._failed_orders:
            return False
        self._failed_orders = {it for it in self._failed_orders if self._is_open(it)} | {order.id}
        if order.symbol in self._failing_symbols:
            return False
        self._failing_symbols.add(order.symbol)
        metrics.CANCELS_ESCALATED.labels(order.symbol).inc()
        _log.error("a cancel keeps failing; cancelling all of its symbol", client_order_id=order.id, error=str(error))
        outcome = await self._cancel_all(order.symbol)
        ended = not self._is_open(order.id)
        self._desk.alerts.tell(
            CANCEL_FAILED,
            order.id,
            f"order {order.id} of {order.symbol} could not be cancelled: {error}. Cancelling all of {order.symbol} "
            f"{outcome}; the order {'has ended' if ended else 'may be open: its cancel is repeated'}",
            symbol=order.symbol,
            severity=SEVERITY_WARNING if ended else SEVERITY_CRITICAL,
        )
        return ended

    async def cancel_all_in_one_call(self, symbol: str, *, everything: bool) -> bool:
        """Whether the venue was asked and has done it; then what became of each order is looked up. Raises VenueError.

        It is not asked where it has no such call, or where the call would end orders of others.
        """
        desk = self._desk
        asked = [order for order in desk.orders.open(symbol) if not desk.orders.in_flight(order.id)]
        if not everything and (not asked or await self._others_have_orders(symbol)):
            return False
        try:
            await desk.port.cancel_all(symbol)
        except UnsupportedError:
            return False
        gate = asyncio.Semaphore(_AT_ONCE)
        await asyncio.gather(*(self._look(order, gate) for order in asked))
        return True

    async def _cancel_all(self, symbol: str) -> str:
        """What came of it, in words."""
        try:
            if await self.cancel_all_in_one_call(symbol, everything=False):
                return "was done in one call"
            return await self._cancel_ours(symbol)
        except VenueError as error:
            return f"failed too: {error}"

    async def _cancel_ours(self, symbol: str) -> str:
        ids = [order.venue_order_id for order in self._desk.orders.open(symbol) if order.venue_order_id]
        outcomes = await self._desk.port.cancel_batch(symbol, ids)
        failed = [outcome for outcome in outcomes if isinstance(outcome, VenueError)]
        for order in [order for order in self._desk.orders.open(symbol) if order.venue_order_id in ids]:
            await self._look(order, asyncio.Semaphore(1))
        return f"in a batch of {len(ids)} failed for {len(failed)}" + (f" ({failed[0]})" if failed else "")

    async def _others_have_orders(self, symbol: str) -> bool:
        return any(
            not is_ours(it.client_order_id) and self._desk.orders.at_venue(symbol, it.venue_order_id) is None
            for it in await self._desk.port.open_orders(symbol)
        )

    async def _look(self, order: Order, gate: asyncio.Semaphore) -> None:
        async with gate:
            if self._is_open(order.id):
                try:
                    await self._lookups.tell_what_became_of(order)
                except VenueError as error:
                    _log.warning("look-up failed, reconciliation will tell", client_order_id=order.id, error=str(error))

    def _is_open(self, client_order_id: str) -> bool:
        order = self._desk.orders.get(client_order_id)
        return order is not None and not order.terminal
