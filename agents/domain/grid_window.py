"""Where slots stand and how much they order: integer arithmetic on levels, so nothing drifts (GRID-1)."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_HALF_EVEN, Decimal

from agents.domain.grid_state import BUY, SELL, Grid, GridParameters, Limits, Slot
from topics.v1.common_pb2 import Side

BPS = 10_000


def price_of(grid: Grid, number: int) -> int:
    """The price of slot `number` in ticks."""
    return grid.origin_ticks + number * grid.interval_ticks


def side_of(grid: Grid, number: int) -> Side.ValueType:
    """BUY below the center, SELL above it; unspecified at the center and outside the window."""
    levels = grid.parameters.levels if grid.parameters else 0
    distance = number - grid.center
    if distance == 0 or abs(distance) > levels:
        return Side.SIDE_UNSPECIFIED
    return BUY if distance < 0 else SELL


def interval_at(mid_ticks: int, parameters: GridParameters) -> int:
    """The distance between slots in ticks, at least one."""
    wanted = (mid_ticks * parameters.interval_bps / BPS).to_integral_value(ROUND_HALF_EVEN)
    return max(parameters.min_interval_ticks, int(wanted), 1)


def wanted_lots(price_ticks: int, parameters: GridParameters, limits: Limits) -> int:
    """The order notional at this price, rounded down to lots."""
    return int(parameters.order_notional / (price_ticks * limits.unit))


def least_lots(price_ticks: int, limits: Limits) -> int:
    """The smallest quantity the venue takes at this price."""
    by_notional = (limits.min_notional / (price_ticks * limits.unit)).to_integral_value(ROUND_CEILING)
    return max(1, limits.min_quantity_lots, int(by_notional))


def quantity_at(price_ticks: int, parameters: GridParameters, limits: Limits) -> int:
    """Lots of an order at this price. A price that moved since activation may need a lot more than was asked for."""
    return max(wanted_lots(price_ticks, parameters, limits), least_lots(price_ticks, limits))


def crosses(side: Side.ValueType, price_ticks: int, bid_ticks: int, ask_ticks: int) -> bool:
    """Whether an order at this price would take, or a resting one is being filled right now."""
    return price_ticks >= ask_ticks if side == BUY else price_ticks <= bid_ticks


def slot_crosses(grid: Grid, slot: Slot) -> bool:
    return crosses(slot.side, slot.price_ticks, grid.bid_ticks, grid.ask_ticks)


def edges(grid: Grid) -> tuple[int, int]:
    """The prices of the outermost slots of the window."""
    levels = grid.parameters.levels if grid.parameters else 0
    return price_of(grid, grid.center - levels), price_of(grid, grid.center + levels)


def is_left_behind(grid: Grid) -> bool:
    """Whether the whole window is on one side of the market."""
    low, high = edges(grid)
    return grid.ask_ticks < low or grid.bid_ticks > high


def nearest_slot(grid: Grid) -> int:
    """The slot nearest to the middle of the quote."""
    twice_offset = grid.bid_ticks + grid.ask_ticks - 2 * grid.origin_ticks
    return int((Decimal(twice_offset) / (2 * grid.interval_ticks)).to_integral_value(ROUND_HALF_EVEN))


def open_lots(grid: Grid, side: Side.ValueType) -> int:
    """Lots of live orders on a side that may still fill."""
    return sum(slot.open_lots for slot in grid.live.values() if slot.side == side)
