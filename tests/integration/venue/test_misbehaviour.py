"""Every script of a venue's misbehaviour, played to the real gateway through real ccxt."""

from __future__ import annotations

from pathlib import Path

import pytest

from connector.ccxt_adapter.unified.venue import UnifiedVenue
from connector.gateway.memory_ledger import MemoryDatabase, MemoryLedger
from connector.gateway.postgres_ledger import PostgresLedger
from reliability.scripts.catalogue import SCRIPTS
from reliability.scripts.playing import play
from reliability.scripts.script import VenueScript
from reliability.scripts.stage import NewLedger


@pytest.fixture
def new_ledger(request: pytest.FixtureRequest, script: VenueScript) -> NewLedger:
    """Over Postgres for scripts that need what outlives a process, else over its twin in memory."""
    if script.durable:
        dsn: str = request.getfixturevalue("postgres_database")
        return lambda: PostgresLedger(dsn)
    database = MemoryDatabase()
    return lambda: MemoryLedger(database)


OF_STREAMS = tuple(
    script
    for script in SCRIPTS
    if script.name.startswith(("stream", "listen", "fills", "fill-m", "all-m", "messages", "old-fill", "same-ids"))
    or script.name in ("reply-lost-and-stream-tells", "banned-for-a-second", "executions-listed-late")
)


@pytest.mark.parametrize("script", OF_STREAMS, ids=lambda script: script.name)
async def test_through_the_unified_calls_and_streams_all_is_right_too(
    script: VenueScript, tmp_path: Path, new_ledger: NewLedger
) -> None:
    """STREAM-1, WF-2, ORD-4, VEN-1: user messages lost, repeated, late and out of order, dead streams and dead keys."""
    played = await play(script, tmp_path / "venue", new_ledger, UnifiedVenue)
    assert played.violations == []
    assert played.faults


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
async def test_the_venue_misbehaves_and_all_is_right(
    script: VenueScript, tmp_path: Path, new_ledger: NewLedger
) -> None:
    """WF-2, WF-3, WF-4, ORD-2, ORD-3, ORD-4, ORD-5, ORD-6, ERR-1, STREAM-1: one order at most, none lost."""
    played = await play(script, tmp_path / "venue", new_ledger)
    assert played.violations == []
    assert played.faults or script.name in ("post-only-would-take", "batch-half-accepted")


def test_every_script_has_a_name_of_its_own() -> None:
    """ORD-8: the trial's page and a failed test name a script by it."""
    names = [script.name for script in SCRIPTS]
    assert len(set(names)) == len(names) >= 25
