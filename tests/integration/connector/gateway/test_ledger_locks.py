"""What a process leaves behind in Postgres when it is stopped at a bad moment."""

import asyncio
from typing import Any

import psycopg
import pytest

from connector.gateway.errors import ClaimsTakenError
from connector.gateway.ledger import Batch
from connector.gateway.postgres_kill import PostgresKill
from connector.gateway.postgres_ledger import PostgresLedger
from tests.unit.connector.gateway.given import order, ours

pytestmark = pytest.mark.timeout(60)


def stop_half_way(ledger: PostgresLedger) -> None:
    """Leaves the ledger's session as SIGSTOP in the middle of a commit does: begun, locked, and not ended."""
    assert ledger._writer is not None
    session = ledger._writer.pgconn
    session.enter_pipeline_mode()
    session.send_query_params(b"BEGIN", None)
    session.send_query_params(b"SELECT ledger.fence('paper:main', 1)", None)
    session.send_flush_request()
    while session.flush():
        pass
    assert session.get_result() is not None  # BEGIN
    session.get_result()
    locked = session.get_result()
    assert locked is not None
    assert locked.status == psycopg.pq.ExecStatus.TUPLES_OK


async def test_a_gateway_stopped_within_a_commit_holds_up_neither_its_successor_nor_a_kill(
    postgres_database: str,
) -> None:
    """ORD-5, RISK-8: its lock ends after seconds, though its connection lives on."""
    zombie, successor = PostgresLedger(postgres_database), PostgresLedger(postgres_database)
    await zombie.start("paper", "main", "first")
    stop_half_way(zombie)
    try:
        async with asyncio.timeout(20):
            assert await successor.start("paper", "main", "second") == 2
        killed = await PostgresKill(postgres_database, "paper", "main").turn(
            killed=True, by="Ann", reason="drill", everything=False, time_ms=1
        )
        assert killed.killed
    finally:
        await zombie.close()
        await successor.close()


async def test_a_wish_to_cancel_carries_the_epoch_of_who_had_it(postgres_database: str) -> None:
    """ORD-5: a row says who wrote it last, so that a write of a fenced gateway could be told from its successor's."""
    first, second = PostgresLedger(postgres_database), PostgresLedger(postgres_database)
    await first.start("paper", "main", "first")
    await first.commit(Batch(claims=[order(1)]))
    await second.start("paper", "main", "second")
    await second.commit(Batch(cancels=[ours(1)]))
    async with await psycopg.AsyncConnection.connect(postgres_database) as connection:
        row = await (await connection.execute("SELECT epoch, cancel_requested FROM ledger.orders")).fetchone()
    assert row == (2, True)
    await first.close()
    await second.close()


async def test_a_commit_that_fails_writes_nothing_and_leaves_no_transaction_open(postgres_database: str) -> None:
    """WF-1, ORD-5: its COMMIT was sent with it, and is skipped; the account's lock is let go and the next one works."""
    ledger = PostgresLedger(postgres_database)
    await ledger.start("paper", "main", "first")
    await ledger.commit(Batch(claims=[order(1)]))
    with pytest.raises(ClaimsTakenError):
        await ledger.commit(Batch(claims=[order(2), order(1)], marks={"BTCUSDT": "7"}))
    unreadable: dict[str, Any] = {"BTCUSDT": object()}
    with pytest.raises(psycopg.ProgrammingError):
        await ledger.commit(Batch(claims=[order(3)], marks=unreadable))
    async with await psycopg.AsyncConnection.connect(postgres_database) as connection:
        states = await connection.execute("SELECT state FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
        assert {row[0] for row in await states.fetchall()} <= {"idle", None}
    await ledger.commit(Batch(claims=[order(4)]))
    assert [it.id for it in await ledger.unsettled()] == [ours(1), ours(4)]
    assert await ledger.fill_marks() == {}
    await ledger.close()
