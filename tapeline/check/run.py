"""One check: brings the projections to the log's end if nobody else does, hears all witnesses, judges, looks again.

Changes nothing but the projections' own progress.
"""

import asyncio
import time
from typing import Protocol

from projections.runner import catch_up, projector_runs
from tapeline.check.facts import Testimony, VenueFacts
from tapeline.check.judge import judge
from tapeline.check.log_witness import read_ends, read_log
from tapeline.check.postgres_witness import read_ledger, read_projections
from tapeline.check.verdict import Verdict
from topics.log import LogAddress

# Shorter than this, "it did not change" says nothing: a look-up may take its retries.
STUCK_AFTER_S = 30.0
_BETWEEN_LOOKS_S = 1.0


class VenueWitness(Protocol):
    async def read(self) -> VenueFacts: ...


async def check(
    venue: VenueWitness, log: LogAddress, dsn: str, *, wait_s: float = 0.0, running: bool = False
) -> Verdict:
    """Looks until all is settled or `wait_s` have passed, and returns the last look.

    With `running` (the pipeline is up) what was under way in every look of at least `STUCK_AFTER_S` is a violation.
    """
    began = time.monotonic()
    always: set[tuple[str, str]] | None = None
    while True:
        verdict = judge(await _hear(venue, log, dsn))
        under_way = {(one.kind, one.name) for one in verdict.findings.in_flight}
        always = under_way if always is None else always & under_way
        waited = time.monotonic() - began
        if verdict.settled or waited >= wait_s:
            return verdict.stuck(always) if running and waited >= STUCK_AFTER_S else verdict
        await asyncio.sleep(min(_BETWEEN_LOOKS_S, max(0.0, wait_s - waited)))


async def _hear(venue: VenueWitness, log: LogAddress, dsn: str) -> Testimony:
    before = await venue.read()
    ledger = await read_ledger(dsn, log)
    ends = await read_ends(log)
    if not await projector_runs(dsn):
        await catch_up(log, dsn)
    projections = await read_projections(dsn)
    return Testimony(before, ledger, ends, projections, await read_log(log), await venue.read())
