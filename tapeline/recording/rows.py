"""From the connector's messages to lines of a tape, exact. The format is `venue.recorded`'s. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson

from topics.scale import Scale
from topics.v1.common_pb2 import Side
from topics.v1.funding_pb2 import FundingUpdate
from topics.v1.instruments_pb2 import Instrument, InstrumentKind
from topics.v1.market_pb2 import Candle, MarketEvent, Quote, Trade
from venue.recorded import header_line

Row = dict[str, Any]
PRODUCTS = {
    InstrumentKind.INSTRUMENT_KIND_LINEAR_PERPETUAL: "perpetual",
    InstrumentKind.INSTRUMENT_KIND_SPOT: "spot",
}


def header(venue: str, instruments: Iterable[Instrument]) -> bytes:
    """The first line of a tape of these instruments, at least one."""
    listed = list(instruments)
    return header_line(venue, PRODUCTS[listed[0].kind], [_instrument(one) for one in listed])


def _instrument(one: Instrument) -> dict[str, str]:
    scale = Scale.of(one.grain)
    return {
        "symbol": one.symbol,
        "base_asset": one.base_asset,
        "quote_asset": one.quote_asset,
        "tick_size": one.grain.tick_size,
        "lot_size": one.grain.lot_size,
        "min_quantity": _quantity(scale, one.min_quantity_lots),
        "max_quantity": _quantity(scale, one.max_quantity_lots),
        "min_notional": one.min_notional,
    }


def line(row: Row) -> bytes:
    return orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE)


def market_row(symbol: str, scale: Scale, event: MarketEvent, received_ns: int) -> Row:
    match event.WhichOneof("event"):
        case "quote":
            return _quote(symbol, scale, event.quote, received_ns)
        case "trade":
            return _trade(symbol, scale, event.trade, received_ns)
        case _:
            return _candle(symbol, scale, event.candle, received_ns)


def _quote(symbol: str, scale: Scale, quote: Quote, received_ns: int) -> Row:
    return {
        **_row("quote", symbol, quote.time_ms, received_ns),
        "update_id": quote.update_id,
        "bid": _price(scale, quote.bid_ticks),
        "bid_size": _quantity(scale, quote.bid_lots),
        "ask": _price(scale, quote.ask_ticks),
        "ask_size": _quantity(scale, quote.ask_lots),
    }


def _trade(symbol: str, scale: Scale, trade: Trade, received_ns: int) -> Row:
    return {
        **_row("trade", symbol, trade.time_ms, received_ns),
        "trade_id": trade.trade_id,
        "taker_side": "buy" if trade.taker_side == Side.SIDE_BUY else "sell",
        "price": _price(scale, trade.price_ticks),
        "quantity": _quantity(scale, trade.quantity_lots),
    }


def _candle(symbol: str, scale: Scale, candle: Candle, received_ns: int) -> Row:
    return {
        **_row("candle", symbol, candle.open_time_ms, received_ns),
        "interval_ms": candle.interval_ms,
        "open": _price(scale, candle.open_ticks),
        "high": _price(scale, candle.high_ticks),
        "low": _price(scale, candle.low_ticks),
        "close": _price(scale, candle.close_ticks),
        "volume": _quantity(scale, candle.volume_lots),
        "closed": candle.closed,
    }


def funding_row(update: FundingUpdate, received_ns: int) -> Row:
    row = {
        **_row("funding", update.symbol, update.time_ms, received_ns),
        "mark_price": update.mark_price or "0",
        "rate": update.rate or "0",
        "next_funding_time_ms": update.next_funding_time_ms,
    }
    return row | {"predicted_rate": update.predicted_rate} if update.HasField("predicted_rate") else row


def gap_row(symbol: str, after_ms: int, received_ns: int, feeds: Iterable[str]) -> Row:
    """`after_ms`: the newest of the instrument before it."""
    return {**_row("gap", symbol, after_ms, received_ns), "feeds": sorted(feeds)}


def _row(kind: str, symbol: str, time_ms: int, received_ns: int) -> Row:
    return {"kind": kind, "symbol": symbol, "time_ms": time_ms, "received_ns": received_ns}


def _price(scale: Scale, ticks: int) -> str:
    return format(scale.price(ticks), "f")


def _quantity(scale: Scale, lots: int) -> str:
    return format(scale.quantity(lots), "f")
