"""Runs trials one after the other and hands their results to the page. Exit code 1 where a promise was broken.

A trial that cannot be carried out is reported and the next one runs; the exit code is then 1 too.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from reliability import page, runs
from reliability.result import Result, load, merge, save
from reliability.scenarios import SCENARIOS, Scenario
from topics.errors import TapelineError

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    names: Annotated[list[str] | None, typer.Argument(help="which; all of them where none is given")] = None,
    long: Annotated[bool, typer.Option("--long", help="the sizes of a release")] = False,
    size: Annotated[int | None, typer.Option("--size", min=1, help="this size for each of them")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="where results are kept as JSON")] = None,
    page_file: Annotated[Path | None, typer.Option("--page", help="the page to write")] = None,
) -> None:
    """Run trials, print a table, and write the files that were asked for, after each trial."""
    errors = Console(stderr=True)
    try:
        results, failures = run(chosen(names or ["all"]), errors, long=long, size=size, files=(json_file, page_file))
    except TapelineError as error:
        errors.print(str(error), style="red", markup=False)
        raise typer.Exit(error.exit_code) from error
    write(results, json_file, page_file)
    Console().print(page.table(results))
    if failures or not all(result.good for result in results):
        raise typer.Exit(1)


def chosen(names: Sequence[str], scenarios: Sequence[Scenario] = SCENARIOS) -> list[Scenario]:
    """The scenarios of these names, `all` for every one. Raises UsageError for a name there is not."""
    return runs.chosen(names, {scenario.name: scenario for scenario in scenarios}, "trial")


def run(
    scenarios: Sequence[Scenario],
    console: Console,
    *,
    long: bool = False,
    size: int | None = None,
    files: tuple[Path | None, Path | None] = (None, None),
) -> tuple[list[Result], list[str]]:
    """The results, and for what could not be carried out a line each (already shown on the console)."""
    results: list[Result] = []
    failures: list[str] = []
    for scenario in scenarios:
        count = size or (scenario.long_size if long else scenario.size)
        console.print(f"{scenario.name}: {count:,} {scenario.unit} …", markup=False)
        result = runs.attempt(scenario.name, partial(scenario.run, count), console, failures)
        if result is not None:
            results.append(result.model_copy(update={"about": scenario.about}))
            write(results[-1:], *files)
    return results, failures


def write(results: Sequence[Result], json_file: Path | None, page_file: Path | None) -> None:
    """Replaces these trials' parts in the JSON file, and writes the page from all of it."""
    order = [scenario.name for scenario in SCENARIOS]
    everything = merge(load(json_file) if json_file else [], results, order)
    if json_file:
        save(everything, json_file)
    if page_file:
        page_file.write_text(page.markdown(everything))
