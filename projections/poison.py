"""Records nobody could read, by their place; the bytes are on the dead-letter topic (ES-6)."""

from typing import NamedTuple

from projections.rows import Place, Rows, Table

_MAX_REASON = 500


class PoisonRow(NamedTuple):
    topic: str
    partition: int
    offset: int
    reason: str


POISONED = Table("poison", PoisonRow, key_size=3)


def fold(rows: Rows[PoisonRow], place: Place, reason: str) -> None:
    if rows.get(*place) is None:
        rows.put(PoisonRow(*place, reason.replace("\x00", "\ufffd")[:_MAX_REASON]))
