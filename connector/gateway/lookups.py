"""Finding out what became of an order: asked of the venue until its fate is known, never guessed, never re-sent (WF-3).

Two independent witnesses: the venue's answer about the order itself, and, after the visibility delay, its lists (order
history, executions). Both say no: an order never answered was not received, one once accepted has vanished. Either
finds it: it is adopted. As long as they contradict each other or cannot be asked the order stays as it is, so its slot
stays locked; after a while a person is told, and the look-ups go on with growing pauses.
"""

from collections.abc import Awaitable, Callable

from connector.errors import DuplicateOrderError, VenueError
from connector.gateway import metrics
from connector.gateway.crash_points import reach
from connector.gateway.desk import Desk
from connector.gateway.lifecycle import NOT_RECEIVED, VANISHED, Ended, Found, Order, describes
from connector.gateway.shared_reads import SharedReads
from connector.port import VenueOrder
from observability.logs import get_logger
from topics.v1.alerts_pb2 import SEVERITY_CRITICAL
from topics.v1.orders_pb2 import (
    ORDER_SOURCE_GATEWAY,
    ORDER_SOURCE_RECONCILIATION,
    ORDER_STATUS_CANCELED,
    ORDER_STATUS_REJECTED,
    OrderUpdate,
)

_log = get_logger(__name__)
ORDER_UNKNOWN = "ORDER_UNKNOWN"
BY_ID = "look-up by id"
BY_HISTORY = "order history"


class _ContradictionError(VenueError):
    """The venue's own answers do not fit together; only it can resolve that."""

    code = "CONTRADICTION"


class Lookups:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._watched: set[str] = set()
        self._history = SharedReads(desk.port.orders_since, desk.background, name="order history")
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

    async def tell_what_became_of(self, order: Order) -> None:
        """The venue had nothing to cancel: it ended by itself, or never arrived (then its look-up will tell)."""
        found = await self.find(order)
        if found is None:
            self.watch(order.id)
        else:
            self._desk.orders.tell(order.id, found, source=ORDER_SOURCE_GATEWAY)

    def adopt(self, order: Order, found: VenueOrder, *, by: str = BY_ID) -> list[OrderUpdate]:
        """The venue holds an order with this id: ours if its details are, otherwise our request was refused."""
        if not describes(order, found):
            return self._end(order.id, ORDER_STATUS_REJECTED, DuplicateOrderError.code, _other(found))
        if not order.answered:
            metrics.ADOPTED.labels(by).inc()
        updates = self._desk.orders.tell(order.id, Found(found, by), source=ORDER_SOURCE_RECONCILIATION)
        after = self._desk.orders.get(order.id)
        if after is not None and after.cancel_requested and not after.terminal and self._cancel_again:
            self._cancel_again(after)
        return updates

    async def _resolve(self, client_order_id: str, delay_s: float, missed: int) -> None:
        desk = self._desk
        begun, failures = desk.clock.monotonic(), 0
        pause_s = delay_s
        try:
            while True:
                await desk.clock.sleep(pause_s)
                order = desk.orders.get(client_order_id)
                if order is None or order.terminal:
                    return
                try:
                    if await self._look(order, missed):
                        return
                except Exception as error:  # noqa: BLE001  whatever went wrong, the order's fate must be found out
                    _log.warning("look-up will be made again", client_order_id=client_order_id, error=str(error))
                    pause_s = self._pause_s(order, error, begun, failures)
                    failures += 1
                else:
                    missed, failures = missed + 1, 0
                    pause_s = desk.settings.visibility_delay_s
        finally:
            self._watched.discard(client_order_id)
            metrics.UNKNOWN_OLDEST_S.set(desk.orders.oldest_unknown_s())

    def _pause_s(self, order: Order, error: Exception, begun: float, failures: int) -> float:
        """Growing; never beyond the moment a person is to be told."""
        settings = self._desk.settings
        pause_s = min(settings.lookup_retry_cap_s, settings.lookup_retry_s * float(2 ** min(failures, 16)))
        patience_s = begun + settings.unknown_alert_after_s - self._desk.clock.monotonic()
        if patience_s > 0:
            return min(pause_s, patience_s)
        self._call_for_help(order, error)
        return pause_s

    async def _look(self, order: Order, missed: int) -> bool:
        """Whether the order's fate is known now. Raises VenueError."""
        metrics.UNKNOWN_OLDEST_S.set(self._desk.orders.oldest_unknown_s())
        found = await self.find(order)
        if found is not None and describes(order, found):
            self.adopt(order, found)
            return True
        return bool(missed) and await self._second_witness(order, found)

    async def _second_witness(self, order: Order, other: VenueOrder | None) -> bool:
        """`other`: what the first witness showed under this client order id instead of our order."""
        listed = await self._history.ask(order.symbol, order.claimed_ns // 1_000_000)
        same_id = [it for it in listed if it.client_order_id == order.id or _same(order, it)]
        if found := next((it for it in same_id if describes(order, it)), None):
            self.adopt(order, found, by=BY_HISTORY)
            return True
        if same_id and other is None:
            raise _ContradictionError(
                f"the venue's order history has {_other(same_id[-1])}, asked for by id it says there is none"
            )
        if self._fetch_fills is not None:
            await self._fetch_fills(order.symbol)
        now = self._desk.orders.get(order.id)
        if now is None or now.terminal or now.answered != order.answered:
            return True
        self._conclude(now, other)
        return True

    def _conclude(self, order: Order, other: VenueOrder | None) -> None:
        asked = "the venue does not know it: asked by id twice, then its order history and its executions"
        if other is not None:
            self._end(order.id, ORDER_STATUS_REJECTED, DuplicateOrderError.code, _other(other))
        elif order.answered:
            self._end(order.id, ORDER_STATUS_CANCELED, VANISHED, f"venue order {order.venue_order_id}: {asked}")
        else:
            self._end(order.id, ORDER_STATUS_REJECTED, NOT_RECEIVED, asked)

    def _end(self, client_order_id: str, status: int, code: str, reason: str) -> list[OrderUpdate]:
        return self._desk.orders.tell(client_order_id, Ended(status, code, reason), source=ORDER_SOURCE_RECONCILIATION)

    def _call_for_help(self, order: Order, error: Exception) -> None:
        waited_s = self._desk.settings.unknown_alert_after_s
        self._desk.alerts.tell(
            ORDER_UNKNOWN,
            order.id,
            f"what became of order {order.id} of {order.symbol} is not known after {waited_s:g} s: {error}. It is not "
            "sent again, its slot places nothing until the venue answers, and the look-ups go on. If this lasts, look "
            "the order up at the venue by hand",
            symbol=order.symbol,
            severity=SEVERITY_CRITICAL,
        )


def _same(order: Order, listed: VenueOrder) -> bool:
    return bool(order.venue_order_id) and order.venue_order_id == listed.venue_order_id


def _other(found: VenueOrder) -> str:
    return (
        f"another order with this client order id ({found.quantity_lots} lots at {found.price_ticks} ticks, "
        f"venue order {found.venue_order_id})"
    )
