"""`tapeline sim`: the product's own code in a simulated world full of faults, judged seed by seed (ORD-8)."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tapeline.errors import UsageError

if TYPE_CHECKING:
    from reliability.simulation.campaign import SeedReport, Summary

_EVERY_S = 10.0


def register(app: typer.Typer) -> None:
    app.command("sim")(sim)


def sim(
    seeds: Annotated[int | None, typer.Option("--seeds", min=1, help="How many runs; 100, or 200 a defect.")] = None,
    start: Annotated[
        int | None, typer.Option("--from", help="The first seed; without it fresh ones are taken.")
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="This one run, exactly as it was.")] = None,
    defects: Annotated[
        bool, typer.Option("--defects", help="Remove one safeguard at a time: each must be caught.")
    ] = False,
    intents: Annotated[int | None, typer.Option("--intents", min=1, help="How much a run asks for.")] = None,
    jobs: Annotated[int, typer.Option("--jobs", min=1, help="Worker processes.")] = 2,
    diary: Annotated[Path | None, typer.Option("--diary", help="Keep reports here and go on from them.")] = None,
    logs: Annotated[bool, typer.Option("--logs", help="Show what the processes log (with --seed).")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON on stdout.")] = False,
) -> None:
    """Exit code 0: no promise was broken. 1: one was, or a removed safeguard was not missed."""
    try:
        from reliability.simulation import campaign
        from reliability.simulation import hunt as hunting
    except ModuleNotFoundError as error:
        raise UsageError(
            f"the simulator is not installed here ({error}); clone the repository and use it there"
        ) from error
    size = intents or campaign.INTENTS
    if defects:
        hunt = hunting.hunt(
            first=start or hunting.FIRST_SEED,
            most=seeds or hunting.MOST_SEEDS,
            intents=size,
            jobs=jobs,
            heard=lambda one: _say(hunting.told(one)),
        )
        _show(hunt.as_json(), as_json=as_json)
        raise typer.Exit(0 if hunt.ok else 1)
    first = campaign.fresh_base() if start is None else start
    wanted = [seed] if seed is not None else list(range(first, first + (seeds or 100)))
    kept = campaign.Diary(diary, commit=_commit(), intents=size) if diary else None
    begin = time.monotonic()
    if not logs:
        campaign.quiet()
    _say(f"seeds {wanted[0]} to {wanted[-1]}, {size} intents each, {1 if seed is not None else jobs} workers")
    summary = campaign.campaign(
        wanted,
        intents=size,
        jobs=1 if seed is not None else jobs,
        diary=kept,
        heard=_Progress(len(wanted), size),
    )
    seconds = round(time.monotonic() - begin, 1)
    _show({**summary.as_json(), "from": wanted[0], "commit": _commit(), "seconds": seconds}, as_json=as_json)
    if summary.failed:
        raise typer.Exit(1)


class _Progress:
    """A line now and then, and every failure at once."""

    def __init__(self, wanted: int, intents: int) -> None:
        self._wanted = wanted
        self._intents = intents
        self._said = time.monotonic()

    def __call__(self, summary: Summary, report: SeedReport) -> None:
        from reliability.simulation.campaign import told

        if not report.good:
            _say(told(report, self._intents))
        if time.monotonic() - self._said > _EVERY_S:
            self._said = time.monotonic()
            _say(
                f"{summary.seeds:,} of {self._wanted:,} seeds, {summary.intents:,} intents, "
                f"{sum(summary.faults.values()):,} faults, {len(summary.failed)} seeds with violations"
            )


def _show(document: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(json.dumps(document) + "\n")
        return
    for name, value in document.items():
        text = (
            ", ".join(f"{key} {count:,}" for key, count in sorted(value.items())) if isinstance(value, dict) else value
        )
        sys.stdout.write(f"{name:12} {text}\n")


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def _commit() -> str:
    from reliability.result import REPOSITORY
    from tapeline.revision import commit

    return commit(REPOSITORY)
