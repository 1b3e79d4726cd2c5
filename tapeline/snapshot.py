"""What is known of the pipeline right now, read from the projections: for the screen and the summary.

It must not compute what a projection computes; it only reads rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final, LiteralString

import psycopg
from psycopg.rows import dict_row

Row = dict[str, Any]

_FEED: Final = "SELECT venue, symbol, bid, ask, time_ms, received_ns, seq FROM last_quotes ORDER BY symbol"
_PNL: Final = """
    SELECT symbol, quote_asset, quantity, average_entry, price, realized, unrealized, fees, funding, net, volume, fills
    FROM pnl ORDER BY symbol"""
_SLOTS: Final = """
    SELECT symbol, slot, state, side, price, quantity, filled FROM slots
    WHERE state <> 'FREE' ORDER BY symbol, price DESC LIMIT 60"""
_FILLS: Final = """
    SELECT symbol, trade_id, side, price, quantity, fee, fee_asset, realized_pnl, maker, time_ms, client_order_id
    FROM fills ORDER BY time_ms DESC, "offset" DESC LIMIT 12"""
_ORDERS: Final = """
    SELECT symbol, side, price, quantity, filled, status, client_order_id FROM orders
    WHERE live ORDER BY symbol, price DESC LIMIT 60"""
KILLED: Final = """
    SELECT account, by_whom, reason, time_ms, verified_ms FROM
      (SELECT DISTINCT ON (account) * FROM ledger.kill_switch ORDER BY account, version DESC) AS newest
    WHERE killed ORDER BY account"""
_COUNTS: Final = """
    SELECT (SELECT count(*) FROM orders) AS orders, (SELECT count(*) FROM orders WHERE live) AS open_orders,
           (SELECT coalesce(sum(fills), 0) FROM positions) AS fills,
           (SELECT coalesce(sum(seq), 0) FROM last_quotes) AS market_events,
           (SELECT coalesce(sum(greatest(log_end - next_offset, 0)), 0) FROM offsets) AS records_behind"""


@dataclass(frozen=True)
class Counts:
    """Since the data folder began."""

    orders: int = 0
    open_orders: int = 0
    fills: int = 0
    market_events: int = 0
    records_behind: int = 0


@dataclass(frozen=True)
class Snapshot:
    """Rows as the projections have them; `counts` over all of the data folder's life."""

    feed: Sequence[Row] = ()
    pnl: Sequence[Row] = ()
    slots: Sequence[Row] = ()
    fills: Sequence[Row] = ()
    orders: Sequence[Row] = ()
    killed: Sequence[Row] = ()
    counts: Counts = field(default_factory=Counts)


class SnapshotReader:
    """Reads snapshots over one connection, made again after Postgres was away. `read` returns None meanwhile."""

    def __init__(self, dsn: str, schema: str = "projections") -> None:
        self._dsn = dsn
        self._schema = schema
        self._connection: psycopg.AsyncConnection[Row] | None = None

    async def read(self) -> Snapshot | None:
        try:
            if self._connection is None:
                self._connection = await psycopg.AsyncConnection.connect(
                    self._dsn,
                    autocommit=True,
                    row_factory=dict_row,
                    connect_timeout=3,
                    options=f"-c search_path={self._schema} -c statement_timeout=3000",
                )
            return Snapshot(
                feed=await self._rows(_FEED),
                pnl=await self._rows(_PNL),
                slots=await self._rows(_SLOTS),
                fills=await self._rows(_FILLS),
                orders=await self._rows(_ORDERS),
                killed=await self._killed(),
                counts=Counts(**{name: int(value) for name, value in (await self._rows(_COUNTS))[0].items()}),
            )
        except (psycopg.OperationalError, psycopg.errors.UndefinedTable):
            await self.close()
            return None

    async def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def _killed(self) -> list[Row]:
        try:
            return await self._rows(KILLED)
        except psycopg.errors.UndefinedTable:  # before the connector's first start
            return []

    async def _rows(self, query: LiteralString) -> list[Row]:
        assert self._connection is not None
        cursor = await self._connection.execute(query)
        return await cursor.fetchall()


def killed_text(row: Row) -> str:
    """One account's kill switch that is on, for people."""
    since = datetime.fromtimestamp(row["time_ms"] / 1_000, UTC).strftime("%Y-%m-%d %H:%M:%S")
    at_venue = "nothing left at the venue" if row["verified_ms"] else "NOT verified at the venue yet"
    return (
        f"KILLED {row['account']} since {since} UTC by {row['by_whom'] or 'somebody'}: "
        f"{row['reason'] or 'no reason given'}; {at_venue}; `tapeline release` ends it"
    )


def plain(value: Any) -> Any:
    """A row's value for JSON: money stays exact as a string without trailing zeros."""
    return number(value) if isinstance(value, Decimal) else value


def number(value: Decimal | None) -> str:
    """A decimal as people write it: no exponent, no trailing zeros."""
    if value is None:
        return "-"
    text = f"{value:f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text in {"-0", ""} else text
