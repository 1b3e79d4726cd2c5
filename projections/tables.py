"""All tables of the schema, and their rows in memory together, as one batch sees them."""

from collections.abc import Iterable
from typing import Any

from projections.account import BALANCES, FUNDING_PAYMENTS, VENUE_POSITIONS
from projections.fills import FILLS
from projections.funding import MARKS
from projections.instruments import INSTRUMENTS
from projections.intents import INTENTS
from projections.market import CANDLES, LAST_QUOTES, MARKET_MINUTES
from projections.minutes import TRADING_MINUTES
from projections.orders import ORDERS
from projections.poison import POISONED
from projections.positions import FEES, POSITIONS
from projections.progress import AGENT_PROGRESS
from projections.risk import RISK, RISK_EVENTS
from projections.rows import Journal, Rows, RowT, Table
from projections.slots import SLOT_STEPS, SLOTS

TABLES: tuple[Table[Any], ...] = (
    INSTRUMENTS, ORDERS, FILLS, POSITIONS, FEES, TRADING_MINUTES, SLOTS, SLOT_STEPS, INTENTS, RISK, RISK_EVENTS,
    BALANCES, VENUE_POSITIONS, FUNDING_PAYMENTS, LAST_QUOTES, MARKS, CANDLES, MARKET_MINUTES, AGENT_PROGRESS, POISONED,
)  # fmt: skip


class Tables:
    """The rows of every table: `tables[ORDERS]` gives `Rows[OrderRow]`."""

    def __init__(self, rows: Iterable[Rows[Any]] | None = None) -> None:
        known = [Rows(table) for table in TABLES] if rows is None else list(rows)
        self.journal = Journal()
        self._rows: dict[Table[Any], Rows[Any]] = {held.table: held for held in known}
        for held in known:
            held.journal = self.journal

    def __getitem__(self, table: Table[RowT]) -> Rows[RowT]:
        return self._rows[table]

    def all(self) -> Iterable[Rows[Any]]:
        return self._rows.values()

    def incomplete(self) -> set[Table[Any]]:
        """The tables of which rows have to be looked up."""
        return {rows.table for rows in self._rows.values() if not rows.complete}

    def written(self) -> None:
        for rows in self._rows.values():
            rows.written()
