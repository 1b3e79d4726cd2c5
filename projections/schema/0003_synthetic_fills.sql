-- Executions reconciliation made up for, and what of a later true one they had booked already (ORD-5, ORD-6).
ALTER TABLE fills ADD COLUMN synthetic BOOLEAN NOT NULL DEFAULT false,
    ADD COLUMN covered_lots BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN covered_price_ticks BIGINT NOT NULL DEFAULT 0;
