"""The kill switch (RISK-8): once confirmed nothing is sent and everything of ours is cancelled, until released."""

from __future__ import annotations

from collections.abc import Iterator

from connector.gateway.lifecycle import TERMINAL
from reliability.simulation.checkers.evidence import Evidence, Violation
from reliability.simulation.checkers.orders import PLACE
from reliability.simulation.history import BookedOrder, KillSwitchUse
from topics.v1.orders_pb2 import ORDER_STATUS_CLAIMED

KILL = "kill"


def check(evidence: Evidence) -> Iterator[Violation]:
    uses = sorted(evidence.history.kill_switch, key=lambda use: use.asked_s)
    for number, use in enumerate(uses):
        if use.action != KILL or use.answered_s is None:
            continue
        released_s = next((later.asked_s for later in uses[number + 1 :] if later.action != KILL), None)
        yield from _sent_after(evidence, use, use.answered_s, released_s)
        if released_s is None:
            yield from _left_open(evidence, use)
    yield from _claimed_while_killed(evidence)


def _sent_after(
    evidence: Evidence, use: KillSwitchUse, confirmed_s: float, released_s: float | None
) -> Iterator[Violation]:
    until_s = float("inf") if released_s is None else released_s
    for request in evidence.history.requests:
        if request.kind == PLACE and confirmed_s < request.sent_s < until_s:
            yield Violation(
                "sent-after-kill",
                f"{request.process} sent {request.client_order_id} at {request.sent_s:.3f} s; the kill asked for at "
                f"{use.asked_s:.3f} s was confirmed at {confirmed_s:.3f} s",
            )


def _left_open(evidence: Evidence, use: KillSwitchUse) -> Iterator[Violation]:
    for name, orders in evidence.booked.items():
        for order in orders:
            if not _ended(order):
                yield Violation(
                    "open-after-kill",
                    f"{name} is open at the end; the kill was asked for at {use.asked_s:.3f} s",
                )


def _claimed_while_killed(evidence: Evidence) -> Iterator[Violation]:
    """Whoever wrote the row: from there on the ledger takes no claim of an order that is still to be sent."""
    books = evidence.history.ledger
    for change in books.changes:
        row = next(((at_s, killed) for at_s, killed in reversed(books.kills) if at_s < change.at_s), None)
        claimed = change.kind == "claim" and change.order is not None and change.order.status == ORDER_STATUS_CLAIMED
        if claimed and row is not None and row[1]:
            yield Violation(
                "claimed-while-killed",
                f"epoch {change.epoch} claimed {change.client_order_id} at {change.at_s:.3f} s; the account was killed "
                f"in the ledger since {row[0]:.3f} s",
            )


def _ended(order: BookedOrder) -> bool:
    return order.status in TERMINAL
