"""Workers killed with -9 and partitions handed over while states load (architecture decisions 5 and 6)."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agents.main import pure_agents
from agents.settings import AgentsSettings
from reliability.chaos.agent_evidence import caught_up, verify
from reliability.chaos.agent_market import Feed, give_past
from reliability.chaos.agent_workers import Workers
from reliability.chaos.rebalances import keep_everything
from topics import admin
from topics.log import LogAddress

KILLS = int(os.environ.get("TAPELINE_TEST_WORKER_KILLS", "10"))
PAST_RECORDS = 10_000
SYMBOLS = [f"S{number}USDT" for number in range(16)]


@pytest.fixture
async def address(kafka_bootstrap: str, namespace: str) -> LogAddress:
    address = LogAddress(kafka_bootstrap, namespace)
    await admin.apply(address)
    await keep_everything(address)
    await give_past(address, PAST_RECORDS)
    return address


@pytest.fixture
async def workers(address: LogAddress, tmp_path: Path) -> AsyncIterator[Workers]:
    workers = Workers(address, tmp_path)
    yield workers
    await workers.close()


async def torment(workers: Workers, chance: random.Random, kills: int) -> None:
    """Kills at random moments, most of them while states load; a third worker comes and goes, so partitions move."""
    for number in range(kills):
        if number % 3 == 1 and "passing" not in workers.running:
            await workers.start("passing")
        await asyncio.sleep(chance.choice([0.8, 1.2, 1.6, 2.5]) + chance.random())
        victim = chance.choice(sorted(workers.running))
        await workers.kill(victim)
        await workers.revive()
        if victim != "passing":
            await workers.start(victim)


async def is_trading(feed: Feed, workers: Workers) -> bool:
    """Waits until the venue has seen an order of every symbol."""
    for _ in range(600):
        if feed.traded == set(SYMBOLS):
            return True
        await workers.revive()
        await asyncio.sleep(0.1)
    return False


async def test_killed_and_reassigned_workers_decide_as_one_that_never_stopped(
    address: LogAddress, workers: Workers, tmp_path: Path
) -> None:
    """GRID-1, ES-3, WF-1: no intent is missing, extra or contradicting; every state is the fold of its events."""
    settings = AgentsSettings(data_dir=tmp_path)
    chance = random.Random(20_240_607)
    feed = Feed(address, SYMBOLS, chance)
    await workers.start("first")
    await workers.start("second")
    async with feed.running():
        assert await is_trading(feed, workers), workers.told()
        await torment(workers, chance, KILLS)
    assert await caught_up(address, pure_agents(settings), workers.revive, 60), workers.told()
    codes = await workers.terminate()
    counts = await verify(address, pure_agents(settings))
    assert counts.states > 300
    assert counts.intents > 200
    assert counts.terms > 3 * 8, "partitions were never handed over"
    assert workers.exit_codes == [], workers.told()
    assert set(codes.values()) == {0}, f"SIGTERM must end a worker cleanly: {codes}\n{workers.told()}"


async def test_without_the_gate_the_same_trial_finds_contradictions(
    address: LogAddress, workers: Workers, tmp_path: Path
) -> None:
    """ES-3: the trial above bites. Events folded while states load start from empty states, and it says so."""
    settings = AgentsSettings(data_dir=tmp_path)
    chance = random.Random(20_240_608)
    workers.gate = "no-gate"
    await workers.start("first")
    await workers.start("second")
    feed = Feed(address, SYMBOLS, chance)
    async with feed.running():
        assert await is_trading(feed, workers), workers.told()
        await torment(workers, chance, 5)
    await caught_up(address, pure_agents(settings), workers.revive, 5)
    await workers.terminate()
    with pytest.raises(AssertionError, match=r"versions|not the fold|two sets of details|no state has decided"):
        await verify(address, pure_agents(settings))
