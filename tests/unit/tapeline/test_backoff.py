"""When a dead process is started again."""

from __future__ import annotations

from tapeline.supervisor.backoff import BackOff


def delays(*healthy_s: float, back_off: BackOff | None = None) -> list[float]:
    back_off, seconds = back_off or BackOff(), []
    for lived in healthy_s:
        back_off, delay = back_off.after_death(lived)
        seconds.append(delay)
    return seconds


def test_the_first_restart_is_immediate_and_the_next_ones_wait_longer_up_to_half_a_minute() -> None:
    """OPS-1: restart with back-off 1, 2, 4 … 30 s."""
    assert delays(*[1.0] * 9) == [0.1, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0]


def test_a_process_that_was_healthy_for_a_minute_starts_with_a_clean_slate() -> None:
    """OPS-1: the back-off is for crash loops, not for a death a day."""
    assert delays(1.0, 1.0, 1.0, 60.0, 5.0) == [0.1, 1.0, 2.0, 0.1, 1.0]


def test_what_counts_as_healthy_can_be_set() -> None:
    """OPS-1: trials that kill a process every few seconds measure its start, not the back-off."""
    assert delays(2.0, 0.5, 2.0, back_off=BackOff(clean_slate_s=1.0)) == [0.1, 1.0, 0.1]
