"""Taking orders back. Its own lane: a cancel waits until its own order is at the venue and for nothing else (ORD-3).

A cancel may be sent again whenever it failed: it can only ever end an order once. The wish is durable before it is
sent, so a restart asks again. No breaker, no rate limit and no Retry-After of the venue holds a cancel back.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
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
from connector.gateway.escalation import Escalation
from connector.gateway.ledger import IntentPosition
from connector.gateway.lifecycle import Order, as_update
from connector.gateway.lookups import Lookups
from connector.gateway.retries import with_retries
from connector.port import Outcome, VenueOrder
from observability.logs import get_logger
from topics.errors import TapelineError
from topics.v1.orders_pb2 import ORDER_SOURCE_GATEWAY, OrderUpdate

_log = get_logger(__name__)
_AGAIN_ON = (NotSentError, RateLimitedError, OutcomeUnknownError, VenueUnavailableError)
FirstTry = Callable[[], Awaitable[VenueOrder]]


class Cancelling:
    def __init__(self, desk: Desk, lookups: Lookups) -> None:
        self._desk = desk
        self._lookups = lookups
        self._escalation = Escalation(desk, lookups)
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
        try:
            order = await self._ours(symbol, client_order_id, venue_order_id)
        except OrderNotFoundError:
            self._desk.group.skip(position)
            raise
        await self.request([order], position)
        await self._desk.orders.at_venue_or_landed(order.id)
        await self.carry_out(order.id)
        return self._as_it_is(order)

    async def cancel_batch(
        self, symbol: str, *, client_order_ids: Sequence[str] = (), venue_order_ids: Sequence[str] = ()
    ) -> list[OrderUpdate | TapelineError]:
        """As `cancel`, each by itself and an error as a value, in few calls: first the client, then the venue ids."""
        found = await asyncio.gather(
            *(self._ours(symbol, it, "") for it in client_order_ids),
            *(self._ours(symbol, "", it) for it in venue_order_ids),
            return_exceptions=True,
        )
        for it in found:
            if isinstance(it, BaseException) and not isinstance(it, OrderNotFoundError):
                raise it
        orders = {it.id: it for it in found if isinstance(it, Order)}
        await self.request(list(orders.values()))
        errors = await self.carry_out_all(symbol, list(orders))
        return [(errors.get(it.id) or self._as_it_is(it)) if isinstance(it, Order) else _as_error(it) for it in found]

    async def cancel_all(self, symbol: str, *, everything: bool = False) -> dict[str, OrderUpdate | TapelineError]:
        """Every open order of ours on the symbol by client order id, an error as a value. `everything`: others' too.

        In the venue's one call where it has it and it would touch nobody else's order (ORD-1, ORD-6), else in batches.
        """
        orders = self._desk.orders.open(symbol)
        await self.request(orders)
        try:
            await self._escalation.cancel_all_in_one_call(symbol, everything=everything)
        except VenueError as error:
            _log.warning("cancelling all in one call failed; each is cancelled", symbol=symbol, error=str(error))
        errors = await self.carry_out_all(symbol, [order.id for order in orders])
        return {order.id: errors.get(order.id) or self._as_it_is(order) for order in orders}

    async def request(self, orders: list[Order], position: IntentPosition | None = None) -> None:
        """Makes the wish durable, together with the offset of the intent that had it."""
        wanted = [order.id for order in orders if not order.terminal]
        for client_order_id in wanted:
            known = self._desk.orders.get(client_order_id)
            if known is not None and not known.cancel_requested:
                self._desk.orders.put(replace(known, cancel_requested=True))
        self._desk.cancel_wishes.wake(wanted)
        if wanted:
            await self._desk.group.request_cancels(wanted, position)
        else:
            self._desk.group.skip(position)

    async def carry_out(self, client_order_id: str) -> None:
        """Asks the venue, unless the order has ended. Returns when the log has the outcome."""
        self._start(client_order_id)
        error = await asyncio.shield(self._running[client_order_id])
        if error is not None:
            raise error

    async def carry_out_all(self, symbol: str, client_order_ids: Sequence[str]) -> dict[str, TapelineError]:
        """Those at the venue in one batch, the others each when its placement has landed. Gives what failed."""
        ready = [order for it in client_order_ids if (order := self._desk.orders.get(it)) and self._is_ready(order)]
        if len(ready) > 1:
            venue_ids = [order.venue_order_id for order in ready]
            batch = self._desk.background.spawn(self._batch(symbol, venue_ids), name="cancel batch")
            for place, order in enumerate(ready):
                self._start(order.id, _nth(batch, place))
        results = await asyncio.gather(*map(self._landed_and_out, client_order_ids), return_exceptions=True)
        return {
            it: _as_error(result)
            for it, result in zip(client_order_ids, results, strict=True)
            if isinstance(result, BaseException)
        }

    def again(self, order: Order) -> None:
        """Repeats a wish in the background; a failure is logged and repeated later."""
        if order.id not in self._running:
            self._desk.background.spawn(self._quietly(order.id), name="cancel again")

    async def _ours(self, symbol: str, client_order_id: str, venue_order_id: str) -> Order:
        order = await self._desk.load(client_order_id=client_order_id, symbol=symbol, venue_order_id=venue_order_id)
        if order is None or order.symbol != symbol:
            raise OrderNotFoundError(
                f"{symbol} has no order of ours with client order id {client_order_id!r} or venue order id "
                f"{venue_order_id!r}; orders of others are never touched"
            )
        return order

    def _as_it_is(self, order: Order) -> OrderUpdate:
        return as_update(self._desk.orders.get(order.id) or order)

    def _is_ready(self, order: Order) -> bool:
        """At the venue under an id of the venue's, and nobody asks for it yet."""
        busy = self._desk.orders.in_flight(order.id) or order.id in self._running
        return not busy and not order.terminal and bool(order.venue_order_id)

    async def _batch(self, symbol: str, venue_order_ids: Sequence[str]) -> list[Outcome]:
        try:
            return await self._desk.port.cancel_batch(symbol, venue_order_ids)
        except VenueError as error:
            return [error] * len(venue_order_ids)

    async def _landed_and_out(self, client_order_id: str) -> None:
        await self._desk.orders.at_venue_or_landed(client_order_id)
        await self.carry_out(client_order_id)

    async def _quietly(self, client_order_id: str) -> None:
        try:
            await self.carry_out(client_order_id)
        except VenueError as error:
            _log.warning("cancel failed, will be repeated", client_order_id=client_order_id, error=str(error))

    def _start(self, client_order_id: str, first: FirstTry | None = None) -> None:
        if client_order_id not in self._running:
            task = self._desk.background.spawn(self._guarded(client_order_id, first), name="cancel")
            self._running[client_order_id] = task
            task.add_done_callback(lambda _: self._running.pop(client_order_id, None))

    async def _guarded(self, client_order_id: str, first: FirstTry | None) -> VenueError | None:
        """A venue's error is an answer for the caller, not the end of the gateway."""
        try:
            await self._send(client_order_id, first)
        except VenueError as error:
            order = self._desk.orders.get(client_order_id)
            if order is None or order.terminal or await self._escalation.ended(order, error):
                return None
            return error
        finally:
            await self._desk.journal.said()
        return None

    async def _send(self, client_order_id: str, first: FirstTry | None) -> None:
        desk = self._desk
        order = desk.orders.get(client_order_id)
        if order is None or order.terminal:
            return
        by_venue_id = {"venue_order_id": order.venue_order_id} if order.venue_order_id else {}
        by_client_id = {} if by_venue_id else {"client_order_id": client_order_id}
        reach("before_cancel_send")

        def attempt() -> Awaitable[VenueOrder]:
            nonlocal first
            in_batch, first = first, None
            return in_batch() if in_batch else desk.port.cancel(order.symbol, **by_venue_id, **by_client_id)

        try:
            answer = await with_retries(
                attempt,
                endpoint="cancel",
                key=client_order_id,
                again_on=_AGAIN_ON,
                settings=desk.settings.retry,
                clock=desk.clock,
                heeds_retry_after=False,
            )
        except OrderNotFoundError:
            await self._lookups.tell_what_became_of(order)
        else:
            reach("after_cancel_answer")
            desk.orders.tell(client_order_id, answer, source=ORDER_SOURCE_GATEWAY)
        self._escalation.over(order)


def _nth(batch: "asyncio.Task[list[Outcome]]", place: int) -> FirstTry:
    """The outcome of one item of the batch, as if it had been asked for alone."""

    async def outcome() -> VenueOrder:
        outcomes = await asyncio.shield(batch)
        if place >= len(outcomes):
            raise OutcomeUnknownError(f"the venue told of {len(outcomes)} orders of a longer batch of cancels")
        found = outcomes[place]
        if isinstance(found, VenueOrder):
            return found
        raise found

    return outcome


def _as_error(result: BaseException) -> TapelineError:
    if isinstance(result, TapelineError):
        return result
    raise result
