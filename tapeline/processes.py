"""The processes of the pipeline: which there are, where they listen, how each is started and seen to be ready.

`wire` turns what the user set into what each process is told. This module must not start anything; the supervisor
does.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from signal import SIGTERM
from typing import Any, Final

from pydantic import BaseModel

from tapeline.addresses import is_chosen
from tapeline.embedded.kafka import EmbeddedKafka, kafka_answers
from tapeline.embedded.ports import LOOPBACK, choose_ports, is_free
from tapeline.embedded.postgres import EmbeddedPostgres, postgres_answers
from tapeline.embedded.server import Command, EmbeddedServer
from tapeline.embedded.servers import Servers
from tapeline.errors import TapelineError
from tapeline.http_client import HttpClient
from tapeline.settings import Settings, handed_over
from tapeline.supervisor import Spec

# Who writes to the venue or the log ends before who stores; the servers come last.
STOP_FIRST: Final = (("agents",), ("connector",), ("venue",), ("feed",))
STOP_LAST: Final = (("projections",), ("postgres", "kafka"))
_STOP_S: Final = 4.0

# setting of the port: (process, section, field)
_PORTS: Final = (
    ("feed", "feed", "port"),
    ("feed_operations", "feed", "operations_port"),
    ("venue", "venue", "port"),
    ("connector_grpc", "connector", "grpc_port"),
    ("connector", "connector", "operations_port"),
    ("agents", "agents", "operations_port"),
    ("projections", "projections", "operations_port"),
)


@dataclass(frozen=True)
class Address:
    """Where a process answers `/health`, `/status` and `/metrics`."""

    host: str
    port: int

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"


def with_ports(settings: Settings) -> Settings:
    """The same settings with a port for everything: the user's own where set, else one remembered in the data folder.

    Raises TapelineError when a port the user chose is taken.
    """
    wanted = port_settings(settings)
    free = choose_ports(
        settings.home, *(name for name, section, field in wanted if not is_chosen(settings, section, field))
    )
    updated = settings
    for name, section, field in wanted:
        if name in free:
            updated = _with(updated, section, {field: free[name]})
        elif not is_free(port := getattr(getattr(settings, section), field)):
            raise TapelineError(
                f"port {port} ({section}.{field}) is taken by another program; stop it, "
                f"or choose another port in the configuration or with TAPELINE_{section.upper()}__{field.upper()}"
            )
    return updated


def port_settings(settings: Settings) -> list[tuple[str, str, str]]:
    """Every port our own processes listen on: its name in the data folder, section and field of its setting."""
    return [(name, section, field) for name, section, field in _PORTS if _listens(settings, section)]


def wire(settings: Settings, servers: Servers) -> Settings:
    """What the processes are told: the servers' addresses, and the paper venue's for the connector."""
    wired = _with(settings, "kafka", {"bootstrap": servers.bootstrap})
    wired = _with(wired, "postgres", {"dsn": servers.dsn})
    if settings.feed is not None:
        wired = _with(wired, "venue", {"live_feed": f"{LOOPBACK}:{settings.feed.port}"})
    if settings.trades_on_paper:
        paper = settings.venue
        reached_at = paper.reached_at or f"{paper.host}:{paper.port}"
        connection = settings.connector.venue.model_copy(
            update={
                "rest_url": f"http://{reached_at}",
                "ws_url": f"ws://{reached_at}",
                "api_key": paper.api_key,
                "api_secret": paper.api_secret,
            }
        )
        wired = _with(wired, "connector", {"venue": connection})
    return Settings(**wired.model_dump())  # once more, so that addresses are checked


def with_symbols(settings: Settings, symbols: tuple[str, ...]) -> Settings:
    """The connector told to trade these; what the user listed for it wins."""
    if settings.connector.venue.symbols:
        return settings
    connection = settings.connector.venue.model_copy(update={"symbols": symbols})
    return _with(settings, "connector", {"venue": connection})


def addresses(settings: Settings) -> dict[str, Address]:
    """Where our own processes answer, by name."""
    ours = {
        "venue": Address(settings.venue.host, settings.venue.port),
        "connector": Address(settings.connector.operations_host, settings.connector.operations_port),
        "agents": Address(settings.agents.operations_host, settings.agents.operations_port),
        "projections": Address(settings.projections.operations_host, settings.projections.operations_port),
    }
    if settings.feed is not None:
        ours["feed"] = Address(settings.feed.operations_host, settings.feed.operations_port)
    return ours


def server_spec(server: EmbeddedServer, settings: Settings) -> Spec:
    """Kafka or Postgres; restarted on the same port."""
    patience = settings.supervisor.model_dump()
    return Spec(server.name, server.prepare, server.is_ready, folder=server.folder, **patience)


def process_spec(name: str, settings: Settings, address: Address, http: HttpClient) -> Spec:
    """One of our own processes; its settings go through its environment, secrets included."""
    command = Command((sys.executable, "-m", "tapeline", name), stop_signal=SIGTERM, stop_s=_STOP_S)
    patience = settings.supervisor.model_dump()
    return Spec(name, lambda: command, _health(http, address), environment=handed_over(settings), **patience)


def _health(http: HttpClient, address: Address) -> Callable[[], Awaitable[bool]]:
    async def is_ready() -> bool:
        return await http.is_ok(f"{address.url}/health")

    return is_ready


def embedded(settings: Settings) -> list[EmbeddedServer]:
    """The servers that are not configured and so are ours to run."""
    ours: list[EmbeddedServer] = []
    if settings.bootstrap is None:
        ours.append(EmbeddedKafka(settings.home))
    if settings.dsn is None:
        ours.append(EmbeddedPostgres(settings.home))
    return ours


async def reach(settings: Settings, ours: list[EmbeddedServer]) -> Servers:
    """Addresses of the prepared embedded servers and the configured ones. Raises when a configured one is silent."""
    bootstrap, dsn = settings.bootstrap or "", settings.dsn or ""
    for server in ours:
        if isinstance(server, EmbeddedKafka):
            bootstrap = server.bootstrap
        if isinstance(server, EmbeddedPostgres):
            dsn = server.dsn
    if not await kafka_answers(bootstrap, 10):
        raise TapelineError(f"no Kafka answers at {bootstrap}; start it or correct kafka.bootstrap")
    if not await postgres_answers(dsn, 10):
        raise TapelineError("no Postgres answers at the address of postgres.dsn; start it or correct the address")
    return Servers(bootstrap, dsn)


def _listens(settings: Settings, section: str) -> bool:
    if section == "feed":
        return settings.feed is not None
    return section != "venue" or settings.trades_on_paper


def _with(settings: Settings, section: str, values: dict[str, Any]) -> Settings:
    model: BaseModel = getattr(settings, section)
    return settings.model_copy(update={section: model.model_copy(update=values)})
