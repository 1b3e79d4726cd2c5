"""Tables of the venue's ledger, and how decimals are written in them: as exact text.

One SQLite file: every order, trade and payment there ever was, and where the tape stands. Must not: hold logic.
"""

from __future__ import annotations

FILE_NAME = "venue.sqlite3"
SCHEMA_VERSION = "1"

SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS orders (
    order_id INTEGER PRIMARY KEY,
    client_order_id TEXT NOT NULL,
    symbol TEXT NOT NULL,
    side TEXT NOT NULL,
    type TEXT NOT NULL,
    time_in_force TEXT NOT NULL,
    reduce_only INTEGER NOT NULL,
    price TEXT NOT NULL,
    quantity TEXT NOT NULL,
    executed_quantity TEXT NOT NULL,
    executed_value TEXT NOT NULL,
    status TEXT NOT NULL,
    time_ms INTEGER NOT NULL,
    update_time_ms INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS orders_by_client_id ON orders (client_order_id);
CREATE INDEX IF NOT EXISTS orders_open ON orders (symbol) WHERE status IN ('NEW', 'PARTIALLY_FILLED');
CREATE TABLE IF NOT EXISTS trades (
    trade_id INTEGER PRIMARY KEY,
    order_id INTEGER NOT NULL,
    client_order_id TEXT NOT NULL,
    symbol TEXT NOT NULL,
    side TEXT NOT NULL,
    price TEXT NOT NULL,
    quantity TEXT NOT NULL,
    value TEXT NOT NULL,
    fee TEXT NOT NULL,
    fee_asset TEXT NOT NULL,
    realized_pnl TEXT NOT NULL,
    maker INTEGER NOT NULL,
    time_ms INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS trades_by_order ON trades (order_id);
CREATE TABLE IF NOT EXISTS income (
    income_id INTEGER PRIMARY KEY AUTOINCREMENT,
    symbol TEXT NOT NULL,
    income_type TEXT NOT NULL,
    asset TEXT NOT NULL,
    amount TEXT NOT NULL,
    time_ms INTEGER NOT NULL,
    trade_id INTEGER,
    funding_id INTEGER,
    rate TEXT
);
CREATE TABLE IF NOT EXISTS positions (
    symbol TEXT PRIMARY KEY,
    quantity TEXT NOT NULL,
    entry_price TEXT NOT NULL,
    realized_pnl TEXT NOT NULL,
    update_time_ms INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS balances (asset TEXT PRIMARY KEY, wallet_balance TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS funding_rates (
    symbol TEXT NOT NULL,
    time_ms INTEGER NOT NULL,
    rate TEXT NOT NULL,
    mark_price TEXT NOT NULL,
    PRIMARY KEY (symbol, time_ms)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS klines (
    symbol TEXT NOT NULL,
    open_time_ms INTEGER NOT NULL,
    row TEXT NOT NULL,
    PRIMARY KEY (symbol, open_time_ms)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS wallets (
    wallet TEXT NOT NULL,
    asset TEXT NOT NULL,
    free TEXT NOT NULL,
    locked TEXT NOT NULL,
    borrowed TEXT NOT NULL,
    interest TEXT NOT NULL,
    PRIMARY KEY (wallet, asset)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS wallet_flows (
    flow_id INTEGER PRIMARY KEY AUTOINCREMENT,
    transaction_id INTEGER NOT NULL,
    wallet TEXT NOT NULL,
    symbol TEXT NOT NULL,
    asset TEXT NOT NULL,
    kind TEXT NOT NULL,
    amount TEXT NOT NULL,
    owed TEXT NOT NULL,
    owed_after TEXT NOT NULL,
    trade_id INTEGER,
    time_ms INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS wallet_flows_by_kind ON wallet_flows (wallet, kind);
CREATE TABLE IF NOT EXISTS order_loans (
    order_id INTEGER PRIMARY KEY,
    side_effect TEXT NOT NULL,
    repay_at_cancel INTEGER NOT NULL,
    borrowed TEXT NOT NULL
);
"""
