"""`tapeline conformance --venue X`: a venue held to the one list of cases. They are part of the source tree."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tapeline.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from connector.settings import VenueConnection
    from reliability.conformance.case import Case, Product
    from reliability.conformance.result import VenueResult
    from reliability.conformance.subject import Subject


def register(app: typer.Typer) -> None:
    app.command("conformance", rich_help_panel="Trust")(conformance)


def conformance(
    venue: Annotated[
        list[str] | None, typer.Option("--venue", help="engine, paper, binance, bybit, …; may be repeated.")
    ] = None,
    product: Annotated[str, typer.Option("--product", help="perpetual or spot; else all that run here.")] = "",
    symbol: Annotated[str, typer.Option("--symbol", help="The venue's own name; for real venues.")] = "",
    case: Annotated[list[str] | None, typer.Option("--case", help="Only this one; may be repeated.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the results as JSON on stdout.")] = False,
    keep: Annotated[bool, typer.Option("--keep", help="Write them into docs/venues.json and docs/venues.md.")] = False,
    config: Annotated[Path | None, typer.Option("--config", "-c", help="YAML; default tapeline.yaml.")] = None,
) -> None:
    """Hold a venue to the one list of cases. On a real venue's sandbox only: small orders, cancelled and closed again.

    Without a venue: the list. Exit code 1 when a case failed or something was left behind.
    """
    try:
        from reliability.conformance import page
        from reliability.conformance.result import JSON_FILE, PAGE_FILE, load, merge, save
    except ModuleNotFoundError as error:
        if error.name != "reliability":
            raise
        raise UsageError(
            "the cases are not installed; clone the repository and run `tapeline conformance` there"
        ) from error
    import orjson
    from rich.console import Console

    from observability.logs import configure

    cases = _chosen(case or [])
    if not venue:
        for one in cases:
            typer.echo(f"{one.name:30} {one.shows}")
        return
    if keep and case:
        raise UsageError("--keep is for whole runs; leave --case out")
    wanted = _product(product)
    configure("conformance", "ERROR", stream=sys.stderr)
    results = asyncio.run(_run_all(venue, wanted, symbol, cases, config, Console(stderr=True)))
    if keep:
        from reliability.conformance.capabilities import columns

        everything = merge(load(JSON_FILE), results)
        save(everything, JSON_FILE)
        PAGE_FILE.write_text(page.markdown(everything, columns()))
    if as_json:
        document = {"results": [it.model_dump(mode="json") for it in results]}
        sys.stdout.write(orjson.dumps(document, option=orjson.OPT_INDENT_2).decode() + "\n")
    else:
        for result in results:
            Console().print(page.table(result))
            Console().print(page.summary(result), highlight=False, markup=False)
    if not all(it.good for it in results):
        raise typer.Exit(1)


async def _run_all(
    venues: Sequence[str], product: Product | None, symbol: str, cases: Sequence[Case], config: Path | None,
    console: Console,
) -> list[VenueResult]:  # fmt: skip
    from reliability.conformance.subjects import require_known, subjects_of

    def configured() -> VenueConnection:
        from tapeline.settings import load_settings

        return load_settings(config).connector.venue

    for venue in venues:
        require_known(venue)
    results = []
    for venue in venues:
        async with subjects_of(venue, product, symbol, configured) as subjects:
            results += [await _run(subject, cases, console) for subject in subjects]
    return results


async def _run(subject: Subject, cases: Sequence[Case], console: Console) -> VenueResult:
    from reliability.conformance.case import Verdict
    from reliability.conformance.result import CaseResult
    from reliability.conformance.running import run

    console.print(f"{subject.key} on {subject.symbol}: {len(cases)} cases …", markup=False, highlight=False)
    told = 0

    def tell(result: CaseResult) -> None:
        nonlocal told
        told += 1
        style = "red" if result.verdict is Verdict.FAILED else None
        words = f": {result.words}" if result.verdict is Verdict.FAILED else ""
        line = f"{told:3}/{len(cases)} {result.case} {result.verdict.value}{words}"
        console.print(line, style=style, markup=False, highlight=False, soft_wrap=True)

    return await run(subject, cases, tell)


def _chosen(names: Sequence[str]) -> Sequence[Case]:
    from reliability.conformance.catalogue import CASES

    known = {it.name: it for it in CASES}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise UsageError(f"there is no case {', '.join(unknown)}; `tapeline conformance` lists those there are")
    return [known[name] for name in names] or CASES


def _product(text: str) -> Product | None:
    from reliability.conformance.case import Product

    if not text:
        return None
    try:
        return Product(text)
    except ValueError:
        raise UsageError(f"--product is {text!r}; it must be {' or '.join(Product)}") from None
