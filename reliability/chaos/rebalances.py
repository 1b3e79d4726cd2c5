"""A storm of rebalances under the real agents: workers join, leave, are killed and come back while events stream in.

A feed quotes many instruments and answers intents as a gateway would. Afterwards the evidence on the log is judged by
itself: every event is contained in its key's state once, every state is the fold of exactly the events it names, every
intent was decided by a state and none contradicts another.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Final

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from agents.main import pure_agents
from agents.settings import AgentsSettings
from benchmarks.servers import own_servers
from reliability.chaos.agent_evidence import Counts, caught_up, verify
from reliability.chaos.agent_market import Feed
from reliability.chaos.agent_workers import Workers
from reliability.chaos.carrying_out import in_folder
from reliability.chaos.findings import Findings, percentile_s
from reliability.chaos.pipeline import wait_for
from reliability.result import Result
from topics.admin import apply
from topics.catalogue import TOPICS
from topics.log import LogAddress

NAME: Final = "rebalances"
TITLE: Final = "A storm of rebalances"
SYMBOLS: Final = [f"S{number}USDT" for number in range(16)]
EVENTS_EACH: Final = 1_700
Hurt = Callable[[Workers, random.Random], Awaitable[str]]
_TAKEN_OVER: Final = "partitions taken over"
_MOST_WORKERS: Final = 3
# Ended in order, or by SIGTERM before it had begun to listen for it.
_WELL: Final = (0, -15)
_ONE_S: Final = 120.0
_CAUGHT_UP_S: Final = 180.0


def run(rebalances: int) -> Result:
    return in_folder(NAME, TITLE, rebalances, _on_own_log)


async def _on_own_log(folder: Path, rebalances: int) -> Findings:
    async with own_log() as log:
        return await trial(log, folder, rebalances)


@asynccontextmanager
async def own_log() -> AsyncIterator[LogAddress]:
    """With its topics, on a broker of its own, for as long as the block lasts."""
    async with own_servers(postgres=False) as servers:
        log = LogAddress(servers.bootstrap)
        await apply(log)
        await keep_everything(log)
        yield log


async def keep_everything(log: LogAddress) -> None:
    """The judge needs every state that was ever written: nothing is compacted here."""
    states = [topic for topic in TOPICS if topic.compacted]
    configs = {"cleanup.policy": "delete", "retention.ms": "-1"}
    admin = AIOKafkaAdminClient(bootstrap_servers=log.bootstrap)
    await admin.start()
    try:
        await admin.alter_configs(
            [ConfigResource(ConfigResourceType.TOPIC, topic.physical_name(log.namespace), configs) for topic in states]
        )
    finally:
        await admin.close()


async def trial(log: LogAddress, folder: Path, rebalances: int, hurt: Hurt | None = None) -> Findings:
    """`log` with its topics, empty; `folder` for the workers' data and logs. `hurt` makes one rebalance and gives its
    kind; by default one of those this trial knows."""
    found = Findings()
    chance = random.Random(20_261_130)  # noqa: S311 - to be repeated, not to be secret
    hurt = hurt or _one
    settings = AgentsSettings(data_dir=folder)
    workers = Workers(log, folder)
    feed = Feed(log, SYMBOLS, chance)
    waits: list[float] = []
    what: dict[str, int] = {}
    try:
        await workers.start("w1")
        await workers.start("w2")
        async with feed.running():
            await wait_for("an order for every instrument", lambda: feed.traded == set(SYMBOLS), _CAUGHT_UP_S)
            for _ in range(rebalances):
                began, before = time.monotonic(), taken_over(folder)
                kind = await hurt(workers, chance)
                what[kind] = what.get(kind, 0) + 1
                await wait_for(f"a rebalance after: {kind}", partial(_more_taken_over, workers, folder, before), _ONE_S)
                waits.append(time.monotonic() - began)
                await asyncio.sleep(chance.random())
            await wait_for("the events", lambda: feed.sequence >= rebalances * EVENTS_EACH, _CAUGHT_UP_S)
        done = await caught_up(log, pure_agents(settings), workers.revive, _CAUGHT_UP_S)
        found.expect(done, f"the agents did not contain every event within {_CAUGHT_UP_S:g} s: {workers.told()}")
        codes = await workers.terminate()
    finally:
        await workers.close()
    found.expect_equal([code for code in codes.values() if code not in _WELL], [], "exit codes after SIGTERM")
    counts = await _verified(found, log, settings)
    found.runs, found.faults = feed.sequence, rebalances
    found.measures = {
        "market and order events": feed.sequence,
        "rebalances": rebalances,
        **{f"of these: {kind}": count for kind, count in sorted(what.items())},
        "until partitions were taken over s, p50": percentile_s(waits, 0.5),
        "until partitions were taken over s, longest": round(max(waits), 1),
        "states judged": counts.states,
        "intents": counts.intents,
        "outputs sent again": counts.repeated_outputs,
        "owners of a partition, all agents": counts.terms,
        "late states, passed over by their term": counts.late_writes,
        "of these handed over after the next owner had written": counts.written_on,
        "late intents that contradict": counts.contradicting,
        "workers that ended by themselves, crash-only": sum(code not in _WELL for code in workers.exit_codes),
    }
    return found


async def _one(workers: Workers, chance: random.Random) -> str:
    """Two workers at least, three at most."""
    names = sorted(workers.running)
    kinds = ["killed and started again"]
    kinds += ["joined"] * 2 if len(names) < _MOST_WORKERS else ["left"] * 2
    kind = chance.choice(kinds)
    if kind == "joined":
        await workers.start(next(name for name in ("w1", "w2", "w3") if name not in names))
        return kind
    victim = chance.choice(names)
    if kind == "left":
        await workers.leave(victim)
    else:
        await workers.kill(victim)
        await workers.start(victim)
    return kind


async def _verified(found: Findings, log: LogAddress, settings: AgentsSettings) -> Counts:
    try:
        counts = await verify(log, pure_agents(settings), late_writes=True)
    except AssertionError as error:
        found.violations.append(str(error))
        return Counts(0, 0, 0, 0)
    found.expect_equal(counts.contradicting, 0, "late intents that contradict an owner's")
    found.expect(
        counts.most_written_on <= 1,
        f"a former owner wrote {counts.most_written_on} states of one key after the next owner had written",
    )
    return counts


def taken_over(folder: Path, worker_id: str = "*") -> int:
    """How often the grid agent of the worker, or of any, has taken partitions over."""
    lines = (line for path in folder.glob(f"{worker_id}.log") for line in path.read_text(errors="replace").splitlines())
    return sum(_TAKEN_OVER in line and '"agent":"grid"' in line for line in lines)


async def _more_taken_over(workers: Workers, folder: Path, before: int) -> bool:
    """A worker that was starved past its session ends by itself; without its supervisor nobody would be left."""
    await workers.revive()
    return taken_over(folder) > before
