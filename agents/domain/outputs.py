"""What the rules ask for, in their own words: facts without topics, headers or venues.

The agent around a rule turns these into records. Nothing here decides.
"""

from __future__ import annotations

from dataclasses import dataclass

from topics.v1.common_pb2 import Side
from topics.v1.slots_pb2 import SlotState


@dataclass(frozen=True, slots=True)
class Place:
    """A post-only limit order for a slot. `time_ms` is the market time of the decision."""

    client_order_id: str
    slot: int
    attempt: int
    side: Side.ValueType
    price_ticks: int
    quantity_lots: int
    time_ms: int
    rule: str
    reason: str


@dataclass(frozen=True, slots=True)
class Cancel:
    """`number` counts the cancels asked for this order, from 1: with it each has an id of its own."""

    client_order_id: str
    slot: int
    number: int
    time_ms: int
    rule: str
    reason: str


@dataclass(frozen=True, slots=True)
class SlotStep:
    """One step of the slot machine (GRID-1). `version` grows by one with each step of the grid."""

    version: int
    slot: int
    from_state: SlotState.ValueType
    to_state: SlotState.ValueType
    side: Side.ValueType
    price_ticks: int
    quantity_lots: int
    filled_lots: int
    attempt: int
    client_order_id: str
    time_ms: int
    reason: str


@dataclass(frozen=True, slots=True)
class Notice:
    """Something a person should know: a stable code and the words with the numbers."""

    code: str
    text: str
    time_ms: int


Output = Place | Cancel | SlotStep | Notice
