"""The volatility rule as a stateful agent. The rule is in `agents.domain.volatility`."""

from __future__ import annotations

from typing import Any

from agents import metrics
from agents.domain.risk_record import volatility_record, volatility_state
from agents.domain.volatility import RULE, Volatility, VolatilityLimits, on_market
from agents.keys import Cause, Fact
from agents.records import risk_record
from topics.catalogue import MARKET, VOLATILITY_STATE, Topic
from topics.codec import Record
from topics.v1.market_pb2 import MarketBatch
from topics.v1.risk_pb2 import RiskState
from topics.v1.state_pb2 import AgentState


class VolatilityAgent:
    """One window an instrument."""

    name = RULE
    state_topic = VOLATILITY_STATE
    inputs: tuple[Topic[Any], ...] = (MARKET,)

    def __init__(self, limits: VolatilityLimits) -> None:
        self._limits = limits

    def restore(self, record: AgentState) -> Volatility:
        return volatility_state(record.volatility, self._limits, venue=record.venue, symbol=record.symbol)

    def store(self, state: Volatility, record: AgentState) -> None:
        record.volatility.CopyFrom(volatility_record(state))

    def fold(self, state: Volatility, fact: Fact, cause: Cause) -> list[Record]:
        if not isinstance(fact.message, MarketBatch):
            raise TypeError(f"the volatility agent reads no {type(fact.message).__name__}")
        events = on_market(state, fact.message, self._limits)
        for event in events:
            metrics.RISK.labels(event.rule, RiskState.Name(event.state).removeprefix("RISK_STATE_")).inc()
        return [risk_record(event, f"agents/{self.name}", cause) for event in events]
