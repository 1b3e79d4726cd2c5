"""Rows in memory: what a fold reads and writes, before the database hears of it.

A row is a NamedTuple whose first fields are its key and whose last are the place of the record that made it. `Rows`
remembers what changed since the last write and can take back what one record did, so that a record that fails halfway
leaves nothing behind. No I/O here: rows the memory lacks are loaded beforehand (`projections.store`).
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property, lru_cache
from operator import itemgetter
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


@dataclass(frozen=True, eq=False)
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

    @cached_property
    def storable(self) -> "Storable":
        return Storable(self)


class Journal:
    """What the record being folded has put so far, so that it can be taken back. Shared by all tables of a batch."""

    def __init__(self) -> None:
        self._puts: list[tuple[Rows[Any], Key, Any, bool]] = []
        self.note = self._puts.append
        self.keep = self._puts.clear

    def take_back(self) -> None:
        while self._puts:
            rows, key, row, was_changed = self._puts.pop()
            rows.restore(key, row, was_changed=was_changed)


class Rows(Generic[RowT]):
    """The rows of one table known in memory. `complete` means: what is not here does not exist."""

    def __init__(
        self, table: Table[RowT], *, complete: bool = True, keep: int = 50_000, journal: Journal | None = None
    ) -> None:
        self.table = table
        self.complete = complete
        self.journal = journal or Journal()
        self._keep = keep
        self._rows: OrderedDict[Key, RowT | None] = OrderedDict()
        self._changed: set[Key] = set()

    def get(self, *key: Any) -> RowT | None:
        row = self._rows.get(key)
        if row is None and not self.complete and key not in self._rows:
            raise LookupError(f"{self.table.name} {key} was not loaded before the fold asked for it")
        return row

    def put(self, row: RowT) -> None:
        """Raises MalformedRecordError for a value the table cannot hold."""
        self.table.storable.require(row)
        key = row[: self.table.key_size]
        self.journal.note((self, key, self._rows.get(key), key in self._changed))
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

    def restore(self, key: Key, row: RowT | None, *, was_changed: bool) -> None:
        """The row as it was before a put."""
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


class Storable:
    """Whether a row's values fit the columns. Runs for every row put, so it looks at values of one type together."""

    def __init__(self, table: Table[Any]) -> None:
        by_type: dict[str, list[int]] = {kind: [] for kind in _SQL_TYPES.values()}
        for at, kind in enumerate(table.sql_types):
            by_type[kind].append(at)
        self._table = table
        self._texts, self._whole, self._decimals = by_type["text"], by_type["bigint"], by_type["numeric"]
        self._all_texts = _picker(self._texts)
        self._all_whole = _picker(self._whole)

    def require(self, row: tuple[Any, ...]) -> None:
        """Raises MalformedRecordError with the column that does not fit."""
        whole = self._all_whole(row)
        if "\x00" in "".join(self._all_texts(row)) or min(whole) < -_BIGINT_END or max(whole) >= _BIGINT_END:
            self._refuse(row)
        for at in self._decimals:
            if row[at] is not None and not _fits(row[at]):
                self._refuse(row)

    def _refuse(self, row: tuple[Any, ...]) -> None:
        for at, value in enumerate(row):
            if (
                (at in self._texts and "\x00" in value)
                or (at in self._whole and not -_BIGINT_END <= value < _BIGINT_END)
                or (at in self._decimals and value is not None and not _fits(value))
            ):
                raise MalformedRecordError(
                    f"{self._table.columns[at]} {value!r} cannot be stored in {self._table.name}"
                )


def _picker(at: list[int]) -> Callable[[tuple[Any, ...]], tuple[Any, ...]]:
    """The row's values at these places, at least two of each type in every table."""
    if len(at) < 2:
        raise TypeError(f"a table needs two columns of each type, for one look at them: {at}")
    return itemgetter(*at)


def _fits(value: Decimal) -> bool:
    return value.is_finite() and _is_short(value)


@lru_cache(maxsize=1 << 14)
def _is_short(value: Decimal) -> bool:
    return abs(value.adjusted()) <= _MAX_DIGITS and len(value.as_tuple().digits) <= _MAX_DIGITS
