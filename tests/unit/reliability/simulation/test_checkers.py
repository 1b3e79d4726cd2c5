"""Each judge of the simulator fires on a history that is bad in its way, and is silent on a good one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from reliability.simulation.checkers import check
from reliability.simulation.history import (
    Duty,
    History,
    KillSwitchUse,
    LedgerChange,
    LogRecord,
    OrderState,
    ProcessLife,
    Request,
)
from tests.unit.reliability.simulation import story
from tests.unit.reliability.simulation.story import KEY, SYMBOL, Story, good, told
from topics.catalogue import GRID_STATE, INTENTS, ORDERS
from topics.v1.intents_pb2 import Intent
from topics.v1.orders_pb2 import (
    ORDER_STATUS_ACCEPTED,
    ORDER_STATUS_CANCELED,
    ORDER_STATUS_FILLED,
    ORDER_STATUS_REJECTED,
    ORDER_STATUS_UNKNOWN,
    OrderUpdate,
)
from topics.v1.state_pb2 import AgentState


def codes(history: History) -> set[str]:
    return {violation.code for violation in check(history)}


def filled(history: History) -> str:
    return next(order.client_order_id for order in history.orders if order.status == ORDER_STATUS_FILLED)


def resting(history: History) -> str:
    return next(order.client_order_id for order in history.orders if order.status == ORDER_STATUS_ACCEPTED)


def again(history: History, name: str, **changes: object) -> None:
    """The newest update of the order is said once more, changed."""
    said = [r for r in history.of(ORDERS.name) if OrderUpdate.FromString(r.value).client_order_id == name][-1]
    later = replace(said, offset=len(history.of(ORDERS.name)), at_s=history.log[-1].at_s + 0.01)
    history.log.append(story.update_of(later, **changes))


def change_row(history: History, name: str, **changes: object) -> None:
    rows = dict(history.ledger.orders)
    rows[name] = replace(rows[name], **changes)  # type: ignore[arg-type]  # names of the order's fields
    history.ledger.orders = rows


def test_a_good_run_has_no_violation() -> None:
    """ORD-8: a judge that cries without cause hides the one that does not."""
    history = good()
    assert check(history) == []
    assert len(history.orders) == 4
    assert len(history.fills) == 1


def double(history: History) -> None:
    first = history.orders[0]
    history.orders.append(replace(first, venue_order_id="99", states=list(first.states)))


def sent_twice(history: History) -> None:
    history.requests.append(replace(history.requests[0], sent_s=history.requests[0].sent_s + 1, answer="-4116"))


def other_price(history: History) -> None:
    history.orders[0].price_ticks += 1


def sent_first(history: History) -> None:
    history.requests[0].sent_s = 0.0


def fenced(history: History) -> None:
    order = next(iter(history.ledger.orders.values()))
    history.ledger.changes.append(LedgerChange(90.0, 2, "change", order.id, order))
    history.ledger.changes.append(LedgerChange(91.0, 1, "change", order.id, order))


def intent_unread(history: History) -> None:
    history.ledger.positions = {0: len(history.of(INTENTS.name)) - 1}


def intent_lost(history: History) -> None:
    """The denial was never said and never written."""
    booked = {order.client_order_id for order in history.orders}
    rows = {name: row for name, row in history.ledger.orders.items() if name in booked}
    history.ledger.orders = rows
    history.log = [
        r for r in history.log if r.topic != ORDERS.name or OrderUpdate.FromString(r.value).client_order_id in booked
    ]


def verdict_wrong(history: History) -> None:
    name = resting(history)
    again(history, name, status=ORDER_STATUS_REJECTED, reason_code="NOT_RECEIVED")
    change_row(history, name, status=ORDER_STATUS_REJECTED)


def never_said(history: History) -> None:
    name = resting(history)
    history.log = [
        r for r in history.log if r.topic != ORDERS.name or OrderUpdate.FromString(r.value).client_order_id != name
    ]


def phantom(history: History) -> None:
    gone = history.orders.pop()
    history.fills = [fill for fill in history.fills if fill.venue_order_id != gone.venue_order_id]


def resurrected_on_log(history: History) -> None:
    again(history, filled(history), status=ORDER_STATUS_ACCEPTED)


def status_differs_in_ledger(history: History) -> None:
    change_row(history, resting(history), status=ORDER_STATUS_CANCELED)


def status_differs_on_log(history: History) -> None:
    again(history, resting(history), status=ORDER_STATUS_CANCELED)


def resurrected_in_ledger(history: History) -> None:
    row = history.ledger.orders[filled(history)]
    history.ledger.changes.append(LedgerChange(90.0, 1, "change", row.id, replace(row, status=ORDER_STATUS_ACCEPTED)))


def remaining_grew(history: History) -> None:
    again(history, filled(history), filled_lots=0)


def remaining_negative(history: History) -> None:
    again(history, filled(history), filled_lots=10_000)


def went_back(history: History) -> None:
    again(history, resting(history), status=ORDER_STATUS_UNKNOWN)


def fill_lost(history: History) -> None:
    history.log = [
        r for r in history.log if r.topic != ORDERS.name or not OrderUpdate.FromString(r.value).HasField("fill")
    ]


def fill_twice(history: History) -> None:
    said = next(r for r in history.log if r.topic == ORDERS.name and OrderUpdate.FromString(r.value).HasField("fill"))
    history.log.append(replace(said, offset=len(history.of(ORDERS.name)), at_s=90.0))


def fill_phantom(history: History) -> None:
    history.fills.clear()


def fill_not_in_ledger(history: History) -> None:
    history.ledger.fills = {}


def position_off(history: History) -> None:
    history.positions[SYMBOL] += 1


def gateway_position_off(history: History) -> None:
    history.processes[0].status["positions"] = {SYMBOL: 77}


def gateway_down(history: History) -> None:
    history.processes[0].end = "failed"


def halted(history: History) -> None:
    history.processes[0].status["halted"] = "not reconciled"


def unknown_left(history: History) -> None:
    change_row(history, resting(history), status=ORDER_STATUS_UNKNOWN)


def believed_open(history: History) -> None:
    order = next(order for order in history.orders if order.status == ORDER_STATUS_ACCEPTED)
    order.states.append(OrderState(90.0, ORDER_STATUS_CANCELED, 0))


def ghost(history: History) -> None:
    change_row(history, resting(history), status=ORDER_STATUS_CANCELED)


def unsettled(history: History) -> None:
    history.ledger.settled = frozenset()


def projection_off(history: History) -> None:
    history.projected.offsets = {("intents", 0): len(history.of(INTENTS.name))}
    history.projected.rows, history.projected.rebuilt = {"slots": [("a", 1)]}, {"slots": [("a", 2)]}


def projection_behind(history: History) -> None:
    history.projected.offsets = {("intents", 0): 0}


def cancel_lost(history: History) -> None:
    name = resting(history)
    intent = Intent(intent_id="x", venue=history.venue, account=history.account, symbol=SYMBOL)
    intent.cancel.client_order_id = name
    offset = len(history.of(INTENTS.name))
    history.log.append(LogRecord(INTENTS.name, 0, offset, 90.0, KEY, intent.SerializeToString()))
    history.ledger.positions = {0: offset + 1}


def foreign_touched(history: History) -> None:
    stranger = story.foreign_order(Story(history))
    history.requests.append(Request("gateway-1", "cancel", SYMBOL, "", stranger.venue_order_id, 90.0))


def orphan(history: History) -> None:
    name = resting(history)
    again(history, name, status=ORDER_STATUS_CANCELED)
    change_row(history, name, status=ORDER_STATUS_CANCELED)
    order = next(order for order in history.orders if order.client_order_id == name)
    order.states.append(OrderState(90.0, ORDER_STATUS_CANCELED, 0))
    history.processes[0].status["open_orders"] = 0
    history.ledger.settled |= {name}


def decided_otherwise(history: History) -> None:
    """A later state holds a placement with an id used before, at another price."""
    states = history.of(GRID_STATE.name)
    first, last = (AgentState.FromString(states[at].value) for at in (0, -1))
    placement = next(it for it in first.outbox if it.topic == INTENTS.name)
    other = Intent.FromString(placement.value)
    other.place.price_ticks += 7
    last.version, last.contains["market"] = last.version + 1, last.contains["market"]
    del last.outbox[:]
    last.outbox.add(topic=INTENTS.name, key=placement.key, value=other.SerializeToString())
    history.log.append(LogRecord(GRID_STATE.name, 0, len(states), 90.0, KEY, last.SerializeToString()))


def attempt_early(history: History) -> None:
    """The end of the order is said long after the next one of the slot was decided."""
    states = history.of(GRID_STATE.name)
    state = AgentState.FromString(states[0].value)
    placement = next(it for it in state.outbox if it.topic == INTENTS.name)
    following = Intent.FromString(placement.value)
    following.place.client_order_id, following.place.attempt = "tl" + "B" * 26, 1
    state.version += 100
    del state.outbox[:]
    state.outbox.add(topic=INTENTS.name, key=placement.key, value=following.SerializeToString())
    record = LogRecord(GRID_STATE.name, 0, len(states), states[0].at_s + 0.001, KEY, state.SerializeToString())
    history.log.append(record)


def outbox_forgotten(history: History) -> None:
    denied = next(name for name in history.ledger.orders if name not in {it.client_order_id for it in history.orders})
    history.log = [
        r for r in history.log if r.topic != INTENTS.name or Intent.FromString(r.value).place.client_order_id != denied
    ]


def outputs_first(history: History) -> None:
    first = history.of(GRID_STATE.name)[0]
    at = history.log.index(first)
    history.log[at] = replace(first, at_s=50.0)


def two_live(history: History) -> None:
    """Both orders belong to one slot, and neither had ended when the second came."""
    for at, record in enumerate(history.log):
        if record.topic == GRID_STATE.name:
            state = AgentState.FromString(record.value)
            for outgoing in state.outbox:
                if outgoing.topic == INTENTS.name:
                    intent = Intent.FromString(outgoing.value)
                    intent.place.slot = 0
                    outgoing.value = intent.SerializeToString()
            history.log[at] = replace(record, value=state.SerializeToString())


def sent_after_kill(history: History) -> None:
    history.kill_switch.append(KillSwitchUse(0.0, 0.01, "kill", "ok"))


def open_after_kill(history: History) -> None:
    history.kill_switch.append(KillSwitchUse(90.0, 91.0, "kill", "ok"))


def claimed_while_killed(history: History) -> None:
    history.ledger.kills.append((0.0, True))


def foreign_adopted(history: History) -> None:
    stranger = story.foreign_order(Story(history))
    rows = dict(history.ledger.orders)
    rows[stranger.client_order_id] = next(iter(rows.values()))
    history.ledger.orders = rows


def written_off_duty(history: History) -> None:
    """The worker had let go of its partitions when it wrote."""
    at, record = next((at, it) for at, it in enumerate(history.log) if it.topic == GRID_STATE.name)
    history.log[at] = replace(record, writer="agents-1/1/grid")
    history.duties += [
        Duty(0.0, "agents-1/1", frozenset({record.partition})),
        Duty(record.at_s, "agents-1/1", frozenset()),
    ]


def duplicates_miscounted(history: History) -> None:
    history.processes[0].status["duplicates_suppressed"] = 3


def contradiction_unsaid(history: History) -> None:
    asked = next(it for it in history.of(INTENTS.name) if Intent.FromString(it.value).HasField("place"))
    intent = Intent.FromString(asked.value)
    intent.place.quantity_lots += 1
    offset = len(history.of(INTENTS.name))
    history.log.append(replace(asked, offset=offset, value=intent.SerializeToString(), at_s=90.0))
    history.ledger.positions = {asked.partition: offset + 1}


def cancel_held_back(history: History) -> None:
    name = resting(history)
    history.ledger.changes.append(LedgerChange(80.0, 1, "cancel", name, None))
    history.requests.append(Request("gateway-1", "cancel", SYMBOL, name, "", 84.0))


def broken_down(history: History) -> None:
    history.problems.append("deadlock: nobody can run at 12.5 s")


def venue_lies(history: History) -> None:
    history.orders[0].states.append(OrderState(90.0, ORDER_STATUS_ACCEPTED, 0))


BAD: dict[str, Callable[[History], None]] = {
    "double-order": double,
    "sent-again": sent_twice,
    "wrong-details": other_price,
    "sent-before-claimed": sent_first,
    "fenced-write": fenced,
    "foreign-touched": foreign_touched,
    "intent-unread": intent_unread,
    "lost-intent": intent_lost,
    "refused-but-there": verdict_wrong,
    "never-said": never_said,
    "phantom-order": phantom,
    "resurrected": resurrected_on_log,
    "illegal-state": went_back,
    "remaining": remaining_grew,
    "venue-state": venue_lies,
    "fill-lost": fill_lost,
    "fill-twice": fill_twice,
    "fill-phantom": fill_phantom,
    "ledger-fill-lost": fill_not_in_ledger,
    "position": position_off,
    "not-back": gateway_down,
    "halted": halted,
    "unknown-left": unknown_left,
    "not-converged": believed_open,
    "ghost": ghost,
    "unsettled": unsettled,
    "projection": projection_off,
    "projection-lag": projection_behind,
    "cancel-lost": cancel_lost,
    "orphan-slot": orphan,
    "contradicting-intents": decided_otherwise,
    "refold": decided_otherwise,
    "attempt-too-early": attempt_early,
    "intent-not-sent": outbox_forgotten,
    "undecided-intent": outputs_first,
    "two-live": two_live,
    "sent-after-kill": sent_after_kill,
    "open-after-kill": open_after_kill,
    "claimed-while-killed": claimed_while_killed,
    "foreign-adopted": foreign_adopted,
    "state-not-owned": written_off_duty,
    "duplicates-miscounted": duplicates_miscounted,
    "contradiction-unsaid": contradiction_unsaid,
    "cancel-held-back": cancel_held_back,
    "run-broken": broken_down,
}


@pytest.mark.parametrize(("code", "spoil"), BAD.items(), ids=BAD)
def test_a_run_that_is_bad_in_one_way_is_found(code: str, spoil: Callable[[History], None]) -> None:
    """ORD-5, ORD-8: each promise has a judge that bites."""
    history = good()
    spoil(history)
    assert code in codes(history)


@pytest.mark.parametrize("spoil", [status_differs_in_ledger, status_differs_on_log])
def test_ledger_and_log_say_of_an_order_what_the_venue_says(spoil: Callable[[History], None]) -> None:
    """ORD-5: neither is excused by the other."""
    history = good()
    spoil(history)
    assert [it.code for it in check(history)].count("status-differs") == 1


@pytest.mark.parametrize("spoil", [resurrected_in_ledger, remaining_negative, gateway_position_off])
def test_other_ways_of_the_same_fault_are_found_too(spoil: Callable[[History], None]) -> None:
    """ORD-5: in the ledger as on the log, above the quantity as below what was filled."""
    history = good()
    spoil(history)
    assert codes(history) & {"resurrected", "remaining", "position"}


def test_a_gateway_that_starts_again_may_repeat_what_the_ledger_had_not_heard() -> None:
    """ORD-5: an older status said by the next gateway is a repeat, said by the same one a resurrection."""
    history = good()
    history.processes[0].end, history.processes[0].ended_s = "killed", 50.0
    history.processes.append(
        ProcessLife("gateway-2", "gateway", 51.0, 52.0, epoch=2, status=history.processes[0].status)
    )
    said = [r for r in history.of(ORDERS.name) if OrderUpdate.FromString(r.value).client_order_id == filled(history)]
    later = replace(said[-1], offset=len(history.of(ORDERS.name)), at_s=60.0)
    history.log.append(story.update_of(later, status=ORDER_STATUS_UNKNOWN, filled_lots=0))
    assert check(history) == []


def test_a_released_kill_switch_lets_orders_go_again() -> None:
    """RISK-8: it holds until released, not for ever."""
    history = good()
    history.kill_switch += [KillSwitchUse(0.001, 0.002, "kill", "ok"), KillSwitchUse(0.003, 0.004, "release", "ok")]
    assert check(history) == []


def test_what_can_be_no_order_must_be_said_to_be_none() -> None:
    """WF-1: an id too long is refused as an event or a dead letter, never in silence."""
    the_story = told()
    intent = Intent(intent_id="long", venue=story.VENUE, account=story.ACCOUNT, symbol=SYMBOL)
    intent.place.client_order_id = "tl" + "x" * 40
    the_story.write(INTENTS, intent)
    history = the_story.end()
    history.ledger.positions = {0: len(history.of(INTENTS.name))}
    assert codes(history) == {"refusal-missing"}
