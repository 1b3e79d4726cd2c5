"""What a run leaves behind at the venue, in the databases and on the log, put into its History for the judges."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from aiokafka import ConsumerRecord

from agents.keys import PureAgent
from projections import folds
from projections.folds import PROJECTIONS
from projections.memory_store import MemoryRows
from projections.tables import TABLES, Tables
from reliability.simulation.history import History, LogRecord, Projected
from reliability.simulation.sim_ledger import Database
from reliability.simulation.venue_books import VenueBooks
from topics.v1.state_pb2 import AgentState


def note_venue(history: History, books: VenueBooks, symbols: Iterable[str]) -> None:
    history.orders = list(books.orders.values())
    history.fills = books.fills
    history.positions = {symbol: books.engine.account.position(symbol).lots for symbol in symbols}


def note_ledger(history: History, database: Database) -> None:
    rows, books = database.rows, history.ledger
    books.orders, books.settled, books.fills = dict(rows.orders), frozenset(rows.settled), dict(rows.fills)
    books.positions = {partition: offset for (_, _, partition), offset in rows.positions.items()}
    books.marks = {symbol: trade_id for (_, symbol), trade_id in rows.marks.items()}


def agent_states(log: Sequence[LogRecord], agents: Iterable[PureAgent[Any]]) -> dict[tuple[str, str], AgentState]:
    """As a new owner would load them: a record of an older term than one before it does not count."""
    states: dict[tuple[str, str], AgentState] = {}
    for pure in agents:
        for record in log:
            if record.topic == pure.state_topic.name:
                state = AgentState.FromString(record.value)
                key = (pure.name, record.key.decode())
                if key not in states or state.term >= states[key].term:
                    states[key] = state
    return states


def projected(database: MemoryRows, records: Sequence[ConsumerRecord]) -> Projected:
    """The rows as they are, and as the product's folds over every record there ever was make them."""
    rows = {table.name: list(database.of(table).values()) for table in TABLES}
    return Projected(dict(database.offsets), rows, _rebuilt(records))


def _rebuilt(every: Sequence[ConsumerRecord]) -> dict[str, list[tuple[Any, ...]]]:
    tables = Tables()
    for projection in PROJECTIONS:
        records: dict[int, list[ConsumerRecord]] = {}
        for record in every:
            if record.topic == projection.topic.name:
                records.setdefault(record.partition, []).append(record)
        for number in sorted(records):
            folds.fold(tables, folds.read(projection, records[number]))
    return {rows.table.name: rows.values() for rows in tables.all()}
