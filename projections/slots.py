"""Slots: where each slot of a grid is (GRID-1), and every step it took. Steps are recognised by their version."""

from decimal import Decimal
from typing import NamedTuple

from projections.reading import SIDES, SLOT_STATES, name_of, scale_of
from projections.rows import Place, Rows, Table
from topics.v1.slots_pb2 import SlotChanged


class SlotRow(NamedTuple):
    strategy: str
    venue: str
    symbol: str
    slot: int
    state: str
    side: str
    tick_size: Decimal
    lot_size: Decimal
    price_ticks: int
    quantity_lots: int
    filled_lots: int
    attempt: int
    client_order_id: str
    reason: str
    version: int
    time_ms: int
    topic: str
    partition: int
    offset: int


class SlotStepRow(NamedTuple):
    strategy: str
    venue: str
    symbol: str
    version: int
    slot: int
    from_state: str
    to_state: str
    side: str
    tick_size: Decimal
    lot_size: Decimal
    price_ticks: int
    quantity_lots: int
    filled_lots: int
    attempt: int
    client_order_id: str
    reason: str
    time_ms: int
    topic: str
    partition: int
    offset: int


SLOTS = Table("slots", SlotRow, key_size=4)
SLOT_STEPS = Table("slot_steps", SlotStepRow, key_size=4)


def slot_key(step: SlotChanged) -> tuple[str, str, str, int]:
    return (step.strategy, step.venue, step.symbol, step.slot)


def step_key(step: SlotChanged) -> tuple[str, str, str, int]:
    return (step.strategy, step.venue, step.symbol, step.version)


def fold(slots: Rows[SlotRow], steps: Rows[SlotStepRow], step: SlotChanged, place: Place) -> None:
    if steps.get(*step_key(step)):
        return
    scale = scale_of(step.grain)
    side = name_of(SIDES, step.side)
    to_state = name_of(SLOT_STATES, step.to_state)
    order = (
        side,
        scale.tick_size,
        scale.lot_size,
        step.price_ticks,
        step.quantity_lots,
        step.filled_lots,
        step.attempt,
        step.client_order_id,
        step.reason,
    )
    from_state = name_of(SLOT_STATES, step.from_state)
    steps.put(SlotStepRow._make((*step_key(step), step.slot, from_state, to_state, *order, step.time_ms, *place)))
    current = slots.get(*slot_key(step))
    if current is None or step.version > current.version:
        slots.put(SlotRow._make((*slot_key(step), to_state, *order, step.version, step.time_ms, *place)))
