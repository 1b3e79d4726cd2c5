"""The volatility rule: a mid price that ranges too far within a window stops new BUYs until it has been calm (RISK-7).

All in event time: the same events trip and release at the same events, at any speed of play. The window is folded in
place.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal

from topics.scale import Scale
from topics.v1.market_pb2 import MarketBatch, MarketEvent
from topics.v1.risk_pb2 import RiskAction, RiskEvent, RiskState

RULE = "volatility"
BUCKETS = 60
BPS = 10_000
HUNDREDTH = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class VolatilityLimits:
    """Trips above `limit_bps`; releases after `calm_ms` below `release_bps`. Ranges are within `window_ms`."""

    window_ms: int
    limit_bps: Decimal
    release_bps: Decimal
    calm_ms: int

    @property
    def bucket_ms(self) -> int:
        return max(1, min(1_000, self.window_ms // BUCKETS))


@dataclass(slots=True)
class Bucket:
    """Lowest and highest mid price of a stretch of time, in ticks."""

    start_ms: int
    low_ticks: int
    high_ticks: int


@dataclass(slots=True)
class Volatility:
    """The window of one instrument, oldest bucket first. `low` and `high` are those of the whole window.

    `lows` are the buckets with no lower one after them, `highs` those with no higher one: the first of each tells `low`
    and `high`. All of these follow from the window.
    """

    venue: str
    symbol: str
    scale: Scale | None = None
    window: deque[Bucket] = field(default_factory=deque)
    tripped: bool = False
    tripped_time_ms: int = 0
    calm_since_ms: int = 0
    version: int = 0
    low_ticks: int = 0
    high_ticks: int = 0
    bucket_end_ms: int = 0
    lows: deque[Bucket] = field(default_factory=deque)
    highs: deque[Bucket] = field(default_factory=deque)


def on_market(state: Volatility, batch: MarketBatch, limits: VolatilityLimits) -> list[RiskEvent]:
    """Trips and releases these quotes lead to. Another tick size starts the window anew."""
    scale = Scale.of(batch.grain)
    if scale != state.scale:
        state.scale = scale
        state.window.clear()
        state.lows.clear()
        state.highs.clear()
        state.bucket_end_ms = 0
    return on_quotes(state, batch.events, limits)


def on_quotes(state: Volatility, events: Iterable[MarketEvent], limits: VolatilityLimits) -> list[RiskEvent]:
    """The hot loop: a quote within the newest bucket's range changes nothing while nothing is tripped."""
    outputs: list[RiskEvent] = []
    for event in events:
        quote = event.quote
        bid = quote.bid_ticks
        ask = quote.ask_ticks
        if ask <= bid:
            continue  # not a quote, or one side of the book is empty
        mid = (bid + ask) >> 1
        time_ms = quote.time_ms
        if time_ms < state.bucket_end_ms:
            newest = state.window[-1]
            if newest.low_ticks <= mid <= newest.high_ticks and not state.tripped:
                continue
            newest.low_ticks = min(newest.low_ticks, mid)
            newest.high_ticks = max(newest.high_ticks, mid)
            _measure_newest(state, newest)
        else:
            _open_bucket(state, time_ms, mid, limits)
        outputs += _judge(state, time_ms, limits)
    return outputs


def measure(state: Volatility) -> None:
    """Works out the range of the whole window from its buckets."""
    state.lows.clear()
    state.highs.clear()
    for bucket in state.window:
        _measure_newest(state, bucket)


def range_bps(state: Volatility) -> Decimal:
    """How far the mid price ranged within the window, in basis points of its lowest."""
    if state.low_ticks <= 0:
        return Decimal(0)
    return Decimal((state.high_ticks - state.low_ticks) * BPS) / state.low_ticks


def _open_bucket(state: Volatility, time_ms: int, mid: int, limits: VolatilityLimits) -> None:
    start_ms = time_ms - time_ms % limits.bucket_ms
    newest = Bucket(start_ms, mid, mid)
    state.window.append(newest)
    state.bucket_end_ms = start_ms + limits.bucket_ms
    oldest_ms = time_ms - limits.window_ms
    while state.window[0].start_ms + limits.bucket_ms <= oldest_ms:
        _forget(state, state.window.popleft())
    _measure_newest(state, newest)


def _measure_newest(state: Volatility, newest: Bucket) -> None:
    """To be called when the newest bucket is new or has a wider range."""
    lows, highs = state.lows, state.highs
    while lows and lows[-1].low_ticks >= newest.low_ticks:
        lows.pop()
    lows.append(newest)
    while highs and highs[-1].high_ticks <= newest.high_ticks:
        highs.pop()
    highs.append(newest)
    state.low_ticks, state.high_ticks = lows[0].low_ticks, highs[0].high_ticks


def _forget(state: Volatility, oldest: Bucket) -> None:
    if state.lows and state.lows[0] is oldest:
        state.lows.popleft()
    if state.highs and state.highs[0] is oldest:
        state.highs.popleft()


def _judge(state: Volatility, time_ms: int, limits: VolatilityLimits) -> list[RiskEvent]:
    span = state.high_ticks - state.low_ticks
    if not state.tripped:
        if span * BPS <= limits.limit_bps * state.low_ticks:
            return []
        state.tripped, state.tripped_time_ms, state.calm_since_ms = True, time_ms, 0
        return [_event(state, RiskState.RISK_STATE_TRIPPED, limits.limit_bps, time_ms, limits)]
    if span * BPS >= limits.release_bps * state.low_ticks:
        state.calm_since_ms = 0
        return []
    state.calm_since_ms = state.calm_since_ms or time_ms
    if time_ms - state.calm_since_ms < limits.calm_ms:
        return []
    state.tripped, state.calm_since_ms = False, 0
    return [_event(state, RiskState.RISK_STATE_RELEASED, limits.release_bps, time_ms, limits)]


def _event(
    state: Volatility, to: RiskState.ValueType, limit: Decimal, time_ms: int, limits: VolatilityLimits
) -> RiskEvent:
    state.version += 1
    value = range_bps(state).quantize(HUNDREDTH, ROUND_HALF_EVEN)
    seconds = Decimal(limits.window_ms) / 1_000
    if to == RiskState.RISK_STATE_TRIPPED:
        reason = f"the price ranged {value} bps within {seconds} s, more than {limit} bps: no new BUYs"
    else:
        calm = Decimal(limits.calm_ms) / 1_000
        reason = f"the price has ranged less than {limit} bps within {seconds} s for {calm} s, now {value} bps"
    return RiskEvent(
        venue=state.venue,
        symbol=state.symbol,
        rule=RULE,
        state=to,
        action=RiskAction.RISK_ACTION_STOP_BUYS,
        value=format(value, "f"),
        limit=format(limit, "f"),
        unit="bps",
        reason=reason,
        time_ms=time_ms,
        version=state.version,
    )
