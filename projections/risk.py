"""Risk: which rule is tripped on which instrument now, and every trip and release with its numbers (RISK-7)."""

from typing import NamedTuple

from projections.reading import RISK_ACTIONS, RISK_STATES, name_of
from projections.rows import Place, Rows, Table
from topics.v1.risk_pb2 import RiskEvent


class RiskRow(NamedTuple):
    venue: str
    symbol: str
    account: str
    rule: str
    state: str
    action: str
    value: str
    limit_value: str
    unit: str
    reason: str
    time_ms: int
    version: int
    topic: str
    partition: int
    offset: int


class RiskEventRow(NamedTuple):
    venue: str
    symbol: str
    account: str
    rule: str
    version: int
    state: str
    action: str
    value: str
    limit_value: str
    unit: str
    reason: str
    time_ms: int
    topic: str
    partition: int
    offset: int


RISK = Table("risk", RiskRow, key_size=4, resident=True)
RISK_EVENTS = Table("risk_events", RiskEventRow, key_size=5)


def event_key(event: RiskEvent) -> tuple[str, str, str, str, int]:
    return (event.venue, event.symbol, event.account, event.rule, event.version)


def fold(risk: Rows[RiskRow], events: Rows[RiskEventRow], event: RiskEvent, place: Place) -> None:
    key = event_key(event)
    if events.get(*key):
        return
    state = (name_of(RISK_STATES, event.state), name_of(RISK_ACTIONS, event.action))
    told = (*state, event.value, event.limit, event.unit, event.reason, event.time_ms)
    events.put(RiskEventRow._make((*key, *told, *place)))
    current = risk.get(*key[:-1])
    if current is None or event.version > current.version:
        risk.put(RiskRow._make((*key[:-1], *told, event.version, *place)))
