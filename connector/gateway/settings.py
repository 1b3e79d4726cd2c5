"""What can be set about the gateway, with its units and the reason for each default. No I/O, no environment here."""

from decimal import Decimal

from pydantic import BaseModel, ConfigDict, Field


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class RetrySettings(_Settings):
    """The one retry configuration (WF-4): waits `initial_s * factor ** n`, never above `cap_s`, plus jitter."""

    initial_s: float = Field(0.1, gt=0)
    factor: float = Field(2.0, ge=1)
    max_retries: int = Field(3, ge=0, description="tries after the first one")
    cap_s: float = Field(60.0, gt=0)
    jitter: float = Field(0.2, ge=0, le=1, description="at most this fraction is added, derived from the order's id")


class BreakerSettings(_Settings):
    """The circuit breaker of placements (WF-6). A call failed when the venue did not serve it: a time-out, no
    connection, a 5xx, a rate limit; a refusal of what was asked is served."""

    window_s: float = Field(30.0, gt=0, description="counted from the first failure")
    failures: int = Field(5, gt=0, description="at least so many of a window open it")
    failure_share: float = Field(0.5, ge=0, le=1, description="and they are at least this part of its calls")
    open_s: float = Field(5.0, gt=0, description="before one placement is let through to see")


class RiskLimits(_Settings):
    """Limits held on the serial path (RISK-2), in quote currency."""

    max_exposure_quote: Decimal = Field(Decimal(50_000), gt=0, description="all symbols, worst side, at mark price")
    max_order_notional: Decimal = Field(Decimal(10_000), gt=0)
    max_open_orders_per_symbol: int = Field(150, gt=0)


class GatewaySettings(_Settings):
    """How the gateway waits, looks up and batches."""

    retry: RetrySettings = RetrySettings()
    breaker: BreakerSettings = BreakerSettings()
    unknown_lookup_delay_s: float = Field(0.5, ge=0, description="before the first look-up of an unknown order")
    lookup_retry_s: float = Field(
        1.0, gt=0, description="before a look-up the venue did not answer is asked again; doubled with each failure"
    )
    lookup_retry_cap_s: float = Field(30.0, gt=0, description="longest pause between look-ups of one order")
    unknown_alert_after_s: float = Field(
        60.0, gt=0, description="an order whose fate is still not known then raises the alert ORDER_UNKNOWN, once"
    )
    visibility_delay_s: float = Field(
        9.0,
        ge=0,
        description="between the two look-ups that end in NOT_RECEIVED; longer than the venue accepts a delayed request"
        " (the adapter sets a recvWindow of 5 s) that is dated by a clock up to 3 s ahead, so that none can arrive"
        " after the verdict",
    )
    reconcile_interval_s: float = Field(15.0, gt=0)
    reconcile_patience_s: float = Field(
        60.0, gt=0, description="without a whole reconciliation for this long placing is halted until one succeeds"
    )
    cancel_foreign_orders: bool = Field(
        default=False,
        description="cancel open orders of others on the account; left alone unless a person sets it (ORD-6)",
    )
    kill_poll_s: float = Field(1.0, gt=0, description="between looks for a kill switch turned by somebody else")
    kill_retry_s: float = Field(0.25, gt=0, description="between two rounds of cancels while the switch is on")
    kill_verify_s: float = Field(1.0, ge=0, description="between the two looks at an empty venue; sees late arrivals")
    kill_watch_s: float = Field(5.0, gt=0, description="between looks while the switch is on and the venue was empty")
    claim_fresh_s: float = Field(
        1.0, gt=0, description="an older claim is checked against the epoch again before it is sent"
    )
    ledger_flush_s: float = Field(0.01, ge=0, description="how long an answered change may wait for a claim to go with")
    max_concurrent_placements: int = Field(32, gt=0)
    max_pending_intents: int = Field(2_000, gt=0, description="read from the log and not yet done")
    settled_in_memory: int = Field(5_000, ge=0, description="ended orders kept at hand; the others are in the ledger")
