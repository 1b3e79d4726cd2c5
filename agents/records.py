"""From what the rules ask for to records of the log: topics, keys, envelopes with deterministic ids. No decisions."""

from __future__ import annotations

from collections.abc import Iterable

from agents.domain.grid_state import STRATEGY, Grid
from agents.domain.outputs import Cancel, Notice, Output, Place, SlotStep
from agents.keys import Cause
from topics.catalogue import ALERTS, INTENTS, RISK, SLOTS
from topics.codec import Record, encode
from topics.envelope import Envelope
from topics.identifiers import event_id
from topics.v1.alerts_pb2 import Alert, Severity
from topics.v1.common_pb2 import Grain, OrderType, TimeInForce
from topics.v1.intents_pb2 import CancelOrder, Intent, PlaceOrder
from topics.v1.risk_pb2 import RiskEvent
from topics.v1.slots_pb2 import SlotChanged

GRID_SOURCE = "agents/grid"


def grid_records(grid: Grid, outputs: Iterable[Output], cause: Cause) -> list[Record]:
    """One record an output, in order."""
    grain = grid.limits.scale.grain if grid.limits else Grain()
    causation = _causation(cause)
    records = []
    for output in outputs:
        if isinstance(output, Place | Cancel):
            intent = _intent(grid, output, grain, cause)
            records.append(encode(INTENTS, intent, _about(intent.intent_id, output.client_order_id, output, causation)))
        elif isinstance(output, SlotStep):
            step = _slot_changed(grid, output, grain)
            identity = event_id(STRATEGY, grid.venue, grid.symbol, "slot", output.version)
            records.append(encode(SLOTS, step, _about(identity, output.client_order_id, output, causation)))
        else:
            alert = _alert(grid, output, cause)
            records.append(encode(ALERTS, alert, _about(alert.alert_id, "", output, causation)))
    return records


def risk_record(event: RiskEvent, source: str, cause: Cause) -> Record:
    identity = event_id(source, event.venue, event.symbol, event.rule, event.version)
    envelope = Envelope(id=identity, source=source, time_ms=event.time_ms, causation_id=_causation(cause))
    return encode(RISK, event, envelope)


def _intent(grid: Grid, output: Place | Cancel, grain: Grain, cause: Cause) -> Intent:
    intent = Intent(
        strategy=STRATEGY,
        venue=grid.venue,
        symbol=grid.symbol,
        account=grid.account,
        grain=grain,
        rule=output.rule,
        reason=output.reason,
        cause=cause.position,
        market_time_ms=output.time_ms,
        market_received_ns=cause.market_received_ns,
    )
    if isinstance(output, Cancel):
        intent.intent_id = event_id("cancel", output.client_order_id, output.number)
        intent.cancel.CopyFrom(CancelOrder(client_order_id=output.client_order_id))
        return intent
    intent.intent_id = output.client_order_id
    intent.place.CopyFrom(
        PlaceOrder(
            client_order_id=output.client_order_id,
            side=output.side,
            type=OrderType.ORDER_TYPE_LIMIT,
            time_in_force=TimeInForce.TIME_IN_FORCE_POST_ONLY,
            price_ticks=output.price_ticks,
            quantity_lots=output.quantity_lots,
            slot=output.slot,
            attempt=output.attempt,
        )
    )
    return intent


def _slot_changed(grid: Grid, step: SlotStep, grain: Grain) -> SlotChanged:
    return SlotChanged(
        strategy=STRATEGY,
        venue=grid.venue,
        symbol=grid.symbol,
        version=step.version,
        time_ms=step.time_ms,
        slot=step.slot,
        from_state=step.from_state,
        to_state=step.to_state,
        side=step.side,
        grain=grain,
        price_ticks=step.price_ticks,
        quantity_lots=step.quantity_lots,
        filled_lots=step.filled_lots,
        attempt=step.attempt,
        client_order_id=step.client_order_id,
        reason=step.reason,
    )


def _alert(grid: Grid, notice: Notice, cause: Cause) -> Alert:
    return Alert(
        alert_id=event_id(GRID_SOURCE, notice.code, _causation(cause)),
        source="agents",
        severity=Severity.SEVERITY_WARNING,
        code=notice.code,
        venue=grid.venue,
        symbol=grid.symbol,
        text=notice.text,
        time_ms=notice.time_ms,
    )


def _about(identity: str, order: str, output: Output, causation: str) -> Envelope:
    return Envelope(
        id=identity, source=GRID_SOURCE, time_ms=output.time_ms, correlation_id=order, causation_id=causation
    )


def _causation(cause: Cause) -> str:
    return event_id(cause.position.topic, cause.position.partition, cause.position.offset)
