"""Convergence: once no fault comes any more, everybody believes what the venue holds (ORD-5, ORD-6, ES-2)."""

from __future__ import annotations

from collections.abc import Iterator

from connector.gateway.lifecycle import TERMINAL, UNANSWERED
from reliability.simulation.checkers.evidence import Evidence, Violation, status_name
from topics.catalogue import BY_NAME


def check(evidence: Evidence) -> Iterator[Violation]:
    yield from _gateway_is_up(evidence)
    yield from _open_orders(evidence)
    yield from _ledger_rows(evidence)
    yield from _statuses_agree(evidence)
    yield from _cancels_carried_out(evidence)
    yield from _projections(evidence)


def _gateway_is_up(evidence: Evidence) -> Iterator[Violation]:
    for kind in ("gateway", "agents", "projector"):
        lives = [life for life in evidence.history.processes if life.kind == kind]
        if lives and not any(life.end == "running" for life in lives):
            last = max(lives, key=lambda life: life.started_s)
            yield Violation("not-back", f"no {kind} runs at the end; {last.name} ended as {last.end}: {last.reason}")
    last_gateway = evidence.gateways[-1] if evidence.gateways else None
    if last_gateway is not None and (halted := last_gateway.status.get("halted")):
        yield Violation("halted", f"{last_gateway.name} still refuses to place at the end: {halted}")


def _open_orders(evidence: Evidence) -> Iterator[Violation]:
    rows = evidence.history.ledger.orders
    live = {order.client_order_id for orders in evidence.booked.values() for order in orders if _is_live(order.status)}
    for name in sorted(live):
        row = rows.get(name)
        if row is None:
            yield Violation("not-in-ledger", f"{name} lives at the venue; the order ledger does not know it")
        elif row.terminal:
            yield Violation(
                "ghost", f"{name} lives at the venue; the order ledger says {status_name(row.status)} {row.reason_code}"
            )
    believed = {name for name, row in rows.items() if not row.terminal}
    for name in sorted(believed - live):
        yield Violation(
            "not-converged", f"{name} is not open at the venue; the order ledger says {status_name(rows[name].status)}"
        )
    count = evidence.gateways[-1].status.get("open_orders") if evidence.gateways else None
    if count is not None and count != len(live):
        yield Violation("not-converged", f"the gateway counts {count} open orders, the venue {len(live)}")


def _ledger_rows(evidence: Evidence) -> Iterator[Violation]:
    ledger = evidence.history.ledger
    for name, row in sorted(ledger.orders.items()):
        if row.status in UNANSWERED:
            yield Violation("unknown-left", f"{name} is still {status_name(row.status)} in the order ledger")
        elif row.terminal and name not in ledger.settled:
            yield Violation(
                "unsettled",
                f"{name} is {status_name(row.status)} with {row.filled_lots} lots filled and {row.booked_lots} booked; "
                "it was never settled",
            )


def _statuses_agree(evidence: Evidence) -> Iterator[Violation]:
    """Of an order the venue has, the order ledger and the log's last word say what it says."""
    for name, orders in sorted(evidence.booked.items()):
        for status, reason_code, where in _believed(evidence, name):
            if status != orders[0].status:
                yield Violation(
                    "status-differs",
                    f"{name} is {status_name(orders[0].status)} at the venue, {status_name(status)} {reason_code} "
                    f"{where}",
                )


def _believed(evidence: Evidence, name: str) -> Iterator[tuple[int, str, str]]:
    row = evidence.history.ledger.orders.get(name)
    if row is not None and row.answered:
        yield row.status, row.reason_code, "in the order ledger"
    told = evidence.told.get(name)
    if told is not None:
        last = told.last.message
        yield last.status, last.reason_code, f"as the log's last word ({told.last.place})"


def _cancels_carried_out(evidence: Evidence) -> Iterator[Violation]:
    for name, wishes in evidence.cancels.items():
        for order in evidence.booked.get(name, []):
            if _is_live(order.status) and any(evidence.consumed(wish) for wish in wishes):
                yield Violation(
                    "cancel-lost",
                    f"{name} was to be cancelled at {wishes[0].at_s:.3f} s ({wishes[0].place}) and lives at the end",
                )
    for name, row in evidence.history.ledger.orders.items():
        if row.cancel_requested and any(_is_live(order.status) for order in evidence.booked.get(name, [])):
            yield Violation("cancel-lost", f"the order ledger holds the wish to cancel {name}, which lives at the end")


def _projections(evidence: Evidence) -> Iterator[Violation]:
    projected = evidence.history.projected
    if not projected.offsets:
        return
    for table in sorted({*projected.rows, *projected.rebuilt}):
        rows, anew = set(projected.rows.get(table, [])), set(projected.rebuilt.get(table, []))
        if rows != anew:
            example = next(iter(rows ^ anew))
            yield Violation(
                "projection",
                f"table {table}: {len(rows - anew)} rows that a fold from offset 0 does not give, {len(anew - rows)} "
                f"missing, e.g. {example}",
            )
    ends: dict[tuple[str, int], int] = {}
    for record in evidence.history.log:
        if record.topic in BY_NAME and (record.topic, record.partition) in projected.offsets:
            at = (record.topic, record.partition)
            ends[at] = max(ends.get(at, 0), record.offset + 1)
    for at, end in sorted(ends.items()):
        if projected.offsets[at] < end:
            yield Violation("projection-lag", f"{at[0]}/{at[1]} is projected up to {projected.offsets[at]} of {end}")


def _is_live(status: int) -> bool:
    return status not in TERMINAL
