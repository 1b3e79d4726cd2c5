"""Everything the log says after a run, and what must hold of it: the witnesses do not trust the workers.

Each state record is made again by folding the very events it says it contains; so nothing is missing, extra or
contradicting, whatever was killed when.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict, deque
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from aiokafka import ConsumerRecord

from agents.keys import Fact, Key, PureAgent, empty_record, in_fold_order, outbox_of
from reliability.chaos.agent_market import PAST
from topics.catalogue import INTENTS, RISK, SLOTS, Topic
from topics.codec import decode
from topics.log import LogAddress, partitions_of, read_to_end, reader
from topics.v1.intents_pb2 import Intent
from topics.v1.state_pb2 import AgentState


@dataclass(frozen=True)
class Counts:
    """How much was looked at: a check of nothing shows nothing.

    `written_on`: late states that their writer handed to its producer after the next owner's first one, not before;
    `most_written_on` of them are of one key and owner. One can be: a process that was stopped between its look at the
    lease and the write that follows it.
    """

    states: int
    intents: int
    repeated_outputs: int
    terms: int
    late_writes: int = 0
    contradicting: int = 0
    written_on: int = 0
    most_written_on: int = 0


async def read_all(address: LogAddress, topic: Topic[Any]) -> list[ConsumerRecord]:
    async with reader(address, client_id="test-evidence", fetch_max_wait_ms=20) as consumer:
        found = [record async for batch in read_to_end(consumer, partitions_of(address, [topic])) for record in batch]
    return sorted(found, key=lambda record: (record.partition, record.offset))


async def verify(address: LogAddress, agents: list[PureAgent[Any]], *, late_writes: bool = False) -> Counts:
    """Raises AssertionError with the first thing that does not hold.

    With `late_writes`, a state of an older term than one before it is counted and taken out of its chain, as recovery
    does: a worker whose session ended without its knowing. Its intents that differ from the owner's are counted.
    """
    states = late = 0
    missed: list[str] = []
    decided: dict[str, set[bytes]] = defaultdict(set)
    decided_late: dict[str, set[bytes]] = defaultdict(set)
    terms: set[tuple[str, int, int]] = set()
    written_on: Counter[tuple[str, bytes, int]] = Counter()
    for agent in agents:
        records = await read_all(address, agent.state_topic)
        written_on += _written_on(agent, records)
        facts = await _facts(address, agent)
        chains: dict[bytes, list[AgentState]] = defaultdict(list)
        for record in records:
            state = decode(agent.state_topic, record.value)
            if state.symbol.startswith(PAST):
                continue
            terms.add((agent.name, record.partition, state.term))
            chains[record.key].append(state)
        for name, written in chains.items():
            chain, outdated = _by_owner(written) if late_writes else (written, [])
            late += len(outdated)
            for state in outdated:
                for each in outbox_of(state):
                    decided_late[each.topic].add(each.value)
            missed += _check_chain(agent, name, chain, facts[name])
            states += len(chain)
            for state in chain:
                for each in outbox_of(state):
                    decided[each.topic].add(each.value)
        assert set(chains) == set(facts), f"{agent.name}: keys without a state: {set(facts) - set(chains)}"
    repeated = 0
    for topic in (INTENTS, SLOTS, RISK):
        sent = [record.value for record in await read_all(address, topic)]
        assert decided[topic.name] <= set(sent), f"{topic.name}: outputs of a state are missing on the log"
        assert set(sent) <= decided[topic.name] | decided_late[topic.name], (
            f"{topic.name}: outputs on the log that no state has decided"
        )
        repeated += len(sent) - len(set(sent))
    intents = [Intent.FromString(value) for value in decided[INTENTS.name]]
    names = {intent.intent_id for intent in intents}
    assert len(names) == len(intents), "one intent id with two sets of details"
    assert not missed, f"events that no state contains: {missed}"
    contradicting = _contradicting(intents, [Intent.FromString(value) for value in decided_late[INTENTS.name]])
    most = max(written_on.values(), default=0)
    return Counts(
        states, len(intents), repeated, len(terms), late, contradicting, written_on.total(), most_written_on=most
    )


def _written_on(agent: PureAgent[Any], records: Iterable[ConsumerRecord]) -> Counter[tuple[str, bytes, int]]:
    """States by agent, key and term that were handed over once a newer term had written. Records of a partition in
    order; their time is when the producer got them."""
    found: Counter[tuple[str, bytes, int]] = Counter()
    newest: dict[bytes, tuple[int, int]] = {}
    for record in records:
        term = decode(agent.state_topic, record.value).term
        owner, since_ms = newest.get(record.key, (0, 0))
        if term > owner:
            newest[record.key] = (term, record.timestamp)
        elif term < owner and record.timestamp > since_ms:
            found[agent.name, record.key, term] += 1
    return found


def _by_owner(written: list[AgentState]) -> tuple[list[AgentState], list[AgentState]]:
    """States of owners, and late ones of those who were owners before."""
    chain: list[AgentState] = []
    late: list[AgentState] = []
    for state in written:
        (late if chain and state.term < chain[-1].term else chain).append(state)
    return chain, late


def _contradicting(intents: list[Intent], late: list[Intent]) -> int:
    """Late intents that ask for something else under an owner's id; why and when they were asked for may differ."""
    known = {intent.intent_id: (intent.place, intent.cancel) for intent in intents}
    return sum((it.place, it.cancel) != known.get(it.intent_id, (it.place, it.cancel)) for it in late)


Ends = dict[tuple[str, bytes], dict[str, int]]


async def last_events(address: LogAddress, agents: list[PureAgent[Any]]) -> Ends:
    """The newest offset of each agent, key and topic: what states must contain in the end."""
    ends: Ends = defaultdict(dict)
    for agent in agents:
        for name, facts in (await _facts(address, agent)).items():
            for fact in facts:
                ends[agent.name, name][fact.topic.name] = fact.offset
    return ends


async def contain(address: LogAddress, agents: list[PureAgent[Any]], ends: Ends) -> bool:
    """Whether the newest states contain all of these events."""
    contained: Ends = {}
    for agent in agents:
        for record in await read_all(address, agent.state_topic):
            contained[agent.name, record.key] = dict(decode(agent.state_topic, record.value).contains)
    return all(
        contained.get(place, {}).get(topic, -1) >= offset
        for place, each in ends.items()
        for topic, offset in each.items()
    )


async def caught_up(
    address: LogAddress, agents: list[PureAgent[Any]], revive: Callable[[], Awaitable[None]], within_s: float
) -> bool:
    """Whether the states contain all events there are now, within the time; `revive` is called each second."""
    ends = await last_events(address, agents)
    try:
        async with asyncio.timeout(within_s):
            while not await contain(address, agents, ends):
                await revive()
                await asyncio.sleep(1)
    except TimeoutError:
        return False
    return True


async def _facts(address: LogAddress, agent: PureAgent[Any]) -> dict[bytes, list[Fact]]:
    facts: dict[bytes, list[Fact]] = defaultdict(list)
    for topic in agent.inputs:
        for record in await read_all(address, topic):
            message = decode(topic, record.value)
            facts[record.key].append(Fact(topic, record.partition, record.offset, record.key, record.value, message))
    return facts


def _check_chain(agent: PureAgent[Any], name: bytes, chain: list[AgentState], facts: list[Fact]) -> list[str]:
    """Raises where a state is not what its events make of it; returns the events no state contains."""
    waiting = _by_topic(facts)
    versions = [state.version for state in chain]
    assert versions == list(range(1, len(chain) + 1)), f"{agent.name} {name!r}: versions {_first_break(versions)}"
    assert [state.term for state in chain] == sorted(state.term for state in chain)
    key = Key(agent, empty_record(agent, name))
    for state in chain:
        batch = [fact for facts in waiting.values() for fact in _taken(facts, state)]
        outbox = [record for fact in in_fold_order(agent, batch) for record in key.fold(fact)]
        key.seal(outbox, state.term)
        assert key.record == state, f"{agent.name} {name!r}: version {state.version} is not the fold of its events"
    missed = [fact for facts in waiting.values() for fact in facts]
    return [f"{agent.name} {name!r} {fact.topic.name} {fact.offset}" for fact in missed]


def _by_topic(facts: Iterable[Fact]) -> dict[str, deque[Fact]]:
    waiting: dict[str, deque[Fact]] = defaultdict(deque)
    for fact in facts:
        waiting[fact.topic.name].append(fact)
    return waiting


def _taken(waiting: deque[Fact], state: AgentState) -> Iterator[Fact]:
    """The next facts of a topic that this state contains; they are in the order of their offsets."""
    while waiting and waiting[0].offset <= state.contains.get(waiting[0].topic.name, -1):
        yield waiting.popleft()


def _first_break(versions: list[int]) -> str:
    for place, (before, after) in enumerate(pairwise(versions)):
        if after != before + 1:
            return f"go {before}, {after} at record {place + 1} of {len(versions)}"
    return f"begin with {versions[0]}"
