"""From a request to the venue's answer: checked, claimed durably, sent once (WF-2, WF-3, WF-4).

The order of things is the promise: room in the limits is reserved and the claim queued without a pause between, the
claim is durable before anything is sent, and after a claim nothing but a certain refusal is ever tried again.
"""

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, replace

from connector.errors import (
    ConnectorError,
    DuplicateOrderError,
    InvalidOrderError,
    NotSentError,
    OutcomeUnknownError,
    RateLimitedError,
    VenueError,
    VenueRejectedError,
)
from connector.gateway import metrics
from connector.gateway.batch_call import BatchCall
from connector.gateway.crash_points import reach
from connector.gateway.desk import Desk
from connector.gateway.errors import AlreadyExistsError, BreakerOpenError
from connector.gateway.exposure import Denial, check_order
from connector.gateway.kill_state import KILLED, denied
from connector.gateway.ledger import IntentPosition
from connector.gateway.lifecycle import CANCELED_BEFORE_SENT, Ended, Order, Uncertain, as_update, describes, sent
from connector.gateway.lookups import Lookups
from connector.gateway.retries import with_retries
from connector.gateway.shape import check_shape, shape_fault
from connector.port import OrderRequest, VenueOrder
from observability.logs import get_logger
from topics.errors import TapelineError
from topics.v1.orders_pb2 import (
    ORDER_SOURCE_GATEWAY,
    ORDER_STATUS_CANCELED,
    ORDER_STATUS_DENIED,
    ORDER_STATUS_REJECTED,
    OrderUpdate,
)

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class PlaceResult:
    """`existing`: this client order id was placed before with the same details."""

    order: OrderUpdate
    existing: bool


class _CanceledBeforeSentError(Exception):
    """Somebody asked to cancel it before it went out, or the account was killed. The message says which."""


@dataclass(slots=True)
class _Sending:
    """A placement after its claim. `call`: the batch of its first try. `owned_s`: since when, on the monotonic clock,
    the account is not known to be ours. `went_out`: this try did."""

    client_order_id: str
    kill_mark: tuple[int, int]
    call: BatchCall | None
    owned_s: float
    went_out: bool = False


Flight = asyncio.Task[tuple[Order, bool]]


class Placing:
    def __init__(self, desk: Desk, lookups: Lookups) -> None:
        self._desk = desk
        self._lookups = lookups
        self.duplicates_suppressed = 0

    async def place(
        self,
        request: OrderRequest,
        *,
        strategy: str,
        intent_id: str,
        position: IntentPosition | None = None,
        denial: Denial | None = None,
    ) -> PlaceResult:
        """Raises InvalidOrderError, AlreadyExistsError, ConnectorError at a stop. A cancelled caller stops nothing.

        `position` is finished in the transaction of the claim, and left to the caller where the order existed.
        `denial`: the caller's own reason not to send it; its id must have been checked.
        """
        if denial is None:
            check_shape(request)
        if self._desk.stopping:
            raise ConnectorError(f"the order gateway is stopping; order {request.client_order_id} was not placed")
        while self._desk.orders.get(request.client_order_id) is not None:
            await self._desk.orders.landed(request.client_order_id)
            if known := self._desk.orders.get(request.client_order_id):
                return self._compare(request, known)
        order = self._admit(request, strategy, intent_id, denial)
        return await self._result(request, self._begin(order, position))

    async def place_batch(
        self, requests: Sequence[OrderRequest], *, strategy: str, intent_id: str
    ) -> list[PlaceResult | TapelineError]:
        """As `place`, each by itself, an error as a value: one transaction for all claims, one call for first tries."""
        new: dict[str, OrderRequest] = {}
        for request in requests:
            known = self._desk.orders.get(request.client_order_id) is not None
            if not known and not self._desk.stopping and shape_fault(request) is None:
                new.setdefault(request.client_order_id, request)
        call = BatchCall(self._desk.port, new)
        results: list[Awaitable[PlaceResult]] = []
        for request in requests:
            if new.pop(request.client_order_id, None) is request:
                order = self._admit(request, strategy, intent_id, None)
                results.append(self._result(request, self._begin(order, None, call)))
            else:
                results.append(self.place(request, strategy=strategy, intent_id=intent_id))
        return [_error_as_value(it) for it in await asyncio.gather(*results, return_exceptions=True)]

    def _begin(self, order: Order, position: IntentPosition | None, call: BatchCall | None = None) -> Flight:
        """The claim is in line and the room in the limits reserved when it returns; nothing has been waited for."""
        claim = self._desk.group.claim(order, position)
        self._desk.orders.put(order)
        self._desk.orders.begin_flight(order.id)
        return self._desk.background.spawn(self._carry_out(order, claim, self._desk.kill_mark, call), name="placement")

    async def _result(self, request: OrderRequest, flight: Flight) -> PlaceResult:
        after, existing = await asyncio.shield(flight)
        return self._compare(request, after) if existing else PlaceResult(as_update(after), existing=False)

    def _admit(self, request: OrderRequest, strategy: str, intent_id: str, denial: Denial | None) -> Order:
        desk = self._desk
        grain = desk.grain(request.symbol)
        now_ns = desk.clock.now_ns()
        order = Order(
            venue=desk.port.name,
            account=desk.port.account,
            request=request,
            tick_size=grain.tick_size,
            lot_size=grain.lot_size,
            strategy=strategy,
            intent_id=intent_id,
            time_ms=now_ns // 1_000_000,
            claimed_ns=now_ns,
        )
        denial = denial or self._denial(request)
        if denial is None:
            return order
        _log.warning("order denied", client_order_id=order.id, code=denial.code, reason=denial.reason)
        return replace(
            order,
            status=ORDER_STATUS_DENIED,
            reason_code=denial.code,
            reason=denial.reason,
            answered_ns=now_ns,
        )

    def _denial(self, request: OrderRequest) -> Denial | None:
        desk = self._desk
        if desk.killed:
            return Denial(KILLED, desk.killed)
        if desk.halted:
            return Denial("HALTED", f"placing is halted: {desk.halted}")
        return check_order(
            request,
            instrument=desk.instruments.get(request.symbol),
            limits=desk.limits,
            exposures=desk.orders.exposures,
            open_orders=desk.orders.open_count(request.symbol),
        )

    async def _carry_out(
        self,
        order: Order,
        claim: "asyncio.Future[Order | None]",
        kill_mark: tuple[int, int],
        call: BatchCall | None,
    ) -> tuple[Order, bool]:
        """Returns the order as answered, or the one that had the id before and True."""
        desk = self._desk
        begin = desk.clock.monotonic()
        try:
            taken = await claim
            if call is not None and (taken is not None or order.terminal):
                call.leave(order.id)
            if taken is not None and taken == denied(order, taken.reason):
                desk.orders.put(taken)
                order = taken
            elif taken is not None:
                self._give_way(taken)
                return taken, True
            if order.status == ORDER_STATUS_DENIED:
                desk.journal.write([as_update(order, source=ORDER_SOURCE_GATEWAY)], orders=[order])
            else:
                await self._send(order.id, kill_mark, call, owned_s=begin)
            await desk.journal.said()
            return self._order(order.id), False
        finally:
            if call is not None:
                call.leave(order.id)
            desk.orders.end_flight(order.id)

    def _give_way(self, taken: Order) -> None:
        orders = self._desk.orders
        if (taken.venue, taken.account) == (self._desk.port.name, self._desk.port.account):
            orders.put(taken)
        else:
            orders.forget(taken.id)

    async def _send(
        self, client_order_id: str, kill_mark: tuple[int, int], call: BatchCall | None, *, owned_s: float
    ) -> None:
        desk = self._desk
        metrics.ORDERS_PLACED.labels(self._order(client_order_id).symbol).inc()
        sending = _Sending(client_order_id, kill_mark, call, owned_s)
        try:
            answer = await with_retries(
                lambda: self._try(sending),
                endpoint="place",
                key=client_order_id,
                again_on=(NotSentError, RateLimitedError),
                settings=desk.settings.retry,
                clock=desk.clock,
                pause=lambda seconds: desk.cancel_wishes.pause(client_order_id, seconds, desk.clock),
            )
        except _CanceledBeforeSentError as canceled:
            self._end(client_order_id, ORDER_STATUS_CANCELED, CANCELED_BEFORE_SENT, str(canceled))
        except DuplicateOrderError as error:
            self._uncertain(client_order_id, error, delay_s=0.0)
        except (VenueRejectedError, NotSentError, RateLimitedError, BreakerOpenError) as error:
            self._refused(client_order_id, error)
        except Exception as error:  # noqa: BLE001  whatever it was, the request may have arrived
            desk.background.check()  # a gateway that has ended says nothing more
            self._uncertain(client_order_id, error)
        else:
            self._answered(client_order_id, answer)

    async def _try(self, sending: _Sending) -> VenueOrder:
        """The first one goes with its batch, if there is one. Raises why it did not go out, or VenueError."""
        desk, batch = self._desk, sending.call
        sending.call, sending.went_out = None, False

        async def still_ours() -> None:
            sending.owned_s = await self._still_ours(sending.owned_s)

        try:
            await still_ours()
            if batch is None:
                answer = await desk.port.place(self._leaves(sending))
            else:
                self._check_wanted(sending)
                request = self._order(sending.client_order_id).request
                answer = await batch.place(request, still_ours=still_ours, leaves=lambda: self._leaves(sending))
        except Exception as error:
            if sending.went_out and (batch is None or batch.speaks(sending.client_order_id)):
                desk.gate.heard(error)
            raise
        else:
            desk.gate.heard(None)
            reach("after_answer_before_log")
            return answer
        finally:
            if batch is not None:
                batch.leave(sending.client_order_id)

    def _leaves(self, sending: _Sending) -> OrderRequest:
        """Right before it goes out: the last moment that can keep it here."""
        desk = self._desk
        self._check_wanted(sending)
        desk.gate.enter()
        order = sent(self._order(sending.client_order_id), desk.clock.now_ns())
        desk.orders.put(order)
        reach("before_send")
        sending.went_out = True
        return order.request

    async def _still_ours(self, owned_s: float) -> float:
        """Before every try: whoever took over while it waited has concluded on the order by now. Raises FencedError.

        Returns since when the account is not known to be ours: no longer ago than a claim is fresh.
        """
        desk = self._desk
        while (now_s := desk.clock.monotonic()) - owned_s > desk.settings.claim_fresh_s:
            await desk.group.flush()
            owned_s = now_s
        return owned_s

    def _check_wanted(self, sending: _Sending) -> None:
        """Before each try: raises where it must not go out (any more)."""
        desk, order = self._desk, self._order(sending.client_order_id)
        if order.cancel_requested:
            raise _CanceledBeforeSentError("cancelled before it was sent")
        if desk.killed or desk.kill_mark != sending.kill_mark:
            raise _CanceledBeforeSentError(desk.killed or "the kill switch was turned before it was sent")
        if order.answered:
            raise OutcomeUnknownError("the venue spoke of this order although a try was certain to have failed")

    def _answered(self, client_order_id: str, answer: VenueOrder) -> None:
        order = self._order(client_order_id)
        if describes(order, answer):
            self._desk.orders.tell(client_order_id, answer, source=ORDER_SOURCE_GATEWAY)
        else:
            told = f"the venue answered with another order (venue order {answer.venue_order_id})"
            self._uncertain(client_order_id, InvalidOrderError(told))

    def _refused(self, client_order_id: str, error: VenueError) -> None:
        if self._order(client_order_id).answered:
            self._lookups.watch(client_order_id, delay_s=0.0)
            return
        self._end(client_order_id, ORDER_STATUS_REJECTED, error.code, str(error))

    def _uncertain(self, client_order_id: str, error: Exception, *, delay_s: float | None = None) -> None:
        _log.warning("outcome of a placement is unknown", client_order_id=client_order_id, error=str(error))
        reason = f"{type(error).__name__}: {error}"
        self._desk.orders.tell(client_order_id, Uncertain(reason), source=ORDER_SOURCE_GATEWAY)
        self._lookups.watch(client_order_id, delay_s=delay_s)

    def _end(self, client_order_id: str, status: int, code: str, reason: str) -> None:
        self._desk.orders.tell(client_order_id, Ended(status, code, reason), source=ORDER_SOURCE_GATEWAY)

    def _compare(self, request: OrderRequest, known: Order) -> PlaceResult:
        self.duplicates_suppressed += 1
        metrics.DUPLICATES_SUPPRESSED.inc()
        update = as_update(known)
        if known.request == request and known.venue == self._desk.port.name:
            return PlaceResult(update, existing=True)
        raise AlreadyExistsError(
            f"client order id {request.client_order_id} belongs to another order: asked for {request}, "
            f"placed was {known.request}; use a new id",
            update,
        )

    def _order(self, client_order_id: str) -> Order:
        order = self._desk.orders.get(client_order_id)
        if order is None:
            raise InvalidOrderError(f"order {client_order_id} is not known here")
        return order


def _error_as_value(result: PlaceResult | BaseException) -> PlaceResult | TapelineError:
    if isinstance(result, PlaceResult | TapelineError):
        return result
    raise result
