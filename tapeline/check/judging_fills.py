"""Fills and positions: the venue's against those of log, ledger and projections. See `judge`."""

from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal

from tapeline.check.facts import Execution, Instrument, Testimony
from tapeline.check.judging_orders import is_of_ours
from tapeline.check.verdict import Findings


def check_fills(heard: Testimony, findings: Findings) -> list[Execution]:
    """Returns the fills the log has not been told of yet, legitimately."""
    under_way = []
    stood_in = _stood_in(heard)
    for execution, fetched in _with_proof(heard):
        name = f"{execution.symbol} {execution.trade_id}"
        on_log = execution.key in heard.log.fills
        quantity = abs(execution.signed_quantity)
        if not on_log and 0 < quantity <= stood_in[execution.client_order_id]:
            stood_in[execution.client_order_id] -= quantity
            continue
        if fetched and not on_log:
            findings.violation("lost_orders", name, "a fill the gateway fetched is missing on the log")
        if fetched and execution.key not in heard.ledger.fills:
            findings.violation("lost_orders", name, "a fill the gateway fetched is missing in its ledger")
        if not fetched and not on_log:
            under_way.append(execution)
            findings.under_way("fill", name, "after the last fill the gateway has fetched for certain")
        elif not fetched and execution.key not in heard.ledger.fills:
            findings.under_way("fill in the ledger", name, "told on the log, the ledger follows")
    return under_way


def check_phantoms(heard: Testimony, findings: Findings) -> None:
    real = {execution.key for execution in heard.venue_after.fills} | synthetic(heard)
    witnesses = (
        ("the log", heard.log.fills.keys()),
        ("the gateway's ledger", heard.ledger.fills.keys()),
        ("the projections", heard.projections.fills),
    )
    for witness, keys in witnesses:
        for _, symbol, trade_id in sorted(set(keys) - real):
            findings.violation("phantom_fills", f"{symbol} {trade_id}", f"{witness} has it, the venue does not")


def check_projected_fills(heard: Testimony, findings: Findings) -> None:
    """Rows against the log, up to exactly the offset the rows contain."""
    for key, told in heard.log.fills.items():
        due = told.offset < heard.projections.next_offset.get(("orders", told.partition), 0)
        if due and key not in heard.projections.fills:
            findings.violation("lost_orders", f"{key[1]} {key[2]}", "a fill on the log is missing in the projections")


def check_positions(heard: Testimony, under_way: list[Execution], findings: Findings) -> None:
    venue_sum = _sums(heard.venue_before.fills)
    # what came after the first look at the venue is no part of that look's position
    seen = {execution.key for execution in heard.venue_before.fills}
    seen |= synthetic(heard)
    told = _sums(fill.execution for key, fill in heard.log.fills.items() if key in seen)
    pending, before = _sums(under_way), _before_us(heard)
    projected = _sums(
        fill.execution
        for fill in heard.log.fills.values()
        if fill.offset < heard.projections.next_offset.get(("orders", fill.partition), 0)
    )
    instruments = {*heard.venue_before.positions, *venue_sum, *told, *projected, *heard.projections.positions}
    for instrument in sorted(instruments):
        name = ":".join(instrument)
        held = heard.venue_before.positions.get(instrument, Decimal(0))
        if held != venue_sum[instrument]:
            findings.violation(
                "position_mismatches", name, f"the venue holds {held}, its own fills sum to {venue_sum[instrument]}"
            )
        if held != before[instrument] + told[instrument] + pending[instrument]:
            findings.violation(
                "position_mismatches",
                name,
                f"the venue holds {held}, the log's fills sum to {told[instrument]}, under way {pending[instrument]}",
            )
        row = heard.projections.positions.get(instrument, Decimal(0))
        if row != projected[instrument]:
            findings.violation(
                "position_mismatches", name, f"the projections hold {row}, the log's fills {projected[instrument]}"
            )


def synthetic(heard: Testimony) -> set[tuple[str, str, str]]:
    return {key for key, fill in heard.log.fills.items() if fill.execution.synthetic}


def _stood_in(heard: Testimony) -> defaultdict[str, Decimal]:
    """By order, what synthetic fills booked that no true one was set against yet."""
    left: defaultdict[str, Decimal] = defaultdict(Decimal)
    for fill in heard.log.fills.values():
        one = fill.execution
        if one.client_order_id:
            left[one.client_order_id] += abs(one.signed_quantity) if one.synthetic else -one.covered
    return left


def _with_proof(heard: Testimony) -> Iterable[tuple[Execution, bool]]:
    """The venue's fills in its order, each with whether the gateway recorded having fetched and told it."""
    for instrument, executions in _by_instrument(heard).items():
        begin, fetched = _bounds(heard, instrument, executions)
        for at, execution in enumerate(executions[begin:], start=begin):
            yield execution, at < fetched


def _by_instrument(heard: Testimony) -> dict[Instrument, list[Execution]]:
    by_instrument: dict[Instrument, list[Execution]] = defaultdict(list)
    for execution in heard.venue_before.fills:
        by_instrument[execution.venue, execution.symbol].append(execution)
    return by_instrument


def _bounds(heard: Testimony, instrument: Instrument, executions: list[Execution]) -> tuple[int, int]:
    """How many of the first fills were foreign and before us, and how many the gateway fetched for certain."""
    mark = heard.ledger.fetched_up_to.get(instrument, "")
    fetched = max((at for at, one in enumerate(executions) if one.trade_id == mark), default=-1) + 1
    ours = (
        at for at, one in enumerate(executions) if one.key in heard.log.fills or is_of_ours(heard, one.client_order_id)
    )
    return min(next(ours, fetched), fetched), fetched


def _before_us(heard: Testimony) -> defaultdict[Instrument, Decimal]:
    return _sums(
        execution
        for instrument, executions in _by_instrument(heard).items()
        for execution in executions[: _bounds(heard, instrument, executions)[0]]
    )


def _sums(executions: Iterable[Execution]) -> defaultdict[Instrument, Decimal]:
    sums: defaultdict[Instrument, Decimal] = defaultdict(Decimal)
    for execution in executions:
        sums[execution.venue, execution.symbol] += execution.signed_quantity
    return sums
