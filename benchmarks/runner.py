"""Runs benchmarks one after the other, each bounded in time, and hands their results to the page.

A benchmark that fails or takes too long is reported and the next one runs; the exit code is then 1.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
import uvloop
from rich.console import Console

from benchmarks import circumstances, page
from benchmarks.result import Benchmark, BenchmarkError, Result, to_json
from benchmarks.suite import SUITE
from reliability import runs
from topics.errors import TapelineError

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    names: Annotated[list[str] | None, typer.Argument(help="which; all of them where none is given")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="where results are kept as JSON")] = None,
    page_file: Annotated[Path | None, typer.Option("--page", help="the page to write")] = None,
) -> None:
    """Measure, print a table, and write the files that were asked for."""
    console = Console()
    errors = Console(stderr=True)
    try:
        results, failures = run(chosen(names or ["all"]), errors)
    except TapelineError as error:
        errors.print(str(error), style="red", markup=False)
        raise typer.Exit(error.exit_code) from error
    write(results, json_file, page_file)
    console.print(page.table(results))
    if failures:
        raise typer.Exit(1)


def chosen(names: Sequence[str]) -> list[Benchmark]:
    """The benchmarks of these names, `all` for every one. Raises UsageError for a name there is not."""
    return runs.chosen(names, {benchmark.name: benchmark for benchmark in SUITE}, "benchmark")


def run(benchmarks: Sequence[Benchmark], console: Console) -> tuple[list[Result], list[str]]:
    """The results, and for what failed a line each (already shown on the console)."""
    results: list[Result] = []
    failures: list[str] = []
    for benchmark in benchmarks:
        console.print(f"{benchmark.name}: {benchmark.title} …", markup=False)
        result = runs.attempt(benchmark.name, partial(_measured_now, benchmark), console, failures)
        if result is not None:
            results.append(result)
    return results, failures


def _measured_now(benchmark: Benchmark) -> Result:
    return uvloop.run(measured(benchmark))


async def measured(benchmark: Benchmark) -> Result:
    """Raises BenchmarkError where it takes longer than it may."""
    where = circumstances.now()
    started = time.monotonic()
    try:
        async with asyncio.timeout(benchmark.limit_s):
            figures = await benchmark.measure()
    except TimeoutError as error:
        raise BenchmarkError(
            f"{benchmark.name} was not measured within its {benchmark.limit_s:.0f} s; is the machine busy?"
        ) from error
    return Result(
        name=benchmark.name,
        title=benchmark.title,
        how=benchmark.how,
        figures=tuple(figures),
        circumstances=where,
        seconds=time.monotonic() - started,
    )


def write(results: Sequence[Result], json_file: Path | None, page_file: Path | None) -> None:
    """Replaces these benchmarks' parts in the JSON file, and writes the page from all of it."""
    order = [benchmark.name for benchmark in SUITE]
    all_results = page.merge(page.read(json_file) if json_file else [], results, order)
    if json_file:
        page.write_json(json_file, all_results)
    if page_file:
        page.write_page(page_file, all_results)


def as_json(results: Sequence[Result], failures: Sequence[str]) -> str:
    """One document for programs."""
    return json.dumps({"results": [to_json(result) for result in results], "failures": list(failures)})
