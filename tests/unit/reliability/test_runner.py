"""Running trials: which ones, how large, and what a broken promise does to the exit code and the files."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer
from rich.console import Console

from reliability import runner
from reliability.result import Result, TrialError, load
from reliability.scenarios import SCENARIOS, Scenario
from tapeline.errors import UsageError

SILENT = Console(quiet=True)


def scenario(name: str = "small", *, violations: int = 0) -> Scenario:
    def run(size: int) -> Result:
        return Result(
            scenario=name, title=name, command=f"run {name}", runs=size, faults=1, violations=violations, seconds=1.0,
            commit="abc1234",
        )  # fmt: skip

    return Scenario(name, f"What {name} does.", "runs", 3, 30, run)


def cannot(_: int) -> Result:
    raise TrialError("the broker did not start; free port 9092")


def test_a_trial_runs_at_its_own_size_the_long_one_or_the_one_given() -> None:
    """OPS-2: one list of trials serves a quick look and a release."""
    sizes = [
        runner.run([scenario()], SILENT)[0][0].runs,
        runner.run([scenario()], SILENT, long=True)[0][0].runs,
        runner.run([scenario()], SILENT, long=True, size=7)[0][0].runs,
    ]
    assert sizes == [3, 30, 7]


def test_a_name_there_is_not_is_refused_with_those_there_are() -> None:
    """OPS-2: a typing mistake runs nothing."""
    with pytest.raises(UsageError, match="no trial zombi; there are: all, small"):
        runner.chosen(["zombi"], [scenario()])


def test_what_cannot_be_carried_out_is_said_and_the_next_one_runs(tmp_path: Path) -> None:
    """OPS-2: a trial that failed to start costs only its own result; those done are on disk."""
    files = (tmp_path / "results.json", tmp_path / "page.md")
    failing = Scenario("failing", "Cannot start.", "runs", 1, 1, cannot)
    results, failures = runner.run([failing, scenario()], SILENT, files=files)
    assert failures == ["failing: the broker did not start; free port 9092"]
    assert load(files[0]) == results
    assert "What small does." in files[1].read_text()


def test_a_broken_promise_is_exit_code_1(monkeypatch: pytest.MonkeyPatch) -> None:
    """OPS-2: a pipeline that runs trials stops at the first broken promise."""
    monkeypatch.setattr(runner, "chosen", lambda _: [scenario(violations=1)])
    with pytest.raises(typer.Exit) as left:
        runner.main(["small"], json_file=None, page_file=None)
    assert left.value.exit_code == 1


def test_every_listed_trial_has_a_name_of_its_own_and_a_longer_size() -> None:
    """OPS-2: names are typed by people and key the results."""
    names = [one.name for one in SCENARIOS]
    assert len(set(names)) == len(names)
    assert all(one.size <= one.long_size and one.about for one in SCENARIOS)
