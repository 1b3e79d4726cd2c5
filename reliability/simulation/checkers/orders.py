"""At most one order at the venue for each client order id, claimed before it is sent, by the one owner (WF-1…3, ORD-5).

Judged on the wire and in the venue's own books: what any process believed has no part in it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from connector.gateway.intents import request_of
from connector.gateway.refusals import not_ours
from reliability.simulation.checkers.evidence import Evidence, Said, Violation, side_name
from reliability.simulation.history import BookedOrder, Request
from topics.v1.intents_pb2 import Intent

PLACE = "place"
CANCEL = "cancel"
ACCEPTED = frozenset({"accepted", "done"})


def check(evidence: Evidence) -> Iterator[Violation]:
    yield from _double_orders(evidence)
    yield from _sent_again(evidence)
    yield from _wrong_details(evidence)
    yield from _sent_before_claimed(evidence)
    yield from _fenced_writes(evidence)
    yield from _foreign_touched(evidence)
    yield from _foreign_adopted(evidence)


def _double_orders(evidence: Evidence) -> Iterator[Violation]:
    for name, orders in evidence.booked.items():
        if len(orders) > 1:
            ids = ", ".join(f"{it.venue_order_id} at {it.accepted_s:.3f} s" for it in orders)
            yield Violation("double-order", f"{name} became {len(orders)} orders at the venue: {ids}")


def _sent_again(evidence: Evidence) -> Iterator[Violation]:
    """Only what is certain never to have been accepted may be sent again."""
    placed: dict[str, list[Request]] = defaultdict(list)
    for request in sorted(evidence.history.requests, key=lambda it: it.sent_s):
        if request.kind != PLACE:
            continue
        for earlier in placed[request.client_order_id]:
            if earlier.answer in ACCEPTED:
                yield Violation(
                    "sent-again",
                    f"{request.client_order_id} was sent by {request.process} at {request.sent_s:.3f} s although "
                    f"{earlier.process} had sent it at {earlier.sent_s:.3f} s and the venue accepted that",
                )
        placed[request.client_order_id].append(request)


def first_valid(asked: list[Said[Intent]]) -> Said[Intent] | None:
    """The placement that counts: the first on the log under an id of ours."""
    for said in asked:
        if not_ours(request_of(said.message).client_order_id) is None:
            return said
    return None


def _wrong_details(evidence: Evidence) -> Iterator[Violation]:
    for name, asked in evidence.asked.items():
        said = first_valid(asked)
        for order in evidence.booked.get(name, []):
            if said is not None and _details(order) != _wanted(said.message):
                yield Violation(
                    "wrong-details",
                    f"{name} was asked for as {_wanted(said.message)} and is {_details(order)} at the venue",
                )


def _details(order: BookedOrder) -> tuple[object, ...]:
    return (order.symbol, side_name(order.side), order.type, order.price_ticks, order.quantity_lots, order.reduce_only)


def _wanted(intent: Intent) -> tuple[object, ...]:
    place = intent.place
    return (intent.symbol, side_name(place.side), place.type, place.price_ticks, place.quantity_lots, place.reduce_only)


def _sent_before_claimed(evidence: Evidence) -> Iterator[Violation]:
    claimed: dict[str, float] = {}
    for change in evidence.history.ledger.changes:
        if change.kind == "claim":
            claimed.setdefault(change.client_order_id, change.at_s)
    for request in evidence.history.requests:
        if request.kind == PLACE and request.sent_s < claimed.get(request.client_order_id, float("inf")):
            when = claimed.get(request.client_order_id)
            yield Violation(
                "sent-before-claimed",
                f"{request.client_order_id} was sent at {request.sent_s:.3f} s, its claim was "
                + ("never committed" if when is None else f"committed at {when:.3f} s"),
            )


def _fenced_writes(evidence: Evidence) -> Iterator[Violation]:
    newest = 0
    for change in evidence.history.ledger.changes:
        if change.epoch < newest:
            yield Violation(
                "fenced-write",
                f"epoch {change.epoch} wrote {change.kind} of {change.client_order_id} at {change.at_s:.3f} s, "
                f"after epoch {newest} had written",
            )
        newest = max(newest, change.epoch)


def _foreign_touched(evidence: Evidence) -> Iterator[Violation]:
    foreign_ids = {order.client_order_id for order in evidence.foreign.values() if order.client_order_id}
    for request in evidence.history.requests:
        if request.kind != CANCEL:
            continue
        if request.venue_order_id in evidence.foreign or request.client_order_id in foreign_ids:
            yield Violation(
                "foreign-touched",
                f"{request.process} asked at {request.sent_s:.3f} s to cancel order {request.venue_order_id} "
                f"{request.client_order_id}, which is not ours",
            )


def _foreign_adopted(evidence: Evidence) -> Iterator[Violation]:
    """An order of another program is nobody's of us: no row of the ledger, and said as foreign (ORD-6)."""
    for order in evidence.foreign.values():
        if order.client_order_id in evidence.history.ledger.orders:
            yield Violation("foreign-adopted", f"{order.client_order_id} is not ours and has a row in the order ledger")
        if order.client_order_id in evidence.told:
            said = evidence.told[order.client_order_id].updates[0]
            yield Violation(
                "foreign-adopted", f"{order.client_order_id} is not ours and is told as ours at {said.place}"
            )
