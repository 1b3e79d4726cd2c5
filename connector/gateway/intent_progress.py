"""Which offset of the intents is safe to start from again: everything below it is done. Pure."""

from collections.abc import Mapping
from functools import partial
from itertools import takewhile
from operator import gt

from connector.gateway.ledger import IntentPosition


class IntentProgress:
    """Intents finish in any order; the offset to store is that of the oldest one not finished."""

    def __init__(self) -> None:
        self._pending: dict[tuple[str, int], dict[int, bool]] = {}

    def begin(self, position: IntentPosition) -> None:
        """Call in the order of the log within a partition."""
        self._pending.setdefault((position.topic, position.partition), {})[position.offset] = False

    def finish(self, position: IntentPosition) -> None:
        self._mark(position, done=True)

    def reopen(self, position: IntentPosition) -> None:
        """Not finished after all. Call before its offset is taken."""
        self._mark(position, done=False)

    def moved(self) -> dict[tuple[str, int], int]:
        """Next offset by (topic, partition), where it grew since the last `take`."""
        moved = {}
        for partition, pending in self._pending.items():
            for offset, done in pending.items():
                if not done:
                    break
                moved[partition] = offset + 1
        return moved

    def take(self, moved: Mapping[tuple[str, int], int]) -> None:
        """These are stored."""
        for partition, next_offset in moved.items():
            pending = self._pending[partition]
            for offset in list(takewhile(partial(gt, next_offset), pending)):
                del pending[offset]

    def _mark(self, position: IntentPosition, *, done: bool) -> None:
        pending = self._pending.get((position.topic, position.partition), {})
        if position.offset in pending:
            pending[position.offset] = done

    @property
    def pending(self) -> int:
        return sum(map(len, self._pending.values()))
