"""What Postgres says: the gateway's ledger, and the projections, each in one snapshot. Reads rows, nothing else."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, LiteralString

from psycopg import AsyncConnection, IsolationLevel

from tapeline.check.facts import Execution, KillTurn, LedgerFacts, LedgerOrder, ProjectionFacts
from topics.catalogue import INTENTS
from topics.log import LogAddress

_LEDGER_ORDERS = (
    "SELECT venue, symbol, client_order_id, venue_order_id, upper(state), filled_lots * lot_size::numeric, settled, "
    "reason_code, claimed_ns / 1000000 FROM ledger.orders"
)
_LEDGER_FILLS = (
    "SELECT f.venue, f.symbol, f.trade_id, f.client_order_id, "
    "CASE f.side WHEN 'buy' THEN f.quantity_lots ELSE -f.quantity_lots END FROM ledger.fills f"
)
_KILLS = (
    "SELECT split_part(account, ':', 1), killed, time_ms, verified_ms > 0 FROM ledger.kill_switch "
    "ORDER BY account, version"
)
_INTENTS_READ = "SELECT partition, min(next_offset) FROM ledger.intent_positions WHERE topic = %s GROUP BY partition"


async def read_ledger(dsn: str, log: LogAddress) -> LedgerFacts:
    """Empty before the connector's first start. Fills' quantities are in lots: only their keys are compared."""
    async with await AsyncConnection.connect(dsn, connect_timeout=10) as connection:
        await connection.set_isolation_level(IsolationLevel.REPEATABLE_READ)
        if not await _there(connection, "ledger.orders"):
            return LedgerFacts()
        orders = [LedgerOrder(*row) for row in await _rows(connection, _LEDGER_ORDERS)]
        fills = [
            Execution(row[0], row[1], row[2], row[3], Decimal(row[4])) for row in await _rows(connection, _LEDGER_FILLS)
        ]
        marks = await _rows(connection, "SELECT owner, symbol, trade_id FROM ledger.fill_marks")
        kills = await _rows(connection, _KILLS) if await _there(connection, "ledger.kill_switch") else []
        read = await _rows(connection, _INTENTS_READ, [INTENTS.physical_name(log.namespace)])
    return LedgerFacts(
        orders={order.client_order_id: order for order in orders},
        fills={fill.key: fill for fill in fills},
        fetched_up_to={(owner.partition(":")[0], symbol): trade_id for owner, symbol, trade_id in marks},
        intents_read={partition: offset for partition, offset in read},  # noqa: C416 - typed rows
        kills=[KillTurn(*row) for row in kills],
    )


async def read_projections(dsn: str) -> ProjectionFacts:
    """Empty before the projector's first start."""
    async with await AsyncConnection.connect(dsn, connect_timeout=10) as connection:
        await connection.set_isolation_level(IsolationLevel.REPEATABLE_READ)
        if not await _there(connection, "projections.offsets"):
            return ProjectionFacts()
        fills = await _rows(connection, "SELECT venue, symbol, trade_id FROM projections.fills")
        positions = await _rows(
            connection, "SELECT venue, symbol, sum(quantity) FROM projections.positions GROUP BY venue, symbol"
        )
        slots = await _rows(connection, "SELECT strategy, venue, symbol, slot, version, state FROM projections.slots")
        offsets = await _rows(connection, "SELECT topic, partition, next_offset FROM projections.offsets")
    return ProjectionFacts(
        fills={(venue, symbol, trade_id) for venue, symbol, trade_id in fills},
        positions={(venue, symbol): quantity for venue, symbol, quantity in positions},
        slots={row[:4]: (row[4], row[5]) for row in slots},
        next_offset={(topic, partition): offset for topic, partition, offset in offsets},
    )


async def _there(connection: AsyncConnection[Any], table: str) -> bool:
    (row,) = await _rows(connection, "SELECT to_regclass(%s) IS NOT NULL", [table])
    return bool(row[0])


async def _rows(
    connection: AsyncConnection[Any], statement: LiteralString, values: Sequence[Any] = ()
) -> list[tuple[Any, ...]]:
    cursor = await connection.execute(statement, values)
    return list(await cursor.fetchall())
