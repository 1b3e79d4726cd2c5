"""`tapeline kill` and `release`, without the terminal: through the connector where one answers, else into Postgres.

The connector alone holds the keys: only it can cancel and ask the venue. The row in Postgres alone makes a kill hold:
without a connector it is written from here, and the next one reads it before it places anything. Both are tried until
the time is up, so it does not matter which of them comes back first. Agents are told on the log when it is there;
what they were not told, the next `tapeline up` tells them.

Seconds count: what only the slower ways need is imported when they are taken.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

import grpc

from connector.client import ConnectorClient, ConnectorUnreachableError
from connector.transport_security import own_client_files
from tapeline.addresses import grpc_address
from tapeline.data_folder import owner_of
from tapeline.errors import TapelineError

if TYPE_CHECKING:
    from connector.gateway.kill_state import KillState
    from connector.v1.connector_pb2 import KillState as KillMessage
    from tapeline.settings import Settings

_CONNECT_S: Final = 1.0
_BETWEEN_S: Final = 0.5
_DATABASE_S: Final = 8.0
_LOG_S: Final = 8.0


@dataclass(frozen=True)
class Turned:
    """How the switch stands. `durable`: in Postgres. `verified`: the venue has nothing left. `through`: who did it.

    `found`, `cancelled`, `left`, `unresolved`: orders, as the connector told, 0 without one. `symbols_told`: whose
    agents know; None: the log was not there. `problem`: what stands in the way.
    """

    killed: bool = False
    version: int = 0
    time_ms: int = 0
    by: str = ""
    reason: str = ""
    everything: bool = False
    durable: bool = False
    verified: bool = False
    through: str = "nobody"
    found: int = 0
    cancelled: int = 0
    left: int = 0
    unresolved: int = 0
    symbols_told: list[str] | None = None
    problem: str = ""


Tell = Callable[[Turned], None]


@dataclass
class _Wish:
    settings: Settings
    by: str
    reason: str
    deadline: float
    tell: Tell
    killed: bool
    everything: bool = False
    begun_ms: int = field(default_factory=lambda: time.time_ns() // 1_000_000)
    now: Turned = field(default_factory=Turned)

    @property
    def remaining_s(self) -> float:
        return max(0.0, self.deadline - time.monotonic())

    def say(self, now: Turned) -> None:
        if now != self.now:
            self.now = now
            self.tell(now)


async def kill(settings: Settings, *, by: str, reason: str, everything: bool, timeout_s: float, tell: Tell) -> Turned:
    """Until it is durable and verified, or the time is up, or nobody is there who could verify."""
    wish = _Wish(settings, by, reason, time.monotonic() + timeout_s, tell, killed=True, everything=everything)
    while not await _through_connector(wish):
        if not wish.now.durable or wish.now.verified:
            await _through_database(wish)
        else:
            await _read_verified(wish)
        if wish.now.verified or (wish.now.durable and not pipeline_runs(settings)) or not wish.remaining_s:
            break
        await asyncio.sleep(min(_BETWEEN_S, wish.remaining_s))
    return replace(wish.now, symbols_told=await _tell_agents(wish))


async def release(settings: Settings, *, by: str, reason: str, timeout_s: float, tell: Tell) -> Turned:
    """Until it is durable, or the time is up."""
    wish = _Wish(settings, by, reason, time.monotonic() + timeout_s, tell, killed=False)
    while not await _release_through_connector(wish):
        await _through_database(wish)
        if wish.now.durable or not wish.remaining_s:
            break
        await asyncio.sleep(min(_BETWEEN_S, wish.remaining_s))
    return replace(wish.now, symbols_told=await _tell_agents(wish) if wish.now.durable else None)


async def _through_connector(wish: _Wish) -> bool:
    """True when the connector says that all is done."""
    try:
        async with _client(wish) as client, asyncio.timeout(wish.remaining_s):
            async for state in client.kill(by=wish.by, reason=wish.reason, everything=wish.everything):
                wish.say(_of(state))
    except ConnectorUnreachableError:
        wish.say(replace(wish.now, through="nobody", problem=f"no connector answers at {grpc_address(wish.settings)}"))
    except grpc.aio.AioRpcError as error:
        wish.say(replace(wish.now, problem=f"the connector ended the call: {error.details()}"))
    except TimeoutError:
        wish.say(replace(wish.now, problem=wish.now.problem or "the time is up"))
    return wish.now.durable and wish.now.verified


async def _release_through_connector(wish: _Wish) -> bool:
    try:
        async with _client(wish) as client:
            wish.say(_of(await client.release(by=wish.by, reason=wish.reason)))
    except ConnectorUnreachableError:
        wish.say(replace(wish.now, through="nobody", problem=f"no connector answers at {grpc_address(wish.settings)}"))
    except grpc.aio.AioRpcError as error:
        wish.say(replace(wish.now, problem=f"the connector refused: {error.details()}"))
    return wish.now.durable


async def _through_database(wish: _Wish) -> None:
    import psycopg

    from connector.gateway.postgres_kill import PostgresKill
    from tapeline.embedded.servers import servers

    connection = wish.settings.connector.venue
    limit_s = _DATABASE_S if pipeline_runs(wish.settings) else None
    try:
        async with asyncio.timeout(limit_s), servers(wish.settings, command="kill", needs=("postgres",)) as found:
            row = await PostgresKill(found.dsn, connection.name, connection.account).turn(
                killed=wish.killed,
                by=wish.by,
                reason=wish.reason,
                everything=wish.everything,
                time_ms=time.time_ns() // 1_000_000,
            )
    except (psycopg.Error, TapelineError, TimeoutError) as error:
        problem = f"{wish.now.problem}; Postgres: {str(error) or 'does not answer'}"
        wish.say(replace(wish.now, durable=False, problem=problem))
    else:
        wish.say(_of_row(row, wish))


async def _read_verified(wish: _Wish) -> None:
    """A connector that came up meanwhile may have verified it."""
    import psycopg

    from connector.gateway.postgres_kill import PostgresKill
    from tapeline.embedded.servers import known_servers

    known = known_servers(wish.settings)
    dsn = wish.settings.dsn or (known.dsn if known else "")
    connection = wish.settings.connector.venue
    try:
        async with asyncio.timeout(_DATABASE_S):
            row = await PostgresKill(dsn, connection.name, connection.account).read()
    except (psycopg.Error, TimeoutError):
        return  # it is durable already; asked again with the next round
    if row.killed:
        wish.say(_of_row(row, wish))


async def _tell_agents(wish: _Wish) -> list[str] | None:
    """The symbols whose agents were told; None where there is no log to tell them on."""
    from aiokafka.errors import KafkaError

    from tapeline.activation import tell_of_kill
    from tapeline.embedded.servers import known_servers
    from topics.log import LogAddress

    known = known_servers(wish.settings) if pipeline_runs(wish.settings) else None
    bootstrap = wish.settings.bootstrap or (known.bootstrap if known else "")
    connection = wish.settings.connector.venue
    if not bootstrap:
        return None
    try:
        async with asyncio.timeout(_LOG_S):
            return await tell_of_kill(
                LogAddress(bootstrap, wish.settings.kafka.topic_prefix),
                venue=connection.name,
                account=connection.account,
                killed=wish.killed,
                by=wish.by,
                reason=wish.reason,
            )
    except (KafkaError, OSError, TimeoutError, TapelineError):
        return None


def _client(wish: _Wish) -> ConnectorClient:
    connector = wish.settings.connector
    return ConnectorClient(
        grpc_address(wish.settings),
        attempts=1,
        connect_timeout_s=_CONNECT_S,
        tls=own_client_files(connector.grpc_tls),
        token=connector.grpc_token.get_secret_value(),
    )


def pipeline_runs(settings: Settings) -> bool:
    """Whether somebody else may bring a connector up: our own `tapeline up`, or servers of the user's own."""
    owner = owner_of(settings.home)
    return settings.dsn is not None or (owner is not None and owner.command == "up")


def _of(state: KillMessage) -> Turned:
    names = ("killed", "version", "time_ms", "by", "reason", "everything", "durable", "verified", "found", "cancelled")
    values = {name: getattr(state, name) for name in (*names, "left", "unresolved", "problem")}
    return Turned(**values, through="connector")


def _of_row(row: KillState, wish: _Wish) -> Turned:
    """Verified is only what a connector saw since this command began."""
    return replace(
        wish.now,
        killed=row.killed,
        version=row.version,
        time_ms=row.time_ms,
        by=row.by,
        reason=row.reason,
        everything=row.everything,
        durable=True,
        verified=row.killed and row.verified_ms >= wish.begun_ms,
        through="database",
    )
