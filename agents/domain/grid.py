"""The neutral trailing grid (GRID-1): each function takes one input in and returns what it leads to.

BUYs below an empty slot, SELLs above it; a fill makes its slot the empty one, so the former empty slot gets the
opposite order. No I/O, no clock: times are those of the inputs. The grid is folded in place.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from agents.domain import grid_control, grid_orders
from agents.domain.grid_decide import decide
from agents.domain.grid_state import BUY, FREE, Grid, GridParameters, Quiet, Slot
from agents.domain.grid_window import is_left_behind, nearest_slot
from agents.domain.outputs import Cancel, Output, Place
from topics.scale import Scale
from topics.v1.control_pb2 import ControlEvent
from topics.v1.instruments_pb2 import Instrument
from topics.v1.market_pb2 import MarketBatch, MarketEvent, Quote
from topics.v1.orders_pb2 import OrderUpdate
from topics.v1.risk_pb2 import RiskEvent


def on_market(grid: Grid, batch: MarketBatch) -> list[Output]:
    """Quotes in order. A batch in another grain than the grid's says nothing yet: its instrument is on the way."""
    if grid.limits is None or Scale.of(batch.grain) != grid.limits.scale:
        return []
    return on_quotes(grid, batch.events)


def on_quotes(grid: Grid, events: Iterable[MarketEvent]) -> list[Output]:
    """The hot loop: a quote within the quiet bounds costs a few comparisons."""
    outputs: list[Output] = []
    bid_low, bid_high, ask_low, ask_high, until_ms = _bounds(grid.quiet)
    passed: Quote | None = None
    for event in events:
        quote = event.quote
        bid = quote.bid_ticks
        ask = quote.ask_ticks
        if ask <= bid:
            continue  # not a quote, or one side of the book is empty
        passed = quote
        if bid_low <= bid <= bid_high and ask_low <= ask <= ask_high and quote.time_ms < until_ms:
            continue
        _observe(grid, quote)
        outputs += settle(grid)
        bid_low, bid_high, ask_low, ask_high, until_ms = _bounds(grid.quiet)
    if passed is not None:
        grid.bid_ticks, grid.ask_ticks, grid.time_ms = passed.bid_ticks, passed.ask_ticks, passed.time_ms
    return outputs


def on_order(grid: Grid, update: OrderUpdate) -> list[Output]:
    return [*grid_orders.updated(grid, update), *settle(grid)]


def on_risk(grid: Grid, event: RiskEvent) -> list[Output]:
    grid_control.risk_changed(grid, event)
    return settle(grid)


def on_instrument(grid: Grid, instrument: Instrument) -> list[Output]:
    grid_control.instrument_seen(grid, instrument)
    return settle(grid)


def on_activation(grid: Grid, account: str, parameters: GridParameters) -> list[Output]:
    grid_control.activated(grid, account, parameters)
    return settle(grid)


def on_control(grid: Grid, event: ControlEvent) -> list[Output]:
    """Everything an operator can ask for but activation, whose parameters are read first."""
    action = event.WhichOneof("action")
    if action == "deactivate":
        grid_control.deactivated(grid)
    elif action in {"pause", "resume"}:
        grid.paused = action == "pause"
    elif action == "kill":
        grid.killed = True
    elif action == "release":
        grid_control.released(grid)
    return settle(grid)


def settle(grid: Grid) -> list[Output]:
    """Brings the grid to where it wants nothing more, and remembers which quotes will keep it so."""
    grid.changed = True
    grid_control.restarted(grid)
    outputs: list[Output] = [*_begin(grid)]
    if grid.working and grid.ask_ticks and is_left_behind(grid):
        grid.center = nearest_slot(grid)
    wanted, grid.quiet = decide(grid)
    outputs += _asked(grid, wanted)
    return outputs


def _begin(grid: Grid) -> Sequence[Output]:
    waits = grid.active and not grid.paused and not grid.killed and not grid.restarting and grid.interval_ticks == 0
    if waits and grid.parameters and grid.limits and grid.ask_ticks:
        return grid_control.begun(grid, grid.parameters, grid.limits)
    return ()


def _asked(grid: Grid, wanted: list[Cancel | Place]) -> list[Output]:
    outputs: list[Output] = []
    for each in wanted:
        outputs.append(each)
        if isinstance(each, Place):
            outputs.append(grid_orders.placed(grid, each))
        else:
            grid_orders.cancel_asked(grid, each)
    return outputs


def _observe(grid: Grid, quote: Quote) -> None:
    grid.bid_ticks, grid.ask_ticks, grid.time_ms = quote.bid_ticks, quote.ask_ticks, quote.time_ms
    for slot in [slot for slot in grid.slots.values() if slot.state == FREE]:
        _unblock(grid, slot)


def _unblock(grid: Grid, slot: Slot) -> None:
    opposite = grid.ask_ticks if slot.side == BUY else grid.bid_ticks
    if slot.blocked_ticks and slot.blocked_ticks != opposite:
        slot.blocked_ticks = 0
    if not slot.blocked_ticks and not slot.refusals:
        del grid.slots[slot.number]


def _bounds(quiet: Quiet) -> tuple[int, int, int, int, int]:
    return quiet.bid_low, quiet.bid_high, quiet.ask_low, quiet.ask_high, quiet.until_ms
