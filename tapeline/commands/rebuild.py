"""`tapeline rebuild`: the projections made again from the log, compared with the live ones, and swapped in if asked.

Exit code 1 when `--verify` finds a difference.
"""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tapeline.errors import UsageError

if TYPE_CHECKING:
    from projections.rebuild import RebuildReport

Config = Annotated[Path | None, typer.Option("--config", "-c", help="YAML file; default tapeline.yaml if present.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


def register(app: typer.Typer) -> None:
    app.command("rebuild", rich_help_panel="Trust")(rebuild)


def rebuild(
    verify: Annotated[bool, typer.Option("--verify/--no-verify", help="Compare with the live tables, by hash.")] = True,
    swap: Annotated[bool, typer.Option("--swap", help="Put the new tables in the place of the live ones.")] = False,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Fold the log from offset 0 beside the live tables. An interrupted rebuild goes on where it stopped."""
    if not (verify or swap):
        raise UsageError("--no-verify without --swap would make tables that nobody looks at; leave one of them out")
    report = asyncio.run(_work(config, verify=verify, swap=swap))
    if as_json:
        import orjson

        typer.echo(orjson.dumps(asdict(report) | {"differing": report.differing}).decode())
    else:
        _print(report, verified=verify)
    raise typer.Exit(1 if verify and not report.equal else 0)


async def _work(config: Path | None, *, verify: bool, swap: bool) -> RebuildReport:
    from projections.rebuild import rebuild as make_again
    from tapeline.embedded.servers import servers
    from tapeline.settings import load_settings
    from topics.log import LogAddress

    settings = load_settings(config)
    async with servers(settings, command="rebuild") as found:
        return await make_again(
            LogAddress(found.bootstrap, settings.kafka.topic_prefix), found.dsn, verify=verify, swap=swap
        )


def _print(report: RebuildReport, *, verified: bool) -> None:
    rate = report.events / report.seconds if report.seconds else 0
    typer.echo(f"{report.events:,} events ({report.records:,} records) in {report.seconds:.1f} s, {rate:,.0f} events/s")
    if report.resumed_from:
        typer.echo(f"went on from {report.resumed_from:,} records of an interrupted rebuild")
    for partition, begin in report.log_begins.items():
        typer.echo(f"{partition} begins at offset {begin}: what was before is kept as it is and not compared")
    if verified:
        result = "equal" if report.equal else "DIFFERENT"
        typer.echo(f"live {report.live_hash}, rebuilt {report.rebuilt_hash}: {result}")
        for table in report.differing:
            live, rebuilt = (text.partition(":") for text in report.tables[table])
            typer.echo(f"  {table}: live {live[0]} rows {live[2][:8]}, rebuilt {rebuilt[0]} rows {rebuilt[2][:8]}")
    if report.swapped:
        typer.echo("the rebuilt tables are live now")
