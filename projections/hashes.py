"""One hash a table, so that two sets of rows can be compared without moving either.

Rows in the order of their key, every column. Nothing of a projector's own (epoch, log ends, times of writing) is in it.
"""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from psycopg import sql

from projections.rows import Table
from projections.store import Connection, Partition
from projections.tables import TABLES


async def table_hashes(connection: Connection, begins: Mapping[Partition, int]) -> dict[str, str]:
    """`rows:hash` by table, of the schema the connection is set to.

    `begins`: the oldest offset on the log, of partitions that lost their beginning to retention. Rows with a part in
    what was lost cannot be made again and are left out.
    """
    return {table.name: await _hash(connection, table, begins) for table in TABLES}


def combined(hashes: Mapping[str, str]) -> str:
    """All tables in one short word, for people to compare."""
    return sha256(repr(sorted(hashes.items())).encode()).hexdigest()[:16]


def lost(table: Table[Any], begins: Mapping[Partition, int]) -> tuple[sql.Composable, list[object]]:
    """The condition for rows of a table that the log can no longer make, and its parameters."""
    if not begins:
        return sql.SQL("false"), []
    oldest_part = "first_offset" if "first_offset" in table.columns else "offset"
    one = sql.SQL("(topic = %s AND partition = %s AND {} < %s)").format(sql.Identifier(oldest_part))
    values: list[object] = [value for (topic, number), begin in begins.items() for value in (topic, number, begin)]
    return sql.SQL(" OR ").join([one] * len(begins)), list(values)


async def _hash(connection: Connection, table: Table[Any], begins: Mapping[Partition, int]) -> str:
    condition, values = lost(table, begins)
    statement = sql.SQL(
        "SELECT count(*) || ':' || md5(coalesce(string_agg(md5(ROW({})::text), '' ORDER BY {}), '')) "
        "FROM {} WHERE NOT ({})"
    ).format(
        sql.SQL(", ").join(map(sql.Identifier, table.columns)),
        sql.SQL(", ").join(map(sql.Identifier, table.key)),
        sql.Identifier(table.name),
        condition,
    )
    cursor = await connection.execute(statement, values)
    row = await cursor.fetchone()
    return str(row[0]) if row else ""
