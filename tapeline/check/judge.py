"""The rules of `tapeline check`, pure. What is wrong, what is only under way, and why the difference is safe.

Violations (each makes `ok` false):

- **duplicate order**: more than one order at the venue with one client order id of ours; one client order id with two
  venue order ids on the log; two live orders at the venue for one (strategy, symbol, slot). Nothing exempts these: the
  venue's ledger alone decides, at one moment, and no message under way can make or unmake an order there.
- **lost order**: an order of ours at the venue that the gateway's ledger does not know (the claim is durable before
  anything is sent, so no timing explains it); an answered ledger row the log knows nothing of (the log is told first);
  a row with a venue order id the venue does not know; an order live at the venue that ledger or log call ended; a
  settled row whose filled quantity is not the venue's; a fill at the venue, up to the trade id the gateway recorded as
  fetched and told, that log or ledger lack; a fill below the projections' offset that the projections lack.
- **phantom fill**: a fill on the log, in the ledger or in the projections that the venue does not have, unless the log
  says that the gateway made it up for what the venue's executions leave unexplained (those are counted).
- **orphan locked slot**: a slot LOCKED by an order that has ended, where whoever must act on that has acted already:
  the agent's state contains the order's end and its outbox holds no step for it; or the ledger has settled the order
  and the log was never told; or neither venue nor ledger know the order and its intent was consumed.
- **position mismatch**: the venue's position is not the sum of the venue's fills; the venue's position is not the sum
  of the log's fills and those under way; the projections' position is not the sum of the log's fills below their
  offset.
- **order after kill**: an order at the venue that the kill switch denied; one live at the venue although the switch is
  on and the venue was verified to have none; one at the venue claimed while the switch was on (5 s after it was turned,
  for a claim may have been durable before a kill that waited to be written).

Under way (`in_flight`, counted and listed, not a violation), each with the one who will settle it:

- an order at the venue whose ledger row is unanswered: the gateway looks it up by client order id at its next start;
- an ended order whose row is not settled: the gateway asks for it at its next reconciliation;
- a fill after the trade id recorded as fetched: the gateway fetches from that id on at every start and reconciliation;
- a locked slot whose order's end the agent has not read, or whose step waits in its outbox, or whose intent the
  gateway has not consumed: the readers' own offsets say so.

None of these rests on a clock. Each rests on what a party durably recorded *not* to have done yet, and that party
starts from that record. So what is under way is settled by the next start, or it becomes a violation: the trade id
recorded as fetched passes it, the row is answered, the state contains it. It cannot hide a double order, which is seen
at the venue alone. While the pipeline runs, what stays under way through every look of a long enough wait is a
violation too (`stuck`).

A fill of the venue that its own list withheld, so that a synthetic one stands in for it on the log, is neither: order
and position are right, and should it be listed after all, it moves nothing a second time. Such fills are counted.

Foreign fills from before the gateway's first start belong to nobody here: the venue's history up to the first fetched
trade id is taken as the position the gateway began with.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from decimal import Decimal

from tapeline.check.facts import TERMINAL, UNANSWERED, Execution, Instrument, SlotKey, Testimony, VenueOrder
from tapeline.check.verdict import Findings, Verdict
from topics.identifiers import is_ours

KILLED = "KILLED"
_KILL_WRITTEN_MS = 5_000


def judge(heard: Testimony) -> Verdict:
    """One look, judged."""
    findings = Findings()
    _duplicates(heard, findings)
    _orders_of_the_venue(heard, findings)
    _orders_of_the_ledger(heard, findings)
    _after_a_kill(heard, findings)
    under_way = _fills(heard, findings)
    _phantoms(heard, findings)
    _projected(heard, findings)
    _slots(heard, findings)
    _positions(heard, under_way, findings)
    return Verdict(
        orders_at_venue=sum(_is_ours(heard, order.client_order_id) for order in heard.venue_before.orders),
        orders_in_ledger=len(heard.ledger.orders),
        unknown_orders=sum(row.state in UNANSWERED for row in heard.ledger.orders.values()),
        fills_at_venue=len(heard.venue_before.fills),
        fills_in_log=len(heard.log.fills),
        fills_in_ledger=len(heard.ledger.fills),
        fills_in_postgres=len(heard.projections.fills),
        synthetic_fills=len(_synthetic(heard)),
        projection_lag=_lag(heard),
        unreadable_records=heard.log.unreadable,
        findings=findings,
    )


def _is_ours(heard: Testimony, client_order_id: str) -> bool:
    """By the ledger where other systems placed through the gateway with ids of their own, else by the prefix."""
    return client_order_id in heard.ledger.orders or is_ours(client_order_id)


def _duplicates(heard: Testimony, findings: Findings) -> None:
    ours = [order for order in heard.venue_before.orders if _is_ours(heard, order.client_order_id)]
    for name, count in Counter(order.client_order_id for order in ours).items():
        if count > 1:
            findings.violation("duplicate_orders", name, f"the venue has {count} orders with this client order id")
    for name, told in heard.log.orders.items():
        if len(told.venue_order_ids) > 1:
            ids = ", ".join(sorted(told.venue_order_ids))
            findings.violation("duplicate_orders", name, f"the log tells of venue orders {ids} for it")
    live: dict[SlotKey, list[str]] = defaultdict(list)
    for order in ours:
        intent = heard.log.intents.get(order.client_order_id)
        if order.live and intent:
            live[intent.strategy, order.venue, order.symbol, intent.slot].append(order.client_order_id)
    for slot, names in live.items():
        if len(set(names)) > 1:
            findings.violation("duplicate_orders", _slot_name(slot), f"live at once: {', '.join(sorted(names))}")


def _orders_of_the_venue(heard: Testimony, findings: Findings) -> None:
    for order in heard.venue_before.orders:
        if not _is_ours(heard, order.client_order_id):
            continue
        row = heard.ledger.orders.get(order.client_order_id)
        if row is None:
            findings.violation("lost_orders", order.client_order_id, "at the venue, but not in the gateway's ledger")
        elif order.client_order_id not in heard.log.orders:
            if row.state in UNANSWERED:
                findings.under_way(
                    "order", order.client_order_id, f"the ledger has it as {row.state}, to be looked up at the venue"
                )
            else:
                findings.violation(
                    "lost_orders", order.client_order_id, f"{row.state} in the ledger, but the log was never told of it"
                )


def _orders_of_the_ledger(heard: Testimony, findings: Findings) -> None:
    at_venue = {order.client_order_id: order for order in heard.venue_after.orders}
    ended = {order.client_order_id for order in heard.venue_before.orders if not order.live}
    for name, row in heard.ledger.orders.items():
        order = at_venue.get(name)
        if order is None:
            if row.venue_order_id:
                findings.violation(
                    "lost_orders", name, f"{row.state} in the ledger as {row.venue_order_id}, unknown to the venue"
                )
            elif row.state in UNANSWERED:
                findings.under_way("order", name, f"{row.state} in the ledger, not seen at the venue yet")
            continue
        told = heard.log.orders.get(name)
        if order.live and (row.state in TERMINAL or (told and told.status in TERMINAL)):
            for_us = row.state if row.state in TERMINAL else "ended on the log"
            findings.violation("lost_orders", name, f"live at the venue, but {for_us} for us")
        elif row.settled and row.filled != order.filled:
            findings.violation(
                "lost_orders", name, f"the venue filled {order.filled}, the settled ledger row says {row.filled}"
            )
        elif name in ended and not row.settled and (told is None or told.status not in TERMINAL):
            findings.under_way("end of order", name, f"{order.status} at the venue, {row.state} in the ledger")


def _after_a_kill(heard: Testimony, findings: Findings) -> None:
    on = {turn.venue: turn for turn in heard.ledger.kills}
    live_after = {order.client_order_id for order in heard.venue_after.orders if order.live}
    for order in heard.venue_before.orders:
        row = heard.ledger.orders.get(order.client_order_id)
        if row is None:
            continue
        turn = on.get(order.venue)
        if (row.state, row.reason_code) == ("DENIED", KILLED):
            text = "at the venue, but the kill switch denied it"
        elif turn and turn.killed and turn.verified and order.live and order.client_order_id in live_after:
            text = "live at the venue, but the kill switch is on and the venue was verified to have no order"
        elif any(begin + _KILL_WRITTEN_MS < row.claimed_ms < end for begin, end in _killed_times(heard, order.venue)):
            text = "at the venue, claimed while the kill switch was on"
        else:
            continue
        findings.violation("orders_after_kill", order.client_order_id, text)


def _killed_times(heard: Testimony, venue: str) -> list[tuple[int, float]]:
    """From when to when, Unix ms, the switch was on."""
    turns = [turn for turn in heard.ledger.kills if turn.venue == venue]
    ends: list[float] = [turn.time_ms for turn in turns[1:]]
    return [(turn.time_ms, end) for turn, end in zip(turns, [*ends, float("inf")], strict=False) if turn.killed]


def _fills(heard: Testimony, findings: Findings) -> list[Execution]:
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


def _synthetic(heard: Testimony) -> set[tuple[str, str, str]]:
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
        at for at, one in enumerate(executions) if one.key in heard.log.fills or _is_ours(heard, one.client_order_id)
    )
    return min(next(ours, fetched), fetched), fetched


def _before_us(heard: Testimony) -> defaultdict[Instrument, Decimal]:
    return _sums(
        execution
        for instrument, executions in _by_instrument(heard).items()
        for execution in executions[: _bounds(heard, instrument, executions)[0]]
    )


def _phantoms(heard: Testimony, findings: Findings) -> None:
    real = {execution.key for execution in heard.venue_after.fills} | _synthetic(heard)
    witnesses = (
        ("the log", heard.log.fills.keys()),
        ("the gateway's ledger", heard.ledger.fills.keys()),
        ("the projections", heard.projections.fills),
    )
    for witness, keys in witnesses:
        for _, symbol, trade_id in sorted(set(keys) - real):
            findings.violation("phantom_fills", f"{symbol} {trade_id}", f"{witness} has it, the venue does not")


def _projected(heard: Testimony, findings: Findings) -> None:
    """Rows against the log, up to exactly the offset the rows contain."""
    for key, told in heard.log.fills.items():
        due = told.offset < heard.projections.next_offset.get(("orders", told.partition), 0)
        if due and key not in heard.projections.fills:
            findings.violation("lost_orders", f"{key[1]} {key[2]}", "a fill on the log is missing in the projections")
    for slot, step in heard.log.slots.items():
        if step.at is None or step.at[1] >= heard.projections.next_offset.get(("slots", step.at[0]), 0):
            continue
        row = heard.projections.slots.get(slot)
        if row is None or row < (step.version, ""):
            findings.violation(
                "slot_mismatches", _slot_name(slot), f"step {step.version} on the log, the projections have {row}"
            )


def _slots(heard: Testimony, findings: Findings) -> None:
    at_venue = {order.client_order_id: order for order in heard.venue_before.orders}
    for slot, step in heard.log.slots.items():
        if step.state == "LOCKED":
            _locked(heard, slot, step.client_order_id, at_venue.get(step.client_order_id), findings)


def _locked(heard: Testimony, slot: SlotKey, name: str, at_venue: VenueOrder | None, findings: Findings) -> None:
    """A slot waits for an order: fine while that is live or being found out, or the agent has still to read its end."""
    told, row = heard.log.orders.get(name), heard.ledger.orders.get(name)
    where = _slot_name(slot)
    if told and told.ended_at:
        _, offset = told.ended_at
        if heard.log.agents_read_orders.get((slot[1], slot[2]), -1) >= offset:
            findings.violation("orphan_locked_slots", where, f"the agent has read that {name} is {told.status}")
        else:
            findings.under_way("slot", where, f"{name} is {told.status}, the agent has still to read it")
    elif at_venue is not None and not at_venue.live:
        if row is None or row.settled:
            findings.violation(
                "orphan_locked_slots", where, f"{name} is {at_venue.status} at the venue and the log was never told"
            )
    elif at_venue is None and row is None:
        _unclaimed(heard, slot, name, findings)
    elif at_venue is None and row is not None and row.state in TERMINAL:
        if row.settled:
            findings.violation("orphan_locked_slots", where, f"{name} is {row.state} and the log was never told")
        else:
            findings.under_way("slot", where, f"{name} is {row.state} in the ledger, the log has still to be told")


def _unclaimed(heard: Testimony, slot: SlotKey, name: str, findings: Findings) -> None:
    intent = heard.log.intents.get(name)
    if intent is None:
        findings.violation("orphan_locked_slots", _slot_name(slot), f"nobody ever asked for {name}")
    elif intent.read_at and intent.read_at[1] < heard.ledger.intents_read.get(intent.read_at[0], 0):
        findings.violation(
            "orphan_locked_slots", _slot_name(slot), f"the intent of {name} was consumed, but there is no order"
        )
    else:
        findings.under_way("intent", _slot_name(slot), f"the gateway has still to read the intent of {name}")


def _positions(heard: Testimony, under_way: list[Execution], findings: Findings) -> None:
    venue_sum = _sums(heard.venue_before.fills)
    # what came after the first look at the venue is no part of that look's position
    seen = {execution.key for execution in heard.venue_before.fills}
    seen |= _synthetic(heard)
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


def _sums(executions: Iterable[Execution]) -> defaultdict[Instrument, Decimal]:
    sums: defaultdict[Instrument, Decimal] = defaultdict(Decimal)
    for execution in executions:
        sums[execution.venue, execution.symbol] += execution.signed_quantity
    return sums


def _lag(heard: Testimony) -> int:
    return sum(max(0, end - heard.projections.next_offset.get(at, 0)) for at, end in heard.log_ends.items())


def _slot_name(slot: SlotKey) -> str:
    strategy, venue, symbol, number = slot
    return f"{strategy} {venue}:{symbol} slot {number}"
