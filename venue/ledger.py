"""The venue's durable ledger: one SQLite file, written in the same breath as every effect (WF-2, ORD-4).

`record` collects an effect's rows, `commit` makes them and the tape's position durable together; a reply or a
message leaves only after that. WAL with synchronous NORMAL: a killed process loses nothing committed.
Restart is `load_*`, then playing on from the stored position. Must not: decide anything.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson

from venue.account import Position
from venue.errors import LedgerError
from venue.events import (
    AccountChanged,
    Event,
    Fill,
    FundingPaid,
    FundsMoved,
    LoanNoted,
    OrderUpdated,
    WalletChanged,
)
from venue.instruments import Instrument, Product
from venue.klines import KEPT, Kline
from venue.ledger_schema import FILE_NAME, SCHEMA, SCHEMA_VERSION
from venue.orders import Order, OrderStatus, OrderType, Side, TimeInForce
from venue.wallet_ledger import WalletRows, record_loan, record_wallet

UPSERT_ORDER = """
INSERT INTO orders VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (order_id) DO UPDATE SET executed_quantity = excluded.executed_quantity,
    executed_value = excluded.executed_value, status = excluded.status, update_time_ms = excluded.update_time_ms
"""
INSERT_TRADE = "INSERT INTO trades VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
INSERT_INCOME = (
    "INSERT INTO income (symbol, income_type, asset, amount, time_ms, trade_id, funding_id, rate) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
UPSERT_POSITION = "INSERT OR REPLACE INTO positions VALUES (?, ?, ?, ?, ?)"
UPSERT_BALANCE = "INSERT OR REPLACE INTO balances VALUES (?, ?)"
UPSERT_META = "INSERT OR REPLACE INTO meta VALUES (?, ?)"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Where the run stands: everything a restart needs that is not a row of its own.

    `positions` counts played events by tape source; `markets` holds last quote and update id by symbol.
    """

    positions: dict[str, int]
    markets: dict[str, dict[str, Any]]
    next_order_id: int
    next_trade_id: int
    next_funding_id: int
    time_ms: int


class Ledger:
    """The writer. There is one, in the venue's process; readers use `LedgerReader`."""

    def __init__(self, data_dir: Path, instruments: Mapping[str, Instrument]) -> None:
        self.path = data_dir / FILE_NAME
        self._instruments = instruments
        try:
            data_dir.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(self.path, isolation_level=None, timeout=1)
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = NORMAL")
            self._connection.executescript(SCHEMA)
        except OSError as error:
            raise LedgerError(f"cannot make the venue's data folder {data_dir}: {error.strerror}") from error
        except sqlite3.Error as error:
            raise self._failure("open", error) from error
        version = self.meta("schema_version")
        if version not in (None, SCHEMA_VERSION):
            raise LedgerError(
                f"the ledger {self.path} has schema version {version}, this program writes {SCHEMA_VERSION}; "
                "start with --fresh to begin anew"
            )
        self.set_meta("schema_version", SCHEMA_VERSION)
        self.wallets = WalletRows(self._connection)

    def meta(self, key: str) -> str | None:
        row = self._connection.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return None if row is None else str(row[0])

    def set_meta(self, key: str, value: str) -> None:
        self._write(UPSERT_META, (key, value))

    def record(self, events: Iterable[Event]) -> None:
        """Add the rows of these events to the open transaction (opened by the first of them).

        An order that several of them update gets the row of its last one.
        """
        orders: dict[int, Order] = {}
        for event in events:
            match event:
                case OrderUpdated(order=order, fill=fill):
                    orders[order.order_id] = order
                    if fill is not None:
                        self._record_fill(fill)
                case AccountChanged():
                    self._record_account(event)
                case FundingPaid():
                    asset = self._instruments[event.symbol].quote_asset
                    row = (event.symbol, "FUNDING_FEE", asset, f"{event.amount:f}", event.time_ms)
                    self._write(INSERT_INCOME, (*row, None, event.funding_id, f"{event.rate:f}"))
                case WalletChanged():
                    record_wallet(event, self._write)
                case LoanNoted():
                    record_loan(event, self._write)
                case FundsMoved(asset=asset):
                    row = ("", "TRANSFER", asset, f"{event.amount:f}", event.time_ms)
                    self._write(INSERT_INCOME, (*row, None, None, None))
                    self.record_balance(asset, event.wallet_balance)
                case _:
                    pass
        for order in orders.values():
            self._write(UPSERT_ORDER, self._order_row(order))

    def record_kline(self, symbol: str, kline: Kline) -> None:
        """Keep a closed one-minute candle."""
        row = orjson.dumps(kline.as_row()).decode()
        self._write("INSERT OR REPLACE INTO klines VALUES (?, ?, ?)", (symbol, kline.open_time_ms, row))

    def record_funding_rate(self, symbol: str, time_ms: int, rate: Decimal, mark_price: Decimal) -> None:
        """Keep a funding settlement of the market, whether or not a position was held."""
        row = (symbol, time_ms, f"{rate:f}", f"{mark_price:f}")
        self._write("INSERT OR REPLACE INTO funding_rates VALUES (?, ?, ?, ?)", row)

    def record_leverage(self, leverage: Mapping[str, int]) -> None:
        self._write(UPSERT_META, ("leverage", orjson.dumps(dict(leverage)).decode()))

    def record_balance(self, asset: str, wallet_balance: Decimal) -> None:
        self._write(UPSERT_BALANCE, (asset, f"{wallet_balance:f}"))

    def commit(self, checkpoint: Checkpoint) -> None:
        """Make all that was recorded durable, together with where the run stands."""
        self._write(UPSERT_META, ("checkpoint", orjson.dumps(checkpoint).decode()))
        try:
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            raise self._failure("commit to", error) from error

    def close(self) -> None:
        self._connection.close()

    def load_checkpoint(self) -> Checkpoint | None:
        stored = self.meta("checkpoint")
        return None if stored is None else Checkpoint(**orjson.loads(stored))

    def load_leverage(self) -> dict[str, int]:
        stored = self.meta("leverage")
        return {} if stored is None else dict(orjson.loads(stored))

    def load_wallet_balance(self, asset: str) -> Decimal | None:
        row = self._connection.execute("SELECT wallet_balance FROM balances WHERE asset = ?", (asset,)).fetchone()
        return None if row is None else Decimal(row[0])

    def load_positions(self) -> list[Position]:
        rows = self._connection.execute(
            "SELECT symbol, quantity, entry_price, realized_pnl, update_time_ms FROM positions"
        )
        return [
            Position(symbol, self._instruments[symbol].lots(Decimal(quantity)), Decimal(entry), Decimal(pnl), time_ms)
            for symbol, quantity, entry, pnl, time_ms in rows
        ]

    def load_klines(self, symbol: str) -> list[Kline]:
        rows = self._connection.execute(
            "SELECT row FROM klines WHERE symbol = ? ORDER BY open_time_ms DESC LIMIT ?", (symbol, KEPT)
        ).fetchall()
        return [Kline(*orjson.loads(row)) for (row,) in reversed(rows)]

    def open_orders(self) -> list[Order]:
        return self._orders("status IN ('NEW', 'PARTIALLY_FILLED') ORDER BY order_id", ())

    def order(self, symbol: str, order_id: int | None, client_order_id: str | None) -> Order | None:
        """The order with that id, or the latest with that client id."""
        if order_id is not None:
            found = self._orders("order_id = ? AND symbol = ?", (order_id, symbol))
        else:
            where = "client_order_id = ? AND symbol = ? ORDER BY order_id DESC LIMIT 1"
            found = self._orders(where, (client_order_id, symbol))
        return found[0] if found else None

    def orders(self, symbol: str, from_id: int, start_ms: int, end_ms: int, limit: int) -> list[Order]:
        """Orders of a symbol, oldest first: from an id on, or else the last `limit` of a time range."""
        if from_id:
            where = "symbol = ? AND order_id >= ? AND time_ms BETWEEN ? AND ? ORDER BY order_id LIMIT ?"
            return self._orders(where, (symbol, from_id, start_ms, end_ms, limit))
        where = "symbol = ? AND time_ms BETWEEN ? AND ? ORDER BY order_id DESC LIMIT ?"
        return self._orders(where, (symbol, start_ms, end_ms, limit))[::-1]

    def trades(
        self, symbol: str, order_id: int, from_id: int, start_ms: int, end_ms: int, limit: int
    ) -> list[dict[str, Any]]:
        """Trades of a symbol as rows by column name, oldest first: from an id on, or else the last `limit`."""
        where, values = "symbol = ? AND time_ms BETWEEN ? AND ?", [symbol, start_ms, end_ms]
        if order_id:
            where, values = where + " AND order_id = ?", [*values, order_id]
        if from_id:
            return self._rows(
                f"SELECT * FROM trades WHERE {where} AND trade_id >= ? ORDER BY trade_id LIMIT ?",  # noqa: S608 - fixed text, values are bound
                (*values, from_id, limit),
            )
        rows = self._rows(
            f"SELECT * FROM trades WHERE {where} ORDER BY trade_id DESC LIMIT ?",  # noqa: S608 - fixed text, values are bound
            (*values, limit),
        )
        return rows[::-1]

    def income(
        self, symbol: str | None, income_type: str | None, start_ms: int, end_ms: int, limit: int
    ) -> list[dict[str, Any]]:
        """Income rows by column name, oldest first."""
        return self._rows(
            "SELECT * FROM income WHERE (?1 IS NULL OR symbol = ?1) AND (?2 IS NULL OR income_type = ?2) "
            "AND time_ms BETWEEN ?3 AND ?4 ORDER BY income_id LIMIT ?5",
            (symbol, income_type, start_ms, end_ms, limit),
        )

    def funding_rates(self, symbol: str | None, start_ms: int, end_ms: int, limit: int) -> list[dict[str, Any]]:
        """The last funding settlements of a time range as rows by column name, oldest first."""
        rows = self._rows(
            "SELECT * FROM funding_rates WHERE (?1 IS NULL OR symbol = ?1) AND time_ms BETWEEN ?2 AND ?3 "
            "ORDER BY time_ms DESC LIMIT ?4",
            (symbol, start_ms, end_ms, limit),
        )
        return rows[::-1]

    def _record_fill(self, fill: Fill) -> None:
        instrument = self._instruments[fill.symbol]
        price, quantity = instrument.price(fill.price), instrument.quantity(fill.quantity)
        asset, value = instrument.quote_asset, price * quantity
        row = (fill.trade_id, fill.order_id, fill.client_order_id, fill.symbol, fill.side.value)
        amounts = (
            f"{price:f}",
            f"{quantity:f}",
            f"{value:f}",
            f"{fill.fee:f}",
            fill.fee_asset,
            f"{fill.realized_pnl:f}",
        )
        self._write(INSERT_TRADE, (*row, *amounts, int(fill.maker), fill.time_ms))
        if instrument.product is not Product.PERPETUAL:
            return
        tail = (fill.time_ms, fill.trade_id, None, None)
        self._write(INSERT_INCOME, (fill.symbol, "COMMISSION", asset, f"{-fill.fee:f}", *tail))
        if fill.realized_pnl:
            self._write(INSERT_INCOME, (fill.symbol, "REALIZED_PNL", asset, f"{fill.realized_pnl:f}", *tail))

    def _record_account(self, event: AccountChanged) -> None:
        position = event.position
        instrument = self._instruments[position.symbol]
        row = (
            position.symbol,
            f"{instrument.quantity(position.lots):f}",
            f"{position.entry_price:f}",
            f"{position.realized_pnl:f}",
            position.update_time_ms,
        )
        self._write(UPSERT_POSITION, row)
        self.record_balance(instrument.quote_asset, event.wallet_balance)

    def _order_row(self, order: Order) -> tuple[Any, ...]:
        instrument = self._instruments[order.symbol]
        return (
            order.order_id,
            order.client_order_id,
            order.symbol,
            order.side.value,
            order.type.value,
            order.time_in_force.value,
            int(order.reduce_only),
            f"{instrument.price(order.price):f}",
            f"{instrument.quantity(order.quantity):f}",
            f"{instrument.quantity(order.filled):f}",
            f"{order.filled_value * instrument.lot_value:f}",
            order.status.value,
            order.time_ms,
            order.update_time_ms,
        )

    def _orders(self, where: str, values: tuple[Any, ...]) -> list[Order]:
        rows = self._connection.execute(f"SELECT * FROM orders WHERE {where}", values)  # noqa: S608 - fixed text, values are bound
        return [self._order(row) for row in rows]

    def _order(self, row: tuple[Any, ...]) -> Order:
        order_id, client_order_id, symbol, side, kind, time_in_force, reduce_only = row[:7]
        price, quantity, executed, value, status, time_ms, update_time_ms = row[7:]
        instrument = self._instruments[symbol]
        return Order(
            order_id=order_id,
            client_order_id=client_order_id,
            symbol=symbol,
            side=Side(side),
            type=OrderType(kind),
            time_in_force=TimeInForce(time_in_force),
            reduce_only=bool(reduce_only),
            price=instrument.ticks(Decimal(price)),
            quantity=instrument.lots(Decimal(quantity)),
            time_ms=time_ms,
            update_time_ms=update_time_ms,
            filled=instrument.lots(Decimal(executed)),
            filled_value=int(Decimal(value) / instrument.lot_value),
            status=OrderStatus(status),
        )

    def _rows(self, query: str, values: tuple[Any, ...]) -> list[dict[str, Any]]:
        cursor = self._connection.execute(query, values)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor]

    def _write(self, statement: str, values: tuple[Any, ...]) -> None:
        try:
            if not self._connection.in_transaction:
                self._connection.execute("BEGIN IMMEDIATE")
            self._connection.execute(statement, values)
        except sqlite3.Error as error:
            raise self._failure("write to", error) from error

    def _failure(self, doing: str, error: sqlite3.Error) -> LedgerError:
        hint = ""
        if "full" in str(error):
            hint = "; free some disk space and start again: everything confirmed so far is safe"
        elif "locked" in str(error):
            hint = "; another venue runs on this data folder, stop it first"
        return LedgerError(f"cannot {doing} the venue's ledger {self.path}: {error}{hint}")
