"""The page of figures: generated from results, newest of each benchmark, misses named with their reason."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks import page
from benchmarks.percentiles import percentile
from benchmarks.result import Circumstances, Figure, Result, at_least, at_most, from_json, number, to_json

HERE = Circumstances(machine="a machine of 2 cores", commit="abc1234", date="2026-01-02 03:04 UTC")


def result(name: str, *figures: Figure, commit: str = "abc1234") -> Result:
    where = Circumstances(HERE.machine, commit, HERE.date)
    return Result(name, f"About {name}", f"How {name} was measured.", figures, where, seconds=12.4)


def test_an_aim_is_met_at_its_own_value_and_missed_beyond_it() -> None:
    """NFR: reached or not is a comparison with the aim, in the figure's direction."""
    assert Figure("rate", 100.0, "events/s", at_least(100)).met is True
    assert Figure("rate", 99.9, "events/s", at_least(100)).met is False
    assert Figure("p99", 8.0, "ms", at_most(8)).met is True
    assert Figure("p99", 8.1, "ms", at_most(8)).met is False
    assert Figure("records", 5.0, "").met is None


def test_a_result_is_the_same_after_a_round_through_json() -> None:
    """NFR: results of an earlier run are read back to be shown beside newer ones."""
    before = result("gateway", Figure("orders", 3210.5, "orders/s", at_least(3000)), Figure("records", 7, ""))
    assert from_json(json.loads(json.dumps(to_json(before)))) == before


def test_the_json_says_whether_each_aim_was_met() -> None:
    """NFR: programs read the verdict, they do not compute it."""
    figures = to_json(result("x", Figure("a", 1, "ms", at_most(2)), Figure("b", 3, "ms", at_most(2))))["figures"]
    assert [figure["met"] for figure in figures] == [True, False]


def test_the_page_names_what_was_missed_with_its_reason_and_nothing_else(tmp_path: Path) -> None:
    """NFR: what is not reached is named with the reason."""
    file = tmp_path / "benchmarks.md"
    page.write_page(
        file,
        [
            result(
                "latency",
                Figure("p50", 2.0, "ms", at_most(3), reason="never shown"),
                Figure("p99", 11.5, "ms", at_most(8), reason="Two round trips to the log take 9 ms."),
            )
        ],
    )
    text = file.read_text()
    assert "| p99 | 11.5 ms | ≤ 8.00 | no |" in text
    assert "| p50 | 2.00 ms | ≤ 3.00 | yes |" in text
    assert "- p99: not reached. Two round trips to the log take 9 ms." in text
    assert "never shown" not in text
    assert "How latency was measured." in text
    assert "2026-01-02 03:04 UTC, commit abc1234, took 12 s on: a machine of 2 cores" in text


def test_a_run_of_one_benchmark_replaces_only_its_part(tmp_path: Path) -> None:
    """NFR: figures of different commits stand on one page, each with its own commit."""
    file = tmp_path / "benchmarks.json"
    page.write_json(file, [result("engine", commit="old"), result("gateway", commit="old"), result("gone")])
    merged = page.merge(page.read(file), [result("gateway", commit="new")], ["gateway", "engine"])
    assert [(one.name, one.circumstances.commit) for one in merged] == [("gateway", "new"), ("engine", "old")]


def test_without_a_file_there_are_no_earlier_results(tmp_path: Path) -> None:
    """NFR: the first run starts from nothing."""
    assert page.read(tmp_path / "none.json") == []


def test_the_table_shows_value_unit_aim_and_verdict() -> None:
    """NFR: the terminal shows what the page says."""
    console = Console(width=120, record=True, file=None, quiet=False)
    with console.capture() as captured:
        console.print(page.table([result("engine", Figure("quotes", 4_500_000, "quotes/s", at_least(5_000_000)))]))
    line = next(line for line in captured.get().splitlines() if "quotes/s" in line)
    assert [part.strip() for part in line.strip("│").split("│")] == [
        "engine", "quotes", "4,500,000", "quotes/s", "≥ 5,000,000", "no",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("value", "shown"), [(0, "0"), (0.456, "0.46"), (1.5, "1.50"), (12.34, "12.3"), (123.4, "123"), (98765.4, "98,765")]
)
def test_numbers_have_as_many_digits_as_tell_something(value: float, shown: str) -> None:
    """NFR: figures are read by people."""
    assert number(value) == shown


def test_a_miss_without_a_profile_says_so(tmp_path: Path) -> None:
    """NFR: no reason is made up."""
    file = tmp_path / "benchmarks.md"
    page.write_page(file, [result("memory", Figure("total", 1300, "MB", at_most(1200)))])
    assert f"- total: not reached. {page.UNEXPLAINED}" in file.read_text()


def test_percentiles_are_values_that_were_measured() -> None:
    """NFR: p50 and p99 by nearest rank; no value between two samples is made up."""
    values = [float(value) for value in range(1, 101)]
    assert (percentile(values, 50), percentile(values, 99), percentile([7.0], 99)) == (50.0, 99.0, 7.0)
    with pytest.raises(ValueError, match="no values"):
        percentile([], 50)
