"""Intents: what strategies asked for, with the rule and the record behind it. The first telling of each counts."""

from decimal import Decimal
from typing import NamedTuple

from projections.reading import ORDER_TYPES, SIDES, TIMES_IN_FORCE, name_of, scale_of
from projections.rows import Place, Rows, Table
from topics.errors import MalformedRecordError
from topics.v1.intents_pb2 import Intent


class IntentRow(NamedTuple):
    venue: str
    symbol: str
    intent_id: str
    strategy: str
    account: str
    action: str
    client_order_id: str
    slot: int
    attempt: int
    side: str
    type: str
    time_in_force: str
    reduce_only: bool
    tick_size: Decimal | None
    lot_size: Decimal | None
    price_ticks: int
    quantity_lots: int
    rule: str
    reason: str
    cause_topic: str
    cause_partition: int
    cause_offset: int
    market_time_ms: int
    market_received_ns: int
    topic: str
    partition: int
    offset: int


INTENTS = Table("intents", IntentRow, key_size=3)
_ACTIONS = {"place": "PLACE", "cancel": "CANCEL", "cancel_all": "CANCEL_ALL"}


def key_of(intent: Intent) -> tuple[str, str, str]:
    return (intent.venue, intent.symbol, intent.intent_id)


def fold(rows: Rows[IntentRow], intent: Intent, place: Place) -> None:
    if rows.get(*key_of(intent)):
        return
    action = intent.WhichOneof("action")
    if action is None or not intent.intent_id:
        raise MalformedRecordError(f"intent {intent.intent_id!r} of {intent.venue}:{intent.symbol} asks for nothing")
    order = intent.place
    scale = scale_of(intent.grain) if action == "place" else None
    rows.put(
        IntentRow(
            *key_of(intent),
            intent.strategy,
            intent.account,
            _ACTIONS[action],
            intent.cancel.client_order_id if action == "cancel" else order.client_order_id,
            order.slot,
            order.attempt,
            name_of(SIDES, order.side) if scale else "",
            name_of(ORDER_TYPES, order.type) if scale else "",
            name_of(TIMES_IN_FORCE, order.time_in_force) if scale else "",
            order.reduce_only,
            scale.tick_size if scale else None,
            scale.lot_size if scale else None,
            order.price_ticks,
            order.quantity_lots,
            intent.rule,
            intent.reason,
            intent.cause.topic,
            intent.cause.partition,
            intent.cause.offset,
            intent.market_time_ms,
            intent.market_received_ns,
            *place,
        )
    )
