"""Rows in memory: what a fold reads and writes, before the database hears of it.

A row is a NamedTuple whose first fields are its key and whose last are the place of the record that made it. `Rows`
remembers what changed since the last write and can take back what one record did, so that a record that fails halfway
leaves nothing behind. No I/O here: rows the memory lacks are loaded beforehand (`projections.store`).
"""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any, Generic, NamedTuple, TypeVar, get_type_hints

from topics.errors import MalformedRecordError

Key = tuple[Any, ...]
RowT = TypeVar("RowT", bound=tuple[Any, ...])

_BIGINT_END = 1 << 63
_MAX_DIGITS = 60
_SQL_TYPES: dict[Any, str] = {
    str: "text", int: "bigint", bool: "boolean", Decimal: "numeric", Decimal | None: "numeric",
}  # fmt: skip


class Place(NamedTuple):
    """Where a record is on the log."""

    topic: str
    partition: int
    offset: int


@dataclass(frozen=True)
class Table(Generic[RowT]):
    """A table of the schema: its row type and how many of the row's first fields are the key.

    `resident` tables are small and held in memory whole; of the others, rows are looked up when a batch needs them.
    Rows with a `first_offset` tell the oldest record that had a part in them.
    """

    name: str
    row: type[RowT]
    key_size: int
    resident: bool = False

    @cached_property
    def columns(self) -> tuple[str, ...]:
        return tuple(get_type_hints(self.row))

    @cached_property
    def sql_types(self) -> tuple[str, ...]:
        return tuple(_SQL_TYPES[kind] for kind in get_type_hints(self.row).values())

    @property
    def key(self) -> tuple[str, ...]:
        return self.columns[: self.key_size]

    def __hash__(self) -> int:
        return hash(self.name)


class Rows(Generic[RowT]):
    """The rows of one table known in memory. `complete` means: what is not here does not exist."""

    def __init__(self, table: Table[RowT], *, complete: bool = True, keep: int = 50_000) -> None:
        self.table = table
        self.complete = complete
        self._keep = keep
        self._rows: OrderedDict[Key, RowT | None] = OrderedDict()
        self._changed: set[Key] = set()
        self._undo: list[tuple[Key, RowT | None, bool]] = []

    def get(self, *key: Any) -> RowT | None:
        row = self._rows.get(key)
        if row is None and not self.complete and key not in self._rows:
            raise LookupError(f"{self.table.name} {key} was not loaded before the fold asked for it")
        return row

    def put(self, row: RowT) -> None:
        """Raises MalformedRecordError for a value the table cannot hold."""
        _refuse_unstorable(self.table, row)
        key = row[: self.table.key_size]
        self._undo.append((key, self._rows.get(key), key in self._changed))
        self._rows[key] = row
        self._changed.add(key)

    def values(self) -> list[RowT]:
        return [row for row in self._rows.values() if row is not None]

    def unknown(self, keys: Iterable[Key]) -> list[Key]:
        """Which of these keys have to be looked up in the database."""
        return [] if self.complete else [key for key in keys if key not in self._rows]

    def load(self, rows: Iterable[RowT], asked: Iterable[Key] = ()) -> None:
        """Takes in what the database holds; keys asked for and not among the rows do not exist."""
        for key in asked:
            self._rows[key] = None
        for row in rows:
            self._rows[row[: self.table.key_size]] = row

    def keep_record(self) -> None:
        """What was put so far stands."""
        self._undo.clear()

    def take_back_record(self) -> None:
        """Undoes every put since the last `keep_record`."""
        while self._undo:
            key, row, was_changed = self._undo.pop()
            if row is None and self.complete:
                self._rows.pop(key, None)
            else:
                self._rows[key] = row
            if not was_changed:
                self._changed.discard(key)

    def changed(self) -> list[RowT]:
        return [row for key in self._changed if (row := self._rows[key]) is not None]

    def written(self) -> None:
        """The database holds everything; the oldest rows beyond the limit may go."""
        self._changed.clear()
        if self.table.resident:
            return
        while len(self._rows) > self._keep:
            self._rows.popitem(last=False)
            self.complete = False


def _refuse_unstorable(table: Table[Any], row: tuple[Any, ...]) -> None:
    for column, value in zip(table.columns, row, strict=True):
        if isinstance(value, str):
            unfit = "\x00" in value
        elif isinstance(value, int):
            unfit = not -_BIGINT_END <= value < _BIGINT_END
        elif isinstance(value, Decimal):
            unfit = not value.is_finite() or abs(value.adjusted()) > _MAX_DIGITS or len(value.as_tuple().digits) > 200
        else:
            unfit = False
        if unfit:
            raise MalformedRecordError(f"{column} {value!r} cannot be stored in {table.name}")
