"""The shell around a rule, on a real log: what it does with poison, with a rule that raises, with lost ownership."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
from aiokafka import AIOKafkaConsumer, ConsumerRecord

from agents.delivery import Lease
from agents.domain.volatility import Volatility
from agents.keys import Cause, Fact
from agents.settings import VolatilitySettings
from agents.stateful import OwnershipError, StatefulAgent
from agents.volatility_agent import VolatilityAgent
from reliability.chaos.agent_evidence import read_all
from reliability.chaos.agent_market import ENVELOPE, GRAIN
from topics import admin
from topics.catalogue import ALERTS, BY_NAME, MARKET, VOLATILITY_STATE
from topics.codec import Record, decode, encode
from topics.log import LogAddress, LogProducer
from topics.v1.dead_letter_pb2 import DeadLetter
from topics.v1.market_pb2 import MarketBatch
from topics.v1.state_pb2 import AgentState

GENERATION = 5
ALL = frozenset(range(8))


@dataclass
class Message:
    """What Faust hands over, from what is on the log."""

    topic: str
    partition: int
    offset: int
    key: bytes
    value: bytes
    generation_id: int = GENERATION


class Fragile(VolatilityAgent):
    """The volatility rule, but with a symbol it cannot bear until it is mended."""

    def __init__(self, *, broken: bool) -> None:
        super().__init__(VolatilitySettings().limits)
        self.broken = broken
        self.during_fold: list[StatefulAgent[Volatility]] = []

    def fold(self, state: Volatility, fact: Fact, cause: Cause) -> list[Record]:
        for agent in self.during_fold:
            agent.gate.close()
        if self.broken and state.symbol == "BADUSDT" and fact.offset % 2:
            raise ZeroDivisionError("a defect of the rule")
        return super().fold(state, fact, cause)


@pytest.fixture
async def address(kafka_bootstrap: str, namespace: str) -> LogAddress:
    address = LogAddress(kafka_bootstrap, namespace)
    await admin.apply(address)
    return address


@asynccontextmanager
async def shell(address: LogAddress, rule: Fragile, **options: object) -> AsyncIterator[StatefulAgent[Volatility]]:
    async with LogProducer(address, client_id="test-shell") as producer:
        agent = StatefulAgent(rule, producer=producer, address=address, **options)  # type: ignore[arg-type]
        await agent.take_over(ALL, GENERATION)
        yield agent


def quotes(symbol: str, mid: int = 10_000) -> Record:
    batch = MarketBatch(venue="paper", symbol=symbol, grain=GRAIN, first_seq=1)
    quote = batch.events.add().quote
    quote.bid_ticks, quote.ask_ticks, quote.time_ms = mid - 1, mid + 1, 1_000
    return encode(MARKET, batch, ENVELOPE)


async def publish(address: LogAddress, *records: Record) -> list[Message]:
    """Puts the records on the log and returns all of the market topic, as it would be delivered."""
    async with LogProducer(address, client_id="test-publisher") as producer:
        await producer.send_all(records)
    return [delivered(record) for record in await read_all(address, MARKET)]


def delivered(record: ConsumerRecord) -> Message:
    return Message(record.topic, record.partition, record.offset, record.key, record.value)


async def states(address: LogAddress) -> dict[str, AgentState]:
    records = await read_all(address, VOLATILITY_STATE)
    return {state.symbol: state for state in (decode(VOLATILITY_STATE, record.value) for record in records)}


async def test_poison_goes_to_the_dead_letters_and_stops_nothing(address: LogAddress) -> None:
    """ES-6: bytes that are no message, and a message under another's key, each with its reason."""
    good = quotes("BTCUSDT")
    garbage = Record(MARKET.name, b"paper:BTCUSDT", b"\xff\xff\xff", [])
    misplaced = Record(MARKET.name, b"paper:BTCUSDT", quotes("ETHUSDT").value, [])
    messages = await publish(address, garbage, misplaced, good)
    async with shell(address, Fragile(broken=False)) as agent:
        assert await agent.handle(messages) == messages
    letters = [DeadLetter.FromString(record.value) for record in await read_all(address, BY_NAME["market.dlq"])]
    assert [letter.value for letter in letters] == [garbage.value, misplaced.value]
    assert "not a MarketBatch" in letters[0].reason
    assert "ETHUSDT" in letters[1].reason
    assert {symbol: state.contains["market"] for symbol, state in (await states(address)).items()} == {
        "BTCUSDT": messages[2].offset
    }


async def test_a_rule_that_raises_halts_its_key_alone_and_loses_nothing(address: LogAddress) -> None:
    """ORCH-1, ES-3: others go on; the mended rule folds from where the halted key stopped."""
    messages = await publish(address, *[quotes(symbol) for symbol in ("BADUSDT", "BTCUSDT") for _ in range(4)])
    bad = [message for message in messages if message.key == b"paper:BADUSDT"]
    async with shell(address, Fragile(broken=True)) as agent:
        assert await agent.handle(messages[:-1]) == messages[:-1]
        assert agent.status()["ok"] is False
        assert "ZeroDivisionError" in agent.status()["halted"]["paper:BADUSDT"]
    found = await states(address)
    assert "a defect of the rule" in found["BADUSDT"].halted
    assert found["BADUSDT"].contains.get("market", -1) < bad[-1].offset
    assert not found["BTCUSDT"].halted
    alerts = [decode(ALERTS, record.value) for record in await read_all(address, ALERTS)]
    assert [(alert.code, alert.symbol) for alert in alerts] == [("AGENT_HALTED", "BADUSDT")]

    async with shell(address, Fragile(broken=False)) as agent:
        assert agent.status()["ok"] is True
    mended = (await states(address))["BADUSDT"]
    assert not mended.halted
    assert mended.contains["market"] == bad[-1].offset
    assert mended.volatility.window


async def test_a_batch_in_flight_is_not_written_after_the_partitions_are_gone(address: LogAddress) -> None:
    """ORD-5: ownership is asked for right before the write; nothing is acknowledged either."""
    messages = await publish(address, quotes("BTCUSDT"))
    rule = Fragile(broken=False)
    async with shell(address, rule) as agent:
        rule.during_fold.append(agent)
        assert await agent.handle(messages) == []
    assert await states(address) == {}


async def test_a_worker_that_slept_past_its_session_does_not_write(address: LogAddress) -> None:
    """ORD-5: a stopped process that goes on may own nothing any more: it ends instead."""
    messages = await publish(address, quotes("BTCUSDT"))
    times = iter([0.0, 31.0])
    async with shell(address, Fragile(broken=False), patience_s=30, clock=lambda: next(times)) as agent:
        with pytest.raises(OwnershipError, match=r"took 31\.0 s"):
            await agent.handle(messages)
    assert await states(address) == {}


async def test_a_worker_the_group_has_not_confirmed_for_a_session_does_not_write(address: LogAddress) -> None:
    """ORD-5: stopped between two batches, the second takes no time at all and comes too late all the same."""
    messages = await publish(address, quotes("BTCUSDT"))
    async with shell(address, Fragile(broken=False), patience_s=30, lease_age_s=lambda: 31.0) as agent:
        with pytest.raises(OwnershipError, match=r"confirmed this worker 31\.0 s ago"):
            await agent.handle(messages)
    assert await states(address) == {}


async def test_the_lease_counts_from_before_the_newest_heartbeat_that_was_answered_well(address: LogAddress) -> None:
    """ORD-5: on the real coordinator of a group; a member that sends none any more grows older."""
    times = [100.0]
    lease = Lease(clock=lambda: times[0])
    consumer = AIOKafkaConsumer(
        MARKET.physical_name(address.namespace),
        bootstrap_servers=address.bootstrap,
        group_id=f"{address.namespace}lease",
        heartbeat_interval_ms=100,
    )
    await consumer.start()
    try:
        lease.watch(consumer._coordinator)
        times[0] = 200.0
        async with asyncio.timeout(20):
            while lease.age_s():
                await asyncio.sleep(0.05)
        await consumer._coordinator._stop_heartbeat_task()
        times[0] = 231.0
        assert lease.age_s() == 31.0
    finally:
        await consumer.stop()


async def test_events_wait_until_the_states_are_loaded(address: LogAddress) -> None:
    """ES-3: between revocation and the next states nothing is folded."""
    messages = await publish(address, quotes("BTCUSDT"))
    async with shell(address, Fragile(broken=False)) as agent:
        await agent.release()
        waiting = asyncio.create_task(agent.handle(messages))
        await asyncio.sleep(0)
        assert await states(address) == {}
        await agent.take_over(ALL, GENERATION)
        assert await waiting == messages
    assert (await states(address))["BTCUSDT"].term == 1


async def test_the_late_write_of_a_former_owner_does_not_count(address: LogAddress) -> None:
    """ORD-5: its term is older than one already on the log."""
    messages = await publish(address, quotes("BTCUSDT"), quotes("BTCUSDT", 10_010))
    async with shell(address, Fragile(broken=False)) as former:
        await former.handle(messages[:1])
        async with shell(address, Fragile(broken=False)) as owner:
            await owner.handle(messages)
        await former.handle(messages[1:])  # it does not know yet
    assert (await states(address))["BTCUSDT"].term == 1, "the last record is the former owner's"
    async with shell(address, Fragile(broken=False)) as next_owner:
        assert next_owner.keys[b"paper:BTCUSDT"].record.term == 2
