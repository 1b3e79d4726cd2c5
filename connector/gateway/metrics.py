"""What the gateway measures (OBS-1). Labels are bounded: symbols, operations, outcomes; never ids or free text."""

from prometheus_client import Counter, Gauge, Histogram

ORDERS_PLACED = Counter("market_maker_orders_placed_total", "Orders the venue was asked to place", ["symbol"])
ORDERS_FILLED = Counter("market_maker_orders_filled_total", "Orders filled whole", ["symbol"])
ORDERS_ACTIVE = Gauge("market_maker_orders_active", "Orders of ours that have not ended", ["symbol"])
LATENCY_MS = Histogram(
    "market_maker_latency_exchange_ms",
    "Milliseconds from a call to the venue to its answer",
    ["operation"],
    buckets=(0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000),
)
UNKNOWN_ORDERS = Gauge("unknown_orders", "Orders sent whose outcome is being looked up")
UNKNOWN_OLDEST_S = Gauge("unknown_orders_oldest_age_s", "Seconds since the oldest of them was claimed; 0: none")
ADOPTED = Counter("orders_adopted_total", "Orders without an answer that were found at the venue", ["witness"])
DIFFERENCES = Counter("reconciliation_differences_total", "Where we and the venue differed, by kind", ["kind"])
HALTED = Gauge("placing_halted", "1 while the account is not reconciled and nothing is placed")
FOREIGN_ORDERS = Gauge("foreign_orders_open", "Open orders of others on the account", ["symbol"])
DUPLICATES_SUPPRESSED = Counter("duplicates_suppressed_total", "Placements whose client order id was used before")
INTENTS = Counter("intents_total", "Intents read from the log", ["outcome"])
RETRIES = Counter("retry_attempts_total", "Calls to the venue made again", ["endpoint", "attempt"])
BREAKER_STATE = Gauge("placement_breaker_state", "0 closed, 1 half open, 2 open")
BREAKER_TRANSITIONS = Counter("placement_breaker_transitions_total", "Changes of the circuit breaker", ["to"])
FAST_REJECTIONS = Counter("placement_fast_rejections_total", "Placements held back before they were sent", ["reason"])
CANCELS_ESCALATED = Counter("cancels_escalated_total", "Cancels that failed until all was cancelled", ["symbol"])
CORRECTIONS = Counter("reconciliation_corrections_total", "Updates that only a look at the venue brought")
KILL_SWITCH = Gauge("kill_switch", "1 while the kill switch is on: nothing is placed, everything of ours is cancelled")
COMMITS = Histogram(
    "ledger_commit_ms",
    "Milliseconds of one ledger transaction",
    buckets=(0.25, 0.5, 1, 2, 3, 5, 10, 20, 50, 100, 500, 1_000),
)
