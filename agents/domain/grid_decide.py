"""What the grid wants now: orders to cancel, orders to place, and the quotes that would change neither.

`decide` reads the state and changes nothing. Cancels come first, then orders, nearest to the market first.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from agents.domain.grid_state import (
    ALWAYS,
    BUY,
    LOCKED,
    NOT_QUIET,
    QUIET_ALWAYS,
    SELL,
    STRATEGY,
    Grid,
    GridParameters,
    Limits,
    Quiet,
    Slot,
)
from agents.domain.grid_window import crosses, edges, open_lots, price_of, quantity_at, side_of, slot_crosses
from agents.domain.outputs import Cancel, Place
from topics.identifiers import client_order_id
from topics.v1.common_pb2 import Side
from topics.v1.risk_pb2 import RiskAction

NAMES = {BUY: "BUY", SELL: "SELL"}
OUT_OF_PLACE = "grid.window"


@dataclass(slots=True)
class _Bounds:
    """Gathers what the next quote must keep for nothing to change."""

    bid_low: int = -ALWAYS
    bid_high: int = ALWAYS
    ask_low: int = -ALWAYS
    ask_high: int = ALWAYS
    until_ms: int = ALWAYS

    def while_crossed(self, side: Side.ValueType, price_ticks: int) -> None:
        """Things change when an order at this price would no longer cross."""
        if side == BUY:
            self.ask_high = min(self.ask_high, price_ticks)
        else:
            self.bid_low = max(self.bid_low, price_ticks)

    def while_not_crossed(self, side: Side.ValueType, price_ticks: int) -> None:
        """Things change when an order at this price would cross."""
        if side == BUY:
            self.ask_low = max(self.ask_low, price_ticks + 1)
        else:
            self.bid_high = min(self.bid_high, price_ticks - 1)

    def while_opposite_is(self, slot: Slot) -> None:
        if slot.side == BUY:
            self.ask_low = max(self.ask_low, slot.blocked_ticks)
            self.ask_high = min(self.ask_high, slot.blocked_ticks)
        else:
            self.bid_low = max(self.bid_low, slot.blocked_ticks)
            self.bid_high = min(self.bid_high, slot.blocked_ticks)

    def freeze(self) -> Quiet:
        return Quiet(self.bid_low, self.bid_high, self.ask_low, self.ask_high, self.until_ms)


def decide(grid: Grid) -> tuple[list[Cancel | Place], Quiet]:
    """What is to be asked for now, and which quotes change nothing once it has been asked for."""
    if grid.active and not grid.restarting and grid.interval_ticks == 0:
        return [], NOT_QUIET  # the first quote starts the grid
    if not grid.slots and not grid.working:
        return [], QUIET_ALWAYS
    bounds = _Bounds()
    wanted: list[Cancel | Place] = list(_cancels(grid, bounds))
    if grid.working:
        low, high = edges(grid)
        bounds.ask_low, bounds.bid_high = low, high
        if grid.parameters and grid.limits and grid.limits.trading:
            for side in (BUY, SELL):
                wanted += _placements(grid, grid.parameters, grid.limits, side, bounds)
    _respect_blocks(grid, bounds)
    return wanted, bounds.freeze()


def allowed_lots(grid: Grid, side: Side.ValueType) -> int:
    """How much may be open on a side under the risk rules tripped now (GRID-3)."""
    allowed = ALWAYS
    for action in grid.tripped.values():
        if action == RiskAction.RISK_ACTION_STOP_BUYS:
            allowed = 0 if side == BUY else allowed
        elif action == RiskAction.RISK_ACTION_REDUCE_ONLY:
            reducible = -grid.position_lots if side == BUY else grid.position_lots
            allowed = min(allowed, max(reducible, 0))
        else:
            allowed = 0
    return allowed


def _cancels(grid: Grid, bounds: _Bounds) -> Iterator[Cancel]:
    kept = {BUY: 0, SELL: 0}
    allowed = {BUY: allowed_lots(grid, BUY), SELL: allowed_lots(grid, SELL)}
    for slot in sorted(grid.live.values(), key=lambda slot: (abs(slot.number - grid.center), slot.number)):
        kept[slot.side] += slot.open_lots
        rule, reason = _unwanted(grid, slot, is_too_much=kept[slot.side] > allowed[slot.side])
        if not rule or slot.cancel_requested:
            continue
        if rule == OUT_OF_PLACE and slot_crosses(grid, slot):
            bounds.while_crossed(slot.side, slot.price_ticks)  # it is being filled: its update is on the way
            continue
        yield Cancel(slot.client_order_id, slot.number, slot.cancels + 1, grid.time_ms, rule, reason)


def _unwanted(grid: Grid, slot: Slot, *, is_too_much: bool) -> tuple[str, str]:
    """Rule and reason for a cancel; empty where the order is as it should be."""
    if not grid.active:
        return "grid.deactivated", "the symbol is not active"
    if grid.restarting:
        return "grid.restart", f"the grid of epoch {grid.epoch} ends; the next one starts with other parameters"
    if grid.paused:
        return "grid.paused", "the symbol is paused"
    if grid.killed:
        return "grid.killed", "the kill switch of the account is on"
    if is_too_much:
        return "grid.risk", f"tripped: {_tripped(grid)}; position {grid.position_lots} lots"
    if side_of(grid, slot.number) != slot.side:
        levels = grid.parameters.levels if grid.parameters else 0
        return OUT_OF_PLACE, (
            f"{NAMES[slot.side]} at slot {slot.number} is out of place: "
            f"center {grid.center}, {levels} levels each side, quote {grid.bid_ticks}/{grid.ask_ticks} ticks"
        )
    return "", ""


def _placements(
    grid: Grid, parameters: GridParameters, limits: Limits, side: Side.ValueType, bounds: _Bounds
) -> Iterator[Place]:
    direction = -1 if side == BUY else 1
    open_now = open_lots(grid, side)
    allowed = allowed_lots(grid, side)
    position = -direction * grid.position_lots
    most = int(parameters.max_position_notional / limits.unit)
    for distance in range(1, parameters.levels + 1):
        number = grid.center + direction * distance
        price = price_of(grid, number)
        slot = grid.slots.get(number)
        if price <= 0 or (slot and (slot.state == LOCKED or _must_wait(grid, slot, side))):
            continue
        if crosses(side, price, grid.bid_ticks, grid.ask_ticks):
            bounds.while_crossed(side, price)
            continue
        quantity = quantity_at(price, parameters, limits)
        if open_now + quantity > allowed or (position + open_now + quantity) * price > most:
            bounds.while_not_crossed(side, price)  # it would be passed over then, and the next one may fit
            return
        open_now += quantity
        yield _place(grid, number, side, price, quantity)


def _place(grid: Grid, number: int, side: Side.ValueType, price: int, quantity: int) -> Place:
    attempt = grid.attempts.get(number, 0)
    return Place(
        client_order_id=client_order_id(
            strategy=STRATEGY,
            venue=grid.venue,
            symbol=grid.symbol,
            slot=number,
            side=NAMES[side],
            epoch=grid.epoch,
            attempt=attempt,
        ),
        slot=number,
        attempt=attempt,
        side=side,
        price_ticks=price,
        quantity_lots=quantity,
        time_ms=grid.time_ms,
        rule="grid.open",
        reason=(
            f"{NAMES[side]} at slot {number}, center {grid.center}, quote {grid.bid_ticks}/{grid.ask_ticks} ticks, "
            f"position {grid.position_lots} lots"
        ),
    )


def _must_wait(grid: Grid, slot: Slot, side: Side.ValueType) -> bool:
    """After a refusal: until the opposite best price has changed (ORD-9), or until its time."""
    return (bool(slot.blocked_ticks) and slot.side == side) or grid.time_ms < slot.blocked_until_ms


def _respect_blocks(grid: Grid, bounds: _Bounds) -> None:
    for slot in grid.slots.values():
        if slot.blocked_ticks:
            bounds.while_opposite_is(slot)
        if slot.blocked_until_ms > grid.time_ms:
            bounds.until_ms = min(bounds.until_ms, slot.blocked_until_ms)


def _tripped(grid: Grid) -> str:
    return ", ".join(f"{rule} {RiskAction.Name(action)}" for rule, action in sorted(grid.tripped.items()))
