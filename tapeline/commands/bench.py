"""`tapeline bench NAME|all`: the measurements of `make bench`. They are part of the source tree, not of the package."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from tapeline.errors import UsageError


def register(app: typer.Typer) -> None:
    app.command("bench")(bench)


def bench(
    name: Annotated[str, typer.Argument(help="A benchmark's name, or all.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the results as JSON on stdout.")] = False,
) -> None:
    """Measure on real parts of its own, beside a peer where there is one. Exit code 1 when one could not be taken."""
    try:
        from benchmarks import page, runner
    except ModuleNotFoundError as error:
        if error.name != "benchmarks":
            raise
        raise UsageError(
            "the benchmarks are not part of the installed package; clone the repository and run `make bench` there"
        ) from error
    from rich.console import Console

    results, failures = runner.run(runner.chosen([name]), Console(stderr=True))
    if as_json:
        sys.stdout.write(runner.as_json(results, failures) + "\n")
    else:
        Console().print(page.table(results))
    if failures:
        raise typer.Exit(1)
