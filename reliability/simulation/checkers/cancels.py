"""Cancels have a lane of their own (ORD-3): what holds placements back (back-off, breaker) delays no cancel.

Judged where nothing else can be the cause: an order the log knows as accepted, a wish of its own that became durable,
one gateway that lived and ran from the wish on. Then the request leaves at once, whatever the venue answers.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator

from connector.gateway.lifecycle import TERMINAL
from reliability.simulation.checkers.evidence import Evidence, Violation
from reliability.simulation.checkers.orders import CANCEL
from reliability.simulation.history import BookedOrder, LedgerChange, ProcessLife
from topics.v1.orders_pb2 import ORDER_STATUS_ACCEPTED

WITHIN_S = 0.25
"""From the durable wish to the request on the wire; what is left of it is the way back from the ledger."""
_ANSWERED_S = 1.0
"""A request that left before, because the wish was known before it was durable, may wait so long for its reply."""
_SETTLED_S = 0.5
_APART_S = 20.0
"""A cancel of everything on the symbol is one call with a look before it: wishes near one are not judged."""


def check(evidence: Evidence) -> Iterator[Violation]:
    asked = _asked(evidence)
    cancel_alls = [(it.message.symbol, it.at_s) for it in evidence.intents if it.message.HasField("cancel_all")]
    for wish in _first_wishes(evidence):
        order = next(iter(evidence.booked.get(wish.client_order_id, [])), None)
        if order is None or not _is_known(evidence, order, wish):
            continue
        near = any(symbol == order.symbol and abs(at_s - wish.at_s) < _APART_S for symbol, at_s in cancel_alls)
        if near or evidence.history.kill_switch or not _one_gateway_at_work(evidence, wish.at_s):
            continue
        times = asked[order.venue_order_id]
        if bisect_left(times, wish.at_s - _ANSWERED_S) == bisect_right(times, wish.at_s + WITHIN_S):
            later = next((at_s for at_s in times if at_s > wish.at_s), None)
            yield Violation(
                "cancel-held-back",
                f"the wish to cancel {wish.client_order_id} was durable at {wish.at_s:.3f} s; the venue was asked "
                + ("never" if later is None else f"at {later:.3f} s"),
            )


def _asked(evidence: Evidence) -> defaultdict[str, list[float]]:
    """When a request to cancel the order left, by the venue's order id."""
    by_client_id = {name: orders[0].venue_order_id for name, orders in evidence.booked.items()}
    asked: defaultdict[str, list[float]] = defaultdict(list)
    for request in evidence.history.requests:
        if request.kind == CANCEL:
            asked[request.venue_order_id or by_client_id.get(request.client_order_id, "")].append(request.sent_s)
    for times in asked.values():
        times.sort()
    return asked


def _first_wishes(evidence: Evidence) -> Iterator[LedgerChange]:
    seen = set()
    for change in evidence.history.ledger.changes:
        if change.kind == "cancel" and change.client_order_id not in seen:
            seen.add(change.client_order_id)
            yield change


def _is_known(evidence: Evidence, order: BookedOrder, wish: LedgerChange) -> bool:
    """Accepted as the log has it for a while, and alive until after the bound."""
    told = evidence.told.get(wish.client_order_id)
    accepted = told and any(
        it.message.status == ORDER_STATUS_ACCEPTED and it.at_s < wish.at_s - _SETTLED_S for it in told.updates
    )
    ended_s = next((state.at_s for state in order.states if state.status in TERMINAL), float("inf"))
    return bool(accepted) and ended_s > wish.at_s + WITHIN_S


def _one_gateway_at_work(evidence: Evidence, at_s: float) -> bool:
    """The same from before the acceptance was known until after the bound, and never stopped in between."""
    begin_s, end_s = at_s - _SETTLED_S, at_s + 2 * WITHIN_S
    lives = [it for it in evidence.gateways if it.started_s <= end_s and (it.ended_s is None or it.ended_s >= begin_s)]
    return len(lives) == 1 and _ready(lives[0], begin_s, end_s)


def _ready(life: ProcessLife, begin_s: float, end_s: float) -> bool:
    runs = life.ready_s is not None and life.ready_s <= begin_s and (life.ended_s is None or life.ended_s > end_s)
    stopped = any(since_s <= end_s and (until_s < 0 or until_s >= begin_s) for since_s, until_s in life.paused)
    return runs and not stopped
