"""From records to committed rows: decode, look up, fold, write, one batch at a time. Kafka is only iterated, by others.

A batch is rows and offsets in one transaction (ES-2); a failure before its end leaves the tables as they were.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from aiokafka import ConsumerRecord

from projections import folds
from projections.errors import LogChangedError
from projections.folds import PROJECTIONS, Projection, Readable, Unreadable
from projections.market import Summary
from projections.rows import Key, Table
from projections.store import Partition
from projections.tables import Tables
from topics.catalogue import Topic

Bury = Callable[[Unreadable], Awaitable[None]]
_BY_TOPIC: dict[str, Projection] = {projection.topic.name: projection for projection in PROJECTIONS}


class Store(Protocol):
    """One projector's hold on the tables: in Postgres (projections.store), or in memory (projections.memory_store)."""

    epoch: int

    async def offsets(self, topics: Sequence[Topic[Any]]) -> dict[Partition, int]:
        """Next offset to read by (topic, partition); 0 where nothing was read yet."""

    async def load(self) -> Tables:
        """Resident tables whole, of the others only whether they are empty."""

    async def look_up(self, tables: Tables, needs: Mapping[Table[Any], Iterable[Key]]) -> None:
        """Loads the rows a batch needs and memory lacks."""

    async def write(self, tables: Tables, offsets: Mapping[Partition, int], ends: Mapping[Partition, int]) -> None:
        """Changed rows and offsets, all or nothing. Raises FencedError when the tables have another owner."""


@dataclass(slots=True)
class Counts:
    """What was folded so far. An event is a record, but in `market` each event of a record."""

    records: int = 0
    events: int = 0
    poisoned: int = 0


async def ignore(_letter: Unreadable) -> None:
    """For folding anew what was folded before: the dead letters are on their topic already."""


class Projector:
    """Folds batches into the tables of a store, from its offsets on. After an error it must not be used again."""

    def __init__(self, store: Store, tables: Tables, offsets: dict[Partition, int], bury: Bury) -> None:
        self.tables = tables
        self.offsets = offsets
        self.counts = Counts()
        self._store = store
        self._bury = bury

    @property
    def epoch(self) -> int:
        return self._store.epoch

    @classmethod
    async def open(cls, store: Store, bury: Bury) -> "Projector":
        return cls(store, await store.load(), await store.offsets(folds.TOPICS), bury)

    async def apply(
        self, records: Mapping[Partition, Sequence[ConsumerRecord]], ends: Mapping[Partition, int] | None = None
    ) -> None:
        """Folds and commits. `records` by (catalogue topic, partition) in order; `ends`: the log's ends, for the lag.

        Raises FencedError, LogChangedError for records not expected next, and psycopg.Error.
        """
        entries: list[Readable | Unreadable] = []
        for partition, batch in records.items():
            self._expect(partition, batch)
            entries += folds.read(_BY_TOPIC[partition[0]], batch)
        await self._store.look_up(self.tables, folds.needs_of(entries, self.tables.incomplete()))
        for letter in folds.fold(self.tables, entries):
            await self._bury(letter)
            self.counts.poisoned += 1
        read = {partition: batch[-1].offset + 1 for partition, batch in records.items() if batch}
        await self._store.write(self.tables, read, ends or {})
        self.offsets |= read
        self.counts.records += len(entries)
        self.counts.events += sum(_events(entry) for entry in entries)

    def _expect(self, partition: Partition, batch: Sequence[ConsumerRecord]) -> None:
        if batch and batch[0].offset < self.offsets[partition]:
            raise LogChangedError(
                f"{partition[0]}/{partition[1]} gave offset {batch[0].offset}, {self.offsets[partition]} was to come: "
                "the log is not the one these rows were made from; see `tapeline rebuild --swap`"
            )


def _events(entry: Readable | Unreadable) -> int:
    if isinstance(entry, Readable) and isinstance(entry.told, Summary):
        return len(entry.told.batch.events)
    return 1
