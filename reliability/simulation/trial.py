"""The simulator as trials of the reliability page: fresh seeds in number, and the hunt for removed safeguards."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from tempfile import gettempdir

from reliability.result import REPOSITORY, Result
from reliability.simulation import hunt as hunting
from reliability.simulation.campaign import INTENTS, Diary, SeedReport, Summary, campaign, fresh_base, told
from tapeline.revision import commit

JOBS = 2
_SAY_EVERY = 100


def run(size: int) -> Result:
    """So many fresh seeds. What was done is kept beside the page's JSON, so that an ended campaign goes on."""
    revision = commit(REPOSITORY)
    diary = Path(gettempdir()) / f"tapeline-sim-{revision}-{size}.jsonl"
    kept = Diary(diary, commit=revision, intents=INTENTS)
    begun = [report.seed for report in kept.known()]
    first = min(begun) if begun else fresh_base()
    _say(f"seeds {first} to {first + size - 1}; reports in {diary}")
    begin = time.monotonic()
    failures: list[str] = []

    def heard(summary: Summary, report: SeedReport) -> None:
        if not report.good:
            failures.append(told(report, INTENTS))
            _say(failures[-1])
        if summary.seeds % _SAY_EVERY == 0:
            _say(f"{summary.seeds:,} of {size:,} seeds, {summary.intents:,} intents")

    summary = campaign(range(first, first + size), jobs=JOBS, diary=kept, heard=heard)
    diary.unlink(missing_ok=True)
    return Result(
        scenario="simulation",
        title="The simulator: all faults mixed, on virtual time",
        command="make reliability ARGS=simulation",
        runs=summary.seeds,
        faults=sum(summary.faults.values()),
        violations=sum(summary.violations.values()),
        measures={
            "intents": summary.intents,
            "virtual hours": summary.virtual_s / 3600,
            "first seed": str(first),
            **{f"faults: {name}": count for name, count in summary.faults.most_common()},
        },
        notes=failures,
        seconds=time.monotonic() - begin,
    )


def run_defects(size: int) -> Result:
    """Each defect against at most so many seeds. A violation here is a safeguard nobody missed."""
    begin = time.monotonic()
    hunt = hunting.hunt(most=size, jobs=JOBS, heard=lambda one: _say(hunting.told(one)))
    return Result(
        scenario="defects",
        title="The simulator without one safeguard at a time",
        command="make reliability ARGS=defects",
        runs=len(hunt.caught),
        faults=len(hunt.caught),
        violations=sum(not it.seeds for it in hunt.caught),
        measures={
            f"{it.defect}: {it.safeguard}": f"seed {it.seeds}: {', '.join(it.found[:3])}" if it.seeds else "missed"
            for it in hunt.caught
        },
        notes=[hunting.told(it) for it in hunt.caught if not it.seeds],
        seconds=time.monotonic() - begin,
    )


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()
