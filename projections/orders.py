"""Orders: what is known of each, one row an order (ORD-4, ORD-5).

Updates come late, repeated and out of order: a terminal status is never overwritten, a status never goes back, and what
is filled never decreases. Fills are rows of their own (`projections.fills`).
"""

from decimal import Decimal
from typing import NamedTuple

from projections.reading import (
    ORDER_TYPES,
    OWNERSHIPS,
    SIDES,
    STATUSES,
    TIMES_IN_FORCE,
    is_known,
    name_of,
    scale_of,
)
from projections.rows import Place, Rows, Table
from topics.errors import MalformedRecordError
from topics.v1.orders_pb2 import OWNERSHIP_FOREIGN, OrderUpdate

TERMINAL = frozenset({"FILLED", "CANCELED", "REJECTED", "EXPIRED", "DENIED"})
# What cannot be taken back: an order seen live is not "sent" any more.
_RANK = {"CLAIMED": 1, "SENT": 2, "UNKNOWN": 3, "ACCEPTED": 4, "PARTIALLY_FILLED": 5} | dict.fromkeys(TERMINAL, 6)


class OrderRow(NamedTuple):
    venue: str
    symbol: str
    order_id: str
    account: str
    client_order_id: str
    venue_order_id: str
    ownership: str
    strategy: str
    intent_id: str
    side: str
    type: str
    time_in_force: str
    reduce_only: bool
    tick_size: Decimal
    lot_size: Decimal
    price_ticks: int
    quantity_lots: int
    filled_lots: int
    status: str
    reason_code: str
    reason: str
    first_time_ms: int
    time_ms: int
    claimed_ns: int
    sent_ns: int
    answered_ns: int
    seq: int
    topic: str
    partition: int
    offset: int


ORDERS = Table("orders", OrderRow, key_size=3)


def order_id(update: OrderUpdate) -> str:
    """What names it for ever: our client order id; of a foreign order, whose client id may repeat, the venue's."""
    if update.ownership == OWNERSHIP_FOREIGN:
        return update.venue_order_id or update.client_order_id
    return update.client_order_id or update.venue_order_id


def key_of(update: OrderUpdate) -> tuple[str, str, str]:
    return (update.venue, update.symbol, order_id(update))


def fold(rows: Rows[OrderRow], update: OrderUpdate, place: Place) -> None:
    key = key_of(update)
    if not key[2]:
        raise MalformedRecordError(f"an update of {update.venue}:{update.symbol} names no order")
    row = rows.get(*key)
    if row and is_known(row.seq, row.offset, update.seq, place.offset):
        return
    rows.put(evolve(row, _as_row(update, place)) if row else _as_row(update, place))


def evolve(row: OrderRow, news: OrderRow) -> OrderRow:
    """The order after an update: details as first told, completed; state never backwards."""
    forward = row.status not in TERMINAL and _RANK.get(news.status, 0) >= _RANK.get(row.status, 0)
    return row._replace(
        venue_order_id=row.venue_order_id or news.venue_order_id,
        client_order_id=row.client_order_id or news.client_order_id,
        strategy=row.strategy or news.strategy,
        intent_id=row.intent_id or news.intent_id,
        filled_lots=max(row.filled_lots, news.filled_lots),
        status=news.status if forward else row.status,
        reason_code=news.reason_code if forward else row.reason_code,
        reason=news.reason if forward else row.reason,
        time_ms=max(row.time_ms, news.time_ms),
        claimed_ns=row.claimed_ns or news.claimed_ns,
        sent_ns=row.sent_ns or news.sent_ns,
        answered_ns=row.answered_ns or news.answered_ns,
        seq=news.seq,
        topic=news.topic,
        partition=news.partition,
        offset=news.offset,
    )


def _as_row(update: OrderUpdate, place: Place) -> OrderRow:
    scale = scale_of(update.grain)
    return OrderRow(
        update.venue,
        update.symbol,
        order_id(update),
        update.account,
        update.client_order_id,
        update.venue_order_id,
        name_of(OWNERSHIPS, update.ownership),
        update.strategy,
        update.intent_id,
        name_of(SIDES, update.side),
        name_of(ORDER_TYPES, update.type),
        name_of(TIMES_IN_FORCE, update.time_in_force),
        update.reduce_only,
        scale.tick_size,
        scale.lot_size,
        update.price_ticks,
        update.quantity_lots,
        update.filled_lots,
        name_of(STATUSES, update.status),
        update.reason_code,
        update.reason,
        update.time_ms,
        update.time_ms,
        update.claimed_ns,
        update.sent_ns,
        update.answered_ns,
        update.seq,
        *place,
    )
