"""What the ledger's statements cost must not grow with the orders it holds."""

from psycopg import AsyncConnection

from connector.gateway.postgres_ledger import _CHANGE, PostgresLedger


async def test_an_order_is_found_by_its_key_however_young_the_statistics(postgres_database: str) -> None:
    """WF-1, NFR: no statement reads the whole table, also while the planner still believes that it is small."""
    ledger = PostgresLedger(postgres_database)
    await ledger.start("paper", "main", "test")
    try:
        writer = ledger._writer
        assert isinstance(writer, AsyncConnection)
        rows = await (await writer.execute("EXPLAIN " + _CHANGE, (1, "[]"))).fetchall()
        plan = "\n".join(str(row[0]) for row in rows)
    finally:
        await ledger.close()
    assert "Index Scan using orders_pkey" in plan, plan
    assert "Seq Scan on orders" not in plan, plan
