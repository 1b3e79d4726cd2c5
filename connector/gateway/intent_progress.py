"""Which offset of the intents is safe to start from again: everything below it is done. Pure."""

from connector.gateway.ledger import IntentPosition


class IntentProgress:
    """Intents finish in any order; the offset to store is that of the oldest one not finished."""

    def __init__(self) -> None:
        self._pending: dict[tuple[str, int], dict[int, bool]] = {}
        self._moved: dict[tuple[str, int], int] = {}

    def begin(self, position: IntentPosition) -> None:
        """Call in the order of the log within a partition."""
        self._pending.setdefault((position.topic, position.partition), {})[position.offset] = False

    def finish(self, position: IntentPosition) -> None:
        partition = (position.topic, position.partition)
        pending = self._pending.get(partition, {})
        if position.offset not in pending:
            return
        pending[position.offset] = True
        while pending:
            offset, done = next(iter(pending.items()))
            if not done:
                return
            del pending[offset]
            self._moved[partition] = offset + 1

    def take_moved(self) -> dict[tuple[str, int], int]:
        """Next offset by (topic, partition), where it grew since the last call."""
        moved, self._moved = self._moved, {}
        return moved

    @property
    def pending(self) -> int:
        return sum(map(len, self._pending.values()))
