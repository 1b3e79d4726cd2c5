"""kill -9 of `tapeline rebuild` at moments of all kinds, run again until it ends.

What is interrupted must go on where it stopped and end in the hash of a rebuild that nobody disturbed (ES-2).
"""

from __future__ import annotations

import asyncio
import json
import random
from dataclasses import asdict
from typing import Any, Final

from benchmarks.trading_log import write
from projections.rebuild import rebuild
from projections.runner import catch_up
from reliability.chaos.carrying_out import on_own_servers
from reliability.chaos.findings import Findings
from reliability.chaos.pipeline import wait_for
from reliability.chaos.store_process import (
    Connection,
    connect,
    kill,
    only_connection,
    records_in,
    store_process,
    trading,
)
from reliability.result import Result, TrialError
from topics.log import LogAddress

NAME: Final = "rebuild-kills"
TITLE: Final = "A rebuild killed half-way"
MOST_EVENTS: Final = 1_000_000
_EVENTS_A_KILL: Final = 50_000


def run(kills: int) -> Result:
    return on_own_servers(NAME, TITLE, kills, trial)


async def trial(log: LogAddress, dsn: str, kills: int, events: int = 0) -> Findings:
    """`log` with its topics, empty; `dsn` of an empty database. `events`: 0 for 50,000 a kill, at most a million."""
    events = events or min(MOST_EVENTS, _EVENTS_A_KILL * kills)
    found = Findings(runs=kills)
    chance = random.Random(20_260_804)  # noqa: S311 - to be repeated, not to be secret
    records = await write(log, trading(events))
    await catch_up(log, dsn)
    whole = await rebuild(log, dsn)
    found.expect(whole.equal, f"an uninterrupted rebuild differs in {', '.join(whole.differing)}")
    ended: list[dict[str, Any]] = []
    places: list[int] = []
    async with await connect(dsn) as connection:
        while len(places) < kills:
            soon = len(places) % 3 == 2
            report = await _one_run(log, dsn, connection, soon=soon, then_s=chance.random() * (1.5 if soon else 0.5))
            if report is None:
                places.append(await records_in(connection, "rebuild_1"))
            else:
                ended.append(report)
    ended.append(asdict(await rebuild(log, dsn)))
    found.faults = len(places)
    for report in ended:
        found.expect(report["equal"], f"a rebuild after kills differs: {report['tables']}")
        found.expect_equal(report["rebuilt_hash"], whole.rebuilt_hash, "hash of a rebuild after kills")
    resumed = [report["resumed_from"] for report in ended if report["resumed_from"]]
    found.expect(resumed or not any(places), "no rebuild went on from where a killed one had stopped")
    found.measures = {
        "kills": kills,
        "events": whole.events,
        "records": records,
        "different places killed at": len(set(places)),
        "rebuilds ended": len(ended),
        "of these resumed": len(resumed),
        "hash of the live tables": whole.live_hash,
        "hash after kills": ended[-1]["rebuilt_hash"],
        "an undisturbed rebuild s": round(whole.seconds, 1),
    }
    return found


async def _one_run(
    log: LogAddress, dsn: str, connection: Connection, *, soon: bool, then_s: float
) -> dict[str, Any] | None:
    """Killed `then_s` after its next commit, or after its start where `soon`; its report where it was quicker."""
    before = await records_in(connection, "rebuild_1")
    async with store_process(log, dsn, "rebuild", "--verify", "--json") as process:

        async def committed() -> bool:
            return process.returncode is not None or await records_in(connection, "rebuild_1") > before

        if not soon:
            await wait_for("the rebuild to commit", committed)
        await asyncio.sleep(then_s)
        if process.returncode is None:
            await kill(process)
            await only_connection(connection)
            return None
        if process.stdout is None or process.returncode == 2:
            raise TrialError(f"tapeline rebuild ended with {process.returncode}")
        report: dict[str, Any] = json.loads(await process.stdout.read())
        return report
