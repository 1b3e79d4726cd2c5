"""How orders change the grid: placed, cancelled, filled, ended; in any order, repeated or late (ORD-4, GRID-1).

Updates are routed by client order id. `filled_lots` is cumulative, so a repeat adds nothing; an ended order stays
ended.
"""

from __future__ import annotations

from agents.domain.grid_state import (
    BUY,
    CANCELED,
    FILLED,
    FINISHED_KEPT,
    FREE,
    LOCKED,
    SELL,
    Finished,
    Grid,
    Slot,
)
from agents.domain.outputs import Cancel, Place, SlotStep
from topics.scale import Scale
from topics.v1.common_pb2 import Side
from topics.v1.orders_pb2 import OrderStatus, OrderUpdate, Ownership
from topics.v1.slots_pb2 import SlotState

POST_ONLY_WOULD_TAKE = "POST_ONLY_WOULD_TAKE"
FIRST_PAUSE_MS = 1_000
LONGEST_PAUSE_MS = 60_000

TERMINAL = frozenset(
    {
        OrderStatus.ORDER_STATUS_FILLED,
        OrderStatus.ORDER_STATUS_CANCELED,
        OrderStatus.ORDER_STATUS_REJECTED,
        OrderStatus.ORDER_STATUS_EXPIRED,
        OrderStatus.ORDER_STATUS_DENIED,
    }
)
WORKING = frozenset({OrderStatus.ORDER_STATUS_ACCEPTED, OrderStatus.ORDER_STATUS_PARTIALLY_FILLED})


def placed(grid: Grid, order: Place) -> SlotStep:
    """The slot is LOCKED from the decision on, long before the venue knows of the order."""
    before = grid.slots.get(order.slot)
    slot = Slot(
        number=order.slot,
        state=LOCKED,
        side=order.side,
        price_ticks=order.price_ticks,
        quantity_lots=order.quantity_lots,
        attempt=order.attempt,
        client_order_id=order.client_order_id,
        refusals=before.refusals if before else 0,
    )
    grid.slots[order.slot] = slot
    grid.live[order.client_order_id] = slot
    return _step(grid, slot, FREE, LOCKED, order.time_ms, order.reason)


def cancel_asked(grid: Grid, cancel: Cancel) -> None:
    slot = grid.live[cancel.client_order_id]
    slot.cancel_requested = True
    slot.cancels = cancel.number


def updated(grid: Grid, update: OrderUpdate) -> list[SlotStep]:
    """Takes in what is known of an order now. Orders that are not ours, or long ended, change nothing.

    Another program's order may carry a client id of ours: then it says that it is foreign.
    """
    if update.ownership == Ownership.OWNERSHIP_FOREIGN:
        return []
    slot = grid.live.get(update.client_order_id)
    if slot is None:
        _late_fill(grid, update)
        return []
    filled = _filled_lots(grid, update, slot.filled_lots, slot.quantity_lots)
    _move_position(grid, slot.side, filled - slot.filled_lots)
    slot.filled_lots = filled
    if update.status in TERMINAL or filled == slot.quantity_lots:
        return _ended(grid, slot, update)
    if update.status in WORKING:
        slot.cancel_requested = False  # it lives on: an unwanted one is cancelled again
    return []


def _ended(grid: Grid, slot: Slot, update: OrderUpdate) -> list[SlotStep]:
    end = FILLED if slot.filled_lots == slot.quantity_lots else CANCELED
    reason = update.reason_code or OrderStatus.Name(update.status)
    steps = [
        _step(grid, slot, LOCKED, end, update.time_ms, reason),
        _step(grid, slot, end, FREE, update.time_ms, reason),
    ]
    del grid.live[slot.client_order_id]
    del grid.slots[slot.number]
    grid.attempts[slot.number] = slot.attempt + 1
    grid.finished.append(Finished(slot.client_order_id, slot.side, slot.quantity_lots, slot.filled_lots))
    del grid.finished[:-FINISHED_KEPT]
    if end == FILLED:
        _follow(grid, slot, update)
    elif not (slot.cancels and update.status == OrderStatus.ORDER_STATUS_CANCELED):
        _refused(grid, slot, update)
    return steps


def _follow(grid: Grid, slot: Slot, update: OrderUpdate) -> None:
    """The filled slot becomes the empty one, so the former center gets the opposite order: the take-profit."""
    filled_ms = update.fill.time_ms
    if filled_ms and filled_ms < grid.center_time_ms:
        return  # an older fill that came late
    outward = slot.number > grid.center if slot.side == SELL else slot.number < grid.center
    if outward:
        grid.center = slot.number
        grid.center_time_ms = max(grid.center_time_ms, filled_ms)


def _refused(grid: Grid, slot: Slot, update: OrderUpdate) -> None:
    """Nobody here asked for this end: no next attempt before something has changed, so that nothing churns."""
    free = Slot(slot.number, FREE, slot.side, slot.price_ticks, 0)
    if update.reason_code == POST_ONLY_WOULD_TAKE:
        free.blocked_ticks = grid.ask_ticks if slot.side == BUY else grid.bid_ticks
        free.refusals = slot.refusals
    else:
        free.refusals = slot.refusals + 1
        pause_ms = min(FIRST_PAUSE_MS << min(slot.refusals, 16), LONGEST_PAUSE_MS)
        free.blocked_until_ms = grid.time_ms + pause_ms
    grid.slots[slot.number] = free


def _late_fill(grid: Grid, update: OrderUpdate) -> None:
    for order in grid.finished:
        if order.client_order_id == update.client_order_id:
            filled = _filled_lots(grid, update, order.filled_lots, order.quantity_lots)
            _move_position(grid, order.side, filled - order.filled_lots)
            order.filled_lots = filled
            return


def _filled_lots(grid: Grid, update: OrderUpdate, known_lots: int, quantity_lots: int) -> int:
    if update.status == OrderStatus.ORDER_STATUS_FILLED:
        return quantity_lots
    reported = update.filled_lots
    if grid.limits and update.grain.lot_size and Scale.of(update.grain) != grid.limits.scale:
        reported = grid.limits.scale.lots_nearest(Scale.of(update.grain).quantity(reported))
    return min(max(known_lots, reported), quantity_lots)


def _move_position(grid: Grid, side: Side.ValueType, lots: int) -> None:
    grid.position_lots += lots if side == BUY else -lots


def _step(
    grid: Grid,
    slot: Slot,
    from_state: SlotState.ValueType,
    to_state: SlotState.ValueType,
    time_ms: int,
    reason: str,
) -> SlotStep:
    slot.state = to_state
    grid.slot_version += 1
    return SlotStep(
        version=grid.slot_version,
        slot=slot.number,
        from_state=from_state,
        to_state=to_state,
        side=slot.side,
        price_ticks=slot.price_ticks,
        quantity_lots=slot.quantity_lots,
        filled_lots=slot.filled_lots,
        attempt=slot.attempt,
        client_order_id=slot.client_order_id,
        time_ms=time_ms,
        reason=reason,
    )
