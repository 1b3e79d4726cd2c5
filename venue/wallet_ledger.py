"""Rows of the spot and margin wallets in the ledger: balances, why they changed, and loans of open orders.

It writes through the ledger's own transaction, so a wallet is durable with the order or trade that changed it.
Must not: commit or decide anything.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from venue.events import FlowKind, LoanNoted, WalletChanged
from venue.instruments import Product
from venue.orders import SideEffect
from venue.wallets import AssetBalance, Wallet

UPSERT_ASSET = "INSERT OR REPLACE INTO wallets VALUES (?, ?, ?, ?, ?, ?)"
INSERT_FLOW = (
    "INSERT INTO wallet_flows "
    "(transaction_id, wallet, symbol, asset, kind, amount, owed, owed_after, trade_id, time_ms) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
UPSERT_LOAN = "INSERT OR REPLACE INTO order_loans VALUES (?, ?, ?, ?)"

Write = Callable[[str, tuple[Any, ...]], None]


def record_wallet(event: WalletChanged, write: Write) -> None:
    owed = {one.asset: one.borrowed for one in event.assets}
    for flow in event.flows:
        amounts = (f"{flow.amount:f}", f"{flow.owed:f}", f"{owed[flow.asset]:f}")
        head = (event.transaction_id, event.wallet.value, event.symbol, flow.asset, flow.kind.value)
        write(INSERT_FLOW, (*head, *amounts, flow.trade_id, event.time_ms))
    for one in event.assets:
        amounts_of = (f"{one.free:f}", f"{one.locked:f}", f"{one.borrowed:f}", f"{one.interest:f}")
        write(UPSERT_ASSET, (event.wallet.value, one.asset, *amounts_of))


def record_loan(event: LoanNoted, write: Write) -> None:
    row = (event.order_id, event.side_effect.value, int(event.repay_at_cancel), f"{event.borrowed:f}")
    write(UPSERT_LOAN, row)


class WalletRows:
    """Questions to the wallets' tables."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def load(self, product: Product) -> Wallet | None:
        """The wallet as it was left; None before its first day."""
        rows = self._connection.execute(
            "SELECT asset, free, locked, borrowed, interest FROM wallets WHERE wallet = ? ORDER BY asset",
            (product.value,),
        ).fetchall()
        if not rows:
            return None
        wallet = Wallet()
        for asset, *amounts in rows:
            wallet.assets[asset] = AssetBalance(asset, *(Decimal(one) for one in amounts))
        return wallet

    def load_loan(self, order_id: int) -> LoanNoted | None:
        row = self._connection.execute("SELECT * FROM order_loans WHERE order_id = ?", (order_id,)).fetchone()
        return None if row is None else LoanNoted(row[0], SideEffect(row[1]), bool(row[2]), Decimal(row[3]))

    def last_transaction_id(self) -> int:
        row = self._connection.execute("SELECT MAX(transaction_id) FROM wallet_flows").fetchone()
        return row[0] or 0

    def flows(
        self, wallet: Product, kinds: tuple[FlowKind, ...], asset: str | None, start_ms: int, end_ms: int, limit: int
    ) -> list[dict[str, Any]]:
        """Flows of some kinds as rows by column name, newest first."""
        marks = ", ".join("?" * len(kinds))
        cursor = self._connection.execute(
            f"SELECT * FROM wallet_flows WHERE wallet = ? AND kind IN ({marks}) AND (? IS NULL OR asset = ?) "  # noqa: S608 - only marks
            "AND time_ms BETWEEN ? AND ? ORDER BY flow_id DESC LIMIT ?",
            (wallet.value, *(one.value for one in kinds), asset, asset, start_ms, end_ms, limit),
        )
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor]
