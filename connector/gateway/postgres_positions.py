"""Fills, positions and corrections of the ledger in Postgres, over the connections of `postgres_ledger`.

A position is moved by the very statement that inserts a fill, so it counts each fill once whoever tells it again.
"""

from collections.abc import Sequence

from psycopg import AsyncConnection

from connector.gateway import postgres_rows as rows
from connector.gateway.ledger import Batch
from topics.v1.orders_pb2 import OrderUpdate

_BOOK = (
    f"WITH new_fills AS (INSERT INTO ledger.fills ({', '.join(rows.names(rows.FILL))}) "  # noqa: S608 - this package's constants
    f"SELECT * FROM {rows.of_json(rows.FILL)} ON CONFLICT (venue, symbol, trade_id) DO NOTHING RETURNING symbol, "
    "CASE side WHEN 'buy' THEN quantity_lots - covered_lots ELSE covered_lots - quantity_lots END AS lots) "
    "INSERT INTO ledger.positions AS it (owner, symbol, position_lots, begun) "
    "SELECT %s, symbol, sum(lots), false FROM new_fills GROUP BY symbol "
    "ON CONFLICT (owner, symbol) DO UPDATE SET position_lots = it.position_lots + excluded.position_lots"
)
_BEGIN = (
    "INSERT INTO ledger.positions (owner, symbol, position_lots, begun) "
    "SELECT %s, new.*, true FROM unnest(%s::text[], %s::int8[]) AS new "
    "ON CONFLICT (owner, symbol) DO UPDATE SET position_lots = excluded.position_lots, begun = true"
)
_CORRECT = (
    "INSERT INTO ledger.corrections (owner, symbol, trade_id, client_order_id, told) VALUES (%s, %s, %s, %s, %s) "
    "ON CONFLICT (owner, symbol, trade_id) DO NOTHING"
)
_SAID = "UPDATE ledger.corrections SET said = true WHERE owner = %s AND symbol = %s AND trade_id = %s"


async def write(connection: AsyncConnection, venue: str, owner: str, batch: Batch) -> None:
    """This part of the batch, in the order Batch promises."""
    if batch.begun_positions:
        begun = (owner, list(batch.begun_positions), list(batch.begun_positions.values()))
        await connection.execute(_BEGIN, begun)
    for update in batch.corrections:
        row = (owner, update.symbol, update.fill.trade_id, update.client_order_id, update.SerializeToString())
        await connection.execute(_CORRECT, row)
    for symbol, trade_id in batch.said_corrections:
        await connection.execute(_SAID, (owner, symbol, trade_id))
    if batch.fills:
        fills = rows.as_json(rows.fill_row(venue, fill) for fill in batch.fills)
        await connection.execute(_BOOK, (fills, owner))


async def booked(connection: AsyncConnection, owner: str) -> dict[str, int]:
    statement = "SELECT symbol, position_lots FROM ledger.positions WHERE owner = %s AND begun"
    return dict(await (await connection.execute(statement, (owner,))).fetchall())


async def known_trades(connection: AsyncConnection, venue: str, symbol: str, trade_ids: Sequence[str]) -> set[str]:
    cursor = await connection.execute(
        "SELECT trade_id FROM ledger.fills WHERE venue = %s AND symbol = %s AND trade_id = ANY(%s)",
        (venue, symbol, list(trade_ids)),
    )
    return {row[0] for row in await cursor.fetchall()}


async def unsaid(connection: AsyncConnection, owner: str) -> list[OrderUpdate]:
    statement = "SELECT told FROM ledger.corrections WHERE owner = %s AND NOT said ORDER BY number"
    cursor = await connection.execute(statement, (owner,))
    return [OrderUpdate.FromString(bytes(row[0])) for row in await cursor.fetchall()]


async def adjustments(connection: AsyncConnection, owner: str) -> dict[str, int]:
    cursor = await connection.execute(
        "SELECT symbol, count(*) FROM ledger.corrections WHERE owner = %s AND client_order_id = '' GROUP BY symbol",
        (owner,),
    )
    return dict(await cursor.fetchall())
