"""The spot pairs the venue lists, each for the spot and for the cross margin account (SYM-1).

Our own short list is built in; `load_spot_exchange_info` reads a recorded spot `exchangeInfo` instead.
Must not: know orders, wallets or the network.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from venue.instruments import Instrument, Product, read_exchange_info

PRECISION = 8
"""Spot shows every price and quantity with eight decimals, whatever the tick and lot."""


def _pair(base: str, quote: str, tick: str, lot: str, largest: tuple[str, str], notional: str) -> Instrument:
    tick_size, lot_size = Decimal(tick), Decimal(lot)
    return Instrument(
        symbol=Product.SPOT.listing(base + quote),
        base_asset=base,
        quote_asset=quote,
        tick_size=tick_size,
        lot_size=lot_size,
        price_precision=PRECISION,
        quantity_precision=PRECISION,
        min_price=tick_size,
        max_price=Decimal(largest[0]),
        min_quantity=lot_size,
        max_quantity=Decimal(largest[1]),
        max_market_quantity=Decimal(largest[1]),
        min_notional=Decimal(notional),
        multiplier_up=Decimal(5),
        multiplier_down=Decimal("0.2"),
        product=Product.SPOT,
    )


SPOT_LISTED: Mapping[str, Instrument] = {
    one.wire_symbol: one
    for one in (
        _pair("BTC", "USDT", "0.01", "0.00001", ("1000000", "9000"), "5"),
        _pair("ETH", "USDT", "0.01", "0.0001", ("1000000", "9000"), "5"),
        _pair("XRP", "USDT", "0.0001", "0.1", ("10000", "9222449"), "5"),
        _pair("SUSHI", "USDT", "0.001", "0.1", ("10000", "9222449"), "5"),
        _pair("XRP", "ETH", "0.0000001", "1", ("1000", "90000000"), "0.005"),
        _pair("ETH", "BTC", "0.00001", "0.0001", ("922327", "100000"), "0.0001"),
    )
}
"""The pairs listed, by wire symbol, when no exchange information is given."""


def as_pair(recorded: Instrument) -> Instrument:
    """A recording's instrument as a spot pair: its own grid and limits, spot's names and price range."""
    return replace(
        recorded,
        symbol=Product.SPOT.listing(recorded.symbol),
        price_precision=PRECISION,
        quantity_precision=PRECISION,
        multiplier_up=Decimal(5),
        multiplier_down=Decimal("0.2"),
        product=Product.SPOT,
    )


def both_accounts(pairs: Iterable[Instrument]) -> list[Instrument]:
    """Each pair as the spot account and as the margin account trades it."""
    return [
        one
        for pair in pairs
        for one in (pair, replace(pair, symbol=Product.MARGIN.listing(pair.wire_symbol), product=Product.MARGIN))
    ]


def load_spot_exchange_info(path: Path) -> dict[str, Instrument]:
    """Pairs of a recorded spot `exchangeInfo`, JSON or JSON.gz, by wire symbol. Raises `InstrumentError`."""
    return read_exchange_info(path, "spot", _from_exchange_info)


def _from_exchange_info(entry: Mapping[str, Any]) -> Instrument:
    filters = {one["filterType"]: one for one in entry["filters"]}
    price, lot = filters["PRICE_FILTER"], filters["LOT_SIZE"]
    notional = filters.get("NOTIONAL") or filters["MIN_NOTIONAL"]
    percent = filters.get("PERCENT_PRICE") or _by_side(filters["PERCENT_PRICE_BY_SIDE"])
    market = Decimal(filters["MARKET_LOT_SIZE"]["maxQty"])
    return Instrument(
        symbol=Product.SPOT.listing(entry["symbol"]),
        base_asset=entry["baseAsset"],
        quote_asset=entry["quoteAsset"],
        tick_size=Decimal(price["tickSize"]).normalize(),
        lot_size=Decimal(lot["stepSize"]).normalize(),
        price_precision=PRECISION,
        quantity_precision=PRECISION,
        min_price=Decimal(price["minPrice"]),
        max_price=Decimal(price["maxPrice"]),
        min_quantity=Decimal(lot["minQty"]),
        max_quantity=Decimal(lot["maxQty"]),
        max_market_quantity=market or Decimal(lot["maxQty"]),
        min_notional=Decimal(notional["minNotional"]),
        multiplier_up=Decimal(percent["multiplierUp"]),
        multiplier_down=Decimal(percent["multiplierDown"]),
        max_open_orders=int(filters["MAX_NUM_ORDERS"]["maxNumOrders"]),
        product=Product.SPOT,
    )


def _by_side(percent: Mapping[str, Any]) -> Mapping[str, Any]:
    """One range for both sides: a buyer's cap and a seller's floor are what the engine checks."""
    return {"multiplierUp": percent["bidMultiplierUp"], "multiplierDown": percent["askMultiplierDown"]}
