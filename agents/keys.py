"""One key's state with what it contains and what it decided, as one record (architecture decision 5). No I/O.

`fold` takes events in until one raises; then the key goes back to its last record, marked as halted.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from google.protobuf.message import Message

from topics.catalogue import MARKET, Topic
from topics.codec import Record
from topics.v1.common_pb2 import Position
from topics.v1.market_pb2 import MarketBatch
from topics.v1.state_pb2 import AgentState, Outgoing

StateT = TypeVar("StateT")


@dataclass(frozen=True, slots=True)
class Cause:
    """The record being folded, and when the newest market record was received (Unix nanoseconds, 0: none yet)."""

    position: Position
    market_received_ns: int


@dataclass(frozen=True, slots=True)
class Fact:
    """A decoded record of an input topic."""

    topic: Topic[Any]
    partition: int
    offset: int
    key: bytes
    value: bytes
    message: Message


class PureAgent(Protocol[StateT]):
    """A rule with its topics. `inputs` in the order in which a batch is folded: topic by topic, then by offset.

    With that order and the `contains` of successive states, a run can be made again from the log.
    """

    name: str
    state_topic: Topic[AgentState]
    inputs: tuple[Topic[Any], ...]

    def restore(self, record: AgentState) -> StateT:
        """The state of a record; of a record without one, the initial state of its key."""

    def fold(self, state: StateT, fact: Fact, cause: Cause) -> list[Record]:
        """Takes the fact in, in place; returns the records to send. A TapelineError: unreadable, nothing changed."""

    def store(self, state: StateT, record: AgentState) -> None:
        """Writes the state into the record."""


class Key(Generic[StateT]):
    """What is known of one key: the state to fold onto and the record it was last written as."""

    def __init__(self, agent: PureAgent[StateT], record: AgentState) -> None:
        self._agent = agent
        self._written = record.SerializeToString()
        self.record = record
        self.state = agent.restore(record)

    def contains(self, fact: Fact) -> bool:
        return self.record.contains.get(fact.topic.name, -1) >= fact.offset

    def fold(self, fact: Fact) -> list[Record]:
        """Folds one fact. Raises what the rule raises; a fact it cannot read counts as contained."""
        record = self.record
        record.contains[fact.topic.name] = fact.offset
        if fact.topic is MARKET and isinstance(fact.message, MarketBatch):
            _remember_market(record, fact.message)
        position = Position(topic=fact.topic.name, partition=fact.partition, offset=fact.offset)
        return self._agent.fold(self.state, fact, Cause(position, record.market_received_ns))

    def halt(self, reason: str) -> None:
        """Back to what was last written: nothing is folded any more, and `contains` says from where to go on."""
        self.record = AgentState.FromString(self._written)
        self.record.halted = reason
        self.state = self._agent.restore(self.record)

    def resume(self) -> None:
        self.record.halted = ""

    def seal(self, outbox: Iterable[Record], term: int) -> bytes:
        """The record of what was folded since the last one, with everything it decided, ready to be written."""
        record = self.record
        record.version += 1
        record.term = term
        del record.outbox[:]
        record.outbox.extend(_outgoing(each) for each in outbox)
        self._agent.store(self.state, record)
        self._written = record.SerializeToString()
        return self._written


def empty_record(agent: PureAgent[Any], key: bytes) -> AgentState:
    """The record of a key nobody has seen before. Raises ValueError where the key is not `venue:what`."""
    venue, separator, what = key.decode().partition(":")
    if not (venue and separator and what):
        raise ValueError(f"key {key!r} is not of the shape {agent.state_topic.key_shape}")
    if agent.state_topic.key_shape == "venue:account":
        return AgentState(agent=agent.name, venue=venue, account=what)
    return AgentState(agent=agent.name, venue=venue, symbol=what)


def in_fold_order(agent: PureAgent[Any], facts: Sequence[Fact]) -> list[Fact]:
    rank = {topic.name: number for number, topic in enumerate(agent.inputs)}
    return sorted(facts, key=lambda fact: (rank[fact.topic.name], fact.offset))


def outbox_of(record: AgentState) -> list[Record]:
    return [
        Record(each.topic, each.key, each.value, [(header.name, header.value) for header in each.headers])
        for each in record.outbox
    ]


def _outgoing(record: Record) -> Outgoing:
    outgoing = Outgoing(topic=record.topic, key=record.key, value=record.value)
    for name, value in record.headers:
        outgoing.headers.add(name=name, value=value)
    return outgoing


def _remember_market(record: AgentState, batch: MarketBatch) -> None:
    if not batch.events:
        return
    record.market_seq = batch.first_seq + len(batch.events) - 1
    record.market_received_ns = batch.received_ns
    newest = batch.events[-1]
    time_ms = newest.trade.time_ms or newest.quote.time_ms
    for event in reversed(batch.events):
        if event.quote.time_ms:
            record.market_update_id = max(record.market_update_id, event.quote.update_id)
            time_ms = max(time_ms, event.quote.time_ms)
            break
    record.market_time_ms = max(record.market_time_ms, time_ms)
