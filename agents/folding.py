"""A batch of facts folded onto the states of their keys: what is to be written, and then sent. No I/O.

A rule that raises halts its key only: its state stays as it was, and a person is alerted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from agents.keys import Fact, Key, PureAgent, in_fold_order
from observability.logs import get_logger
from topics.catalogue import ALERTS
from topics.codec import Record, encode
from topics.envelope import Envelope
from topics.errors import TapelineError
from topics.identifiers import event_id
from topics.v1.alerts_pb2 import Alert, Severity
from topics.v1.state_pb2 import AgentState

SOURCE: Final = "agents"
FIRST_TERM: Final = 1
StateT = TypeVar("StateT")

log = get_logger(__name__)


@dataclass(slots=True)
class Folded:
    """A batch, folded: states to write, then outputs to send, and facts no rule could read."""

    states: list[Record] = field(default_factory=list)
    outputs: list[Record] = field(default_factory=list)
    unreadable: list[tuple[Fact, str]] = field(default_factory=list)


def fold(
    agent: PureAgent[StateT], keys: Mapping[bytes, Key[StateT]], facts: Sequence[Fact], terms: Mapping[int, int]
) -> Folded:
    """Takes the facts into their keys, which must be known. `terms` by partition: of whoever owns it now."""
    folded = Folded()
    outboxes: dict[bytes, list[Record]] = {}
    partition_of: dict[bytes, int] = {}
    for fact in in_fold_order(agent, facts):
        key = keys[fact.key]
        if key.record.halted or key.contains(fact):
            continue
        outbox = outboxes.setdefault(fact.key, [])
        partition_of[fact.key] = fact.partition
        try:
            outbox += key.fold(fact)
        except TapelineError as error:
            folded.unreadable.append((fact, str(error)))
        except Exception as error:
            log.exception("rule raised; its key is halted", agent=agent.name, key=fact.key.decode())
            key.halt(f"{fact.topic.name}/{fact.partition}/{fact.offset}: {error!r}")
            outbox[:] = [_halt_alert(agent.name, fact, key.record)]
    for name, outbox in outboxes.items():
        value = keys[name].seal(outbox, terms.get(partition_of[name], FIRST_TERM))
        folded.states.append(_state_record(agent, name, keys[name].record, value))
        folded.outputs += outbox
    return folded


def _state_record(agent: PureAgent[Any], key: bytes, record: AgentState, value: bytes) -> Record:
    envelope = Envelope(
        id=event_id(agent.name, key.decode(), record.term, record.version),
        source=f"{SOURCE}/{agent.name}",
        time_ms=record.market_time_ms,
    )
    return Record(agent.state_topic.name, key, value, envelope.headers(record.DESCRIPTOR.full_name))


def _halt_alert(agent: str, fact: Fact, record: AgentState) -> Record:
    """Tells people that a key stands still. It is part of the halted state's outbox."""
    alert = Alert(
        alert_id=event_id(agent, "halted", fact.topic.name, fact.partition, fact.offset),
        source=SOURCE,
        severity=Severity.SEVERITY_CRITICAL,
        code="AGENT_HALTED",
        venue=record.venue,
        symbol=record.symbol,
        text=(
            f"the {agent} agent stopped folding {fact.key.decode(errors='replace')}: {record.halted}. Its state is "
            "kept; it goes on from there when the agents are started again"
        ),
        time_ms=record.market_time_ms,
    )
    envelope = Envelope(id=alert.alert_id, source=f"{SOURCE}/{agent}", time_ms=alert.time_ms)
    return encode(ALERTS, alert, envelope)
