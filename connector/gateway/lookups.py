"""Finding out what became of an order: asked of the venue by id until it answers, never guessed, never re-sent (WF-3).

An order never answered that the venue does not know, twice and the second time after the visibility delay, was not
received. An order once accepted that the venue no longer knows ends too, after its executions were fetched.
"""

from collections.abc import Awaitable, Callable

from connector.errors import DuplicateOrderError
from connector.gateway.crash_points import reach
from connector.gateway.desk import Desk
from connector.gateway.lifecycle import NOT_RECEIVED, Ended, Order, describes
from connector.port import VenueOrder
from observability.logs import get_logger
from topics.v1.orders_pb2 import (
    ORDER_SOURCE_RECONCILIATION,
    ORDER_STATUS_CANCELED,
    ORDER_STATUS_REJECTED,
    OrderUpdate,
)

_log = get_logger(__name__)


class Lookups:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._watched: set[str] = set()
        self._fetch_fills: Callable[[str], Awaitable[int]] | None = None
        self._cancel_again: Callable[[Order], None] | None = None

    def connect(self, *, fetch_fills: Callable[[str], Awaitable[int]], cancel_again: Callable[[Order], None]) -> None:
        """The two neighbours a look-up leads to."""
        self._fetch_fills = fetch_fills
        self._cancel_again = cancel_again

    def watch(self, client_order_id: str, *, delay_s: float | None = None, missed: int = 0) -> None:
        """Looks in the background until the order's fate is known. `missed`: look-ups that found nothing so far."""
        if client_order_id in self._watched:
            return
        self._watched.add(client_order_id)
        wait_s = self._desk.settings.unknown_lookup_delay_s if delay_s is None else delay_s
        self._desk.background.spawn(self._resolve(client_order_id, wait_s, missed), name="order look-up")

    async def find(self, order: Order) -> VenueOrder | None:
        """One question to the venue, by its own id where we have it. Raises VenueError."""
        known = {"venue_order_id": order.venue_order_id} if order.venue_order_id else {"client_order_id": order.id}
        found = await self._desk.port.find_order(order.symbol, **known)
        reach("during_lookup")
        return found

    def adopt(self, order: Order, found: VenueOrder) -> list[OrderUpdate]:
        """The venue holds an order with this id: ours if its details are, otherwise our request was refused."""
        if describes(order, found):
            updates = self._desk.orders.tell(order.id, found, source=ORDER_SOURCE_RECONCILIATION)
            after = self._desk.orders.get(order.id)
            if after is not None and after.cancel_requested and not after.terminal and self._cancel_again:
                self._cancel_again(after)
            return updates
        reason = (
            f"the venue holds another order with this client order id ({found.quantity_lots} lots at "
            f"{found.price_ticks} ticks, venue order {found.venue_order_id})"
        )
        ended = Ended(ORDER_STATUS_REJECTED, DuplicateOrderError.code, reason)
        return self._desk.orders.tell(order.id, ended, source=ORDER_SOURCE_RECONCILIATION)

    async def _resolve(self, client_order_id: str, delay_s: float, missed: int) -> None:
        desk = self._desk
        try:
            await desk.clock.sleep(delay_s)
            while (order := desk.orders.get(client_order_id)) is not None and not order.terminal:
                try:
                    if await self._look(order, missed):
                        return
                except Exception as error:  # noqa: BLE001  whatever went wrong, the order's fate must still be found out
                    _log.warning("look-up will be made again", client_order_id=client_order_id, error=str(error))
                    await desk.clock.sleep(desk.settings.lookup_retry_s)
                else:
                    missed += 1
                    await desk.clock.sleep(desk.settings.visibility_delay_s)
        finally:
            self._watched.discard(client_order_id)

    async def _look(self, order: Order, missed: int) -> bool:
        """Whether the order's fate is known now."""
        found = await self.find(order)
        if found is not None:
            self.adopt(order, found)
            return True
        if missed:
            await self._conclude(order.id)
            return True
        return False

    async def _conclude(self, client_order_id: str) -> None:
        orders = self._desk.orders
        order = orders.get(client_order_id)
        if order is None or order.terminal:
            return
        if not order.answered:
            ended = Ended(ORDER_STATUS_REJECTED, NOT_RECEIVED, "the venue does not know this order, asked twice")
        else:
            if self._fetch_fills is not None:
                await self._fetch_fills(order.symbol)
            ended = Ended(
                ORDER_STATUS_CANCELED,
                "VANISHED",
                f"the venue no longer knows order {order.venue_order_id}, asked twice",
            )
        orders.tell(client_order_id, ended, source=ORDER_SOURCE_RECONCILIATION)
