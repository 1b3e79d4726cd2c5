"""The exposure rule as a stateful agent. The rule is in `agents.domain.exposure`."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

from agents import metrics
from agents.domain.exposure import RULE, Exposure, ExposureLimits, on_account
from agents.domain.risk_record import exposure_record, exposure_state
from agents.keys import Cause, Fact
from agents.records import risk_record
from topics.catalogue import ACCOUNT, EXPOSURE_STATE, Topic
from topics.codec import Record
from topics.errors import MalformedRecordError
from topics.v1.account_pb2 import AccountUpdate
from topics.v1.risk_pb2 import RiskState
from topics.v1.state_pb2 import AgentState


class ExposureAgent:
    """One sum an account."""

    name = RULE
    state_topic = EXPOSURE_STATE
    inputs: tuple[Topic[Any], ...] = (ACCOUNT,)

    def __init__(self, limits: ExposureLimits) -> None:
        self._limits = limits

    def restore(self, record: AgentState) -> Exposure:
        return exposure_state(record.exposure, venue=record.venue, account=record.account)

    def store(self, state: Exposure, record: AgentState) -> None:
        record.exposure.CopyFrom(exposure_record(state))

    def fold(self, state: Exposure, fact: Fact, cause: Cause) -> list[Record]:
        if not isinstance(fact.message, AccountUpdate):
            raise TypeError(f"the exposure agent reads no {type(fact.message).__name__}")
        _check(fact.message)
        events = on_account(state, fact.message, self._limits)
        for event in events:
            metrics.RISK.labels(event.rule, RiskState.Name(event.state).removeprefix("RISK_STATE_")).inc()
        return [risk_record(event, f"agents/{self.name}", cause) for event in events]


def _check(update: AccountUpdate) -> None:
    for position in update.positions:
        try:
            finite = Decimal(position.mark_price or position.entry_price or "0").is_finite()
        except InvalidOperation:
            finite = False
        if not finite:
            raise MalformedRecordError(
                f"account {update.venue}:{update.account}: position {position.symbol} has mark price "
                f"{position.mark_price!r} and entry price {position.entry_price!r}; expected decimal strings"
            )
