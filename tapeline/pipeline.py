"""The whole pipeline as one thing: started in order, watched, ended in order with nothing left behind.

Order: Kafka and Postgres, topics, the venue, then connector, agents and projections. It must not print: the screen
does.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final

from connector.gateway.postgres_kill import PostgresKill
from tapeline.activation import activate, tell_of_kill
from tapeline.embedded.kafka import await_groups
from tapeline.errors import TapelineError
from tapeline.http_client import HttpClient
from tapeline.live_paper import without_secrets
from tapeline.memory import used_bytes
from tapeline.pacer import pace
from tapeline.processes import (
    STOP_FIRST,
    STOP_LAST,
    addresses,
    embedded,
    process_spec,
    reach,
    server_spec,
    wire,
    with_ports,
    with_symbols,
)
from tapeline.settings import Settings
from tapeline.snapshot import Snapshot, SnapshotReader
from tapeline.supervisor import Supervisor
from tapeline.supervisor.child import Record
from topics.admin import apply as apply_catalogue
from topics.log import LogAddress

STOP_S: Final = 9.0
_SERVERS_KEEP_S: Final = 2.5
_CAUGHT_UP_S: Final = 2.0


class Pipeline:
    """`await start()`, then `await stop()` in any case; `settings` are the effective ones once started."""

    def __init__(
        self,
        settings: Settings,
        http: HttpClient,
        *,
        parameters: Mapping[str, str],
        on_record: Callable[[Record], None],
        on_step: Callable[[str], None],
    ) -> None:
        self.settings = settings
        self.supervisor = Supervisor(settings.home, on_record=on_record)
        self.symbols: tuple[str, ...] = ()
        self._http = http
        self._parameters = parameters
        self._on_step = on_step
        self._pacer: asyncio.Task[None] | None = None
        self._snapshots: SnapshotReader | None = None

    async def start(self) -> None:
        """Returns when everything is ready. Raises TapelineError naming what is not, and why."""
        settings = with_ports(self.settings)
        ours = embedded(settings)
        if ours:
            self._on_step("starting " + " and ".join(server.name.capitalize() for server in ours))
            await self.supervisor.start(*(server_spec(server, settings) for server in ours))
        settings = wire(settings, await reach(settings, ours))
        log = LogAddress(settings.bootstrap or "", settings.kafka.topic_prefix)
        await await_groups(log.bootstrap)
        await apply_catalogue(log, replication_factor=settings.kafka.replication_factor)
        if settings.feed is not None:
            self._on_step(f"live market data of {settings.feed.connection.name}, orders on paper")
            await self._start_processes(without_secrets(settings), "feed")
        if self.settings.trades_on_paper:
            self._on_step("starting the paper venue")
            await self._start_processes(settings, "venue")
        self.symbols = await self._symbols(settings)
        settings = with_symbols(settings, self.symbols)
        connection = settings.connector.venue
        await activate(
            log,
            venue=connection.name,
            account=connection.account,
            symbols=self.symbols,
            parameters=self._parameters,
        )
        switch = await PostgresKill(settings.dsn or "", connection.name, connection.account).read()
        await tell_of_kill(
            log,
            venue=connection.name,
            account=connection.account,
            killed=switch.killed,
            by=switch.by,
            reason=switch.reason,
            where_told_otherwise=True,
        )
        if switch.killed:
            self._on_step(f"{switch.text}; nothing is placed until `tapeline release`")
        self._on_step("starting connector, agents and projections")
        await self._start_processes(settings, "connector", "agents", "projections")
        self._snapshots = SnapshotReader(settings.dsn or "")
        self.settings = settings
        if settings.venue.speed == "max" and "venue" in self.supervisor.children:
            url = f"{addresses(settings)['venue'].url}/paper/v1/progress"
            self._pacer = asyncio.create_task(pace(log, lambda body: self._http.post(url, body)), name="pacer")

    async def stop(self, read_last: Callable[[], Any] | None = None) -> None:
        """End all within ten seconds: who trades first, then, when the projections have caught up, the rest."""
        deadline = time.monotonic() + STOP_S
        if self._pacer is not None:
            self._pacer.cancel()
            with suppress(asyncio.CancelledError):
                await self._pacer
        await self.supervisor.stop(STOP_FIRST, deadline - _SERVERS_KEEP_S)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._finish(read_last), max(0.5, deadline - _SERVERS_KEEP_S - time.monotonic()))
        if self._snapshots is not None:
            await self._snapshots.close()
        await self.supervisor.stop(STOP_LAST, deadline)
        await self.supervisor.close()

    async def snapshot(self) -> Snapshot | None:
        """What the projections say now; None while they cannot be asked."""
        return None if self._snapshots is None else await self._snapshots.read()

    async def venue_state(self) -> dict[str, Any] | None:
        """What the paper venue says of itself; None when it is not there."""
        if "venue" not in self.supervisor.children:
            return None
        return await self._http.get(f"{addresses(self.settings)['venue'].url}/paper/v1/state")

    def processes(self) -> dict[str, dict[str, Any]]:
        """State, pid, restarts and memory of each, by name. Reads the system: call it in a thread."""
        return {
            name: {
                "state": child.state,
                "pid": child.pid,
                "restarts": child.restarts,
                "memory_mb": round(used_bytes(child.pid) / 1e6, 1) if child.pid else 0.0,
            }
            for name, child in self.supervisor.children.items()
        }

    async def _start_processes(self, settings: Settings, *names: str) -> None:
        where = addresses(settings)
        await self.supervisor.start(*(process_spec(name, settings, where[name], self._http) for name in names))

    async def _symbols(self, settings: Settings) -> tuple[str, ...]:
        """What is traded: the connector's list, else what the paper venue plays."""
        chosen = settings.connector.venue.symbols
        if chosen:
            return chosen
        if "venue" in self.supervisor.children:
            state = await self._http.get(f"{addresses(settings)['venue'].url}/paper/v1/state")
            played = (state or {}).get("symbols" if settings.connector.venue.product == "perpetual" else "spot_symbols")
            if played:
                return tuple(played)
        raise TapelineError("no symbol to trade: list some under connector.venue.symbols in the configuration")

    async def _finish(self, read_last: Callable[[], Any] | None) -> None:
        caught_up = time.monotonic() + _CAUGHT_UP_S
        while time.monotonic() < caught_up:
            found = await self.snapshot()
            if found is None or found.counts.records_behind == 0:
                break
            await asyncio.sleep(0.1)
        if read_last is not None:
            await read_last()
