"""Lists in pages: complete whichever end a venue gives first, and an error where it cannot be known."""

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.ccxt_adapter.unified import lists
from connector.errors import VenueUnavailableError

PAGE = 4


def entries(*times_ms: int) -> list[dict[str, Any]]:
    return [{"id": f"x{number}", "timestamp": time_ms} for number, time_ms in enumerate(times_ms)]


class Venue:
    """Gives the newest or the oldest of a span first, never more than a page, and no span longer than a window."""

    def __init__(self, held: list[dict[str, Any]], *, newest_first: bool, window_ms: int, step_ms: int = 1) -> None:
        self.held = held
        self.newest_first = newest_first
        self.window_ms = window_ms
        self.step_ms = step_ms
        self.asked = 0

    async def fetch(self, start_ms: int, end_ms: int) -> list[Any]:
        self.asked += 1
        assert 0 <= end_ms - start_ms <= self.window_ms
        start_ms, end_ms = start_ms - start_ms % self.step_ms, end_ms - end_ms % self.step_ms + self.step_ms - 1
        found = [it for it in self.held if start_ms <= it["timestamp"] <= end_ms]
        found.sort(key=lambda it: it["timestamp"], reverse=self.newest_first)
        return found[:PAGE]


@given(
    times=st.lists(st.integers(0, 400), max_size=60),
    newest_first=st.booleans(),
    step_ms=st.sampled_from([1, 10]),
    seed=st.integers(),
)
async def test_a_list_is_complete_whichever_end_comes_first(
    times: list[int], newest_first: bool, step_ms: int, seed: int
) -> None:
    """STREAM-1, ORD-6: no more than a page of one instant can be told, all else is."""
    step = [time_ms for time_ms in times if len([it for it in times if it // step_ms == time_ms // step_ms]) < PAGE]
    held = entries(*step)
    random.Random(seed).shuffle(held)
    venue = Venue(held, newest_first=newest_first, window_ms=100, step_ms=step_ms)
    found = await lists.since(venue.fetch, 0, 400, window_ms=100, page=PAGE, finest_ms=step_ms)
    assert {it["id"] for it in found} == {it["id"] for it in held}
    assert [it["timestamp"] for it in found] == sorted(it["timestamp"] for it in held)


async def test_more_than_a_page_of_one_instant_is_an_error_and_never_a_part() -> None:
    """WF-3: what may be missing is not called complete."""
    venue = Venue(entries(7, 7, 7, 7), newest_first=True, window_ms=100)
    with pytest.raises(VenueUnavailableError, match="at 7 ms and may have more"):
        await lists.since(venue.fetch, 0, 100, window_ms=100, page=PAGE)


@pytest.mark.parametrize(
    ("mark", "expected"),
    [
        ("x2", ["x3", "x4"]),
        ("x1", ["x2", "x3", "x4"]),
        ("x0", ["x1", "x2", "x3", "x4"]),
        ("x4", []),
        ("never-heard-of", ["x0", "x1", "x2", "x3", "x4"]),
    ],
)
async def test_what_is_newer_than_an_entry_is_found_going_back(mark: str, expected: list[str]) -> None:
    """ORD-4: ids of executions need not grow; one of the same instant is told again rather than lost."""
    venue = Venue(entries(100, 250, 400, 900, 950), newest_first=True, window_ms=100)
    found = await lists.after(venue.fetch, mark, now_ms=1000, reach_ms=1000, window_ms=100, page=PAGE)
    assert [it["id"] for it in found] == expected


async def test_going_back_ends_where_the_entry_is_met() -> None:
    """WF-4: the whole past is not read each time."""
    near, far = (Venue(entries(100, 950), newest_first=True, window_ms=100) for _ in range(2))
    await lists.after(near.fetch, "x1", now_ms=1000, reach_ms=1000, window_ms=100, page=PAGE)
    await lists.after(far.fetch, "x0", now_ms=1000, reach_ms=1000, window_ms=100, page=PAGE)
    assert near.asked < far.asked
