"""Taking an order back. Its own lane: a cancel waits for its own order's placement and for nothing else (ORD-3).

A cancel may be sent again whenever it failed: it can only ever end an order once. The wish is durable before it is
sent, so a restart asks again.
"""

import asyncio
from dataclasses import replace

from connector.errors import (
    NotSentError,
    OrderNotFoundError,
    OutcomeUnknownError,
    RateLimitedError,
    VenueError,
    VenueUnavailableError,
)
from connector.gateway.crash_points import reach
from connector.gateway.desk import Desk
from connector.gateway.ledger import IntentPosition
from connector.gateway.lifecycle import Order, as_update
from connector.gateway.lookups import Lookups
from connector.gateway.retries import with_retries
from observability.logs import get_logger
from topics.v1.orders_pb2 import ORDER_SOURCE_GATEWAY, OrderUpdate

_log = get_logger(__name__)
_AGAIN_ON = (NotSentError, RateLimitedError, OutcomeUnknownError, VenueUnavailableError)


class Cancelling:
    def __init__(self, desk: Desk, lookups: Lookups) -> None:
        self._desk = desk
        self._lookups = lookups
        self._running: dict[str, asyncio.Task[VenueError | None]] = {}

    async def cancel(
        self,
        symbol: str,
        *,
        client_order_id: str = "",
        venue_order_id: str = "",
        position: IntentPosition | None = None,
    ) -> OrderUpdate:
        """Returns the order as it is then; an ended one is returned as it is.

        Raises OrderNotFoundError for an order that is not ours, and the venue's error when it did not do it: the wish
        stays and is repeated with each reconciliation.
        """
        order = await self._desk.load(client_order_id=client_order_id, symbol=symbol, venue_order_id=venue_order_id)
        if order is None or order.symbol != symbol:
            self._desk.group.skip(position)
            raise OrderNotFoundError(
                f"{symbol} has no order of ours with client order id {client_order_id!r} or venue order id "
                f"{venue_order_id!r}; orders of others are never touched"
            )
        await self.request([order], position)
        await self._desk.orders.landed(order.id)
        await self.carry_out(order.id)
        return as_update(self._desk.orders.get(order.id) or order)

    async def request(self, orders: list[Order], position: IntentPosition | None = None) -> None:
        """Makes the wish durable, together with the offset of the intent that had it."""
        wanted = [order.id for order in orders if not order.terminal]
        for client_order_id in wanted:
            known = self._desk.orders.get(client_order_id)
            if known is not None and not known.cancel_requested:
                self._desk.orders.put(replace(known, cancel_requested=True))
        if wanted:
            await self._desk.group.request_cancels(wanted, position)
        else:
            self._desk.group.skip(position)

    async def carry_out(self, client_order_id: str) -> None:
        """Asks the venue, unless the order has ended. Returns when the log has the outcome."""
        if client_order_id not in self._running:
            task = self._desk.background.spawn(self._guarded(client_order_id), name="cancel")
            self._running[client_order_id] = task
            task.add_done_callback(lambda _: self._running.pop(client_order_id, None))
        error = await asyncio.shield(self._running[client_order_id])
        if error is not None:
            raise error

    def again(self, order: Order) -> None:
        """Repeats a wish in the background; a failure is logged and repeated later."""
        if order.id not in self._running:
            self._desk.background.spawn(self._quietly(order.id), name="cancel again")

    async def _quietly(self, client_order_id: str) -> None:
        try:
            await self.carry_out(client_order_id)
        except VenueError as error:
            _log.warning("cancel failed, will be repeated", client_order_id=client_order_id, error=str(error))

    async def _guarded(self, client_order_id: str) -> VenueError | None:
        """A venue's error is an answer for the caller, not the end of the gateway."""
        try:
            await self._send(client_order_id)
        except VenueError as error:
            return error
        finally:
            await self._desk.journal.said()
        return None

    async def _send(self, client_order_id: str) -> None:
        desk = self._desk
        order = desk.orders.get(client_order_id)
        if order is None or order.terminal:
            return
        by_venue_id = {"venue_order_id": order.venue_order_id} if order.venue_order_id else {}
        by_client_id = {} if by_venue_id else {"client_order_id": client_order_id}
        reach("before_cancel_send")
        try:
            answer = await with_retries(
                lambda: desk.port.cancel(order.symbol, **by_venue_id, **by_client_id),
                endpoint="cancel",
                key=client_order_id,
                again_on=_AGAIN_ON,
                settings=desk.settings.retry,
                clock=desk.clock,
            )
        except OrderNotFoundError:
            await self._find_out(order)
        else:
            reach("after_cancel_answer")
            desk.orders.tell(client_order_id, answer, source=ORDER_SOURCE_GATEWAY)

    async def _find_out(self, order: Order) -> None:
        """Nothing to cancel at the venue: it ended by itself, or never arrived (then its look-up will tell)."""
        found = await self._lookups.find(order)
        if found is None:
            self._lookups.watch(order.id)
        else:
            self._desk.orders.tell(order.id, found, source=ORDER_SOURCE_GATEWAY)
