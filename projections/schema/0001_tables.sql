-- What the log says, as rows. Written by the projector alone; every row carries the place of the record that made it.
-- Runs with the search path set to the schema it belongs to (live: projections, a rebuild: rebuild_<n>).
-- Prices are ticks and quantities lots (BIGINT); the decimal columns beside them are for people and are computed.

CREATE TABLE epoch (
    name   TEXT PRIMARY KEY,
    epoch  BIGINT NOT NULL,
    owner  TEXT NOT NULL,
    since  TIMESTAMPTZ NOT NULL DEFAULT now()
);

-- log_end is what the projector last heard of the log, for the lag; it is no part of the fold.
CREATE TABLE offsets (
    topic        TEXT NOT NULL,
    partition    INTEGER NOT NULL,
    next_offset  BIGINT NOT NULL,
    log_end      BIGINT NOT NULL DEFAULT 0,
    updated_at   TIMESTAMPTZ NOT NULL DEFAULT now(),
    PRIMARY KEY (topic, partition)
);

CREATE TABLE poison (
    topic TEXT, partition INTEGER, "offset" BIGINT,
    reason TEXT NOT NULL,
    PRIMARY KEY (topic, partition, "offset")
);

CREATE TABLE instruments (
    venue TEXT, symbol TEXT,
    base_asset TEXT NOT NULL, quote_asset TEXT NOT NULL, margin_asset TEXT NOT NULL, kind TEXT NOT NULL,
    tick_size NUMERIC NOT NULL, lot_size NUMERIC NOT NULL, min_notional NUMERIC NOT NULL,
    min_quantity_lots BIGINT NOT NULL, max_quantity_lots BIGINT NOT NULL, contract_size NUMERIC NOT NULL,
    maker_fee_rate NUMERIC NOT NULL, taker_fee_rate NUMERIC NOT NULL, trading BOOLEAN NOT NULL,
    seq BIGINT NOT NULL, time_ms BIGINT NOT NULL,
    topic TEXT NOT NULL, partition INTEGER NOT NULL, "offset" BIGINT NOT NULL,
    PRIMARY KEY (venue, symbol)
);

-- order_id: the client order id of our orders, the venue's id of foreign ones (their client ids may repeat).
CREATE TABLE orders (
    venue TEXT, symbol TEXT, order_id TEXT,
    account TEXT NOT NULL, client_order_id TEXT NOT NULL, venue_order_id TEXT NOT NULL, ownership TEXT NOT NULL,
    strategy TEXT NOT NULL, intent_id TEXT NOT NULL,
    side TEXT NOT NULL, type TEXT NOT NULL, time_in_force TEXT NOT NULL, reduce_only BOOLEAN NOT NULL,
    tick_size NUMERIC NOT NULL, lot_size NUMERIC NOT NULL,
    price_ticks BIGINT NOT NULL, quantity_lots BIGINT NOT NULL, filled_lots BIGINT NOT NULL,
    status TEXT NOT NULL, reason_code TEXT NOT NULL, reason TEXT NOT NULL,
    first_time_ms BIGINT NOT NULL, time_ms BIGINT NOT NULL,
    claimed_ns BIGINT NOT NULL, sent_ns BIGINT NOT NULL, answered_ns BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    topic TEXT NOT NULL, partition INTEGER NOT NULL, "offset" BIGINT NOT NULL,
    price NUMERIC GENERATED ALWAYS AS (price_ticks * tick_size) STORED,
    quantity NUMERIC GENERATED ALWAYS AS (quantity_lots * lot_size) STORED,
    filled NUMERIC GENERATED ALWAYS AS (filled_lots * lot_size) STORED,
    live BOOLEAN GENERATED ALWAYS AS (status NOT IN ('FILLED', 'CANCELED', 'REJECTED', 'EXPIRED', 'DENIED')) STORED,
    PRIMARY KEY (venue, symbol, order_id)
);
CREATE INDEX orders_live ON orders (venue, symbol, price_ticks) WHERE live;
CREATE INDEX orders_newest ON orders (time_ms DESC);

CREATE TABLE fills (
    venue TEXT, symbol TEXT, trade_id TEXT,
    account TEXT NOT NULL, client_order_id TEXT NOT NULL, venue_order_id TEXT NOT NULL, ownership TEXT NOT NULL,
    strategy TEXT NOT NULL, side TEXT NOT NULL,
    tick_size NUMERIC NOT NULL, lot_size NUMERIC NOT NULL,
    price_ticks BIGINT NOT NULL, quantity_lots BIGINT NOT NULL,
    fee NUMERIC NOT NULL, fee_asset TEXT NOT NULL, realized_pnl NUMERIC NOT NULL, maker BOOLEAN NOT NULL,
    time_ms BIGINT NOT NULL,
    topic TEXT NOT NULL, partition INTEGER NOT NULL, "offset" BIGINT NOT NULL,
    price NUMERIC GENERATED ALWAYS AS (price_ticks * tick_size) STORED,
    quantity NUMERIC GENERATED ALWAYS AS (quantity_lots * lot_size) STORED,
    notional NUMERIC GENERATED ALWAYS AS (price_ticks * tick_size * quantity_lots * lot_size) STORED,
    PRIMARY KEY (venue, symbol, trade_id)
);
CREATE INDEX fills_newest ON fills (time_ms DESC);

-- From fills only. cash_flow: quote currency received minus paid, before fees. realized_pnl: the venue's numbers summed.
CREATE TABLE positions (
    venue TEXT, account TEXT, symbol TEXT,
    quantity_lots BIGINT NOT NULL, lot_size NUMERIC NOT NULL, quantity NUMERIC NOT NULL,
    average_entry NUMERIC NOT NULL, cash_flow NUMERIC NOT NULL, realized_pnl NUMERIC NOT NULL,
    volume NUMERIC NOT NULL, fills BIGINT NOT NULL, time_ms BIGINT NOT NULL,
    topic TEXT NOT NULL, partition INTEGER NOT NULL, "offset" BIGINT NOT NULL,
    PRIMARY KEY (venue, account, symbol)
);

CREATE TABLE fees (
    venue TEXT, account TEXT, symbol TEXT, asset TEXT,
    paid NUMERIC NOT NULL,
    topic TEXT NOT NULL, partition INTEGER NOT NULL, "offset" BIGINT NOT NULL,
    PRIMARY KEY (venue, account, symbol, asset)
);

CREATE TABLE trading_minutes (
    venue TEXT, account TEXT, symbol TEXT, fee_asset TEXT, minute_ms BIGINT,
    fills BIGINT NOT NULL, volume NUMERIC NOT NULL, fees NUMERIC NOT NULL, realized_pnl NUMERIC NOT NULL,
    topic TEXT NOT NULL, partition INTEGER NOT NULL, "offset" BIGINT NOT NULL,
    PRIMARY KEY (venue, account, symbol, fee_asset, minute_ms)
);

CREATE TABLE slots (
    strategy TEXT, venue TEXT, symbol TEXT, slot BIGINT,
    state TEXT NOT NULL, side TEXT NOT NULL, tick_size NUMERIC NOT NULL, lot_size NUMERIC NOT NULL,
    price_ticks BIGINT NOT NULL, quantity_lots BIGINT NOT NULL, filled_lots BIGINT NOT NULL,
    attempt BIGINT NOT NULL, client_order_id TEXT NOT NULL, reason TEXT NOT NULL,
    version BIGINT NOT NULL, time_ms BIGINT NOT NULL,
    topic TEXT NOT NULL, partition INTEGER NOT NULL, "offset" BIGINT NOT NULL,
    price NUMERIC GENERATED ALWAYS AS (price_ticks * tick_size) STORED,
    quantity NUMERIC GENERATED ALWAYS AS (quantity_lots * lot_size) STORED,
    filled NUMERIC GENERATED ALWAYS AS (filled_lots * lot_size) STORED,
    PRIMARY KEY (strategy, venue, symbol, slot)
);

CREATE TABLE slot_steps (
    strategy TEXT, venue TEXT, symbol TEXT, version BIGINT,
    slot BIGINT NOT NULL, from_state TEXT NOT NULL, to_state TEXT NOT NULL, side TEXT NOT NULL,
    tick_size NUMERIC NOT NULL, lot_size NUMERIC NOT NULL,
    price_ticks BIGINT NOT NULL, quantity_lots BIGINT NOT NULL, filled_lots BIGINT NOT NULL,
    attempt BIGINT NOT NULL, client_order_id TEXT NOT NULL, reason TEXT NOT NULL, time_ms BIGINT NOT NULL,
    topic TEXT NOT NULL, partition INTEGER NOT NULL, "offset" BIGINT NOT NULL,
    PRIMARY KEY (strategy, venue, symbol, version)
);
CREATE INDEX slot_steps_order ON slot_steps (client_order_id);

CREATE TABLE intents (
    venue TEXT, symbol TEXT, intent_id TEXT,
    strategy TEXT NOT NULL, account TEXT NOT NULL, action TEXT NOT NULL, client_order_id TEXT NOT NULL,
    slot BIGINT NOT NULL, attempt BIGINT NOT NULL, side TEXT NOT NULL, type TEXT NOT NULL, time_in_force TEXT NOT NULL,
    reduce_only BOOLEAN NOT NULL, tick_size NUMERIC, lot_size NUMERIC,
    price_ticks BIGINT NOT NULL, quantity_lots BIGINT NOT NULL,
    rule TEXT NOT NULL, reason TEXT NOT NULL,
    cause_topic TEXT NOT NULL, cause_partition BIGINT NOT NULL, cause_offset BIGINT NOT NULL,
    market_time_ms BIGINT NOT NULL, market_received_ns BIGINT NOT NULL,
    topic TEXT NOT NULL, partition INTEGER NOT NULL, "offset" BIGINT NOT NULL,
    price NUMERIC GENERATED ALWAYS AS (price_ticks * tick_size) STORED,
    quantity NUMERIC GENERATED ALWAYS AS (quantity_lots * lot_size) STORED,
    PRIMARY KEY (venue, symbol, intent_id)
);

CREATE TABLE risk (
    venue TEXT, symbol TEXT, account TEXT, rule TEXT,
    state TEXT NOT NULL, action TEXT NOT NULL, value TEXT NOT NULL, limit_value TEXT NOT NULL, unit TEXT NOT NULL,
    reason TEXT NOT NULL, time_ms BIGINT NOT NULL, version BIGINT NOT NULL,
    topic TEXT NOT NULL, partition INTEGER NOT NULL, "offset" BIGINT NOT NULL,
    PRIMARY KEY (venue, symbol, account, rule)
);

CREATE TABLE risk_events (
    venue TEXT, symbol TEXT, account TEXT, rule TEXT, version BIGINT,
    state TEXT NOT NULL, action TEXT NOT NULL, value TEXT NOT NULL, limit_value TEXT NOT NULL, unit TEXT NOT NULL,
    reason TEXT NOT NULL, time_ms BIGINT NOT NULL,
    topic TEXT NOT NULL, partition INTEGER NOT NULL, "offset" BIGINT NOT NULL,
    PRIMARY KEY (venue, symbol, account, rule, version)
);

CREATE TABLE balances (
    venue TEXT, account TEXT, asset TEXT,
    wallet_balance NUMERIC NOT NULL, available_balance NUMERIC NOT NULL, seq BIGINT NOT NULL, time_ms BIGINT NOT NULL,
    topic TEXT NOT NULL, partition INTEGER NOT NULL, "offset" BIGINT NOT NULL,
    PRIMARY KEY (venue, account, asset)
);

-- What the venue says the positions are, beside what the fills add up to (table positions).
CREATE TABLE venue_positions (
    venue TEXT, account TEXT, symbol TEXT,
    tick_size NUMERIC NOT NULL, lot_size NUMERIC NOT NULL, quantity_lots BIGINT NOT NULL,
    entry_price NUMERIC NOT NULL, mark_price NUMERIC NOT NULL, unrealized_pnl NUMERIC NOT NULL,
    liquidation_price NUMERIC, leverage NUMERIC, seq BIGINT NOT NULL, time_ms BIGINT NOT NULL,
    topic TEXT NOT NULL, partition INTEGER NOT NULL, "offset" BIGINT NOT NULL,
    quantity NUMERIC GENERATED ALWAYS AS (quantity_lots * lot_size) STORED,
    PRIMARY KEY (venue, account, symbol)
);

CREATE TABLE funding_payments (
    venue TEXT, account TEXT, payment_id TEXT,
    symbol TEXT NOT NULL, asset TEXT NOT NULL, amount NUMERIC NOT NULL, time_ms BIGINT NOT NULL,
    topic TEXT NOT NULL, partition INTEGER NOT NULL, "offset" BIGINT NOT NULL,
    PRIMARY KEY (venue, account, payment_id)
);

CREATE TABLE last_quotes (
    venue TEXT, symbol TEXT,
    tick_size NUMERIC NOT NULL, lot_size NUMERIC NOT NULL,
    bid_ticks BIGINT NOT NULL, bid_lots BIGINT NOT NULL, ask_ticks BIGINT NOT NULL, ask_lots BIGINT NOT NULL,
    update_id BIGINT NOT NULL, time_ms BIGINT NOT NULL, received_ns BIGINT NOT NULL, seq BIGINT NOT NULL,
    topic TEXT NOT NULL, partition INTEGER NOT NULL, "offset" BIGINT NOT NULL,
    bid NUMERIC GENERATED ALWAYS AS (bid_ticks * tick_size) STORED,
    ask NUMERIC GENERATED ALWAYS AS (ask_ticks * tick_size) STORED,
    PRIMARY KEY (venue, symbol)
);

-- Funding rate and mark price as they are now.
CREATE TABLE marks (
    venue TEXT, symbol TEXT,
    mark_price NUMERIC NOT NULL, rate NUMERIC NOT NULL, predicted_rate NUMERIC,
    next_funding_time_ms BIGINT NOT NULL, interval_ms BIGINT NOT NULL, seq BIGINT NOT NULL, time_ms BIGINT NOT NULL,
    topic TEXT NOT NULL, partition INTEGER NOT NULL, "offset" BIGINT NOT NULL,
    PRIMARY KEY (venue, symbol)
);

-- The venue's candles. first_offset: the oldest record that had a part in the row; the log keeps market a week.
CREATE TABLE candles (
    venue TEXT, symbol TEXT, interval_ms BIGINT, open_time_ms BIGINT,
    tick_size NUMERIC NOT NULL, lot_size NUMERIC NOT NULL,
    open_ticks BIGINT NOT NULL, high_ticks BIGINT NOT NULL, low_ticks BIGINT NOT NULL, close_ticks BIGINT NOT NULL,
    volume_lots BIGINT NOT NULL, closed BOOLEAN NOT NULL, first_offset BIGINT NOT NULL,
    topic TEXT NOT NULL, partition INTEGER NOT NULL, "offset" BIGINT NOT NULL,
    PRIMARY KEY (venue, symbol, interval_ms, open_time_ms)
);

-- What the market did in a minute of the venue's clock: our own count of quotes and trades.
CREATE TABLE market_minutes (
    venue TEXT, symbol TEXT, minute_ms BIGINT,
    tick_size NUMERIC NOT NULL, lot_size NUMERIC NOT NULL, quotes BIGINT NOT NULL, trades BIGINT NOT NULL,
    trade_lots BIGINT NOT NULL, last_trade_ticks BIGINT NOT NULL, bid_ticks BIGINT NOT NULL, ask_ticks BIGINT NOT NULL,
    first_offset BIGINT NOT NULL,
    topic TEXT NOT NULL, partition INTEGER NOT NULL, "offset" BIGINT NOT NULL,
    PRIMARY KEY (venue, symbol, minute_ms)
);

-- How far the agents are: the newest state each wrote.
CREATE TABLE agent_progress (
    agent TEXT, venue TEXT, symbol TEXT, account TEXT,
    version BIGINT NOT NULL, market_time_ms BIGINT NOT NULL, market_update_id BIGINT NOT NULL, market_seq BIGINT NOT NULL,
    outbox BIGINT NOT NULL,
    topic TEXT NOT NULL, partition INTEGER NOT NULL, "offset" BIGINT NOT NULL,
    PRIMARY KEY (agent, venue, symbol, account)
);
