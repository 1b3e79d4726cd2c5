"""Campaigns of seeds: what is summed, what is said of a failure, and that an ended one goes on where it was."""

from __future__ import annotations

import json
from pathlib import Path
from pkgutil import resolve_name

import pytest

from reliability.simulation.campaign import Diary, SeedReport, Summary, campaign, told
from reliability.simulation.defects import DEFECTS, Defect
from reliability.simulation.hunt import Caught, Hunt, chase
from reliability.simulation.hunt import told as told_of


def report(seed: int, *violations: tuple[str, str]) -> SeedReport:
    return SeedReport(seed, 210, 90.0, 0.5, 9_000, {"429": 3, "kill gateway": 1}, list(violations), "abc")


def test_a_summary_counts_intents_faults_and_violations() -> None:
    """ORD-8: the numbers of a campaign are the sum of its runs."""
    summary = Summary()
    summary.add(report(1))
    summary.add(report(2, ("double-order", "A became 2 orders"), ("double-order", "B became 2 orders")))
    document = json.loads(json.dumps(summary.as_json()))
    assert (document["ok"], document["seeds"], document["intents"], document["failed"]) == (False, 2, 420, [2])
    assert document["faults"] == {"429": 6, "kill gateway": 2}
    assert document["violations"] == {"double-order": 2}


def test_a_failure_says_how_to_repeat_it() -> None:
    """ORD-8: the seed is the bug report."""
    text = told(report(77, ("lost-intent", "A7 has no order and no refusal")), 50)
    assert "tapeline sim --seed 77 --intents 50" in text
    assert "lost-intent: A7 has no order and no refusal" in text


def test_an_ended_campaign_goes_on_where_it_was(tmp_path: Path) -> None:
    """ORD-8: seeds the diary has are not run again; those of another commit are not counted."""
    file = tmp_path / "diary.jsonl"
    Diary(file, commit="old", intents=210).keep(report(1))
    kept = Diary(file, commit="new", intents=210)
    kept.keep(report(2, ("double-order", "A")))
    kept.keep(report(3))
    summary = campaign([2, 3], diary=kept)
    assert (summary.seeds, summary.failed) == (2, [2])
    assert [it.seed for it in kept.known()] == [2, 3]
    assert kept.known()[0].violations == [("double-order", "A")]


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.name)
def test_a_defect_takes_out_something_that_is_there_and_puts_it_back(defect: Defect) -> None:
    """ORD-8: a safeguard that moved would leave a defect that spoils nothing."""
    owner = resolve_name(defect.owner)
    real = getattr(owner, defect.attribute)
    with defect.in_place():
        assert getattr(owner, defect.attribute) is not real
    assert getattr(owner, defect.attribute) is real


def test_defects_have_names_of_their_own() -> None:
    """ORD-8: at least twelve safeguards are known by name."""
    assert len({defect.name for defect in DEFECTS}) == len(DEFECTS) >= 12


def test_a_hunt_fails_when_one_escapes() -> None:
    """ORD-8: a safeguard nobody misses is a judge that sleeps."""
    caught = Caught("a", "ids are taken for ever", 3, 3, ("double-order",))
    assert Hunt((caught,)).ok
    assert not Hunt((caught, Caught("b", "the claim is awaited", 0, 0, ()))).ok
    assert not Hunt(()).ok
    assert "MISSED" in told_of(Caught("b", "the claim is awaited", 0, 0, ()))


def test_a_removed_safeguard_is_caught_by_a_real_run() -> None:
    """ORD-8: without the wait for the claim the very first seed shows it."""
    found = chase("claim-not-awaited", 1, 3, 60)
    assert found.seeds
    assert "sent-before-claimed" in found.found
