"""Results as a page, as JSON and as a table on the terminal. Generated whole, never edited by hand.

A run of some benchmarks replaces only their part; every part says when and at which commit it was taken.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from rich.table import Table

from benchmarks.result import Figure, Result, from_json, number, to_json

UNEXPLAINED = "No profile has been taken yet that would say why."
_HEAD = """\
# Benchmarks

Written by `make bench`; do not edit. Figures depend on the machine and on what else runs on it: compare those of one
run with each other. Aims are for 2 cores. Nothing here is asserted in a test.
"""


def read(file: Path) -> list[Result]:
    """The results written before, none where there is no file yet."""
    if not file.exists():
        return []
    return [from_json(document) for document in json.loads(file.read_text())["results"]]


def merge(before: Iterable[Result], new: Iterable[Result], order: Sequence[str]) -> list[Result]:
    """Each benchmark's newest result, in the order given; those no longer in it are dropped."""
    newest = {result.name: result for result in (*before, *new)}
    return [newest[name] for name in order if name in newest]


def write_json(file: Path, results: Iterable[Result]) -> None:
    document = {"results": [to_json(result) for result in results]}
    file.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")


def write_page(file: Path, results: Iterable[Result]) -> None:
    file.write_text("\n".join([_HEAD, *(_section(result) for result in results)]))


def table(results: Iterable[Result]) -> Table:
    shown = Table("benchmark", "figure", "value", "unit", "aim", "reached", title="Benchmarks")
    for column in (2, 4):
        shown.columns[column].justify = "right"
    for result in results:
        for at, figure in enumerate(result.figures):
            shown.add_row(
                "" if at else result.name,
                figure.name,
                number(figure.value),
                figure.unit,
                str(figure.aim or ""),
                _verdict(figure),
                end_section=at == len(result.figures) - 1,
            )
    return shown


def _section(result: Result) -> str:
    where = result.circumstances
    rows = [
        f"| {figure.name} | {number(figure.value)} {figure.unit} | {figure.aim or ''} | {_verdict(figure)} |"
        for figure in result.figures
    ]
    missed = [
        f"- {figure.name}: not reached. {figure.reason or UNEXPLAINED}"
        for figure in result.figures
        if figure.met is False
    ]
    return "\n".join(
        [
            f"## {result.title}",
            "",
            "| figure | value | aim | reached |",
            "|---|---:|---:|---|",
            *rows,
            "",
            *([*missed, ""] if missed else []),
            result.how,
            "",
            f"`{result.name}`, {where.date}, commit {where.commit}, took {result.seconds:.0f} s on: {where.machine}",
            "",
        ]
    )


def _verdict(figure: Figure) -> str:
    return "" if figure.met is None else "yes" if figure.met else "no"
