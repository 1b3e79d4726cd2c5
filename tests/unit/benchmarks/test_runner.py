"""The runner: chooses by name, bounds each benchmark in time, goes on after a failure, writes what it has."""

from __future__ import annotations

import asyncio
import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks import circumstances, runner
from benchmarks.result import Benchmark, Figure
from benchmarks.suite import SUITE
from tapeline import revision
from tapeline.errors import UsageError
from topics.errors import TapelineError


async def quick() -> list[Figure]:
    return [Figure("answers", 42, "answers/s")]


async def endless() -> list[Figure]:
    await asyncio.Event().wait()
    return []


async def defective() -> list[Figure]:
    raise ZeroDivisionError("no seconds went by")


async def broken() -> list[Figure]:
    raise TapelineError("the broker is away; start it")


def benchmark(name: str, measure: object, limit_s: float = 5.0) -> Benchmark:
    assert callable(measure)
    return Benchmark(name=name, title=name.title(), how="By asking.", measure=measure, limit_s=limit_s)


def quiet() -> Console:
    return Console(file=io.StringIO(), width=200)


def test_a_failing_or_endless_benchmark_does_not_keep_the_next_from_running() -> None:
    """NFR: one broken measurement costs only its own figures."""
    results, failures = runner.run(
        [
            benchmark("broken", broken),
            benchmark("defective", defective),
            benchmark("endless", endless, limit_s=0.05),
            benchmark("quick", quick),
        ],
        quiet(),
    )
    assert [(one.name, one.figures) for one in results] == [("quick", (Figure("answers", 42, "answers/s"),))]
    assert [failure.partition(":")[0] for failure in failures] == ["broken", "defective", "endless"]
    assert "the broker is away" in failures[0]
    assert "not measured within its" in failures[2]


def test_an_unknown_name_is_a_usage_error_that_lists_the_known() -> None:
    """OPS: bad input ends with a message that says what to do."""
    with pytest.raises(UsageError, match=r"no benchmark speed; there are: all, .*engine"):
        runner.chosen(["engine", "speed"])


def test_all_means_every_benchmark_of_the_suite_in_its_order() -> None:
    """NFR: `make bench` measures everything."""
    assert runner.chosen(["all"]) == list(SUITE)
    assert len({one.name for one in SUITE}) == len(SUITE)
    assert sum(one.limit_s for one in SUITE) <= 26 * 60


def test_results_are_written_as_json_and_as_a_page(tmp_path: Path) -> None:
    """NFR: figures are committed with the machine, date and commit they belong to."""
    results, failures = runner.run([benchmark("engine", quick)], quiet())
    runner.write(results, tmp_path / "b.json", tmp_path / "b.md")
    assert failures == []
    (written,) = json.loads((tmp_path / "b.json").read_text())["results"]
    assert written["figures"][0]["value"] == 42
    assert set(written["circumstances"]) == {"machine", "commit", "date"}
    assert "| answers | 42.0 answers/s |" in (tmp_path / "b.md").read_text()


def test_outside_of_a_repository_the_commit_is_unknown(tmp_path: Path) -> None:
    """NFR: a figure without a commit says so."""
    assert revision.commit(tmp_path) == "unknown"


def test_the_machine_is_described_without_its_name() -> None:
    """NFR: pages show processor, cores and memory and nothing that identifies the host."""
    described = circumstances.machine()
    assert "cores" in described
    assert "Python 3." in described
