"""The shape of every agent: read, fold, write state and outbox as one record, send the outbox, acknowledge.

An output is never visible before the state that decided it is durable (architecture decision 5), and nothing is written
by a worker that no longer owns the partition (decision 6). What raises here ends the process: the path after a crash is
the path after every start. A rule that raises halts its key only: its state stays as it was, a person is alerted, and
its events are folded from there again at the next assignment.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Generic, TypeVar

import faust
from aiokafka.partitioner import murmur2

from agents import metrics
from agents.folding import SOURCE, fold
from agents.gate import Gate, Pass
from agents.keys import Fact, Key, PureAgent, empty_record, outbox_of
from agents.recovery import Recovered, load_states, missed_records
from observability.logs import get_logger
from topics.catalogue import MARKET, Topic
from topics.codec import decode
from topics.errors import TapelineError
from topics.log import Log, Producer, Reader
from topics.v1.market_pb2 import MarketBatch

StateT = TypeVar("StateT")
BATCH_RECORDS = 256
CROWD_RECORDS = 8
CROWD_WAIT_S = 0.005

log = get_logger("agents.stateful")


class OwnershipError(Exception):
    """This process may not be the owner of its partitions any more and must not write; it ends."""


class StatefulAgent(Generic[StateT]):
    """Runs one pure agent on the partitions this worker owns.

    `patience_s` is how long a batch may take before the group may have given
    its partitions away (the session timeout); `lease_age_s` tells how long ago
    the group last confirmed that this worker is a member.
    """

    def __init__(
        self,
        agent: PureAgent[StateT],
        *,
        producer: Producer,
        address: Log,
        gate: Gate | None = None,
        patience_s: float = 10,
        lease_age_s: Callable[[], float] = lambda: 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.agent = agent
        self.gate = gate or Gate()
        self.keys: dict[bytes, Key[StateT]] = {}
        self._producer = producer
        self._address = address
        self._reader_id = f"agents-{agent.name}-states"
        self._patience_s = patience_s
        self._lease_age_s = lease_age_s
        self._clock = clock
        self._busy = asyncio.Lock()
        self._topics = {topic.physical_name(address.namespace): topic for topic in agent.inputs}
        self._terms: dict[int, int] = {}
        self._last_offset: dict[tuple[str, int], int] = {}
        self._queue: Any = None
        self._newest_received_ns = 0

    def attach(self, app: faust.App) -> None:
        """Registers stream and rebalance handlers with the Faust app."""
        channel = app.topic(
            *self._topics, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw"
        )

        async def stream_of(stream: Any) -> None:
            try:
                await self._consume(app, stream)
            except Exception as error:
                log.exception("agent cannot go on", agent=self.agent.name)
                await app.crash(error)
                raise

        async def on_revoked(_app: faust.App, _revoked: set[Any], **_: Any) -> None:
            await self.release()

        async def on_assigned(given: faust.App, assigned: set[Any], **_: Any) -> None:
            await self.take_over(self._partitions(assigned), given.consumer_generation_id)

        # Bound methods and closures are held weakly by Faust's signals unless told otherwise.
        app.on_partitions_revoked.connect(on_revoked, weak=False)
        app.on_partitions_assigned.connect(on_assigned, weak=False)
        app.agent(channel, name=f"agents.{self.agent.name}")(stream_of)

    async def release(self) -> None:
        """The partitions are taken away: returns when nothing of this worker is being written any more."""
        self.gate.close()
        async with self._busy:
            self.keys.clear()
            self._last_offset.clear()

    async def take_over(self, partitions: frozenset[int], group_generation: int | None) -> None:
        """Loads the states of the partitions, sends their last outboxes again, opens the gate."""
        turn = self.gate.close()
        async with self._busy:
            self.keys.clear()
            self._last_offset.clear()
        async with self._address.reader(client_id=self._reader_id, fetch_max_wait_ms=20) as consumer:
            recovered = await load_states(consumer, self.agent, self._address.namespace, partitions)
            resent = [record for state in recovered.states.values() for record in outbox_of(state)]
            await self._producer.send_all(resent)
            async with self._busy:
                self._terms = recovered.terms
                self.keys.update({key: Key(self.agent, state) for key, state in recovered.states.items()})
                opened = self.gate.open(turn, partitions, group_generation)
                if opened:
                    await self._resume_halted(consumer, recovered, await self.gate.wait())
        log.info(
            "partitions taken over",
            agent=self.agent.name,
            partitions=sorted(partitions),
            keys=len(recovered.states),
            outputs_sent_again=len(resent),
            opened=opened,
        )

    def status(self) -> dict[str, Any]:
        """For /status: gate, keys, how far behind."""
        halted = {key.decode(errors="replace"): each.record.halted for key, each in self.keys.items()}
        halted = {key: reason for key, reason in halted.items() if reason}
        return {
            "ok": self.gate.is_open and not halted,
            "gate": "open" if self.gate.is_open else "closed",
            "partitions": sorted(self.gate.partitions),
            "keys": sorted(key.decode(errors="replace") for key in self.keys),
            "halted": halted,
            "records_waiting": self._queue.qsize() if self._queue is not None else 0,
            "market_age_ms": (time.time_ns() - self._newest_received_ns) // 1_000_000
            if self._newest_received_ns
            else None,
        }

    async def _consume(self, app: faust.App, stream: Any) -> None:
        """A lone record is handled at once. Where many wait already, a few milliseconds more make one state record do
        for many of them."""
        stream = stream.noack()
        self._queue = stream.channel.queue
        async for event in stream.events():
            messages = [event.message]
            self._gather(messages)
            if CROWD_RECORDS <= len(messages) < BATCH_RECORDS:
                await asyncio.sleep(CROWD_WAIT_S)
                self._gather(messages)
            done = await self.handle(messages)
            for message in done:
                message.ack(app.consumer)

    def _gather(self, messages: list[Any]) -> None:
        while len(messages) < BATCH_RECORDS and not self._queue.empty():
            messages.append(self._queue.get_nowait().message)

    async def handle(self, messages: Sequence[Any]) -> list[Any]:
        """Folds and writes a batch: topic, partition, offset, key, value and `generation_id` (of the assignment it was
        fetched under) of each are read. Returns the messages that are done with; the others will be read again."""
        while True:
            granted = await self.gate.wait()
            async with self._busy:
                if not self.gate.holds(granted):
                    continue  # closed again while the lock was waited for
                mine = [each for each in messages if self._is_mine(granted, each)]
                facts = [fact for each in mine if (fact := await self._read(each)) is not None]
                return mine if await self._take_in(granted, facts) else []

    def _is_mine(self, granted: Pass, message: Any) -> bool:
        if not self.gate.admits(granted, message.partition, message.generation_id):
            metrics.DROPPED.labels(self.agent.name, "not owned").inc()
            return False
        self._check_order(message)
        return True

    def _check_order(self, message: Any) -> None:
        """Within one assignment offsets only grow; without compaction they have no gaps."""
        place = (message.topic, message.partition)
        before = self._last_offset.get(place)
        self._last_offset[place] = message.offset
        if before is None or message.offset == before + 1:
            return
        if message.offset <= before or not self._topics[message.topic].compacted:
            raise OwnershipError(
                f"{message.topic}/{message.partition}: offset {message.offset} came after {before}; the process ends "
                "and reads again from its states"
            )

    async def _read(self, message: Any) -> Fact | None:
        """The record as a fact; one that cannot be read goes to the dead letters (ES-6)."""
        topic = self._topics[message.topic]
        try:
            decoded = decode(topic, message.value)
            self._check_key(topic, message, decoded)
        except (TapelineError, ValueError) as error:
            await self._bury(topic, message, str(error))
            return None
        return Fact(topic, message.partition, message.offset, message.key, message.value, decoded)

    def _check_key(self, topic: Topic[Any], message: Any, decoded: Any) -> None:
        key = topic.key_of(decoded).encode()
        if key != message.key:
            raise ValueError(f"the record's key is {message.key!r}, its message says {key!r}")
        if key in self.keys:
            return
        expected = (murmur2(key) & 0x7FFFFFFF) % self.agent.state_topic.partitions
        if expected != message.partition:
            raise ValueError(f"key {key!r} belongs to partition {expected}, the record came on {message.partition}")
        record = empty_record(self.agent, key)
        self.keys[key] = Key(self.agent, record)

    async def _take_in(self, granted: Pass, facts: Sequence[Fact]) -> bool:
        """Folds, writes states with outboxes, sends the outboxes. False where ownership ended before the states were
        written: nothing of the batch counts then."""
        started = self._clock()
        metrics.BATCH.labels(self.agent.name).observe(len(facts))
        with metrics.FOLD.labels(self.agent.name).time():
            folded = fold(self.agent, self.keys, facts, self._terms)
        for fact, reason in folded.unreadable:
            await self._bury(fact.topic, fact, reason)
        self._check_patience(started)
        if not self.gate.holds(granted):
            return False
        await self._producer.send_all(folded.states)
        if not self.gate.holds(granted):
            return True  # the states are written: the next owner sends their outboxes
        self._check_patience(started)
        await self._producer.send_all(folded.outputs)
        self._measure(facts)
        return True

    async def _resume_halted(self, consumer: Reader, recovered: Recovered, granted: Pass) -> None:
        """Folds what halted keys have missed; where the rule still raises, the key is halted again."""
        for partition in granted.partitions:
            halted = recovered.halted_in(partition)
            if not halted:
                continue
            missed = await missed_records(consumer, self.agent, self._address.namespace, partition, halted)
            for key in halted:
                self.keys[key].resume()
            for start in range(0, len(missed), BATCH_RECORDS):
                batch = missed[start : start + BATCH_RECORDS]
                facts = [fact for each in batch if (fact := await self._read(each)) is not None]
                await self._take_in(granted, facts)

    async def _bury(self, topic: Topic[Any], record: Any, reason: str) -> None:
        metrics.DROPPED.labels(self.agent.name, "unreadable").inc()
        log.warning("unreadable record", agent=self.agent.name, topic=topic.name, offset=record.offset, reason=reason)
        await self._producer.bury(topic, record, reader=f"{SOURCE}/{self.agent.name}", reason=reason)

    def _check_patience(self, started: float) -> None:
        self._check_lease()
        waited = self._clock() - started
        if waited > self._patience_s:
            raise OwnershipError(
                f"a batch of {self.agent.name} took {waited:.1f} s, longer than the session timeout of "
                f"{self._patience_s} s: another worker may own its partitions by now; the process ends"
            )

    def _check_lease(self) -> None:
        """Right before each write: a worker that was stopped or starved may have lost its partitions meanwhile."""
        age_s = self._lease_age_s()
        if age_s > self._patience_s:
            raise OwnershipError(
                f"{self.agent.name}: the group last confirmed this worker {age_s:.1f} s ago, longer than the session "
                f"timeout of {self._patience_s} s: another worker may own its partitions by now; the process ends"
            )

    def _measure(self, facts: Sequence[Fact]) -> None:
        newest = 0
        for name, count in Counter(fact.topic.name for fact in facts).items():
            metrics.EVENTS.labels(self.agent.name, name).inc(count)
        for fact in facts:
            if fact.topic is MARKET and isinstance(fact.message, MarketBatch):
                metrics.MARKET_EVENTS.labels(self.agent.name).inc(len(fact.message.events))
                newest = max(newest, fact.message.received_ns)
        if newest:
            self._newest_received_ns = newest
            metrics.DECIDE.labels(self.agent.name).observe(max(0, time.time_ns() - newest) / 1e9)
        halted = sum(1 for key in self.keys.values() if key.record.halted)
        metrics.HALTED.labels(self.agent.name).set(halted)

    def _partitions(self, assigned: Iterable[Any]) -> frozenset[int]:
        """The partition numbers that are ours in every input topic. Raises OwnershipError where topics disagree."""
        by_topic: dict[str, set[int]] = {name: set() for name in self._topics}
        for place in assigned:
            if place.topic in by_topic:
                by_topic[place.topic].add(place.partition)
        numbers = next(iter(by_topic.values()))
        if any(each != numbers for each in by_topic.values()):
            told = {name: sorted(each) for name, each in by_topic.items()}
            raise OwnershipError(f"{self.agent.name}: the input topics are not assigned together: {told}")
        return frozenset(numbers)
