"""Orders and fills as columns, and back. Pure. Enumerations are words for people: `buy`, `partially_filled`."""

from collections.abc import Iterable, Mapping
from typing import Any

import orjson

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
    "reason_code text, reason text, time_ms int8, sent_ns int8, answered_ns int8, synthetic_lots int8, "
    "synthetic_ticks int8"
)
FILL = (
    "venue text, symbol text, trade_id text, client_order_id text, venue_order_id text, side text, price_ticks int8, "
    "quantity_lots int8, fee text, fee_asset text, realized_pnl text, maker bool, time_ms int8, "
    "synthetic bool, covered_lots int8"
)

# The words of kill_state.denied and kill_state.kill_text.
_WHEN_KILLED = {
    "state": "'denied'",
    "reason_code": "'KILLED'",
    "reason": (
        "format('the kill switch is on, turned by %%s: %%s', coalesce(nullif(switch.by_whom, ''), 'somebody'), "
        "coalesce(nullif(switch.reason, ''), 'no reason given'))"
    ),
    "answered_ns": "new.claimed_ns",
}


def names(columns: str) -> list[str]:
    return [column.split()[0] for column in columns.split(", ")]


def of_json(columns: str) -> str:
    """Many rows from one JSON parameter: far cheaper to send than an array for each column."""
    return f"json_to_recordset(%s::json) AS new ({columns})"


def as_json(rows: Iterable[Mapping[str, Any]]) -> str:
    return orjson.dumps(list(rows)).decode()


def assignment(name: str) -> str:
    """A cancel request is never taken back, everything else is as the newest change says."""
    return f"{name} = it.{name} OR new.{name}" if name == "cancel_requested" else f"{name} = new.{name}"


def unless_killed(name: str) -> str:
    """A claim's column as it is written; `switch` is the kill switch where it is on, else NULL. See kill_state."""
    if name not in _WHEN_KILLED:
        return f"new.{name}"
    return f"CASE WHEN switch.killed THEN {_WHEN_KILLED[name]} ELSE new.{name} END"


def identity(order: Order) -> dict[str, Any]:
    request = order.request
    return {
        "client_order_id": request.client_order_id,
        "venue": order.venue,
        "account": order.account,
        "symbol": request.symbol,
        "side": _SIDES[request.side],
        "type": _TYPES[request.type],
        "time_in_force": _TIMES_IN_FORCE[request.time_in_force],
        "price_ticks": request.price_ticks,
        "quantity_lots": request.quantity_lots,
        "reduce_only": request.reduce_only,
        "tick_size": order.tick_size,
        "lot_size": order.lot_size,
        "strategy": order.strategy,
        "intent_id": order.intent_id,
        "claimed_ns": order.claimed_ns,
    }


def progress(order: Order, *, settled: bool) -> dict[str, Any]:
    return {
        "state": _STATES[order.status],
        "venue_order_id": order.venue_order_id,
        "filled_lots": order.filled_lots,
        "booked_lots": order.booked_lots,
        "cancel_requested": order.cancel_requested,
        "settled": settled,
        "reason_code": order.reason_code,
        "reason": order.reason,
        "time_ms": order.time_ms,
        "sent_ns": order.sent_ns,
        "answered_ns": order.answered_ns,
        "synthetic_lots": order.synthetic_lots,
        "synthetic_ticks": order.synthetic_ticks,
    }


def change(order: Order, *, settled: bool) -> dict[str, Any]:
    return {"client_order_id": order.id, **progress(order, settled=settled)}


def fill_row(venue: str, execution: VenueFill) -> dict[str, Any]:
    fill = execution.fill
    return {
        "venue": venue,
        "symbol": execution.symbol,
        "trade_id": fill.trade_id,
        "client_order_id": execution.client_order_id,
        "venue_order_id": execution.venue_order_id,
        "side": _SIDES[execution.side],
        "price_ticks": fill.price_ticks,
        "quantity_lots": fill.quantity_lots,
        "fee": fill.fee,
        "fee_asset": fill.fee_asset,
        "realized_pnl": fill.realized_pnl,
        "maker": fill.maker,
        "time_ms": fill.time_ms,
        "synthetic": fill.synthetic,
        "covered_lots": fill.covered_lots,
    }


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
        synthetic_lots=row["synthetic_lots"],
        synthetic_ticks=row["synthetic_ticks"],
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
