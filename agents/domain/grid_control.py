"""How operators, instruments and risk rules change the grid. Repeats change nothing (ORCH-2, GRID-3)."""

from __future__ import annotations

from decimal import Decimal

from agents.domain.grid_state import FREE, Grid, GridParameters, Limits
from agents.domain.grid_window import interval_at, least_lots, price_of, wanted_lots
from agents.domain.outputs import Notice
from topics.scale import Scale
from topics.v1.instruments_pb2 import Instrument
from topics.v1.risk_pb2 import RiskEvent, RiskState

REFUSED = "GRID_REFUSED"


def activated(grid: Grid, account: str, parameters: GridParameters) -> None:
    """Starts trading; other parameters or another account end the running grid first, then start anew."""
    if grid.active and parameters == grid.parameters and account == grid.account:
        return
    if not grid.active:
        grid.paused = False
    grid.restarting = grid.restarting or grid.interval_ticks > 0
    grid.active = True
    grid.parameters = parameters
    grid.account = account


def deactivated(grid: Grid) -> None:
    grid.active = False


def released(grid: Grid) -> None:
    """The kill switch is off: nobody has to wait for what was refused while it was on (RISK-8)."""
    grid.killed = False
    for slot in [slot for slot in grid.slots.values() if slot.state == FREE and slot.refusals]:
        del grid.slots[slot.number]


def refused(grid: Grid, reason: str, time_ms: int) -> Notice:
    """Parameters that cannot be read leave everything as it is."""
    return Notice(REFUSED, f"{grid.venue}:{grid.symbol}: activation refused: {reason}", time_ms)


def restarted(grid: Grid) -> None:
    """Ends the grid's epoch once no order is open: the next quote gives a new origin."""
    if grid.live:
        return
    if grid.restarting:
        grid.restarting = False
        grid.epoch += 1
        grid.origin_ticks = grid.interval_ticks = grid.center = 0
        grid.slots.clear()
        grid.attempts.clear()
        grid.center_time_ms = 0
    if grid.next_limits and grid.interval_ticks == 0:
        _adopt(grid, grid.next_limits)


def instrument_seen(grid: Grid, instrument: Instrument) -> None:
    """A new tick or lot size ends the running grid: its integers mean other prices."""
    limits = Limits(
        scale=Scale.of(instrument.grain),
        min_notional=Decimal(instrument.min_notional or 0),
        min_quantity_lots=instrument.min_quantity_lots,
        trading=instrument.trading,
    )
    if grid.limits is None or limits.scale == grid.limits.scale:
        grid.limits = limits
        grid.next_limits = None
    else:
        grid.next_limits = limits
        grid.restarting = grid.restarting or grid.interval_ticks > 0


def risk_changed(grid: Grid, event: RiskEvent) -> None:
    if event.version <= grid.risk_versions.get(event.rule, 0):
        return
    grid.risk_versions[event.rule] = event.version
    if event.state == RiskState.RISK_STATE_TRIPPED:
        grid.tripped[event.rule] = event.action
    else:
        grid.tripped.pop(event.rule, None)


def begun(grid: Grid, parameters: GridParameters, limits: Limits) -> list[Notice]:
    """Lays the grid around the current quote, or deactivates it where its orders would be too small."""
    origin = (grid.bid_ticks + grid.ask_ticks) // 2
    grid.origin_ticks, grid.interval_ticks = origin, interval_at(origin, parameters)
    problem = _too_small(grid, parameters, limits)
    if not problem:
        return []
    grid.origin_ticks = grid.interval_ticks = 0
    grid.active = False
    return [refused(grid, problem, grid.time_ms)]


def _too_small(grid: Grid, parameters: GridParameters, limits: Limits) -> str:
    prices = [price_of(grid, number) for number in range(-parameters.levels, parameters.levels + 1)]
    for price in prices:
        if price > 0 and (lots := wanted_lots(price, parameters, limits)) < (least := least_lots(price, limits)):
            scale = limits.scale
            return (
                f"order_notional {parameters.order_notional} buys {scale.quantity(lots)} at {scale.price(price)}, "
                f"the venue takes at least {scale.quantity(least)} (minimum quantity "
                f"{scale.quantity(limits.min_quantity_lots)}, minimum notional {limits.min_notional}); "
                f"set order_notional to at least {scale.notional(price, least)}"
            )
    return ""


def _adopt(grid: Grid, limits: Limits) -> None:
    if grid.limits:
        grid.position_lots = limits.scale.lots_nearest(grid.limits.scale.quantity(grid.position_lots))
    grid.finished.clear()
    grid.bid_ticks = grid.ask_ticks = 0
    grid.limits = limits
    grid.next_limits = None
