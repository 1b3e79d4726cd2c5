"""The grid as a message and back. Folding on from a restored grid gives what folding on from the original gives."""

from __future__ import annotations

from decimal import Decimal
from typing import cast

from agents.domain.grid_state import LOCKED, Finished, Grid, GridParameters, Limits, Slot
from topics.scale import Scale
from topics.v1.risk_pb2 import RiskAction
from topics.v1.state_pb2 import FinishedOrder, GridSlot, GridState, InstrumentLimits


def to_record(grid: Grid) -> GridState:
    record = GridState(
        account=grid.account,
        active=grid.active,
        paused=grid.paused,
        killed=grid.killed,
        restarting=grid.restarting,
        parameters=grid.parameters.as_strings() if grid.parameters else None,
        origin_ticks=grid.origin_ticks,
        interval_ticks=grid.interval_ticks,
        center=grid.center,
        center_time_ms=grid.center_time_ms,
        epoch=grid.epoch,
        bid_ticks=grid.bid_ticks,
        ask_ticks=grid.ask_ticks,
        time_ms=grid.time_ms,
        position_lots=grid.position_lots,
        slot_version=grid.slot_version,
        slots=[_slot_record(slot) for slot in grid.slots.values()],
        attempts=grid.attempts,
        risk_versions=grid.risk_versions,
        finished=[
            FinishedOrder(
                client_order_id=order.client_order_id,
                side=order.side,
                quantity_lots=order.quantity_lots,
                filled_lots=order.filled_lots,
            )
            for order in grid.finished
        ],
        next_instrument=_limits_record(grid.next_limits) if grid.next_limits else None,
    )
    for rule, action in grid.tripped.items():
        record.tripped[rule] = action
    if grid.limits:
        record.grain.CopyFrom(grid.limits.scale.grain)
        record.min_notional = format(grid.limits.min_notional, "f")
        record.min_quantity_lots = grid.limits.min_quantity_lots
        record.trading = grid.limits.trading
    return record


def from_record(record: GridState, *, venue: str, symbol: str) -> Grid:
    slots = {slot.slot: _slot(slot) for slot in record.slots}
    return Grid(
        venue=venue,
        symbol=symbol,
        account=record.account,
        active=record.active,
        paused=record.paused,
        killed=record.killed,
        restarting=record.restarting,
        parameters=GridParameters.of(record.parameters) if record.parameters else None,
        limits=_limits_in_use(record),
        next_limits=_limits(record.next_instrument) if record.HasField("next_instrument") else None,
        origin_ticks=record.origin_ticks,
        interval_ticks=record.interval_ticks,
        center=record.center,
        center_time_ms=record.center_time_ms,
        epoch=record.epoch,
        bid_ticks=record.bid_ticks,
        ask_ticks=record.ask_ticks,
        time_ms=record.time_ms,
        position_lots=record.position_lots,
        slot_version=record.slot_version,
        slots=slots,
        attempts=dict(record.attempts),
        tripped={rule: cast("RiskAction.ValueType", number) for rule, number in record.tripped.items()},
        risk_versions=dict(record.risk_versions),
        finished=[
            Finished(order.client_order_id, order.side, order.quantity_lots, order.filled_lots)
            for order in record.finished
        ],
        live={slot.client_order_id: slot for slot in slots.values() if slot.state == LOCKED},
    )


def bring_up_to_date(record: GridState, grid: Grid) -> None:
    """Makes the record the grid's. It must be the one this was done with before; the first time any will do."""
    if grid.changed:
        record.CopyFrom(to_record(grid))
        grid.changed = False
    else:
        update_quote(record, grid)


def update_quote(record: GridState, grid: Grid) -> None:
    """Brings a record up to date when nothing but the quote has changed since it was made."""
    record.bid_ticks = grid.bid_ticks
    record.ask_ticks = grid.ask_ticks
    record.time_ms = grid.time_ms


def _slot_record(slot: Slot) -> GridSlot:
    return GridSlot(
        slot=slot.number,
        state=slot.state,
        side=slot.side,
        price_ticks=slot.price_ticks,
        quantity_lots=slot.quantity_lots,
        filled_lots=slot.filled_lots,
        attempt=slot.attempt,
        client_order_id=slot.client_order_id,
        cancel_requested=slot.cancel_requested,
        cancels=slot.cancels,
        blocked_ticks=slot.blocked_ticks,
        refusals=slot.refusals,
        blocked_until_ms=slot.blocked_until_ms,
    )


def _slot(record: GridSlot) -> Slot:
    return Slot(
        number=record.slot,
        state=record.state,
        side=record.side,
        price_ticks=record.price_ticks,
        quantity_lots=record.quantity_lots,
        filled_lots=record.filled_lots,
        attempt=record.attempt,
        client_order_id=record.client_order_id,
        cancel_requested=record.cancel_requested,
        cancels=record.cancels,
        blocked_ticks=record.blocked_ticks,
        refusals=record.refusals,
        blocked_until_ms=record.blocked_until_ms,
    )


def _limits_in_use(record: GridState) -> Limits | None:
    if not record.HasField("grain"):
        return None
    return Limits(
        Scale.of(record.grain), Decimal(record.min_notional), record.min_quantity_lots, trading=record.trading
    )


def _limits(record: InstrumentLimits) -> Limits:
    return Limits(
        Scale.of(record.grain), Decimal(record.min_notional), record.min_quantity_lots, trading=record.trading
    )


def _limits_record(limits: Limits) -> InstrumentLimits:
    return InstrumentLimits(
        grain=limits.scale.grain,
        min_notional=format(limits.min_notional, "f"),
        min_quantity_lots=limits.min_quantity_lots,
        trading=limits.trading,
    )
