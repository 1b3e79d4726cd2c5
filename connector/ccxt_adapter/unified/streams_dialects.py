"""Where venues' streams differ though ccxt calls them alike: data by ccxt's id of the venue, and no code."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from topics.v1.instruments_pb2 import Instrument, InstrumentKind


@dataclass(frozen=True, slots=True)
class StreamDialect:
    """What `connector.venues` does not tell. Pages: the most that one REST request
    of candles and of public trades may ask for; spot's where it differs. `trades_params`: so that the stream's trades
    have the ids of the REST interface's. `product_in`: the field of an order and an execution that names the product,
    where one stream tells of all of an account's products and they share symbols; `products`: its words for a linear
    perpetual and for spot. `filled_in`: the field that holds all of an order's executed quantity, where ccxt reads the
    latest execution's. `user_id_in`: ccxt's call and the field of its answer that tell the account's number, where
    a perpetual's subscriptions want it."""

    candles_page: int = 100
    trades_page: int = 100
    trades_page_spot: int | None = None
    trades_params: Mapping[str, Any] = field(default_factory=dict)
    product_in: str = ""
    products: tuple[str, str] = ("", "")
    filled_in: str = ""
    user_id_in: tuple[str, str] = ("", "")

    def trades_page_of(self, instrument: Instrument) -> int:
        if instrument.kind == InstrumentKind.INSTRUMENT_KIND_SPOT and self.trades_page_spot is not None:
            return self.trades_page_spot
        return self.trades_page

    def concerns(self, info: Mapping[str, Any], instrument: Instrument) -> bool:
        """Whether an order or execution is of the instrument's product."""
        word = self.products[instrument.kind == InstrumentKind.INSTRUMENT_KIND_SPOT]
        return not self.product_in or info.get(self.product_in) == word

    def in_whole(self, order: Mapping[str, Any]) -> Mapping[str, Any]:
        """ccxt's order with all of its executed quantity."""
        filled = (order.get("info") or {}).get(self.filled_in)
        return {**order, "filled": filled} if filled not in (None, "") else order


_BINANCE = StreamDialect(candles_page=1_000, trades_page=1_000, trades_params={"name": "aggTrade"})
_DIALECTS: Mapping[str, StreamDialect] = {
    "binance": _BINANCE,
    "binanceusdm": _BINANCE,
    "bybit": StreamDialect(
        candles_page=1_000, trades_page=1_000, trades_page_spot=60, product_in="category", products=("linear", "spot")
    ),
    "okx": StreamDialect(candles_page=100, trades_page=500),
    "bitget": StreamDialect(candles_page=200, trades_page=100, filled_in="accBaseVolume"),
    "gate": StreamDialect(
        candles_page=1_000,
        trades_page=1_000,
        user_id_in=("privateAccountGetDetail", "user_id"),
    ),
}


def dialect_of(ccxt_id: str) -> StreamDialect:
    """The most careful one where the venue is not known."""
    return _DIALECTS.get(ccxt_id, StreamDialect())
