"""The ledger in Postgres, schema `ledger`: one pipelined transaction a batch, fenced by the epoch, durable.

A lost connection is an error to the caller, never retried here: nobody knows whether the transaction happened, and
the path after a restart (read the rows, look up at the venue) is the safe one.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, LiteralString

from psycopg import AsyncConnection, AsyncCursor
from psycopg.errors import Error, UniqueViolation
from psycopg.pq import TransactionStatus
from psycopg.rows import dict_row

from connector.gateway import postgres_positions as positions
from connector.gateway import postgres_rows as rows
from connector.gateway.errors import ClaimsTakenError, FencedError
from connector.gateway.kill_state import KILLED, KillState, denied
from connector.gateway.ledger import Batch
from connector.gateway.lifecycle import Order
from connector.gateway.postgres_kill import PostgresKill, newest
from connector.gateway.postgres_schema import FENCED, ORDERS_KEY, migrate
from topics.v1.orders_pb2 import OrderUpdate

# The statements are made of this package's constants; no value is ever part of their text.
_CLAIMED = f"{rows.IDENTITY}, {rows.PROGRESS}"
# After the fence took the account's lock: so this statement sees every kill that was committed before (RISK-8).
_CLAIM = (
    f"INSERT INTO ledger.orders ({', '.join(rows.names(_CLAIMED))}, epoch) "  # noqa: S608
    f"SELECT {', '.join(map(rows.unless_killed, rows.names(_CLAIMED)))}, %s FROM {rows.of_json(_CLAIMED)} "
    "LEFT JOIN (SELECT killed, by_whom, reason FROM ledger.kill_switch WHERE account = %s "
    "ORDER BY version DESC LIMIT 1) AS switch ON switch.killed AND new.state = 'claimed' "
    "RETURNING client_order_id, reason_code, reason"
)
_KILL_VERSION = "SELECT coalesce(max(version), 0) FROM ledger.kill_switch WHERE account = %s"
_CHANGE = (
    f"UPDATE ledger.orders AS it SET {', '.join(map(rows.assignment, rows.names(rows.PROGRESS)))}, epoch = %s "  # noqa: S608
    f"FROM {rows.of_json(f'client_order_id text, {rows.PROGRESS}')} WHERE it.client_order_id = new.client_order_id"
)
_REQUEST_CANCEL = "UPDATE ledger.orders SET cancel_requested = true, epoch = %s WHERE client_order_id = ANY(%s)"
_MOVE = (
    "INSERT INTO ledger.intent_positions (owner, topic, partition, next_offset) "
    "SELECT %s, * FROM unnest(%s::text[], %s::int4[], %s::int8[]) "
    "ON CONFLICT (owner, topic, partition) DO UPDATE SET next_offset = excluded.next_offset"
)
_MARK = (
    "INSERT INTO ledger.fill_marks (owner, symbol, trade_id) SELECT %s, * FROM unnest(%s::text[], %s::text[]) "
    "ON CONFLICT (owner, symbol) DO UPDATE SET trade_id = excluded.trade_id"
)
_TAKE_OVER = (
    "INSERT INTO ledger.epoch AS it (account, epoch, holder) VALUES (%s, 1, %s) "
    "ON CONFLICT (account) DO UPDATE SET epoch = it.epoch + 1, holder = excluded.holder, since = now() RETURNING epoch"
)
_SELECT = (
    "SELECT it.*, ARRAY(SELECT trade_id FROM ledger.fills AS f WHERE f.client_order_id = it.client_order_id) "
    "AS trade_ids FROM ledger.orders AS it "
)


# Every statement finds its rows by key. Left to itself the planner, whose statistics of a young table say that it is
# small, joins by reading all of it, and keeps that plan while the table grows with every order.
_BY_KEY = "-c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off"
# A process that is stopped in the middle of a commit must not hold the account's lock against a kill or a takeover.
# Half-way through a pipeline a session is not "idle in transaction": there only the timeout of the whole transaction
# ends it, which Postgres has since 17.
_NO_HOLDING = "-c idle_in_transaction_session_timeout=5000"
_NO_HOLDING_IN_A_PIPELINE = "SET transaction_timeout = 5000"
_HAS_TRANSACTION_TIMEOUT = 170_000


class PostgresLedger:
    """`dsn` as libpq takes it. One connection commits, another one reads."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._venue = ""
        self._account = ""
        self._owner = ""
        self._epoch = 0
        self._kill = KillState()
        self._writer: AsyncConnection | None = None
        self._reader: AsyncConnection | None = None

    @property
    def kill(self) -> KillState:
        return self._kill

    async def start(self, venue: str, account: str, holder: str) -> int:
        self._venue, self._account, self._owner = venue, account, f"{venue}:{account}"
        self._writer = await AsyncConnection.connect(
            self._dsn, autocommit=True, prepare_threshold=2, options=f"{_BY_KEY} {_NO_HOLDING}"
        )
        self._reader = await AsyncConnection.connect(self._dsn, autocommit=True, options=_BY_KEY)
        await self._writer.execute("SET synchronous_commit = on")
        await migrate(self._writer)
        if self._writer.info.server_version >= _HAS_TRANSACTION_TIMEOUT:
            await self._writer.execute(_NO_HOLDING_IN_A_PIPELINE)
        row = await (await self._writer.execute(_TAKE_OVER, (self._owner, holder))).fetchone()
        if row is None:
            raise FencedError(f"account {self._owner}: the ledger gave no epoch; check the table ledger.epoch")
        self._epoch = int(row[0])
        await self.kill_state()
        return self._epoch

    async def close(self) -> None:
        for connection in (self._writer, self._reader):
            if connection is not None:
                await connection.close()
        self._writer = self._reader = None

    async def commit(self, batch: Batch) -> Mapping[str, Order]:
        connection = _open(self._writer)
        try:
            async with _transaction(connection):
                await connection.execute("SELECT ledger.fence(%s, %s)", (self._owner, self._epoch))
                kill_version = await connection.execute(_KILL_VERSION, (self._owner,))
                claimed = await self._write(connection, batch)
        except UniqueViolation as error:
            taken = await self._by_id([order.id for order in batch.claims])
            if error.diag.constraint_name != ORDERS_KEY or not taken:
                raise
            raise ClaimsTakenError({order.id: order for order in taken}) from error
        except Error as error:
            if error.sqlstate != FENCED:
                raise
            raise FencedError(f"{error.diag.message_primary}; this process must end") from error
        if await kill_version.fetchone() != (self._kill.version,):
            await self.kill_state()
        if claimed is None:
            return {}
        reasons = {row[0]: row[2] for row in await claimed.fetchall() if row[1] == KILLED}
        killed = [order for order in batch.claims if order.id in reasons and not order.answered]
        return {order.id: denied(order, reasons[order.id]) for order in killed}

    async def find(self, *, client_order_id: str = "", symbol: str = "", venue_order_id: str = "") -> list[Order]:
        if client_order_id:
            return await self._by_id([client_order_id])
        return await self._select(
            "WHERE venue = %s AND account = %s AND venue_order_id = %s AND venue_order_id <> '' AND %s IN ('', symbol)",
            (self._venue, self._account, venue_order_id, symbol),
        )

    async def unsettled(self) -> list[Order]:
        where = "WHERE venue = %s AND account = %s AND NOT settled ORDER BY claimed_ns, client_order_id"
        return await self._select(where, (self._venue, self._account))

    async def intent_positions(self, topic: str) -> dict[int, int]:
        cursor = await _open(self._reader).execute(
            "SELECT partition, next_offset FROM ledger.intent_positions WHERE owner = %s AND topic = %s",
            (self._owner, topic),
        )
        return dict(await cursor.fetchall())

    async def fill_marks(self) -> dict[str, str]:
        cursor = await _open(self._reader).execute(
            "SELECT symbol, trade_id FROM ledger.fill_marks WHERE owner = %s", (self._owner,)
        )
        return dict(await cursor.fetchall())

    async def booked_positions(self) -> dict[str, int]:
        return await positions.booked(_open(self._reader), self._owner)

    async def known_trades(self, symbol: str, trade_ids: Sequence[str]) -> set[str]:
        return await positions.known_trades(_open(self._reader), self._venue, symbol, trade_ids)

    async def unsaid_corrections(self) -> list[OrderUpdate]:
        return await positions.unsaid(_open(self._reader), self._owner)

    async def adjustments(self) -> dict[str, int]:
        return await positions.adjustments(_open(self._reader), self._owner)

    async def kill_state(self) -> KillState:
        self._kill = await newest(_open(self._reader), self._owner)
        return self._kill

    async def set_kill(self, *, killed: bool, by: str, reason: str, everything: bool, time_ms: int) -> KillState:
        self._kill = await self._switch().turn(
            killed=killed, by=by, reason=reason, everything=everything, time_ms=time_ms
        )
        return self._kill

    async def note_verified(self, version: int, time_ms: int) -> None:
        await self._switch().note_verified(version, time_ms)
        if self._kill.version == version:
            self._kill = replace(self._kill, verified_ms=time_ms)

    def _switch(self) -> PostgresKill:
        return PostgresKill(self._dsn, self._venue, self._account)

    async def _write(self, connection: AsyncConnection, batch: Batch) -> AsyncCursor | None:
        claimed = None
        if batch.claims:
            claims = ({**rows.identity(it), **rows.progress(it, settled=False)} for it in batch.claims)
            claimed = await connection.execute(_CLAIM, (self._epoch, rows.as_json(claims), self._owner))
        if batch.cancels:
            await connection.execute(_REQUEST_CANCEL, (self._epoch, batch.cancels))
        await positions.write(connection, self._venue, self._owner, batch)
        if batch.changes:
            changed = [rows.change(it, settled=it.settled) for it in batch.changes.values()]
            await connection.execute(_CHANGE, (self._epoch, rows.as_json(changed)))
        if batch.concluded:
            concluded = {it.id: rows.change(it, settled=False) for it in batch.concluded}
            await connection.execute(_CHANGE, (self._epoch, rows.as_json(concluded.values())))
        if batch.positions:
            topics, partitions = zip(*batch.positions, strict=True)
            moved = (self._owner, list(topics), list(partitions), list(batch.positions.values()))
            await connection.execute(_MOVE, moved)
        if batch.marks:
            await connection.execute(_MARK, (self._owner, list(batch.marks), list(batch.marks.values())))
        return claimed

    async def _by_id(self, client_order_ids: list[str]) -> list[Order]:
        return await self._select("WHERE client_order_id = ANY(%s)", (client_order_ids,))

    async def _select(self, where: LiteralString, parameters: tuple[Any, ...]) -> list[Order]:
        async with _open(self._reader).cursor(row_factory=dict_row) as cursor:
            await cursor.execute(_SELECT + where, parameters)
            return [rows.order_of(row) for row in await cursor.fetchall()]


@asynccontextmanager
async def _transaction(connection: AsyncConnection) -> AsyncIterator[None]:
    """Sent whole, COMMIT included, before an answer is waited for: after a statement that fails the server skips the
    others of the pipeline, the COMMIT too."""
    try:
        async with connection.pipeline():
            await connection.execute("BEGIN")
            yield
            await connection.execute("COMMIT")
    except BaseException:
        if connection.info.transaction_status in (TransactionStatus.INTRANS, TransactionStatus.INERROR):
            await connection.rollback()
        raise


def _open(connection: AsyncConnection | None) -> AsyncConnection:
    if connection is None:
        raise FencedError("the ledger is not started, or closed; nothing can be read or written")
    return connection
