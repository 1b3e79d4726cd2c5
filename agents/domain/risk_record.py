"""The states of the risk rules as messages and back."""

from __future__ import annotations

from collections import deque
from decimal import Decimal

from agents.domain.exposure import Exposure, Held
from agents.domain.volatility import Bucket, Volatility, VolatilityLimits, measure
from topics.scale import Scale
from topics.v1.state_pb2 import ExposureState, PricePoint, SymbolExposure, VolatilityState


def volatility_record(state: Volatility) -> VolatilityState:
    return VolatilityState(
        grain=state.scale.grain if state.scale else None,
        window=[
            PricePoint(time_ms=bucket.start_ms, low_ticks=bucket.low_ticks, high_ticks=bucket.high_ticks)
            for bucket in state.window
        ],
        tripped=state.tripped,
        tripped_time_ms=state.tripped_time_ms,
        calm_since_ms=state.calm_since_ms,
        version=state.version,
    )


def volatility_state(record: VolatilityState, limits: VolatilityLimits, *, venue: str, symbol: str) -> Volatility:
    state = Volatility(
        venue=venue,
        symbol=symbol,
        scale=Scale.of(record.grain) if record.HasField("grain") else None,
        window=deque(Bucket(point.time_ms, point.low_ticks, point.high_ticks) for point in record.window),
        tripped=record.tripped,
        tripped_time_ms=record.tripped_time_ms,
        calm_since_ms=record.calm_since_ms,
        version=record.version,
    )
    if state.window:
        measure(state)
        state.bucket_end_ms = state.window[-1].start_ms + limits.bucket_ms
    return state


def exposure_record(state: Exposure) -> ExposureState:
    return ExposureState(
        symbols={
            symbol: SymbolExposure(
                position_lots=held.position_lots, grain=held.scale.grain, mark_price=format(held.mark_price, "f")
            )
            for symbol, held in state.symbols.items()
        },
        tripped=state.tripped,
        version=state.version,
    )


def exposure_state(record: ExposureState, *, venue: str, account: str) -> Exposure:
    return Exposure(
        venue=venue,
        account=account,
        symbols={
            symbol: Held(held.position_lots, Scale.of(held.grain), Decimal(held.mark_price))
            for symbol, held in sorted(record.symbols.items())
        },
        tripped=record.tripped,
        version=record.version,
    )
