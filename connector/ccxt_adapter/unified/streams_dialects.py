"""Where venues' streams differ though ccxt calls them alike: data by ccxt's id of the venue, and no code."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from topics.v1.instruments_pb2 import Instrument, InstrumentKind


@dataclass(frozen=True, slots=True)
class StreamDialect:
    """`volume_in_contracts`: a candle's volume counts contracts, not base units. Pages: the most that one REST request
    of candles and of public trades may ask for; spot's where it differs. `trades_params`: so that the stream's trades
    have the ids of the REST interface's."""

    volume_in_contracts: bool = False
    candles_page: int = 100
    trades_page: int = 100
    trades_page_spot: int | None = None
    trades_params: Mapping[str, Any] = field(default_factory=dict)

    def trades_page_of(self, instrument: Instrument) -> int:
        if instrument.kind == InstrumentKind.INSTRUMENT_KIND_SPOT and self.trades_page_spot is not None:
            return self.trades_page_spot
        return self.trades_page


_BINANCE = StreamDialect(candles_page=1_000, trades_page=1_000, trades_params={"name": "aggTrade"})
_DIALECTS: Mapping[str, StreamDialect] = {
    "binance": _BINANCE,
    "binanceusdm": _BINANCE,
    "bybit": StreamDialect(candles_page=1_000, trades_page=1_000, trades_page_spot=60),
    "okx": StreamDialect(candles_page=100, trades_page=500),
    "bitget": StreamDialect(candles_page=200, trades_page=100),
    "gate": StreamDialect(candles_page=1_000, trades_page=1_000, volume_in_contracts=True),
}


def dialect_of(ccxt_id: str) -> StreamDialect:
    """The most careful one where the venue is not known."""
    return _DIALECTS.get(ccxt_id, StreamDialect())
