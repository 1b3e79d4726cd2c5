"""The agents' Prometheus metrics: bounded labels only (agent, topic, action, state, rule), never ids or symbols."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

EVENTS = Counter("agents_events_folded_total", "Records taken into an agent's state.", ["agent", "topic"])
MARKET_EVENTS = Counter("agents_market_events_total", "Quotes, trades and candles within market records.", ["agent"])
DROPPED = Counter("agents_events_dropped_total", "Records not folded, by reason.", ["agent", "reason"])
BATCH = Histogram(
    "agents_batch_records", "Records folded in one batch.", ["agent"], buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256)
)
DECIDE = Histogram(
    "agents_decide_seconds",
    "From a market record's receipt at the connector to its outputs being on the log.",
    ["agent"],
    buckets=(0.001, 0.002, 0.003, 0.005, 0.008, 0.012, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 5),
)
FOLD = Histogram(
    "agents_fold_seconds",
    "Folding one batch, without writes.",
    ["agent"],
    buckets=(0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3),
)
HALTED = Gauge("agents_keys_halted", "Keys whose rule has raised; see the alerts.", ["agent"])
INTENTS = Counter("agents_intents_total", "Intents decided.", ["action"])
SLOTS = Gauge("agents_grid_slots", "Grid slots of this worker: LOCKED, or FREE and waiting after a refusal.", ["state"])
STEPS = Counter("agents_slot_steps_total", "Steps of the slot machine by the state reached.", ["to"])
RISK = Counter("agents_risk_events_total", "Trips and releases of risk rules.", ["rule", "state"])
NOTICES = Counter("agents_notices_total", "Notices to people by code.", ["code"])
