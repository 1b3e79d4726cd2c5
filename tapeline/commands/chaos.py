"""`tapeline chaos [SCENARIO…]`: faults on real processes. The trials are part of the source tree."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from tapeline.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from reliability.scenarios import Scenario


def register(app: typer.Typer) -> None:
    app.command("chaos", rich_help_panel="Trust")(chaos)


def chaos(
    names: Annotated[list[str] | None, typer.Argument(help="Which, or all; without one: what there is.")] = None,
    long: Annotated[bool, typer.Option("--long", help="The sizes of a release: minutes to an hour each.")] = False,
    size: Annotated[int | None, typer.Option("--size", min=1, help="This size for each of them.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the results as JSON on stdout.")] = False,
    keep: Annotated[bool, typer.Option("--keep", help="Write the results into docs/reliability.json and .md.")] = False,
) -> None:
    """Kill, stop, cut off and confuse a pipeline of its own while it trades; nothing may be lost or doubled.

    Exit code 1 when a promise was broken; the data folder and its logs are then kept, and named.
    """
    try:
        from reliability import page, runner
        from reliability.result import JSON_FILE, PAGE_FILE
        from reliability.scenarios import SCENARIOS
    except ModuleNotFoundError as error:
        if error.name != "reliability":
            raise
        raise UsageError("the trials are not installed; clone the repository and run `tapeline chaos` there") from error
    import orjson
    from rich.console import Console

    known = [scenario for scenario in SCENARIOS if scenario.family == "chaos"]
    if not names:
        if as_json:
            rows = [{"name": it.name, "unit": it.unit, "size": it.size, "long_size": it.long_size} for it in known]
            typer.echo(orjson.dumps(rows).decode())
        else:
            Console().print(_listed(known))
        return
    files = (JSON_FILE, PAGE_FILE) if keep else (None, None)
    console = Console(stderr=True)
    results, failures = runner.run(runner.chosen(names, known), console, long=long, size=size, files=files)
    if as_json:
        document = {"results": [result.model_dump() for result in results], "failures": failures}
        sys.stdout.write(orjson.dumps(document, option=orjson.OPT_INDENT_2).decode() + "\n")
    else:
        Console().print(page.table(results))
        for result in results:
            for note in result.notes:
                Console().print(f"{result.scenario}: {note}", markup=False, highlight=False)
    if failures or not all(result.good for result in results):
        raise typer.Exit(1)


def _listed(known: Sequence[Scenario]) -> Table:
    from rich.table import Table

    table = Table("scenario", "size", "--long", "what it does", box=None, pad_edge=False)
    for scenario in known:
        first = scenario.about.partition(". ")[0].rstrip(".") + "."
        table.add_row(scenario.name, f"{scenario.size:,} {scenario.unit}", f"{scenario.long_size:,}", first)
    return table
