"""The agents' part of the promise: one live order a slot, attempts that grow only by an end on the log, no orphan slot,
and decisions that a fold of the log makes again (WF-1, ORD-5, GRID-1, ES-5).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise

from agents.domain.grid_state import STRATEGY
from connector.gateway.lifecycle import TERMINAL
from reliability.simulation.checkers.evidence import Evidence, Said, Violation, status_name
from reliability.simulation.checkers.refold import refold
from reliability.simulation.history import BookedOrder, Duty
from topics.catalogue import EXPOSURE_STATE, GRID_STATE, INTENTS, VOLATILITY_STATE
from topics.v1.intents_pb2 import Intent, PlaceOrder
from topics.v1.orders_pb2 import OrderUpdate
from topics.v1.slots_pb2 import SlotState
from topics.v1.state_pb2 import AgentState

SlotKey = tuple[str, str, int]
_STATE_TOPICS = frozenset({EXPOSURE_STATE.name, GRID_STATE.name, VOLATILITY_STATE.name})


def check(evidence: Evidence) -> Iterator[Violation]:
    decided = _decided(evidence)
    yield from _contradictions(decided)
    yield from _one_live_order_a_slot(evidence, decided)
    yield from _attempts(evidence, decided)
    yield from _orphans(evidence)
    yield from _outboxes_sent(evidence, decided)
    yield from _asked_undecided(evidence, decided)
    yield from _written_off_duty(evidence)
    yield from refold(evidence)


def _decided(evidence: Evidence) -> dict[str, list[tuple[float, Intent]]]:
    """Placements by client order id as the agents' own states hold them, with when the state was durable."""
    decided: dict[str, list[tuple[float, Intent]]] = defaultdict(list)
    terms: dict[bytes, int] = defaultdict(int)
    for said in evidence.read(GRID_STATE):
        state: AgentState = said.message
        if state.term < terms[said.record.key]:
            continue  # the late write of a former owner: no reader takes it in, and its outbox was not sent
        terms[said.record.key] = state.term
        for outgoing in state.outbox:
            if outgoing.topic == INTENTS.name:
                intent = Intent.FromString(outgoing.value)
                if intent.HasField("place"):
                    decided[intent.place.client_order_id].append((said.at_s, intent))
    return decided


def _contradictions(decided: dict[str, list[tuple[float, Intent]]]) -> Iterator[Violation]:
    for name, intents in decided.items():
        first = intents[0][1].place
        for at_s, intent in intents[1:]:
            if intent.place != first:
                yield Violation(
                    "contradicting-intents",
                    f"the agents decided {name} as {_words(first)} and at {at_s:.3f} s as {_words(intent.place)}",
                )


def _one_live_order_a_slot(evidence: Evidence, decided: dict[str, list[tuple[float, Intent]]]) -> Iterator[Violation]:
    """Over all attempts: an attempt follows the end of the one before it, so no two of a slot live at once."""
    slots: dict[SlotKey, list[BookedOrder]] = defaultdict(list)
    for name, intents in decided.items():
        intent = intents[0][1]
        slots[intent.strategy, intent.symbol, intent.place.slot] += evidence.booked.get(name, [])
    for (strategy, symbol, slot), orders in slots.items():
        ordered = sorted(orders, key=lambda order: order.accepted_s)
        for before, after in pairwise(ordered):
            ended_s = _ended_s(before)
            if ended_s is None or after.accepted_s < ended_s:
                yield Violation(
                    "two-live",
                    f"{strategy} {symbol} slot {slot}: {after.client_order_id} was accepted at "
                    f"{after.accepted_s:.3f} s while {before.client_order_id} lived",
                )


def _attempts(evidence: Evidence, decided: dict[str, list[tuple[float, Intent]]]) -> Iterator[Violation]:
    """The next order of a slot is decided only after the log has told the end of the last one."""
    slots: dict[SlotKey, list[tuple[float, Intent]]] = defaultdict(list)
    for intents in decided.values():
        at_s, intent = intents[0]
        slots[intent.strategy, intent.symbol, intent.place.slot].append((at_s, intent))
    for (strategy, symbol, slot), placed in slots.items():
        ordered = sorted(placed, key=lambda it: it[0])
        for (_, before), (at_s, after) in pairwise(ordered):
            told = evidence.told.get(before.place.client_order_id)
            end_s = _end_told_s(told.updates if told else [])
            if end_s is None or end_s > at_s:
                yield Violation(
                    "attempt-too-early",
                    f"{strategy} {symbol} slot {slot}: {after.place.client_order_id} (attempt {after.place.attempt}) "
                    f"was decided at {at_s:.3f} s, the end of {before.place.client_order_id} was "
                    + ("never said" if end_s is None else f"said at {end_s:.3f} s"),
                )


def _end_told_s(updates: list[Said[OrderUpdate]]) -> float | None:
    """An end, or all of it filled: the grid takes either for the end."""
    for said in updates:
        update = said.message
        if update.status in TERMINAL or update.filled_lots >= update.quantity_lots:
            return said.at_s
    return None


def _orphans(evidence: Evidence) -> Iterator[Violation]:
    """A slot LOCKED at the end is locked by an order that lives, or whose end nobody has said."""
    for (agent, key), state in sorted(evidence.history.agent_states.items()):
        if not isinstance(state, AgentState):
            continue
        if state.halted:
            yield Violation("agent-halted", f"{agent} {key} stands still: {state.halted}")
        for slot in state.grid.slots:
            if slot.state != SlotState.SLOT_STATE_LOCKED:
                continue
            told = evidence.told.get(slot.client_order_id)
            if told is None:
                yield Violation("orphan-slot", f"{key} slot {slot.slot} waits for {slot.client_order_id}, unheard of")
            elif told.end is not None:
                yield Violation(
                    "orphan-slot",
                    f"{key} slot {slot.slot} waits for {slot.client_order_id}, which was "
                    f"{status_name(told.end.message.status)} at {told.end.at_s:.3f} s",
                )


def _outboxes_sent(evidence: Evidence, decided: dict[str, list[tuple[float, Intent]]]) -> Iterator[Violation]:
    """What a durable state decided reaches the log, whatever became of the process that decided it."""
    for name, intents in decided.items():
        if name not in evidence.asked:
            yield Violation("intent-not-sent", f"{name} was decided at {intents[0][0]:.3f} s and never asked for")


def _asked_undecided(evidence: Evidence, decided: dict[str, list[tuple[float, Intent]]]) -> Iterator[Violation]:
    """No intent is seen before the state that decided it: whoever continues from the states decides otherwise."""
    for name, asked in evidence.asked.items():
        if asked[0].message.strategy != STRATEGY:
            continue
        decided_s = decided[name][0][0] if name in decided else None
        if decided_s is None or decided_s > asked[0].at_s:
            yield Violation(
                "undecided-intent",
                f"{name} was asked for at {asked[0].at_s:.3f} s ({asked[0].place}); a state that decides it was "
                + ("never durable" if decided_s is None else f"durable at {decided_s:.3f} s"),
            )


def _written_off_duty(evidence: Evidence) -> Iterator[Violation]:
    """A worker that has let go of everything writes no state of a partition until it is told to take it."""
    duties: dict[str, list[Duty]] = defaultdict(list)
    for duty in evidence.history.duties:
        duties[duty.life].append(duty)
    for record in evidence.history.log:
        life = record.writer.rpartition("/")[0]
        if record.topic not in _STATE_TOPICS or life not in duties:
            continue
        held = next((it for it in reversed(duties[life]) if it.at_s <= record.at_s), None)
        if held is None or record.partition not in held.partitions:
            yield Violation(
                "state-not-owned",
                f"{record.writer} wrote {record.topic}/{record.partition}/{record.offset} at {record.at_s:.3f} s; it "
                f"held {sorted(held.partitions) if held else 'nothing'}",
            )


def _ended_s(order: BookedOrder) -> float | None:
    return next((state.at_s for state in order.states if state.status in TERMINAL), None)


def _words(place: PlaceOrder) -> str:
    return f"{place.quantity_lots} lots at {place.price_ticks} ticks, slot {place.slot}, attempt {place.attempt}"
