"""The grid that every worker of a comparison runs: parameters and instrument, the same for all."""

from __future__ import annotations

from decimal import Decimal

from agents.domain import grid, grid_control
from agents.domain.grid_state import Grid, GridParameters
from benchmarks.market import START_MS, VENUE, scale_of
from topics.v1.instruments_pb2 import INSTRUMENT_KIND_LINEAR_PERPETUAL, Instrument
from venue.instruments import LISTED

ACCOUNT = "paper"
PARAMETERS = {
    "interval_bps": "5",
    "min_interval_ticks": "1",
    "levels": "10",
    "order_notional": "100",
    "max_position_notional": "1000000",
}


def instrument(symbol: str) -> Instrument:
    listed = LISTED[symbol]
    return Instrument(
        venue=VENUE,
        symbol=symbol,
        base_asset=listed.base_asset,
        quote_asset=listed.quote_asset,
        margin_asset=listed.quote_asset,
        kind=INSTRUMENT_KIND_LINEAR_PERPETUAL,
        grain=scale_of(symbol).grain,
        min_notional=format(Decimal(5), "f"),
        min_quantity_lots=1,
        max_quantity_lots=10_000_000,
        contract_size="1",
        maker_fee_rate="0.0002",
        taker_fee_rate="0.0004",
        trading=True,
        seq=1,
        time_ms=START_MS,
    )


def active_grid(symbol: str) -> Grid:
    """A grid as it is once its instrument and its activation have been read."""
    made = Grid(venue=VENUE, symbol=symbol)
    grid_control.instrument_seen(made, instrument(symbol))
    grid.on_activation(made, ACCOUNT, GridParameters.of(PARAMETERS))
    return made
