"""The grid strategy as a stateful agent: which records reach which rule. The rules are in `agents.domain.grid`."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

from agents import metrics
from agents.domain import grid as rules
from agents.domain import grid_control
from agents.domain.grid_record import bring_up_to_date, from_record
from agents.domain.grid_state import STRATEGY, Grid
from agents.domain.outputs import Cancel, Notice, Output, Place, SlotStep
from agents.keys import Cause, Fact
from agents.records import grid_records
from agents.settings import GridSettings, ParametersError
from topics.catalogue import CONTROL, GRID_STATE, INSTRUMENTS, MARKET, ORDERS, RISK, Topic
from topics.codec import Record
from topics.errors import MalformedRecordError
from topics.v1.control_pb2 import ControlEvent
from topics.v1.instruments_pb2 import Instrument
from topics.v1.market_pb2 import MarketBatch
from topics.v1.orders_pb2 import OrderUpdate
from topics.v1.risk_pb2 import RiskEvent
from topics.v1.slots_pb2 import SlotState
from topics.v1.state_pb2 import AgentState


class GridAgent:
    """One grid an instrument. It keeps no orders before it knows the instrument, and waits (SYM-1)."""

    name = STRATEGY
    state_topic = GRID_STATE
    inputs: tuple[Topic[Any], ...] = (INSTRUMENTS, CONTROL, RISK, ORDERS, MARKET)

    def __init__(self, settings: GridSettings) -> None:
        self._settings = settings

    def restore(self, record: AgentState) -> Grid:
        return from_record(record.grid, venue=record.venue, symbol=record.symbol)

    def store(self, state: Grid, record: AgentState) -> None:
        record.account = state.account
        bring_up_to_date(record.grid, state)

    def fold(self, state: Grid, fact: Fact, cause: Cause) -> list[Record]:
        outputs = self._react(state, fact.message)
        _count(outputs)
        return grid_records(state, outputs, cause) if outputs else []

    def _react(self, state: Grid, message: object) -> list[Output]:
        match message:
            case MarketBatch():
                return rules.on_market(state, message)
            case OrderUpdate():
                return rules.on_order(state, message)
            case RiskEvent():
                return rules.on_risk(state, message)
            case ControlEvent():
                return self._control(state, message)
            case Instrument():
                _check_instrument(message)
                return rules.on_instrument(state, message)
        raise TypeError(f"the grid agent reads no {type(message).__name__}")

    def _control(self, state: Grid, event: ControlEvent) -> list[Output]:
        if event.strategy != STRATEGY:
            return []
        if event.WhichOneof("action") != "activate":
            return rules.on_control(state, event)
        if not event.account:
            return [grid_control.refused(state, "it names no account", event.time_ms)]
        try:
            parameters = self._settings.parameters(event.activate.parameters)
        except ParametersError as error:
            return [grid_control.refused(state, str(error), event.time_ms)]
        return rules.on_activation(state, event.account, parameters)


def _check_instrument(instrument: Instrument) -> None:
    try:
        least = Decimal(instrument.min_notional or 0)
    except InvalidOperation:
        least = Decimal("nan")
    if not (least.is_finite() and least >= 0 and instrument.min_quantity_lots >= 0):
        raise MalformedRecordError(
            f"instrument {instrument.venue}:{instrument.symbol}: minimum notional {instrument.min_notional!r} or "
            f"quantity {instrument.min_quantity_lots} is not a number of zero or more"
        )


def _count(outputs: list[Output]) -> None:
    for output in outputs:
        if isinstance(output, Place | Cancel):
            metrics.INTENTS.labels("place" if isinstance(output, Place) else "cancel").inc()
        elif isinstance(output, SlotStep):
            metrics.STEPS.labels(SlotState.Name(output.to_state).removeprefix("SLOT_STATE_")).inc()
        elif isinstance(output, Notice):
            metrics.NOTICES.labels(output.code).inc()
