"""The instruments the venue lists: tick, lot and limits, in the terms of Binance's exchange information (SYM-1).

Our own short list is built in; `load_exchange_info` reads a recorded `exchangeInfo` (JSON or JSON.gz) instead.
Here Decimal meets integer: prices become ticks and quantities lots, exactly or not at all (ORD-7).
Must not: know orders, accounts or the network.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Any

from venue.errors import InstrumentError, Refusal


class Product(StrEnum):
    """What is traded and which wallet pays: a perpetual contract, a spot pair, the same pair on cross margin."""

    PERPETUAL = "perpetual"
    SPOT = "spot"
    MARGIN = "margin"

    def listing(self, symbol: str) -> str:
        """The venue's own name of a symbol in this product; no symbol of the wire has a slash."""
        return symbol if self is Product.PERPETUAL else f"{self}/{symbol}"

    @classmethod
    def of(cls, listing: str) -> Product:
        """The product of one of the venue's own names."""
        product, slash, _ = listing.partition("/")
        return cls(product) if slash else cls.PERPETUAL


@dataclass(frozen=True)
class Instrument:
    """One listing. Prices in quote currency, quantities in base currency, both exact decimals.

    `symbol` is unique over all products (`BTCUSDT`, `spot/BTCUSDT`); `wire_symbol` is what clients call it.
    """

    symbol: str
    base_asset: str
    quote_asset: str
    tick_size: Decimal
    lot_size: Decimal
    price_precision: int
    quantity_precision: int
    min_price: Decimal
    max_price: Decimal
    min_quantity: Decimal
    max_quantity: Decimal
    max_market_quantity: Decimal
    min_notional: Decimal
    multiplier_up: Decimal
    multiplier_down: Decimal
    max_open_orders: int = 200
    product: Product = Product.PERPETUAL

    @cached_property
    def wire_symbol(self) -> str:
        return self.symbol.rpartition("/")[2]

    @cached_property
    def lot_value(self) -> Decimal:
        """Quote value of one lot at a price of one tick."""
        return self.tick_size * self.lot_size

    def price_text(self, ticks: int) -> str:
        """The price as the wire shows it: plain decimal text with the instrument's precision."""
        return _fixed(ticks * self._tick_units, self.price_precision)

    def quantity_text(self, lots: int) -> str:
        """The quantity as the wire shows it."""
        return _fixed(lots * self._lot_units, self.quantity_precision)

    @cached_property
    def _tick_units(self) -> int:
        return int(self.tick_size.scaleb(self.price_precision))

    @cached_property
    def _lot_units(self) -> int:
        return int(self.lot_size.scaleb(self.quantity_precision))

    def price(self, ticks: int) -> Decimal:
        return ticks * self.tick_size

    def quantity(self, lots: int) -> Decimal:
        return lots * self.lot_size

    def ticks(self, price: Decimal) -> int:
        """The price in ticks. Refuses a price off the grid (-1111, -4014)."""
        if not price.is_finite() or price != round(price, self.price_precision):
            raise Refusal(-1111, "Precision is over the maximum defined for this asset.")
        ticks, rest = divmod(price, self.tick_size)
        if rest:
            raise Refusal(-4014, f"Price not increased by tick size {self.tick_size}.")
        return int(ticks)

    def lots(self, quantity: Decimal) -> int:
        """The quantity in lots. Refuses a quantity off the grid (-1111, -4023)."""
        if not quantity.is_finite() or quantity != round(quantity, self.quantity_precision):
            raise Refusal(-1111, "Precision is over the maximum defined for this asset.")
        lots, rest = divmod(quantity, self.lot_size)
        if rest:
            raise Refusal(-4023, f"Quantity not increased by step size {self.lot_size}.")
        return int(lots)

    def nearest_ticks(self, price: Decimal) -> int:
        """A tape's price on our grid: rounded to the nearest tick."""
        return int((price / self.tick_size).to_integral_value(ROUND_HALF_EVEN))

    def nearest_lots(self, quantity: Decimal) -> int:
        """A tape's quantity on our grid: rounded to the nearest lot, but something never becomes nothing."""
        lots = int((quantity / self.lot_size).to_integral_value(ROUND_HALF_EVEN))
        return max(lots, 1) if quantity > 0 else 0


def _fixed(units: int, precision: int) -> str:
    if not precision:
        return str(units)
    sign, digits = ("-", str(-units)) if units < 0 else ("", str(units))
    digits = digits.zfill(precision + 1)
    return f"{sign}{digits[:-precision]}.{digits[-precision:]}"


def _listed(symbol: str, tick: str, lot: str, prices: tuple[str, str], quantities: tuple[str, str, str]) -> Instrument:
    tick_size, lot_size = Decimal(tick), Decimal(lot)
    return Instrument(
        symbol=symbol,
        base_asset=symbol.removesuffix("USDT"),
        quote_asset="USDT",
        tick_size=tick_size,
        lot_size=lot_size,
        price_precision=decimals(tick_size),
        quantity_precision=decimals(lot_size),
        min_price=Decimal(prices[0]),
        max_price=Decimal(prices[1]),
        min_quantity=Decimal(quantities[0]),
        max_quantity=Decimal(quantities[1]),
        max_market_quantity=Decimal(quantities[2]),
        min_notional=Decimal(5),
        multiplier_up=Decimal("1.15"),
        multiplier_down=Decimal("0.85"),
    )


def decimals(step: Decimal) -> int:
    """How many decimal places a step needs: 0.001 has 3, 1 and 10 have 0."""
    exponent = step.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


LISTED: Mapping[str, Instrument] = {
    instrument.symbol: instrument
    for instrument in (
        _listed("BTCUSDT", "0.01", "0.001", ("556.72", "1000000"), ("0.001", "1000", "1000")),
        _listed("ETHUSDT", "0.01", "0.001", ("39.86", "100000"), ("0.001", "10000", "10000")),
        _listed("XRPUSDT", "0.0001", "0.1", ("0.0143", "100000"), ("0.1", "1000000", "1000000")),
        _listed("SUSHIUSDT", "0.001", "1", ("0.143", "500"), ("1", "10000000", "100000")),
        _listed("CTKUSDT", "0.001", "1", ("0.026", "100"), ("1", "10000000", "150000")),
        _listed("AKROUSDT", "0.00001", "1", ("0.00048", "100"), ("1", "10000000", "7000000")),
        _listed("1000SHIBUSDT", "0.000001", "1", ("0.000157", "100000"), ("1", "10000000", "5000000")),
        _listed("KEEPUSDT", "0.0001", "1", ("0.004", "100000"), ("1", "1000000", "500000")),
    )
}
"""The instruments listed when no exchange information is given."""


def select(listed: Mapping[str, Instrument], symbols: Iterable[str]) -> dict[str, Instrument]:
    """The instruments named, in that order. An unknown symbol is an `InstrumentError` that lists the known."""
    chosen: dict[str, Instrument] = {}
    for symbol in symbols:
        if symbol not in listed:
            known = ", ".join(sorted(listed))
            raise InstrumentError(f"the paper venue does not list {symbol!r}; it lists {known}")
        chosen[symbol] = listed[symbol]
    if not chosen:
        raise InstrumentError("no symbol to trade: give at least one, for example BTCUSDT")
    return chosen


def load_exchange_info(path: Path) -> dict[str, Instrument]:
    """Instruments of a recorded USDⓈ-M `exchangeInfo`, JSON or JSON.gz. Raises `InstrumentError`."""
    return read_exchange_info(path, "USDⓈ-M", _from_exchange_info)


def read_exchange_info(
    path: Path, kind: str, instrument: Callable[[Mapping[str, Any]], Instrument]
) -> dict[str, Instrument]:
    """Every symbol of a recorded `exchangeInfo` by its name there. Raises `InstrumentError`."""
    try:
        raw = path.read_bytes()
        document = json.loads(gzip.decompress(raw) if path.suffix == ".gz" else raw)
        entries = document["symbols"]
        return {str(entry["symbol"]): instrument(entry) for entry in entries}
    except OSError as error:
        raise InstrumentError(f"cannot read the exchange information {path}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, ArithmeticError, EOFError, zlib.error) as error:
        raise InstrumentError(
            f"{path} is not {kind} exchange information (JSON with 'symbols' and their filters): {error!r}"
        ) from error


def _from_exchange_info(entry: Mapping[str, Any]) -> Instrument:
    filters = {one["filterType"]: one for one in entry["filters"]}
    price, lot = filters["PRICE_FILTER"], filters["LOT_SIZE"]
    percent = filters["PERCENT_PRICE"]
    tick_size, lot_size = Decimal(price["tickSize"]).normalize(), Decimal(lot["stepSize"]).normalize()
    return Instrument(
        symbol=entry["symbol"],
        base_asset=entry["baseAsset"],
        quote_asset=entry["quoteAsset"],
        tick_size=tick_size,
        lot_size=lot_size,
        price_precision=max(decimals(tick_size), int(entry["pricePrecision"])),
        quantity_precision=max(decimals(lot_size), int(entry["quantityPrecision"])),
        min_price=Decimal(price["minPrice"]),
        max_price=Decimal(price["maxPrice"]),
        min_quantity=Decimal(lot["minQty"]),
        max_quantity=Decimal(lot["maxQty"]),
        max_market_quantity=Decimal(filters["MARKET_LOT_SIZE"]["maxQty"]),
        min_notional=Decimal(filters["MIN_NOTIONAL"]["notional"]),
        multiplier_up=Decimal(percent["multiplierUp"]),
        multiplier_down=Decimal(percent["multiplierDown"]),
        max_open_orders=int(filters["MAX_NUM_ORDERS"]["limit"]),
    )
