"""`tapeline doctor`: what is configured, reachable, in time and permitted. Exit code 1 when something failed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from tapeline.errors import UsageError

if TYPE_CHECKING:
    from tapeline.doctor.finding import Finding

_COLOURS: Final = {"ok": typer.colors.GREEN, "warning": typer.colors.YELLOW, "failed": typer.colors.RED}


def register(app: typer.Typer) -> None:
    app.command("doctor", rich_help_panel="Trust")(doctor)


def doctor(
    venue: Annotated[str | None, typer.Option("--venue", help="Look at this venue instead of the configured.")] = None,
    config: Annotated[Path | None, typer.Option("--config", "-c", help="YAML; default tapeline.yaml.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
) -> None:
    """Look at everything a run needs: settings, machine, Kafka, Postgres, venue. Starts nothing, prints no key.

    Works while `tapeline up` runs and while nothing does.
    """
    from observability.logs import configure
    from tapeline.doctor.finding import summary

    configure("doctor", "CRITICAL")
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    findings = _findings(config, venue)
    total = summary(findings)
    if as_json:
        import orjson

        typer.echo(orjson.dumps({**total, "findings": [one.as_dict() for one in findings]}).decode())
    else:
        _print(findings)
    raise typer.Exit(0 if total["ok"] else 1)


def _findings(config: Path | None, venue: str | None) -> Sequence[Finding]:
    from tapeline.doctor import machine
    from tapeline.doctor.configuration import AREA
    from tapeline.doctor.examination import examine
    from tapeline.doctor.finding import failed
    from tapeline.settings import load_settings

    try:
        load_settings(config)
    except UsageError as error:
        return [*(failed(AREA, line) for line in str(error).splitlines()), *machine.python_and_packages()]
    return asyncio.run(examine(config, venue))


def _print(findings: Sequence[Finding]) -> None:
    area = ""
    for one in findings:
        if one.area != area:
            area = one.area
            typer.secho(area, bold=True)
        shown = one.as_dict()
        status = typer.style(shown["status"].ljust(8), fg=_COLOURS[shown["status"]])
        typer.echo(f"  {status} {shown['text']}")
        if shown["remedy"]:
            typer.echo(f"           → {shown['remedy']}")
    counts = {name: sum(one.status.value == name for one in findings) for name in _COLOURS}
    typer.echo(f"{counts['ok']} ok, {counts['warning']} warnings, {counts['failed']} failed")
