"""The trials of the log and the databases, small. Their long versions are commands: `tapeline chaos NAME --long`."""

from pathlib import Path

import pytest

from reliability.chaos import agent_stops, broker_kills, projector_kills, rebalances, rebuild_kills
from topics.admin import apply
from topics.log import LogAddress


@pytest.fixture
async def log(kafka_bootstrap: str, namespace: str) -> LogAddress:
    address = LogAddress(kafka_bootstrap, namespace)
    await apply(address)
    return address


async def test_a_projector_killed_while_it_folds_leaves_the_rows_of_a_rebuild(
    log: LogAddress, postgres_database: str
) -> None:
    """ES-2, ES-3: kill -9 in the middle of small batches, and on from the stored offsets: the same hash."""
    found = await projector_kills.trial(log, postgres_database, kills=2)
    assert found.violations == []
    assert found.measures["hash of the live tables"] == found.measures["hash of the rebuild"]


async def test_a_killed_rebuild_goes_on_and_ends_in_the_same_hash(log: LogAddress, postgres_database: str) -> None:
    """ES-2: killed right after one of its transactions, twice, and run again: equal to an undisturbed one."""
    found = await rebuild_kills.trial(log, postgres_database, kills=2, events=20_000)
    assert found.violations == []


async def test_what_a_killed_broker_acknowledged_is_there_in_order(tmp_path: Path) -> None:
    """ES-1, ES-3: kill -9 of Kafka under load; the same producer and the same reader go on within 30 s."""
    found = await broker_kills.log_trial(tmp_path / "kafka", kills=1, messages=4_000)
    assert found.violations == []
    assert found.measures["acknowledged"] == 4_000


async def test_workers_that_join_leave_and_die_lose_and_repeat_nothing(log: LogAddress, tmp_path: Path) -> None:
    """GRID-1, ES-3, WF-1: two rebalances under load: each event in its key's state once, no contradicting intent."""
    found = await rebalances.trial(log, tmp_path, 2)
    assert found.violations == []
    assert int(found.measures["intents"]) > 50


async def test_a_worker_that_slept_past_its_lease_writes_no_more_than_it_had_under_way(
    log: LogAddress, tmp_path: Path
) -> None:
    """ORD-5, GRID-1: SIGSTOP until another worker has its partitions, SIGCONT: no late state counts."""
    found = await agent_stops.trial(log, tmp_path, 1)
    assert found.violations == []
    assert found.measures["of these: stopped and continued"] == 1
