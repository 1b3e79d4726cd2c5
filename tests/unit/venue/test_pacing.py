"""At speed max the tape never runs further ahead than the agents' lag allows."""

from __future__ import annotations

from collections import deque

import pytest

from venue.pacing import SMALLEST_WINDOW, Pacer


def test_without_acknowledgement_it_stops_after_the_smallest_window() -> None:
    """RISK-1: nothing trades on a tape nobody follows."""
    pacer, sent = Pacer(500), 0
    while pacer.may_send(0.0, 0):
        sent += 1
        pacer.sent("BTCUSDT", sent, 0.0, 0)

    assert sent == SMALLEST_WINDOW
    assert not pacer.may_send(100.0, 0)
    assert pacer.lag(0.75) == 0.75


def test_an_old_event_stops_the_tape_even_if_few_are_in_flight() -> None:
    """RISK-1: age counts, not only number; another symbol's progress does not help."""
    pacer = Pacer(500)
    pacer.sent("BTCUSDT", 1, 0.0, 0)
    pacer.sent("XRPUSDT", 1, 0.4, 0)
    assert pacer.may_send(0.49, 0)
    pacer.acknowledged("XRPUSDT", 1, 0.5)
    assert not pacer.may_send(0.5, 0)
    pacer.acknowledged("BTCUSDT", 1, 0.5)
    assert pacer.may_send(0.5, 0)


def test_acknowledging_an_id_covers_all_before_it() -> None:
    """RISK-1: progress is cumulative, and repeats or late ones change nothing."""
    pacer = Pacer(500)
    for number in range(1, 9):
        pacer.sent("BTCUSDT", number, 0.0, 0)
    pacer.acknowledged("BTCUSDT", 6, 0.1)
    assert pacer.in_flight == 2
    pacer.acknowledged("BTCUSDT", 3, 0.1)
    pacer.acknowledged("BTCUSDT", 100, 0.1)
    assert pacer.in_flight == 0


@pytest.mark.parametrize("decided_per_second", [200, 5_000, 50_000])
def test_no_event_waits_longer_than_the_bound_and_the_slowest_part_stays_busy(decided_per_second: int) -> None:
    """RISK-1: whatever the agents' speed, every event is decided within 1 s and their capacity is used."""
    pacer, waiting, now = Pacer(500), deque[tuple[int, float]](), 0.0
    sent = decided = 0
    worst, due = 0.0, 0.0
    while now < 10.0:
        now += 0.001
        while pacer.may_send(now, 0) and len(waiting) < 100_000:
            sent += 1
            pacer.sent("BTCUSDT", sent, now, 0)
            waiting.append((sent, now))
        due += decided_per_second * 0.001
        while due >= 1 and waiting:
            number, at = waiting.popleft()
            worst, due, decided = max(worst, now - at), due - 1, decided + 1
            pacer.acknowledged("BTCUSDT", number, now)
        due = min(due, 1.0) if not waiting else due

    assert worst <= 1.0
    assert decided >= 0.7 * 10 * min(decided_per_second, 16_000)


def test_reset_forgets_what_nobody_is_left_to_acknowledge() -> None:
    """STREAM-1: a connector that went away does not stop the tape for ever."""
    pacer = Pacer(500)
    for number in range(SMALLEST_WINDOW):
        pacer.sent("BTCUSDT", number, 0.0, 0)
    assert not pacer.may_send(0.1, 0)
    pacer.reset()
    assert pacer.may_send(0.1, 0)
    assert pacer.lag(9.0) == 0


def test_a_coarse_tape_is_played_one_event_after_the_other() -> None:
    """RISK-1: at most a second of the tape's own time is undecided: orders meet the market they were made for."""
    pacer = Pacer(500)
    pacer.sent("BTCUSDT", 1, 0.0, 60_000)
    assert pacer.may_send(0.001, 61_000)
    assert not pacer.may_send(0.001, 75_000)
    pacer.acknowledged("BTCUSDT", 1, 0.01)
    assert pacer.may_send(0.01, 75_000)
