"""Given / when / then for the grid: a history as events, one more event, what it leads to.

Every fold also goes through a state record and back, so each test shows that a restart changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from decimal import Decimal

from agents.domain import grid as rules
from agents.domain.grid_record import bring_up_to_date, from_record, to_record
from agents.domain.grid_state import Grid, GridParameters
from agents.domain.outputs import Cancel, Notice, Output, Place, SlotStep
from topics.v1.common_pb2 import Grain, Side
from topics.v1.control_pb2 import (
    ControlEvent,
    DeactivateSymbol,
    KillTrading,
    PauseSymbol,
    ReleaseTrading,
    ResumeSymbol,
)
from topics.v1.instruments_pb2 import Instrument
from topics.v1.market_pb2 import MarketBatch
from topics.v1.orders_pb2 import Fill, OrderStatus, OrderUpdate, Ownership
from topics.v1.risk_pb2 import RiskAction, RiskEvent, RiskState
from topics.v1.state_pb2 import GridState

BUY, SELL = Side.SIDE_BUY, Side.SIDE_SELL
GRAIN = Grain(tick_size="0.01", lot_size="0.001")
PARAMETERS = GridParameters(
    interval_bps=Decimal(10),
    min_interval_ticks=1,
    levels=3,
    order_notional=Decimal(100),
    max_position_notional=Decimal(2000),
)
"""At 100.00: one slot every 10 ticks, 1000 lots an order."""

Event = Callable[[Grid], list[Output]]


def instrument(
    *, grain: Grain = GRAIN, min_notional: str = "5", min_quantity_lots: int = 1, trading: bool = True
) -> Event:
    message = Instrument(
        venue="paper",
        symbol="BTCUSDT",
        grain=grain,
        min_notional=min_notional,
        min_quantity_lots=min_quantity_lots,
        trading=trading,
    )
    return lambda grid: rules.on_instrument(grid, message)


def activate(parameters: GridParameters = PARAMETERS, account: str = "main") -> Event:
    return lambda grid: rules.on_activation(grid, account, parameters)


def quote(bid: int, ask: int, *, time_ms: int = 1_000, grain: Grain = GRAIN) -> Event:
    batch = MarketBatch(venue="paper", symbol="BTCUSDT", grain=grain)
    added = batch.events.add().quote
    added.bid_ticks, added.ask_ticks, added.time_ms = bid, ask, time_ms
    return lambda grid: rules.on_market(grid, batch)


def order(
    client_order_id: str,
    status: OrderStatus.ValueType,
    *,
    filled_lots: int = 0,
    reason_code: str = "",
    fill_time_ms: int = 0,
    ownership: Ownership.ValueType = Ownership.OWNERSHIP_OURS,
) -> Event:
    update = OrderUpdate(
        venue="paper",
        symbol="BTCUSDT",
        client_order_id=client_order_id,
        status=status,
        filled_lots=filled_lots,
        reason_code=reason_code,
        ownership=ownership,
        grain=GRAIN,
        fill=Fill(time_ms=fill_time_ms) if fill_time_ms else None,
    )
    return lambda grid: rules.on_order(grid, update)


def risk(rule: str, action: RiskAction.ValueType, state: RiskState.ValueType, version: int = 1) -> Event:
    event = RiskEvent(rule=rule, action=action, state=state, version=version)
    return lambda grid: rules.on_risk(grid, event)


def pause() -> Event:
    return lambda grid: rules.on_control(grid, ControlEvent(strategy="grid", pause=PauseSymbol()))


def kill() -> Event:
    return lambda grid: rules.on_control(grid, ControlEvent(kill=KillTrading()))


def release() -> Event:
    return lambda grid: rules.on_control(grid, ControlEvent(release=ReleaseTrading()))


def resume() -> Event:
    return lambda grid: rules.on_control(grid, ControlEvent(strategy="grid", resume=ResumeSymbol()))


def deactivate() -> Event:
    return lambda grid: rules.on_control(grid, ControlEvent(strategy="grid", deactivate=DeactivateSymbol()))


def empty_grid() -> Grid:
    return Grid("paper", "BTCUSDT")


def restarted(grid: Grid) -> Grid:
    """What a new process knows after a crash."""
    raw = to_record(grid).SerializeToString()
    return from_record(GridState.FromString(raw), venue=grid.venue, symbol=grid.symbol)


class History:
    """A grid with a past. `when` folds one more event and remembers what it led to."""

    def __init__(self, *events: Event) -> None:
        self.grid = empty_grid()
        self.everything: list[Output] = []
        self.record = GridState()
        for event in events:
            self.when(event)

    def when(self, event: Event) -> list[Output]:
        """Folds the event twice, on the grid as it is and on one restored from its record; both must agree, and so must
        the record that is kept up to date."""
        after_restart = restarted(self.grid)
        assert to_record(after_restart) == to_record(self.grid)
        other = event(after_restart)
        outputs = event(self.grid)
        assert outputs == other, "a restart before this event would have led to something else"
        assert to_record(after_restart) == to_record(self.grid)
        bring_up_to_date(self.record, self.grid)
        assert self.record == to_record(self.grid), "the record misses a change"
        self.everything += deepcopy(outputs)
        return outputs

    def id_at(self, number: int) -> str:
        return self.grid.slots[number].client_order_id

    def accept_all(self) -> None:
        for each in list(self.grid.live):
            self.when(order(each, OrderStatus.ORDER_STATUS_ACCEPTED))

    def fill(self, number: int, *, fill_time_ms: int = 0) -> list[Output]:
        slot = self.grid.slots[number]
        return self.when(
            order(
                slot.client_order_id,
                OrderStatus.ORDER_STATUS_FILLED,
                filled_lots=slot.quantity_lots,
                fill_time_ms=fill_time_ms,
            )
        )

    def end_all(self) -> None:
        """Every open order is reported as cancelled."""
        for each in list(self.grid.live):
            self.when(order(each, OrderStatus.ORDER_STATUS_CANCELED))


def trading(*more: Event) -> History:
    """A grid with its orders working around 100.00."""
    history = History(instrument(), activate(), quote(9_999, 10_001), *more)
    history.accept_all()
    return history


def placed(outputs: list[Output]) -> dict[int, Place]:
    return {each.slot: each for each in outputs if isinstance(each, Place)}


def cancelled(outputs: list[Output]) -> set[int]:
    return {each.slot for each in outputs if isinstance(each, Cancel)}


def notices(outputs: list[Output]) -> list[Notice]:
    return [each for each in outputs if isinstance(each, Notice)]


def steps(outputs: list[Output]) -> list[SlotStep]:
    return [each for each in outputs if isinstance(each, SlotStep)]
