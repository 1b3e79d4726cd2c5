-- What people and dashboards ask for, computed from the tables of this schema.

-- The newest price of each instrument: the venue's mark or the middle of the last quote, whichever is newer.
CREATE VIEW prices AS
SELECT venue, symbol,
       CASE WHEN m.time_ms IS NULL OR q.time_ms > m.time_ms THEN (q.bid + q.ask) / 2 ELSE m.mark_price END AS price,
       greatest(q.time_ms, m.time_ms) AS time_ms
FROM last_quotes q FULL OUTER JOIN marks m USING (venue, symbol);

-- Realised and unrealised. cash_flow + quantity * price is the whole result before fees and funding, exactly;
-- what the venue has realised of it is taken off, the rest is unrealised.
CREATE VIEW pnl AS
SELECT p.venue, p.account, p.symbol, coalesce(i.quote_asset, '') AS quote_asset, p.quantity, p.average_entry,
       coalesce(prices.price, p.average_entry) AS price,
       p.realized_pnl AS realized,
       p.cash_flow + p.quantity * coalesce(prices.price, p.average_entry) - p.realized_pnl AS unrealized,
       coalesce(fee.paid, 0) AS fees,
       coalesce(funding.amount, 0) AS funding,
       p.cash_flow + p.quantity * coalesce(prices.price, p.average_entry)
           - coalesce(fee.paid, 0) + coalesce(funding.amount, 0) AS net,
       p.volume, p.fills
FROM positions p
LEFT JOIN instruments i USING (venue, symbol)
LEFT JOIN prices USING (venue, symbol)
LEFT JOIN LATERAL (
    SELECT sum(f.paid) AS paid FROM fees f
    WHERE f.venue = p.venue AND f.account = p.account AND f.symbol = p.symbol
      AND (i.quote_asset IS NULL OR f.asset IN (i.quote_asset, i.margin_asset))
) fee ON true
LEFT JOIN LATERAL (
    SELECT sum(f.amount) AS amount FROM funding_payments f
    WHERE f.venue = p.venue AND f.account = p.account AND f.symbol = p.symbol
) funding ON true;

-- Minute by minute and instrument: trading beside the market it happened in.
CREATE VIEW minutes AS
SELECT venue, symbol, minute_ms, to_timestamp(minute_ms / 1000) AS minute,
       coalesce(t.fills, 0) AS fills, coalesce(t.volume, 0) AS volume, coalesce(t.fees, 0) AS fees,
       coalesce(t.realized_pnl, 0) AS realized_pnl,
       CASE WHEN m.last_trade_ticks > 0 THEN m.last_trade_ticks * m.tick_size
            WHEN m.bid_ticks > 0 THEN (m.bid_ticks + m.ask_ticks) * m.tick_size / 2 END AS close,
       coalesce(m.quotes, 0) AS quotes, coalesce(m.trades, 0) AS trades, coalesce(m.trade_lots * m.lot_size, 0) AS traded
FROM market_minutes m
FULL OUTER JOIN (
    SELECT venue, symbol, minute_ms, sum(fills) AS fills, sum(volume) AS volume, sum(fees) AS fees,
           sum(realized_pnl) AS realized_pnl
    FROM trading_minutes GROUP BY venue, symbol, minute_ms
) t USING (venue, symbol, minute_ms);

-- Orders asked for that the gateway has not answered yet.
CREATE VIEW intents_unanswered AS
SELECT i.* FROM intents i
LEFT JOIN orders o ON o.venue = i.venue AND o.symbol = i.symbol AND o.order_id = i.client_order_id
WHERE i.action = 'PLACE' AND o.order_id IS NULL;
