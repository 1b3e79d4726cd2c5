"""The kill switch in Postgres, over a connection of its own for each question.

So it works when the ledger's connections are broken, and for somebody who must not take the account over (`tapeline
kill` while no connector runs). Raises psycopg.Error where Postgres cannot be asked; retrying is the caller's.
"""

from psycopg import AsyncConnection

from connector.gateway.kill_state import KillState
from connector.gateway.postgres_schema import migrate

_NEWEST = (
    "SELECT version, killed, time_ms, by_whom, reason, everything, verified_ms FROM ledger.kill_switch "
    "WHERE account = %s ORDER BY version DESC LIMIT 1"
)
_TURN = (
    "INSERT INTO ledger.kill_switch (account, version, killed, time_ms, by_whom, reason, everything) "
    "VALUES (%s, %s, %s, %s, %s, %s, %s)"
)
# The row may be missing before the first start; epoch 0 is nobody's.
_KNOWN = "INSERT INTO ledger.epoch (account, epoch, holder) VALUES (%s, 0, '') ON CONFLICT (account) DO NOTHING"
_LOCK = "SELECT epoch FROM ledger.epoch WHERE account = %s FOR UPDATE"
# A stopped process may hold a lock; better to fail, say so and try again than to wait in silence.
_PATIENCE = "-c lock_timeout=3000 -c statement_timeout=5000 -c synchronous_commit=on"


class PostgresKill:
    """`dsn` as libpq takes it."""

    def __init__(self, dsn: str, venue: str, account: str) -> None:
        self._dsn = dsn
        self._owner = f"{venue}:{account}"

    async def read(self) -> KillState:
        """Version 0 where nothing was ever started."""
        async with await self._connect() as connection:
            return await newest(connection, self._owner) if await _is_there(connection) else KillState()

    async def turn(self, *, killed: bool, by: str, reason: str, everything: bool, time_ms: int) -> KillState:
        """As in Ledger.set_kill."""
        async with await self._connect() as connection:
            if not await _is_there(connection):
                await migrate(connection)
            async with connection.transaction():
                await connection.execute(_KNOWN, (self._owner,))
                await connection.execute(_LOCK, (self._owner,))
                state = await newest(connection, self._owner)
                if state.settles(killed, everything):
                    return state
                now = state.turned(killed=killed, by=by, reason=reason, everything=everything, time_ms=time_ms)
                row = (self._owner, now.version, now.killed, now.time_ms, now.by, now.reason, now.everything)
                await connection.execute(_TURN, row)
            return now

    async def note_verified(self, version: int, time_ms: int) -> None:
        async with await self._connect() as connection:
            await connection.execute(
                "UPDATE ledger.kill_switch SET verified_ms = %s WHERE account = %s AND version = %s",
                (time_ms, self._owner, version),
            )

    async def _connect(self) -> AsyncConnection:
        return await AsyncConnection.connect(self._dsn, autocommit=True, connect_timeout=5, options=_PATIENCE)


async def newest(connection: AsyncConnection, owner: str) -> KillState:
    """`owner`: venue:account."""
    row = await (await connection.execute(_NEWEST, (owner,))).fetchone()
    return KillState(*row) if row else KillState()


async def _is_there(connection: AsyncConnection) -> bool:
    row = await (await connection.execute("SELECT to_regclass('ledger.kill_switch') IS NOT NULL")).fetchone()
    return bool(row and row[0])
