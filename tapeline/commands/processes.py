"""`tapeline venue|connector|agents|projections`: one process in the foreground. `tapeline up` starts these.

Their log lines are JSON on stdout. What a person can mend ends them with one line and exit code 1 or 2.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tapeline.errors import TapelineError, UsageError

if TYPE_CHECKING:
    from tapeline.settings import Settings
    from topics.log import LogAddress

Config = Annotated[Path | None, typer.Option("--config", "-c", help="YAML file; default tapeline.yaml if present.")]


def register(app: typer.Typer) -> None:
    app.command("feed", rich_help_panel="One process")(feed)
    app.command("venue", rich_help_panel="One process")(venue)
    app.command("connector", rich_help_panel="One process")(connector)
    app.command("agents", rich_help_panel="One process")(agents)
    app.command("projections", rich_help_panel="One process")(projections)


def venue(config: Config = None) -> None:
    """Run the paper venue: matching engine, tape, and Binance's dialect on loopback."""

    def work(settings: Settings) -> None:
        import uvloop

        from venue.errors import VenueError
        from venue.main import run

        try:
            uvloop.run(run(settings.venue))
        except VenueError as error:
            raise UsageError(str(error)) from error

    _run("venue", config, work)


def feed(config: Config = None) -> None:
    """Follow a live venue's public streams for the paper venue. It has no key."""

    def work(settings: Settings) -> None:
        import uvloop

        from tapeline.recording.feed import run

        if settings.feed is None:
            raise UsageError("no venue to follow: tapeline up --venue binance --paper starts this process")
        uvloop.run(run(settings.feed))

    _run("feed", config, work)


def connector(config: Config = None) -> None:
    """Run the connector: the only holder of keys and venue connections."""

    def work(settings: Settings) -> None:
        import uvloop

        from connector.main import run

        uvloop.run(run(settings.connector, _log(settings), _dsn(settings)))

    _run("connector", config, work)


def agents(config: Config = None) -> None:
    """Run the strategy and risk agents."""

    def work(settings: Settings) -> None:
        from agents.main import run

        run(settings.agents, _log(settings))

    _run("agents", config, work)


def projections(config: Config = None) -> None:
    """Run the projector: from the log to Postgres."""

    def work(settings: Settings) -> None:
        from projections.main import run

        asyncio.run(run(settings.projections, _log(settings), _dsn(settings)))

    _run("projections", config, work)


def _run(name: str, config: Path | None, work: Callable[[Settings], None]) -> None:
    from observability.http import PortTakenError
    from observability.logs import configure, get_logger
    from tapeline.settings import load_settings

    settings = load_settings(config)
    configure(name, settings.log_level)
    try:
        work(settings)
    except (TapelineError, PortTakenError) as error:
        get_logger(name).critical(str(error))
        raise typer.Exit(getattr(error, "exit_code", 1)) from error
    except Exception as error:
        get_logger(name).critical(f"{type(error).__name__}: {error}", exc_info=True)
        raise typer.Exit(1) from error


def _log(settings: Settings) -> LogAddress:
    from topics.log import LogAddress

    if settings.bootstrap is None:
        raise UsageError(
            "one process alone needs a running Kafka: set TAPELINE_KAFKA__BOOTSTRAP (tapeline up starts everything)"
        )
    return LogAddress(settings.bootstrap, settings.kafka.topic_prefix)


def _dsn(settings: Settings) -> str:
    if settings.dsn is None:
        raise UsageError(
            "one process alone needs a running Postgres: set TAPELINE_POSTGRES__DSN (tapeline up starts everything)"
        )
    return settings.dsn
