"""The circuit breaker as a fold: given what came of calls, when may the next one go out."""

from connector.gateway.breaker import Asked, Breaker, Heard, State, decide, evolve
from connector.gateway.settings import BreakerSettings

SETTINGS = BreakerSettings(window_s=10, failures=4, failure_share=0.5, open_s=5)


def after(*history: tuple[float, bool | None]) -> Breaker:
    """(seconds, failed), or (seconds, None) for a call that goes out."""
    breaker = Breaker()
    for now_s, failed in history:
        event = Asked(now_s) if failed is None else Heard(now_s, failed)
        breaker = evolve(breaker, event, SETTINGS)
    return breaker


def failures(count: int, start_s: float = 0.0) -> list[tuple[float, bool | None]]:
    return [(start_s + number, True) for number in range(count)]


def test_it_opens_after_so_many_failures_of_a_window() -> None:
    """WF-6: sustained failures open it, fewer do not, and those of an earlier window are forgotten."""
    assert after(*failures(3)).state is State.CLOSED
    assert after(*failures(4)).state is State.OPEN
    assert after(*failures(3), (10.0, True), (11.0, True), (12.0, True)).state is State.CLOSED
    assert after(*failures(3), (10.0, True), (11.0, True), (12.0, True), (13.0, True)).state is State.OPEN


def test_failures_among_many_good_calls_do_not_open_it() -> None:
    """WF-6: they must be the share of the calls that is set."""
    mixed: list[tuple[float, bool | None]] = [(0.0, True), *((0.1, False) for _ in range(10)), *failures(4, 1.0)]
    assert after(*mixed).state is State.CLOSED
    assert after((0.0, True), (0.1, False), (0.2, False), *failures(3, 1.0)).state is State.OPEN


def test_open_it_lets_nothing_out_until_its_time_and_then_one_call() -> None:
    """WF-6: rejects fast, then half-opens with one probe at a time."""
    opened = after(*failures(4))
    assert not decide(opened, 3.1, SETTINGS)
    assert not decide(opened, 7.9, SETTINGS)
    assert decide(opened, 8.0, SETTINGS)
    probing = evolve(opened, Asked(8.0), SETTINGS)
    assert probing.state is State.HALF_OPEN
    assert not decide(probing, 8.1, SETTINGS)
    assert decide(probing, 13.0, SETTINGS), "a probe nobody hears of must not block for ever"


def test_the_probe_closes_or_opens_it_again() -> None:
    """WF-6: one answer is enough, a failed probe costs another pause."""
    probing = after(*failures(4), (8.0, None))
    assert evolve(probing, Heard(8.5, failed=False), SETTINGS).state is State.CLOSED
    again = evolve(probing, Heard(8.5, failed=True), SETTINGS)
    assert again.state is State.OPEN
    assert not decide(again, 13.4, SETTINGS)
    assert decide(again, 13.5, SETTINGS)


def test_answers_to_calls_from_before_change_nothing_while_it_is_open() -> None:
    """WF-6: what was under way when it opened neither closes it nor prolongs the pause."""
    opened = after(*failures(4))
    assert after(*failures(4), (3.5, False), (4.0, True)) == opened


def test_while_all_is_well_nothing_is_kept() -> None:
    """NFR: the hot path makes no new state."""
    fresh = Breaker()
    assert evolve(fresh, Heard(1.0, failed=False), SETTINGS) is fresh
    assert evolve(fresh, Asked(1.0), SETTINGS) is fresh
