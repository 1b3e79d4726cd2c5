"""The reliability page: generated from results, newest of each trial, with the faults assumed and the limits."""

from __future__ import annotations

from pathlib import Path

import pytest

from reliability import page
from reliability.result import Result, TrialError, load, merge, save


def result(scenario: str = "zombies", **changes: object) -> Result:
    values: dict[str, object] = {
        "scenario": scenario, "title": f"About {scenario}", "command": f"make reliability ARGS={scenario}", "runs": 30,
        "faults": 60, "violations": 0, "seconds": 12.3, "date": "2026-01-02 03:04 UTC", "commit": "abc1234",
    }  # fmt: skip
    return Result.model_validate(values | changes)


def test_a_result_is_the_same_after_a_round_through_its_file(tmp_path: Path) -> None:
    """OPS-2: results of earlier runs are read back to be shown beside newer ones, each measure with its type."""
    file = tmp_path / "reliability.json"
    before = [result(measures={"fenced writes": 3, "resume p95 s": 4.5, "verdict": "ok"}, notes=["One sentence."])]
    save(before, file)
    assert load(file) == before
    assert [type(value) for value in load(file)[0].measures.values()] == [int, float, str]


def test_without_a_file_there_are_no_earlier_results(tmp_path: Path) -> None:
    """OPS-2: the first run starts from nothing."""
    assert load(tmp_path / "none.json") == []


def test_a_file_that_holds_something_else_is_refused_with_what_to_do(tmp_path: Path) -> None:
    """OPS-2: results are never silently thrown away."""
    file = tmp_path / "reliability.json"
    file.write_text('{"results": [{"scenario": "zombies"}]}')
    with pytest.raises(TrialError, match="restore it from git"):
        load(file)


def test_a_newer_result_replaces_the_older_of_its_scenario_only() -> None:
    """OPS-2: trials of different commits stand on one page, each with its own commit."""
    merged = merge(
        [result("broker", commit="old"), result("zombies", commit="old"), result("unlisted")],
        [result("zombies", commit="new")],
        ["zombies", "broker"],
    )
    assert [(one.scenario, one.commit) for one in merged] == [
        ("zombies", "new"), ("broker", "old"), ("unlisted", "abc1234"),
    ]  # fmt: skip


def test_the_page_shows_each_trial_and_every_broken_promise() -> None:
    """OPS-2: a violation is written where everyone reads it, not only in a log."""
    text = page.markdown([result(violations=2, measures={"back p95 s": 4.25}, notes=["Order A7 lived twice."])])
    assert "30 runs, 60 faults, **2 violations**." in text
    assert "| back p95 s | 4.25 |" in text
    assert "- Order A7 lived twice." in text
    assert "`make reliability ARGS=zombies`, 2026-01-02 03:04 UTC, commit abc1234, took 12 s." in text
    assert "| [About zombies](#about-zombies) | 30 | 60 | 2 |" in text


def test_the_page_says_which_faults_are_assumed_and_what_is_not_promised() -> None:
    """OPS-2: a promise without its limits is none."""
    text = page.markdown([])
    assert page.FAULT_MODEL in text
    assert page.NOT_PROMISED in text
    assert "lies consistently" in page.NOT_PROMISED


def test_a_trial_that_ran_nothing_is_not_good() -> None:
    """OPS-2: no violations in no runs proves nothing."""
    assert not result(runs=0).good
    assert not result(violations=1).good
    assert result().good


@pytest.mark.parametrize(("value", "shown"), [("ok", "ok"), (1234567, "1,234,567"), (0.456, "0.46"), (12.34, "12.3")])
def test_measures_are_written_for_people(value: str | float, shown: str) -> None:
    """OPS-2: figures are read by people."""
    assert page.value_text(value) == shown
