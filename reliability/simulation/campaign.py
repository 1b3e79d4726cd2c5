"""Many seeds, judged: reports of single runs, their sum, and the line that repeats a bad one exactly.

Seeds run in worker processes; a run depends on its seed alone, so it does not matter which worker has it.
"""

from __future__ import annotations

import json
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import asdict, dataclass, field
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import structlog

INTENTS = 210
"""Placements and cancels asked for in one run: 10,000 seeds make two million."""
_IN_LINE = 4
_RUNS_PER_WORKER = 200
_SHOWN = 8


@dataclass(frozen=True, slots=True)
class SeedReport:
    """What one run did and what the judges found, as (code, sentence). `digest` is the history's, in hexadecimal."""

    seed: int
    intents: int
    virtual_s: float
    seconds: float
    steps: int
    faults: dict[str, int]
    violations: list[tuple[str, str]]
    digest: str

    @property
    def good(self) -> bool:
        return not self.violations


@dataclass(slots=True)
class Summary:
    """Of all reports so far. `violations` counts by code, `failed` holds the seeds."""

    seeds: int = 0
    intents: int = 0
    virtual_s: float = 0.0
    steps: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    violations: Counter[str] = field(default_factory=Counter)
    failed: list[int] = field(default_factory=list)

    def add(self, report: SeedReport) -> None:
        self.seeds += 1
        self.intents += report.intents
        self.virtual_s += report.virtual_s
        self.steps += report.steps
        self.faults.update(report.faults)
        self.violations.update(code for code, _ in report.violations)
        if not report.good:
            self.failed.append(report.seed)

    def as_json(self) -> dict[str, Any]:
        return {
            "ok": self.seeds > 0 and not self.failed,
            "seeds": self.seeds,
            "intents": self.intents,
            "virtual_s": round(self.virtual_s, 3),
            "steps": self.steps,
            "faults": dict(sorted(self.faults.items())),
            "violations": dict(sorted(self.violations.items())),
            "failed": self.failed,
        }


def quiet() -> None:
    """What processes log in a simulated run is for the person who repeats one seed."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))


def run_seed(seed: int, intents: int = INTENTS) -> SeedReport:
    """One run, judged. Whatever goes wrong in it is the report's, never an exception."""
    from reliability.simulation.checkers import check
    from reliability.simulation.faults import draw
    from reliability.simulation.world import run

    begin = time.perf_counter()
    history = run(seed, draw(seed, intents=intents))
    found = check(history)
    return SeedReport(
        seed=seed,
        intents=history.intents,
        virtual_s=history.duration_s,
        seconds=time.perf_counter() - begin,
        steps=history.steps,
        faults=dict(history.faults),
        violations=[(violation.code, violation.sentence) for violation in found],
        digest=history.digest(),
    )


def run_all(seeds: Iterable[int], *, intents: int = INTENTS, jobs: int = 1) -> Iterator[SeedReport]:
    """Reports as they come, in no order where `jobs` is above 1. Leaving the iterator early ends the workers."""
    if jobs <= 1:
        for seed in seeds:
            yield run_seed(seed, intents)
        return
    # spawned, not forked: a worker inherits no thread and no event loop
    pool = ProcessPoolExecutor(jobs, get_context("spawn"), initializer=quiet, max_tasks_per_child=_RUNS_PER_WORKER)
    try:
        yield from _spread(pool, iter(seeds), intents, jobs)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _spread(pool: ProcessPoolExecutor, seeds: Iterator[int], intents: int, jobs: int) -> Iterator[SeedReport]:
    running: set[Future[SeedReport]] = set()
    running |= {pool.submit(run_seed, seed, intents) for seed in islice(seeds, jobs * _IN_LINE)}
    while running:
        done, running = wait(running, return_when=FIRST_COMPLETED)
        running |= {pool.submit(run_seed, seed, intents) for seed in islice(seeds, len(done))}
        for future in done:
            yield future.result()


def fresh_base() -> int:
    """Where fresh seeds begin: from the wall clock, so that each campaign explores others. Print it."""
    return int(time.time()) * 1_000


def repeat_command(report: SeedReport, intents: int) -> str:
    return f"tapeline sim --seed {report.seed}" + ("" if intents == INTENTS else f" --intents {intents}")


def told(report: SeedReport, intents: int) -> str:
    """A failed run for the person who will look into it."""
    repeat = repeat_command(report, intents)
    lines = [f"seed {report.seed}: {len(report.violations)} violations; repeat it with: {repeat}"]
    lines += [f"  {code}: {sentence}" for code, sentence in report.violations[:_SHOWN]]
    if len(report.violations) > _SHOWN:
        lines.append(f"  … and {len(report.violations) - _SHOWN} more")
    return "\n".join(lines)


class Diary:
    """Reports kept in a file, one JSON line each: a long campaign that was ended goes on where it was.

    Only reports of the same commit and size count; others are left out of the sum, and stay in the file.
    """

    def __init__(self, file: Path, *, commit: str, intents: int) -> None:
        self._file = file
        self._commit = commit
        self._intents = intents

    def known(self) -> list[SeedReport]:
        if not self._file.exists():
            return []
        entries = [json.loads(line) for line in self._file.read_text().splitlines() if line.endswith("}")]
        mine = (entry for entry in entries if (entry["commit"], entry["asked"]) == (self._commit, self._intents))
        return [_report(entry["report"]) for entry in mine]

    def keep(self, report: SeedReport) -> None:
        entry = {"commit": self._commit, "asked": self._intents, "report": asdict(report)}
        with self._file.open("a") as out:
            out.write(json.dumps(entry) + "\n")


def campaign(
    seeds: Iterable[int],
    *,
    intents: int = INTENTS,
    jobs: int = 1,
    diary: Diary | None = None,
    heard: Callable[[Summary, SeedReport], None] | None = None,
) -> Summary:
    """All seeds but those the diary knows; `heard` is called with each report as it comes."""
    summary = Summary()
    known = {report.seed: report for report in (diary.known() if diary else [])}
    wanted = list(seeds)
    for seed in wanted:
        if seed in known:
            summary.add(known[seed])
    for report in run_all([seed for seed in wanted if seed not in known], intents=intents, jobs=jobs):
        summary.add(report)
        if diary:
            diary.keep(report)
        if heard:
            heard(summary, report)
    return summary


def _report(entry: dict[str, Any]) -> SeedReport:
    violations = [(code, sentence) for code, sentence in entry.pop("violations")]
    return SeedReport(**entry, violations=violations)
