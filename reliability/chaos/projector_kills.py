"""kill -9 of the projections process at random moments while it folds.

It runs as its users run it (`tapeline projections`) on a log of trading that was there before, in small batches, so
that a kill falls anywhere within one. The live tables must end in the hash of an uninterrupted rebuild (ES-2).
"""

from __future__ import annotations

import asyncio
import random
from typing import Final

from benchmarks.trading_log import write
from projections.rebuild import rebuild
from projections.runner import catch_up
from reliability.chaos.carrying_out import on_own_servers
from reliability.chaos.findings import Findings
from reliability.chaos.pipeline import wait_for
from reliability.chaos.store_process import connect, kill, only_connection, records_in, store_process, trading
from reliability.result import Result
from topics.log import LogAddress

NAME: Final = "projector-kills"
TITLE: Final = "The projector killed while it folds"
_SMALL_BATCHES: Final = {"TAPELINE_PROJECTIONS__BATCH_RECORDS": "100", "TAPELINE_PROJECTIONS__FLUSH_MS": "5"}
_EVENTS_A_LIFE: Final = 15_000


def run(kills: int) -> Result:
    return on_own_servers(NAME, TITLE, kills, trial)


async def trial(log: LogAddress, dsn: str, kills: int) -> Findings:
    """`log` with its topics, empty; `dsn` of an empty database. Each life of the projector begins where it stopped."""
    found = Findings(runs=kills)
    chance = random.Random(20_260_803)  # noqa: S311 - to be repeated, not to be secret
    records = await write(log, trading(_EVENTS_A_LIFE * (kills + 1)))
    reached = [0]
    for _ in range(kills):
        reached.append(await _one_life(log, dsn, reached[-1], records, chance.random() * 0.4))
        found.faults += 1
    found.expect(reached == sorted(reached), f"the stored offsets went back: {reached}")
    at_work = sum(place < records for place in reached[1:])
    await catch_up(log, dsn)
    report = await rebuild(log, dsn)
    found.expect(report.equal, f"the live tables differ from a rebuild in {', '.join(report.differing)}")
    found.expect_equal(report.records, records, "records in the rebuilt tables")
    found.measures = {
        "kills": kills,
        "of these with work left to do": at_work,
        "records": records,
        "hash of the live tables": report.live_hash,
        "hash of the rebuild": report.rebuilt_hash,
    }
    return found


async def _one_life(log: LogAddress, dsn: str, before: int, records: int, then_s: float) -> int:
    """Started, killed `then_s` after its first commit; how many records the tables hold then."""
    async with await connect(dsn) as connection:

        async def works() -> bool:
            return await records_in(connection, "projections") > before or before == records

        async with store_process(log, dsn, "projections", settings=_SMALL_BATCHES) as process:
            await wait_for("the projector to commit", works)
            await asyncio.sleep(then_s)
            await kill(process)
        await only_connection(connection)
        return await records_in(connection, "projections")
