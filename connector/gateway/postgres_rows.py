"""Orders and fills as columns, and back. Pure. Enumerations are words for people: `buy`, `partially_filled`."""

from collections.abc import Iterable, Sequence
from typing import Any

from connector.gateway.lifecycle import Order
from connector.port import OrderRequest, VenueFill
from topics.v1.common_pb2 import OrderType, Side, TimeInForce
from topics.v1.orders_pb2 import OWNERSHIP_OURS, OrderStatus

IDENTITY = (
    "client_order_id text, venue text, account text, symbol text, side text, type text, time_in_force text, "
    "price_ticks int8, quantity_lots int8, reduce_only bool, tick_size text, lot_size text, strategy text, "
    "intent_id text, claimed_ns int8"
)
PROGRESS = (
    "state text, venue_order_id text, filled_lots int8, booked_lots int8, cancel_requested bool, settled bool, "
    "reason_code text, reason text, time_ms int8, sent_ns int8, answered_ns int8"
)
FILL = (
    "venue text, symbol text, trade_id text, client_order_id text, venue_order_id text, side text, price_ticks int8, "
    "quantity_lots int8, fee text, fee_asset text, realized_pnl text, maker bool, time_ms int8"
)


def names(columns: str) -> list[str]:
    return [column.split()[0] for column in columns.split(", ")]


def arrays(columns: str) -> str:
    """`%s::text[], %s::int8[] …`: one parameter for each column of many rows."""
    return ", ".join(f"%s::{column.split()[1]}[]" for column in columns.split(", "))


def assignment(name: str) -> str:
    """A cancel request is never taken back, everything else is as the newest change says."""
    return f"{name} = it.{name} OR new.{name}" if name == "cancel_requested" else f"{name} = new.{name}"


def turned(rows: Iterable[Sequence[Any]]) -> list[list[Any]]:
    """Rows to columns."""
    return [list(column) for column in zip(*rows, strict=True)]


def identity(order: Order) -> tuple[Any, ...]:
    request = order.request
    return (
        request.client_order_id,
        order.venue,
        order.account,
        request.symbol,
        _SIDES[request.side],
        _TYPES[request.type],
        _TIMES_IN_FORCE[request.time_in_force],
        request.price_ticks,
        request.quantity_lots,
        request.reduce_only,
        order.tick_size,
        order.lot_size,
        order.strategy,
        order.intent_id,
        order.claimed_ns,
    )


def progress(order: Order, *, settled: bool) -> tuple[Any, ...]:
    return (
        _STATES[order.status],
        order.venue_order_id,
        order.filled_lots,
        order.booked_lots,
        order.cancel_requested,
        settled,
        order.reason_code,
        order.reason,
        order.time_ms,
        order.sent_ns,
        order.answered_ns,
    )


def fill_row(venue: str, execution: VenueFill) -> tuple[Any, ...]:
    fill = execution.fill
    return (
        venue,
        execution.symbol,
        fill.trade_id,
        execution.client_order_id,
        execution.venue_order_id,
        _SIDES[execution.side],
        fill.price_ticks,
        fill.quantity_lots,
        fill.fee,
        fill.fee_asset,
        fill.realized_pnl,
        fill.maker,
        fill.time_ms,
    )


def order_of(row: dict[str, Any]) -> Order:
    request = OrderRequest(
        symbol=row["symbol"],
        client_order_id=row["client_order_id"],
        side=_number(_SIDES, row["side"]),
        type=_number(_TYPES, row["type"]),
        time_in_force=_number(_TIMES_IN_FORCE, row["time_in_force"]),
        price_ticks=row["price_ticks"],
        quantity_lots=row["quantity_lots"],
        reduce_only=row["reduce_only"],
    )
    return Order(
        venue=row["venue"],
        account=row["account"],
        request=request,
        tick_size=row["tick_size"],
        lot_size=row["lot_size"],
        strategy=row["strategy"],
        intent_id=row["intent_id"],
        ownership=OWNERSHIP_OURS,
        status=_number(_STATES, row["state"]),
        venue_order_id=row["venue_order_id"],
        filled_lots=row["filled_lots"],
        booked_lots=row["booked_lots"],
        trade_ids=frozenset(row["trade_ids"]),
        cancel_requested=row["cancel_requested"],
        reason_code=row["reason_code"],
        reason=row["reason"],
        time_ms=row["time_ms"],
        claimed_ns=row["claimed_ns"],
        sent_ns=row["sent_ns"],
        answered_ns=row["answered_ns"],
    )


def _words(enum: Any, prefix: str) -> dict[int, str]:
    return {number: name.removeprefix(prefix).lower() for name, number in enum.items()}


def _number(words: dict[int, str], word: str) -> int:
    return next(number for number, known in words.items() if known == word)


_SIDES = _words(Side, "SIDE_")
_TYPES = _words(OrderType, "ORDER_TYPE_")
_TIMES_IN_FORCE = _words(TimeInForce, "TIME_IN_FORCE_")
_STATES = _words(OrderStatus, "ORDER_STATUS_")
