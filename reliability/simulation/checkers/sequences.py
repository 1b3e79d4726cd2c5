"""Legal sequences of states in the ledger and on the log: nothing is resurrected, remaining only shrinks (ORD-4, -5).

The ledger has one owner at a time and is judged without allowance. The log is told at least once: a gateway that starts
repeats what the ledger does not know was said, from the state the ledger holds. So an update that goes back is allowed
where more than one gateway lived between the two; no reader takes it for news.
"""

from __future__ import annotations

from collections.abc import Iterator

from connector.gateway.lifecycle import TERMINAL
from reliability.simulation.checkers.evidence import RANKS, Evidence, Said, Violation, status_name
from topics.v1.orders_pb2 import (
    OrderUpdate,
)


def check(evidence: Evidence) -> Iterator[Violation]:
    yield from _ledger(evidence)
    yield from _log(evidence)
    yield from _venue(evidence)


def _ledger(evidence: Evidence) -> Iterator[Violation]:
    status: dict[str, int] = {}
    filled: dict[str, int] = {}
    for change in evidence.history.ledger.changes:
        order, name = change.order, change.client_order_id
        if order is None or change.kind not in ("claim", "change"):
            continue
        before = status.get(name)
        if before is not None and not _follows(before, order.status):
            code = "resurrected" if before in TERMINAL else "illegal-state"
            yield Violation(
                code,
                f"the ledger moved {name} from {status_name(before)} to {status_name(order.status)} "
                f"at {change.at_s:.3f} s",
            )
        if order.filled_lots > order.request.quantity_lots or order.filled_lots < filled.get(name, 0):
            yield Violation(
                "remaining",
                f"the ledger has {name} with {order.filled_lots} of {order.request.quantity_lots} lots filled, "
                f"{filled.get(name, 0)} before",
            )
        status[name], filled[name] = order.status, order.filled_lots


def _log(evidence: Evidence) -> Iterator[Violation]:
    for name, told in evidence.told.items():
        before: Said[OrderUpdate] | None = None
        for said in told.updates:
            update = said.message
            if update.filled_lots > update.quantity_lots or update.filled_lots < 0:
                yield Violation(
                    "remaining",
                    f"{said.place}: {name} has {update.filled_lots} of {update.quantity_lots} lots filled",
                )
            if before is not None:
                yield from _news(evidence, name, before, said)
            if before is None or RANKS[update.status] >= RANKS[before.message.status]:
                before = said


def _news(evidence: Evidence, name: str, before: Said[OrderUpdate], said: Said[OrderUpdate]) -> Iterator[Violation]:
    old, new = before.message, said.message
    repeated = evidence.two_spoke(before.at_s, said.at_s)
    if new.filled_lots < old.filled_lots and not repeated:
        yield Violation(
            "remaining", f"{said.place}: {name} has {new.filled_lots} lots filled, after {old.filled_lots} before"
        )
    if _follows(old.status, new.status) or (repeated and not _other_end(old.status, new.status)):
        return
    code = "resurrected" if old.status in TERMINAL else "illegal-state"
    yield Violation(
        code, f"{said.place}: {name} is {status_name(new.status)} after {status_name(old.status)} at {before.place}"
    )


def _venue(evidence: Evidence) -> Iterator[Violation]:
    """The simulated venue itself: a world that breaks its own rules proves nothing."""
    for order in evidence.history.orders:
        for before, after in zip(order.states, order.states[1:], strict=False):
            if not _follows(before.status, after.status) or after.filled_lots < before.filled_lots:
                yield Violation(
                    "venue-state",
                    f"venue order {order.venue_order_id} went from {status_name(before.status)} "
                    f"{before.filled_lots} to {status_name(after.status)} {after.filled_lots}",
                )
        if order.filled_lots > order.quantity_lots:
            yield Violation("venue-state", f"venue order {order.venue_order_id} filled more than it asked for")


def _follows(before: int, after: int) -> bool:
    return before == after if before in TERMINAL else RANKS[after] >= RANKS[before]


def _other_end(before: int, after: int) -> bool:
    return before in TERMINAL and after in TERMINAL and before != after
