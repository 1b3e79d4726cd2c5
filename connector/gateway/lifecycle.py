"""The life of one order, pure: `decide` what a piece of news changes, `evolve` the order by it (ORD-4, ORD-5).

News may come in any order, repeated and late. What is filled never decreases, a terminal status never changes, a
late fill is booked without making the order live again, and the remaining quantity never falls below zero. The
events are the very OrderUpdates that go to the log, so an order is the fold of what was said about it.
Must not do I/O or read a clock.
"""

from dataclasses import dataclass, replace

from connector.port import OrderRequest, VenueFill, VenueOrder
from topics.v1.common_pb2 import ORDER_TYPE_LIMIT, Grain, OrderType, Side, TimeInForce
from topics.v1.orders_pb2 import (
    ORDER_SOURCE_RECONCILIATION,
    ORDER_STATUS_ACCEPTED,
    ORDER_STATUS_CANCELED,
    ORDER_STATUS_CLAIMED,
    ORDER_STATUS_DENIED,
    ORDER_STATUS_EXPIRED,
    ORDER_STATUS_FILLED,
    ORDER_STATUS_PARTIALLY_FILLED,
    ORDER_STATUS_REJECTED,
    ORDER_STATUS_SENT,
    ORDER_STATUS_UNKNOWN,
    OWNERSHIP_FOREIGN,
    OWNERSHIP_OURS,
    Fill,
    OrderSource,
    OrderStatus,
    OrderUpdate,
    Ownership,
)

UNANSWERED = frozenset({ORDER_STATUS_CLAIMED, ORDER_STATUS_SENT, ORDER_STATUS_UNKNOWN})
TERMINAL = frozenset(
    {
        ORDER_STATUS_FILLED,
        ORDER_STATUS_CANCELED,
        ORDER_STATUS_REJECTED,
        ORDER_STATUS_EXPIRED,
        ORDER_STATUS_DENIED,
    }
)
NOT_RECEIVED = "NOT_RECEIVED"
VANISHED = "VANISHED"
CANCELED_BEFORE_SENT = "CANCELED_BEFORE_SENT"
ADOPTED = "ADOPTED"
# Ends we concluded ourselves: a venue that shows such an order alive holds what nobody counts on any more.
CONCLUDED = frozenset({NOT_RECEIVED, VANISHED, CANCELED_BEFORE_SENT, "NOT_SENT", "RATE_LIMITED", "BREAKER_OPEN"})


@dataclass(frozen=True, slots=True)
class Order:
    """`filled_lots` is the highest cumulative quantity heard of, `booked_lots` the sum of the fills seen, each once.

    `synthetic_lots` of the booked ones the venue has not listed an execution for yet; `synthetic_ticks`: their price.
    """

    venue: str
    account: str
    request: OrderRequest
    tick_size: str
    lot_size: str
    strategy: str = ""
    intent_id: str = ""
    ownership: int = OWNERSHIP_OURS
    status: int = ORDER_STATUS_CLAIMED
    venue_order_id: str = ""
    filled_lots: int = 0
    booked_lots: int = 0
    synthetic_lots: int = 0
    synthetic_ticks: int = 0
    trade_ids: frozenset[str] = frozenset()
    cancel_requested: bool = False
    reason_code: str = ""
    reason: str = ""
    time_ms: int = 0
    claimed_ns: int = 0
    sent_ns: int = 0
    answered_ns: int = 0

    @property
    def id(self) -> str:
        return self.request.client_order_id

    @property
    def symbol(self) -> str:
        return self.request.symbol

    @property
    def remaining_lots(self) -> int:
        return max(0, self.request.quantity_lots - self.filled_lots)

    @property
    def at_stake_lots(self) -> int:
        """What it may still move the position by: what can still fill, and what filled and is not booked yet."""
        return (0 if self.terminal else self.remaining_lots) + max(0, self.filled_lots - self.booked_lots)

    @property
    def terminal(self) -> bool:
        return self.status in TERMINAL

    @property
    def answered(self) -> bool:
        """The venue, or our own denial, has spoken."""
        return self.status not in UNANSWERED

    @property
    def settled(self) -> bool:
        """Nothing more is expected: ended, and every execution it counts is booked."""
        return self.terminal and self.booked_lots >= self.filled_lots


@dataclass(frozen=True, slots=True)
class Ended:
    """It is certain that the order ended, or never began, without an execution we do not know of.

    The venue keeps no such order, so it cannot be asked for this again: it is durable before it is said.
    """

    status: int
    reason_code: str
    reason: str


@dataclass(frozen=True, slots=True)
class Uncertain:
    """Sent, and nobody knows what became of it (WF-3)."""

    reason: str


@dataclass(frozen=True, slots=True)
class Found:
    """A look-up found the order at the venue: `by` is the witness. One nobody had answered for is adopted by it."""

    order: VenueOrder
    by: str


News = VenueOrder | VenueFill | Ended | Uncertain | Found


def decide(order: Order, news: News, *, source: int, now_ns: int) -> list[OrderUpdate]:
    """What there is to say after `news`: nothing when it changes nothing. `now_ns` is the wall clock."""
    if order.status == ORDER_STATUS_DENIED:
        return []  # never sent: what the venue has under this id is for the order that took the id before to tell
    match news:
        case VenueOrder():
            return _on_report(order, news, source, now_ns)
        case Found():
            return _on_found(order, news, source, now_ns)
        case VenueFill():
            return _on_fill(order, news, source, now_ns)
        case Ended():
            if order.terminal:
                return []
            return [_said(order, source, now_ns, status=news.status, code=news.reason_code, reason=news.reason)]
        case Uncertain():
            if order.answered or order.status == ORDER_STATUS_UNKNOWN:
                return []
            code = "OUTCOME_UNKNOWN"
            return [_said(order, source, now_ns, status=ORDER_STATUS_UNKNOWN, code=code, reason=news.reason)]


def evolve(order: Order, update: OrderUpdate) -> Order:
    if update.HasField("fill") and update.fill.trade_id not in order.trade_ids:
        order = _booked(order, update.fill)
    return replace(
        order,
        status=update.status,
        venue_order_id=update.venue_order_id,
        filled_lots=max(order.filled_lots, update.filled_lots),
        reason_code=update.reason_code,
        reason=update.reason,
        time_ms=max(order.time_ms, update.time_ms),
        answered_ns=update.answered_ns,
    )


def _booked(order: Order, fill: Fill) -> Order:
    return replace(
        order,
        booked_lots=order.booked_lots + moved_lots(fill),
        synthetic_lots=order.synthetic_lots + (fill.quantity_lots if fill.synthetic else -fill.covered_lots),
        synthetic_ticks=fill.price_ticks if fill.synthetic else order.synthetic_ticks,
        trade_ids=order.trade_ids | {fill.trade_id},
    )


def moved_lots(fill: Fill) -> int:
    """By how much the position moves: less than the execution where a synthetic one moved it before."""
    return fill.quantity_lots - fill.covered_lots


def sent(order: Order, now_ns: int) -> Order:
    """On its way. Not an event: whoever finds a claim must assume that it was sent."""
    return replace(order, status=ORDER_STATUS_SENT, sent_ns=now_ns)


def describes(order: Order, report: VenueOrder | VenueFill) -> bool:
    """Whether the venue speaks of this order, and not of another one that once had the same client id."""
    if order.venue_order_id and report.venue_order_id:
        return order.venue_order_id == report.venue_order_id
    if report.side != order.request.side:
        return False
    if isinstance(report, VenueFill):
        return report.fill.quantity_lots <= order.request.quantity_lots
    priced = order.request.type == ORDER_TYPE_LIMIT
    return report.quantity_lots == order.request.quantity_lots and (
        not priced or report.price_ticks == order.request.price_ticks
    )


def adopted(report: VenueOrder, *, venue: str, account: str, grain: Grain, ownership: int, now_ns: int) -> Order:
    """An order the venue holds and we have no record of, before its report is applied."""
    request = OrderRequest(
        symbol=report.symbol,
        client_order_id=report.client_order_id,
        side=report.side,
        type=report.type,
        time_in_force=report.time_in_force,
        price_ticks=report.price_ticks,
        quantity_lots=report.quantity_lots,
        reduce_only=report.reduce_only,
    )
    return Order(
        venue=venue,
        account=account,
        request=request,
        tick_size=grain.tick_size,
        lot_size=grain.lot_size,
        ownership=ownership,
        claimed_ns=now_ns if ownership == OWNERSHIP_OURS else 0,
    )


def alone(execution: VenueFill, *, venue: str, account: str, grain: Grain, code: str, reason: str) -> OrderUpdate:
    """An execution that names no order: nobody knows of one. Foreign, and no row of orders."""
    return OrderUpdate(
        venue=venue,
        symbol=execution.symbol,
        account=account,
        time_ms=execution.fill.time_ms,
        side=Side.ValueType(execution.side),
        grain=grain,
        quantity_lots=execution.fill.quantity_lots,
        filled_lots=execution.fill.quantity_lots,
        status=ORDER_STATUS_FILLED,
        reason_code=code,
        reason=reason,
        fill=execution.fill,
        source=ORDER_SOURCE_RECONCILIATION,
        ownership=OWNERSHIP_FOREIGN,
    )


def as_update(order: Order, *, source: int = 0, fill: Fill | None = None) -> OrderUpdate:
    """The order as it is, without a seq."""
    request = order.request
    return OrderUpdate(
        venue=order.venue,
        symbol=request.symbol,
        account=order.account,
        time_ms=order.time_ms,
        client_order_id=request.client_order_id,
        venue_order_id=order.venue_order_id,
        side=Side.ValueType(request.side),
        type=OrderType.ValueType(request.type),
        time_in_force=TimeInForce.ValueType(request.time_in_force),
        reduce_only=request.reduce_only,
        grain=Grain(tick_size=order.tick_size, lot_size=order.lot_size),
        price_ticks=request.price_ticks,
        quantity_lots=request.quantity_lots,
        filled_lots=order.filled_lots,
        status=OrderStatus.ValueType(order.status),
        reason_code=order.reason_code,
        reason=order.reason,
        fill=fill,
        source=OrderSource.ValueType(source),
        ownership=Ownership.ValueType(order.ownership),
        strategy=order.strategy,
        intent_id=order.intent_id,
        claimed_ns=order.claimed_ns,
        sent_ns=order.sent_ns,
        answered_ns=order.answered_ns,
    )


def _on_report(order: Order, report: VenueOrder, source: int, now_ns: int) -> list[OrderUpdate]:
    filled = min(order.request.quantity_lots, max(order.filled_lots, report.filled_lots))
    status = _status(order, filled, report.status)
    venue_order_id = order.venue_order_id or report.venue_order_id
    if (status, filled, venue_order_id) == (order.status, order.filled_lots, order.venue_order_id):
        return []
    ended_by_this = status in TERMINAL and not order.terminal
    update = _said(
        order,
        source,
        now_ns,
        status=status,
        filled=filled,
        venue_order_id=venue_order_id,
        code=report.reason_code if ended_by_this else order.reason_code if order.terminal else "",
        reason=report.reason if ended_by_this else order.reason if order.terminal else "",
        time_ms=report.time_ms,
    )
    return [update]


def _on_found(order: Order, news: Found, source: int, now_ns: int) -> list[OrderUpdate]:
    updates = _on_report(order, news.order, source, now_ns)
    for update in updates:
        if not order.answered and not update.reason_code:
            update.reason_code = ADOPTED
            update.reason = f"nobody knew its outcome; found by {news.by} as venue order {update.venue_order_id}"
    return updates


def _on_fill(order: Order, news: VenueFill, source: int, now_ns: int) -> list[OrderUpdate]:
    if news.fill.trade_id in order.trade_ids:
        return []
    fill = _less_covered(order, news.fill)
    booked = order.booked_lots + moved_lots(fill)
    filled = min(order.request.quantity_lots, max(order.filled_lots, booked))
    update = _said(
        order,
        source,
        now_ns,
        status=_status(order, filled, ORDER_STATUS_ACCEPTED),
        filled=filled,
        venue_order_id=order.venue_order_id or news.venue_order_id,
        code=order.reason_code if order.terminal else "",
        reason=order.reason if order.terminal else "",
        time_ms=fill.time_ms,
        fill=fill,
    )
    return [update]


def _less_covered(order: Order, fill: Fill) -> Fill:
    """A true execution that comes after a synthetic one of the same order stood in for it doubles nothing."""
    covered = 0 if fill.synthetic else min(fill.quantity_lots, order.synthetic_lots)
    if not covered:
        return fill
    told = Fill()
    told.CopyFrom(fill)
    told.covered_lots, told.covered_price_ticks = covered, order.synthetic_ticks
    return told


def _status(order: Order, filled: int, told: int) -> int:
    if order.terminal:
        return order.status
    if told in TERMINAL:
        return told
    if filled >= order.request.quantity_lots:
        return ORDER_STATUS_FILLED
    return ORDER_STATUS_PARTIALLY_FILLED if filled else ORDER_STATUS_ACCEPTED


def _said(
    order: Order,
    source: int,
    now_ns: int,
    *,
    status: int,
    filled: int | None = None,
    venue_order_id: str | None = None,
    code: str = "",
    reason: str = "",
    time_ms: int = 0,
    fill: Fill | None = None,
) -> OrderUpdate:
    update = as_update(order, source=source, fill=fill)
    update.status = OrderStatus.ValueType(status)
    if filled is not None:
        update.filled_lots = filled
    if venue_order_id is not None:
        update.venue_order_id = venue_order_id
    update.reason_code = code
    update.reason = reason
    update.time_ms = time_ms or now_ns // 1_000_000
    if not order.answered and status not in UNANSWERED:
        update.answered_ns = now_ns
    return update
