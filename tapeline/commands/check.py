"""`tapeline check`: the venue's ledger, the log and Postgres compared. Exit code 1 when something is wrong.

The rules, and what is exempt and why, are in `tapeline.check.judge`.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tapeline.errors import TapelineError

if TYPE_CHECKING:
    from tapeline.check.verdict import Verdict
    from tapeline.settings import Settings

Config = Annotated[Path | None, typer.Option("--config", "-c", help="YAML file; default tapeline.yaml if present.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Wait = Annotated[float, typer.Option("--wait", min=0, help="Look again, up to so many seconds, until all is settled.")]
_SHOWN = 40


def register(app: typer.Typer) -> None:
    app.command("check", rich_help_panel="Trust")(check)


def check(wait: Wait = 0.0, config: Config = None, as_json: Json = False) -> None:
    """Compare the venue's own ledger, the log and Postgres: no order lost, none twice, no slot stuck, same positions.

    Works while `tapeline up` runs and after it has stopped, however it was stopped. What is still under way is counted
    as in_flight and listed; the next start settles it.
    """
    from tapeline.live_paper import settings_in_use

    verdict = asyncio.run(run(settings_in_use(config), wait))
    if as_json:
        import orjson

        typer.echo(orjson.dumps(verdict.as_json()).decode())
    else:
        _print(verdict)
    raise typer.Exit(0 if verdict.ok else 1)


async def run(settings: Settings, wait_s: float = 0.0) -> Verdict:
    """Raises TapelineError when a witness cannot be heard."""
    from tapeline.check.run import check as look
    from tapeline.check.venue_witness import PaperVenue
    from tapeline.data_folder import owner_of
    from tapeline.embedded.servers import servers
    from topics.admin import check as differences_of
    from topics.log import LogAddress

    if not settings.trades_on_paper:
        raise TapelineError(
            f"the venue {settings.connector.venue.name!r} keeps its ledger to itself; `tapeline check` reads the paper "
            "venue's. Compare with `tapeline positions`, column `at venue`: the connector reconciles all the time"
        )
    owner = owner_of(settings.home)
    async with servers(settings, command="check") as found:
        log = LogAddress(found.bootstrap, settings.kafka.topic_prefix)
        if any(difference.kind == "missing" for difference in await differences_of(log)):
            raise TapelineError("there is no log to check yet: start the pipeline with `tapeline up` first")
        venue = PaperVenue(settings.venue.data_dir, settings.connector.venue.name)
        running = owner is not None and owner.command == "up"
        return await look(venue, log, found.dsn, wait_s=wait_s, running=running)


def _print(verdict: Verdict) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column()
    table.add_column(justify="right")
    for name, value in verdict.as_json().items():
        if name not in {"ok", "details"}:
            table.add_row(name.replace("_", " "), str(value))
    console = Console()
    console.print(table)
    for severity, found in (
        ("[red]wrong[/red]", verdict.findings.violations),
        ("[yellow]under way[/yellow]", verdict.findings.in_flight),
    ):
        for one in found[:_SHOWN]:
            console.print(f"{severity} {one.kind.replace('_', ' ')}: ", end="")
            console.print(f"{one.name}: {one.text}", markup=False, highlight=False)
        if len(found) > _SHOWN:
            console.print(f"{severity} … and {len(found) - _SHOWN} more (--json lists all)")
    console.print("[green]ok[/green]" if verdict.ok else "[red]not ok[/red]")
