"""No intent is lost, and each has one outcome (WF-2, WF-3): an order, or a refusal said on the log, never both."""

from __future__ import annotations

from collections.abc import Iterator

from connector.gateway.lifecycle import CANCELED_BEFORE_SENT, TERMINAL
from reliability.simulation.checkers.evidence import Evidence, Said, Told, Violation, status_name
from reliability.simulation.checkers.orders import first_valid
from reliability.simulation.history import BookedOrder
from topics.catalogue import INTENTS
from topics.v1.intents_pb2 import Intent
from topics.v1.orders_pb2 import (
    ORDER_STATUS_CANCELED,
    ORDER_STATUS_DENIED,
    ORDER_STATUS_REJECTED,
)

REFUSED = frozenset({ORDER_STATUS_DENIED, ORDER_STATUS_REJECTED})


def check(evidence: Evidence) -> Iterator[Violation]:
    yield from _unread(evidence)
    buried = evidence.buried(INTENTS)
    for name, asked in evidence.asked.items():
        valid = first_valid(asked)
        if valid is None:
            yield from _refused_or_buried(evidence, name, asked, buried)
        elif evidence.consumed(valid):
            yield from _one_outcome(evidence, name, valid)
    for name, orders in evidence.booked.items():
        if name not in evidence.told:
            yield Violation(
                "never-said", f"{name} is order {orders[0].venue_order_id} at the venue; the log was never told of it"
            )


def _unread(evidence: Evidence) -> Iterator[Violation]:
    for said in evidence.intents:
        if not evidence.consumed(said):
            yield Violation("intent-unread", f"intent {said.message.intent_id} at {said.place} was never consumed")


def _refused_or_buried(
    evidence: Evidence, name: str, asked: list[Said[Intent]], buried: set[tuple[int, int]]
) -> Iterator[Violation]:
    """What can be no order is said to be none: an event, or a dead letter where no event can name it."""
    refused = name in evidence.told and evidence.told[name].last.message.status in REFUSED
    for said in asked:
        if not refused and (said.record.partition, said.record.offset) not in buried:
            yield Violation("refusal-missing", f"{said.place}: {name!r} can be no order, and nobody said so")
    if name in evidence.booked:
        yield Violation("invalid-sent", f"{name!r} can be no order and is one at the venue")


def _one_outcome(evidence: Evidence, name: str, asked: Said[Intent]) -> Iterator[Violation]:
    told = evidence.told.get(name)
    booked = evidence.booked.get(name, [])
    if told is None:
        if not booked:
            yield Violation("lost-intent", f"{name}, asked for at {asked.place}, has no order and no refusal")
    elif booked:
        yield from _agrees(name, told, booked[0])
    else:
        yield from _never_there(name, told)


def _agrees(name: str, told: Told, order: BookedOrder) -> Iterator[Violation]:
    last = told.last.message
    if last.status == ORDER_STATUS_DENIED or (last.status == ORDER_STATUS_REJECTED and order.status != last.status):
        yield Violation(
            "refused-but-there",
            f"{name} is order {order.venue_order_id} at the venue ({status_name(order.status)}); the log said "
            f"{status_name(last.status)} {last.reason_code} at {told.last.at_s:.3f} s",
        )
    strangers = {it.message.venue_order_id for it in told.updates} - {"", order.venue_order_id}
    if strangers:
        yield Violation(
            "wrong-order-told", f"{name} is order {order.venue_order_id}; the log also tells of {sorted(strangers)}"
        )


def _never_there(name: str, told: Told) -> Iterator[Violation]:
    last = told.last.message
    if last.status in REFUSED:
        return
    if last.status == ORDER_STATUS_CANCELED and last.reason_code == CANCELED_BEFORE_SENT:
        return
    if last.status in TERMINAL or last.venue_order_id:
        yield Violation(
            "phantom-order",
            f"{name} is not at the venue; the log says {status_name(last.status)} {last.venue_order_id}",
        )
    else:
        yield Violation("unresolved", f"{name} is not at the venue; the log's last word is {status_name(last.status)}")
