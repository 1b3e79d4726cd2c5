"""Reads what a new owner must know: the newest state of each key of its partitions, and what halted keys have missed.

Nothing here writes. A state record that cannot be read ends the process: going on without it would lose state.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from aiokafka import ConsumerRecord, TopicPartition

from agents.keys import PureAgent
from topics.catalogue import Topic
from topics.codec import decode
from topics.log import Reader, read_to_end
from topics.v1.state_pb2 import AgentState


@dataclass(slots=True)
class Recovered:
    """Newest states by key, and by partition the term of its new owner."""

    states: dict[bytes, AgentState] = field(default_factory=dict)
    partition_of: dict[bytes, int] = field(default_factory=dict)
    terms: dict[int, int] = field(default_factory=dict)

    def halted_in(self, partition: int) -> dict[bytes, AgentState]:
        return {
            key: state for key, state in self.states.items() if state.halted and self.partition_of[key] == partition
        }


async def load_states(consumer: Reader, agent: PureAgent[Any], namespace: str, partitions: Iterable[int]) -> Recovered:
    """A record of an older term than one before it is the late write of a former owner and does not count."""
    name = agent.state_topic.physical_name(namespace)
    recovered = Recovered(terms=dict.fromkeys(partitions, 1))
    if not recovered.terms:
        return recovered
    sources = [TopicPartition(name, partition) for partition in recovered.terms]
    async for records in read_to_end(consumer, sources):
        for record in records:
            _take(recovered, agent, record)
    return recovered


async def missed_records(
    consumer: Reader,
    agent: PureAgent[Any],
    namespace: str,
    partition: int,
    halted: dict[bytes, AgentState],
) -> list[ConsumerRecord]:
    """The events of halted keys since each was halted, in the order of their timestamps."""
    streams = [
        await _missed_of(consumer, topic, TopicPartition(topic.physical_name(namespace), partition), halted)
        for topic in agent.inputs
    ]
    return list(heapq.merge(*streams, key=lambda record: record.timestamp))


async def _missed_of(
    consumer: Reader, topic: Topic[Any], source: TopicPartition, halted: dict[bytes, AgentState]
) -> list[ConsumerRecord]:
    start = min(state.contains.get(topic.name, -1) + 1 for state in halted.values())
    missed = []
    async for records in read_to_end(consumer, [source], start={source: start}):
        missed += [record for record in records if record.key in halted]
    return missed


def _take(recovered: Recovered, agent: PureAgent[Any], record: ConsumerRecord) -> None:
    if record.value is None:  # taken out by an operator
        recovered.states.pop(record.key, None)
        return
    state = decode(agent.state_topic, record.value)
    before = recovered.states.get(record.key)
    if before is None or state.term >= before.term:
        recovered.states[record.key] = state
        recovered.partition_of[record.key] = record.partition
    recovered.terms[record.partition] = max(recovered.terms[record.partition], state.term + 1)
