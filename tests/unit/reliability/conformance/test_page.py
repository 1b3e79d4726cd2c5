"""docs/venues.md: generated from results, with what was never tried said in plain words."""

from pathlib import Path

import pytest

from connector.venues import PROFILES
from reliability.conformance import page
from reliability.conformance.capabilities import columns
from reliability.conformance.case import Product, Verdict
from reliability.conformance.catalogue import CASES
from reliability.conformance.result import CaseResult, VenueResult, load, merge, save
from reliability.result import REPOSITORY, TrialError


def result(venue: str = "bybit", *, failed: str = "", **changes: object) -> VenueResult:
    cases = [
        CaseResult(case="limit-rests", verdict=Verdict.PASSED),
        CaseResult(case="batch", verdict=Verdict.FAILED if failed else Verdict.PASSED, words=failed),
        CaseResult(case="partial-fills", verdict=Verdict.NOT_TRIED, words="needs a venue that can be driven"),
        CaseResult(case="funding-payment", verdict=Verdict.NOT_APPLICABLE, words="spot has none"),
    ]
    values: dict[str, object] = {
        "venue": venue, "product": Product.SPOT, "through": "ccxt, unified adapter", "where": "the venue's sandbox",
        "symbol": "ETHUSDT", "cases": cases, "seconds": 12.3, "date": "2026-01-02 03:04 UTC", "commit": "abc1234",
    }  # fmt: skip
    return VenueResult.model_validate(values | changes)


def test_a_result_is_the_same_after_a_round_through_its_file(tmp_path: Path) -> None:
    """VEN-1: results of other venues, got elsewhere, stay on the page."""
    file = tmp_path / "venues.json"
    before = [result(), result("okx", left=["after batch: the venue went away"])]
    save(before, file)
    assert load(file) == before
    assert load(tmp_path / "none.json") == []


def test_a_file_that_holds_something_else_is_refused(tmp_path: Path) -> None:
    """VEN-1: results are never silently thrown away."""
    file = tmp_path / "venues.json"
    file.write_text('{"results": [{"venue": "bybit"}]}')
    with pytest.raises(TrialError, match="restore it from git"):
        load(file)


def test_a_newer_run_replaces_the_older_of_its_venue_and_product_only() -> None:
    """VEN-1: each venue and product is on the page once, as of its newest run."""
    merged = merge([result(commit="old"), result("okx", commit="old")], [result(commit="new")])
    assert [(it.venue, it.commit) for it in merged] == [("bybit", "new"), ("okx", "old")]


def test_the_page_shows_what_became_of_each_case_and_why() -> None:
    """VEN-1: a failure stands where everyone reads it, with its words."""
    text = page.markdown([result(failed="3 orders must have 3 outcomes | not 1")], [])
    overview = "| bybit | spot | ccxt, unified adapter | the venue's sandbox | 1 | 1 | 1 | 1 | 2026-01-02 03:04 UTC"
    assert overview in text
    assert f"| batch | {next(it.shows for it in CASES if it.name == 'batch')} | ✗ |" in text
    assert "- failed: 3 orders must have 3 outcomes \\| not 1 (batch)" in text
    assert "- not tried: needs a venue that can be driven (partial-fills)" in text
    assert all(f"| {it.name} | {it.shows} |" in text for it in CASES)


def test_what_was_never_run_against_a_sandbox_is_said() -> None:
    """VEN-1: nobody mistakes a list of venues for a list of venues that were tried."""
    text = page.markdown([result("engine"), result("bybit")], [])
    said = next(line for line in text.splitlines() if line.startswith("**Never run against a real sandbox:**"))
    assert "bybit spot" not in said
    assert all(it.title in said for key, it in PROFILES.items() if key != ("bybit", "spot"))


def test_what_is_said_to_be_checked_by_documented_answers_is_there() -> None:
    """VEN-1: the page names tests that exist."""
    assert page.DOCUMENTED
    for path, what in page.DOCUMENTED:
        assert (REPOSITORY / path).is_file(), path
        assert what


def test_the_capability_table_covers_every_venue_and_product_by_what_ccxt_has() -> None:
    """VEN-1: what is absent is said to be; nothing is guessed by a venue's name."""
    made = columns()
    assert [it.title for it in made] == [it.title for it in PROFILES.values()]
    assert len({tuple(it.cells) for it in made}) == 1
    okx = next(it for it in made if it.title == "okx perpetual")
    assert okx.cells["place"] == "yes"
    assert okx.cells["cancel every order of a symbol"] == "no"
    assert "| cancel every order of a symbol |" in page.markdown([], made)


def test_good_is_what_passed_something_failed_nothing_and_left_nothing() -> None:
    """VEN-1: the exit code says whether a venue can be trusted."""
    assert result().good
    assert not result(failed="wrong").good
    assert not result(left=["after batch: an order stays open"]).good
    assert not result(cases=[]).good


def test_the_committed_page_shows_the_committed_results() -> None:
    """VEN-1: the page is generated, never edited by hand."""
    text = (REPOSITORY / "docs" / "venues.md").read_text()
    assert load()
    assert page.overview(load()) in text
    assert all(page.notes(it) in text for it in load())
