"""Folds the log again through the same rules and compares what they decide with what was decided (ES-5).

Each state says which offsets it contains. Between two states of one key lie the facts of one batch; folded in the
agent's own order onto the first state they must give the second one's outbox, byte for byte in what it asks for.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from agents.exposure_agent import ExposureAgent
from agents.grid_agent import GridAgent
from agents.keys import Fact, Key, PureAgent, empty_record, in_fold_order
from agents.settings import ExposureSettings, GridSettings, VolatilitySettings
from agents.volatility_agent import VolatilityAgent
from reliability.simulation.checkers.evidence import Evidence, Violation
from topics.catalogue import BY_NAME
from topics.codec import decode
from topics.errors import TapelineError
from topics.v1.state_pb2 import AgentState

Facts = dict[tuple[str, bytes], list[Fact]]


def refold(evidence: Evidence) -> Iterator[Violation]:
    """One violation a key at most: what follows the first difference differs because of it."""
    for agent in (
        GridAgent(GridSettings()),
        VolatilityAgent(VolatilitySettings().limits),
        ExposureAgent(ExposureSettings().limits),
    ):
        yield from _refold(evidence, agent)


def _refold(evidence: Evidence, agent: PureAgent[Any]) -> Iterator[Violation]:
    states = _states(evidence, agent)
    if not states:
        return
    facts = _facts(evidence, agent)
    for key, told in states.items():
        first = empty_record(agent, key)
        fold, before = Key(agent, first), first
        for place, after in enumerate(told):
            if after.term != before.term or after.version != before.version + 1:
                # a former owner's last state may stand between: its successor went on from the one it had loaded
                before = next((it for it in reversed(told[:place]) if it.version == after.version - 1), first)
                fold = Key(agent, AgentState.FromString(before.SerializeToString()))
            if difference := _difference(agent, fold, before, after, facts, key):
                yield Violation("refold", f"{agent.name} {key.decode()} version {after.version}: {difference}")
                break
            before = after


def _states(evidence: Evidence, agent: PureAgent[Any]) -> dict[bytes, list[AgentState]]:
    """The states readers count, in order: those of an owner that came too late do not."""
    states: dict[bytes, list[AgentState]] = defaultdict(list)
    for said in evidence.read(agent.state_topic):
        known = states[said.record.key]
        if not known or said.message.term >= known[-1].term:
            known.append(said.message)
    return states


def _facts(evidence: Evidence, agent: PureAgent[Any]) -> Facts:
    facts: Facts = defaultdict(list)
    for topic in agent.inputs:
        for said in evidence.read(BY_NAME[topic.name]):
            record = said.record
            if topic.key_of(said.message).encode() == record.key:
                facts[topic.name, record.key].append(
                    Fact(topic, record.partition, record.offset, record.key, record.value, said.message)
                )
    return facts


def _difference(
    agent: PureAgent[Any], fold: Key[Any], before: AgentState, after: AgentState, facts: Facts, key: bytes
) -> str:
    """Empty where the facts between the two states lead from one to the other."""
    if after.halted or before.halted:
        return ""
    for topic, offset in before.contains.items():
        if after.contains.get(topic, -1) < offset:
            less = after.contains.get(topic, -1)
            return f"it contained {topic} up to {offset}, then up to {less}: facts counted twice"
    new = [
        fact
        for topic in agent.inputs
        for fact in facts.get((topic.name, key), [])
        if before.contains.get(topic.name, -1) < fact.offset <= after.contains.get(topic.name, -1)
    ]
    outputs = []
    for fact in in_fold_order(agent, new):
        try:
            outputs += fold.fold(fact)
        except TapelineError:
            continue
    again = [decode(BY_NAME[it.topic], it.value) for it in outputs]
    decided = [decode(BY_NAME[it.topic], it.value) for it in after.outbox]
    for number, (one, other) in enumerate(zip(again, decided, strict=False)):
        if one != other:
            return f"output {number} was {_short(other)}; folded again it is {_short(one)}"
    if len(again) != len(decided):
        return f"it decided {len(decided)} outputs; folded again from {len(new)} facts they are {len(again)}"
    return ""


def _short(message: Any) -> str:
    return f"{type(message).__name__} {str(message).strip()[:300]!r}".replace("\\n", ", ")
