"""The simulator in continuous integration: every seed that ever found something, and fresh ones for each change.

Fresh seeds follow from the committed files: others with every change, and a red run is red again wherever the same
commit is tested. `TAPELINE_SIM_SEEDS` sets how many (500 in continuous integration), `TAPELINE_SIM_FROM` the first.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from reliability.simulation.campaign import INTENTS, SeedReport, Summary, campaign, fresh_base, told
from tapeline.revision import content

KEPT = json.loads((Path(__file__).parent / "kept_seeds.json").read_text())
FRESH = int(os.environ.get("TAPELINE_SIM_SEEDS", "200"))
JOBS = 2
REPOSITORY = Path(__file__).resolve().parents[2]


def first_of_this_commit() -> int:
    committed = content(REPOSITORY)
    return int(committed[:12], 16) if committed else fresh_base()


def run_and_tell(seeds: list[int]) -> tuple[Summary, str]:
    failures: list[str] = []

    def heard(_: Summary, report: SeedReport) -> None:
        if not report.good:
            failures.append(told(report, INTENTS))

    summary = campaign(seeds, jobs=JOBS, heard=heard)
    return summary, "\n".join(failures)


@pytest.mark.timeout(900)
def test_no_promise_is_broken_in_fresh_seeds() -> None:
    """ORD-5, ORD-8: other faults every time; the seed printed with a failure repeats it."""
    first = int(os.environ.get("TAPELINE_SIM_FROM", first_of_this_commit()))
    sys.stdout.write(f"fresh seeds from {first}\n")
    summary, failures = run_and_tell(list(range(first, first + FRESH)))
    assert not failures, f"{len(summary.failed)} of {FRESH} seeds from {first} broke a promise:\n{failures}"
    assert summary.seeds == FRESH
    assert sum(summary.faults.values()) > FRESH


@pytest.mark.timeout(300)
def test_what_was_found_once_stays_repaired() -> None:
    """ORD-8: a seed that found a fault is kept for ever."""
    summary, failures = run_and_tell([entry["seed"] for entry in KEPT])
    assert not failures, f"seeds that had been repaired fail again:\n{failures}"
    assert summary.seeds == len(KEPT)
