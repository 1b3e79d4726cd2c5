"""The projections' database in memory, for simulations: rows and offsets change together or not at all, under an epoch.

Several stores share one `MemoryRows`, as projectors share one Postgres. Nothing outlives the object.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from projections.errors import FencedError
from projections.rows import Key, Rows, Table
from projections.tables import TABLES, Tables
from topics.catalogue import Topic

Partition = tuple[str, int]


@dataclass(slots=True)
class MemoryRows:
    """What outlives a projector."""

    rows: dict[str, dict[Key, tuple[Any, ...]]] = field(default_factory=dict)
    offsets: dict[Partition, int] = field(default_factory=dict)
    epoch: int = 0

    def of(self, table: Table[Any]) -> dict[Key, tuple[Any, ...]]:
        return self.rows.setdefault(table.name, {})


class MemoryStore:
    """See `projections.store.Store`."""

    def __init__(self, database: MemoryRows) -> None:
        database.epoch += 1
        self.epoch = database.epoch
        self._database = database

    async def offsets(self, topics: Sequence[Topic[Any]]) -> dict[Partition, int]:
        places = [(topic.name, number) for topic in topics for number in range(topic.partitions)]
        return {place: self._database.offsets.get(place, 0) for place in places}

    async def load(self) -> Tables:
        loaded = []
        for table in TABLES:
            held = self._database.of(table)
            rows = Rows(table, complete=table.resident or not held)
            if table.resident:
                rows.load(held.values())
            loaded.append(rows)
        return Tables(loaded)

    async def look_up(self, tables: Tables, needs: Mapping[Table[Any], Iterable[Key]]) -> None:
        for table, keys in needs.items():
            unknown = tables[table].unknown(keys)
            held = self._database.of(table)
            tables[table].load([held[key] for key in unknown if key in held], unknown)

    async def write(
        self,
        tables: Tables,
        offsets: Mapping[Partition, int],
        ends: Mapping[Partition, int],  # noqa: ARG002  shown to people by Postgres only
    ) -> None:
        """Raises FencedError when the tables have another owner."""
        if self._database.epoch != self.epoch:
            raise FencedError(
                f"another projector took the tables over (epoch {self._database.epoch}, this one has {self.epoch}); "
                "this one ends"
            )
        for rows in tables.all():
            held = self._database.of(rows.table)
            for row in rows.changed():
                held[row[: rows.table.key_size]] = row
        self._database.offsets.update(offsets)
        tables.written()
