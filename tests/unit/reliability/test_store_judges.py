"""The judges of the trials of log and database bite: each is shown what it must not let pass."""

from typing import Any

import pytest

from reliability.chaos import broker_kills, poison, postgres_restarts
from reliability.chaos.findings import Findings
from reliability.chaos.poison_records import INPUTS, KINDS, SYMBOL
from reliability.chaos.poison_records import poison as poison_of
from topics.catalogue import ORDERS, Topic
from topics.codec import decode
from topics.errors import MalformedRecordError
from topics.log import LogAddress
from topics.v1.dead_letter_pb2 import DeadLetter


def judged_broker(log: list[tuple[int, int, int]], seen: list[tuple[int, int, int]] | None = None) -> list[str]:
    """Three messages, all acknowledged; 0 and 32 have the same key. The broker was killed at second 1."""
    traffic = broker_kills._Traffic(LogAddress("nowhere:1"), 3)
    traffic.acknowledged = {0: 0.5, 1: 3.0, 32: 3.0}
    traffic.seen = log if seen is None else seen
    traffic.seen_at = {0: 0.6, 1: 3.1, 32: 3.1}
    found = Findings()
    broker_kills._judge(found, traffic, log, [1.0])
    return found.violations


def test_an_acknowledged_message_that_is_gone_is_seen() -> None:
    """ES-1: lost, twice, out of order, not seen by the reader; and nothing where all is well."""
    assert judged_broker([(0, 0, 0), (0, 1, 32), (1, 0, 1)]) == []
    assert "not on the log" in judged_broker([(0, 0, 0), (0, 1, 32)])[0]
    assert "twice" in judged_broker([(0, 0, 0), (0, 1, 32), (1, 0, 1), (1, 1, 1)])[0]
    assert "before an earlier one" in judged_broker([(0, 0, 32), (0, 1, 0), (1, 0, 1)])[0]
    assert "reader did not see" in judged_broker([(0, 0, 0), (0, 1, 32), (1, 0, 1)], seen=[(0, 0, 0)])[0]


def test_a_broker_that_stays_away_too_long_is_seen() -> None:
    """ES-3: resuming has a limit."""
    traffic = broker_kills._Traffic(LogAddress("nowhere:1"), 1, acknowledged={0: 50.0}, seen=[(0, 0, 0)])
    traffic.seen_at = {0: 50.0}
    found = Findings()
    broker_kills._judge(found, traffic, [(0, 0, 0)], [1.0])
    assert len(found.violations) == 2


def test_a_ledger_that_forgot_is_seen() -> None:
    """ORD-5: a row that is gone, fewer lots filled, an ended order that lives again."""
    found = Findings()
    before = {"a": ("accepted", 0), "b": ("partially_filled", 5), "c": ("filled", 9)}
    postgres_restarts._compare(found, before, {"b": ("accepted", 4), "c": ("accepted", 9)}, 0)
    for words, violation in zip(("is gone", "5 lots", "had ended"), found.violations, strict=True):
        assert words in violation
    well = Findings()
    postgres_restarts._compare(well, before, {**before, "a": ("filled", 9), "d": ("claimed", 0)}, 0)
    assert well.violations == []


def test_poison_nobody_buried_and_a_good_record_that_was_buried_are_seen() -> None:
    """ES-6: missing, of a good record, without a reason, with other bytes."""
    bad = poison_of(KINDS[0], ORDERS)
    place = (ORDERS.name, 1, 7)
    letters = {(place, name): DeadLetter(value=bad.record.value, reason="nonsense") for name in bad.readers}
    found = Findings()
    poison._judge_letters(found, {place: bad}, letters)
    assert found.violations == []
    poison._judge_letters(found, {place: bad}, {})
    assert len(found.violations) == len(bad.readers) == 2
    other = Findings()
    wrong = {((ORDERS.name, 1, 8), "agents/grid"): DeadLetter(), (place, "projections"): DeadLetter(value=b"other")}
    poison._judge_letters(other, {place: bad}, {**letters, **wrong})
    assert len(other.violations) == 3


@pytest.mark.parametrize("topic", INPUTS, ids=lambda topic: topic.name)
def test_every_kind_of_poison_has_a_reader_that_must_refuse_it(topic: Topic[Any]) -> None:
    """ES-6: on every input topic; and the first three are no message at all."""
    for kind in KINDS:
        if topic in kind.topics:
            assert poison_of(kind, topic).readers, kind.name
    for kind in KINDS[:3]:
        with pytest.raises(MalformedRecordError):
            decode(topic, poison_of(kind, topic, SYMBOL).record.value)
