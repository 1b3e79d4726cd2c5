"""From which offset to start again: below it everything is done, whatever finished first."""

from hypothesis import given
from hypothesis import strategies as st

from connector.gateway.intent_progress import IntentProgress
from connector.gateway.ledger import IntentPosition


def at(offset: int, partition: int = 0) -> IntentPosition:
    return IntentPosition("intents", partition, offset)


def taken(progress: IntentProgress) -> dict[tuple[str, int], int]:
    moved = progress.moved()
    progress.take(moved)
    return moved


def test_the_oldest_unfinished_intent_holds_the_offset_back() -> None:
    """ES-3: finishing a later one first moves nothing."""
    progress = IntentProgress()
    for offset in (5, 6, 9):
        progress.begin(at(offset))
    progress.finish(at(6))
    assert taken(progress) == {}
    progress.finish(at(5))
    assert taken(progress) == {("intents", 0): 7}
    progress.finish(at(9))
    assert taken(progress) == {("intents", 0): 10}
    assert taken(progress) == {}


def test_an_intent_opened_again_holds_the_offset_until_it_is_finished_again() -> None:
    """ES-3: what was not stored can be taken back."""
    progress = IntentProgress()
    for offset in (5, 6):
        progress.begin(at(offset))
        progress.finish(at(offset))
    progress.reopen(at(6))
    assert taken(progress) == {("intents", 0): 6}
    progress.finish(at(6))
    assert taken(progress) == {("intents", 0): 7}


def test_partitions_move_on_their_own_and_a_repeat_changes_nothing() -> None:
    """ES-3: finishing twice is finishing once."""
    progress = IntentProgress()
    progress.begin(at(1, 0))
    progress.begin(at(1, 1))
    progress.finish(at(1, 1))
    progress.finish(at(1, 1))
    assert taken(progress) == {("intents", 1): 2}
    assert progress.pending == 1


@given(st.permutations(range(20)), st.integers(0, 20))
def test_nothing_unfinished_is_ever_passed(order: list[int], until: int) -> None:
    """ES-3: the offset is the lowest unfinished one."""
    progress = IntentProgress()
    for offset in range(20):
        progress.begin(at(offset))
    for offset in order[:until]:
        progress.finish(at(offset))
    unfinished = set(order[until:])
    expected = min(unfinished, default=20)
    assert progress.moved().get(("intents", 0), 0) == expected
