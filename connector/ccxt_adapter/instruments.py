"""From ccxt's unified markets to our instruments (SYM-1): the one place that knows both names of a market."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from connector.errors import ConnectorError
from topics.scale import Scale
from topics.v1.instruments_pb2 import Instrument, InstrumentKind

# ccxt.base.decimal_to_precision; constants of its public interface.
DECIMAL_PLACES = 2
TICK_SIZE = 4


class NotTradableError(ConnectorError):
    """The venue's metadata of this instrument does not suffice to trade it."""


@dataclass(frozen=True, slots=True)
class Listing:
    """One market: `symbol` is the venue's name, `unified` ccxt's; `contract_size` in base units."""

    symbol: str
    unified: str
    scale: Scale
    contract_size: Decimal
    instrument: Instrument

    def amount(self, quantity_lots: int) -> str:
        """In the venue's unit (contracts), as ccxt wants it."""
        return format(self.scale.quantity(quantity_lots) / self.contract_size, "f")

    def price(self, price_ticks: int) -> str:
        return format(self.scale.price(price_ticks), "f")


def listing_of(market: Mapping[str, Any], *, venue: str, precision_mode: int) -> Listing:
    """Raises NotTradableError where tick or lot size is missing, or the contract is settled in another way."""
    symbol = str(market["id"])
    kind = _kind(market, symbol)
    contract_size = _decimal(market.get("contractSize")) or Decimal(1)
    tick_size = _step(market, "price", precision_mode, symbol)
    contract_step = _step(market, "amount", precision_mode, symbol)
    scale = Scale(tick_size, contract_step * contract_size)
    amounts = market["limits"].get("amount") or {}
    costs = market["limits"].get("cost") or {}
    return Listing(
        symbol=symbol,
        unified=str(market["symbol"]),
        scale=scale,
        contract_size=contract_size,
        instrument=Instrument(
            venue=venue,
            symbol=symbol,
            base_asset=str(market["baseId"]),
            quote_asset=str(market["quoteId"]),
            margin_asset=str(market.get("settleId") or market["quoteId"]),
            kind=kind,
            grain=scale.grain,
            min_notional=_text(costs.get("min")),
            min_quantity_lots=_lots(amounts.get("min"), contract_step),
            max_quantity_lots=_lots(amounts.get("max"), contract_step),
            contract_size=_text(contract_size),
            maker_fee_rate=_text(market.get("maker")),
            taker_fee_rate=_text(market.get("taker")),
            trading=bool(market.get("active")),
        ),
    )


def _kind(market: Mapping[str, Any], symbol: str) -> InstrumentKind.ValueType:
    if market.get("spot"):
        return InstrumentKind.INSTRUMENT_KIND_SPOT
    if market.get("swap") and market.get("linear"):
        return InstrumentKind.INSTRUMENT_KIND_LINEAR_PERPETUAL
    raise NotTradableError(
        f"{symbol} is a {market.get('type')} market; only spot and linear perpetuals can be traded: "
        "take it out of venue.symbols"
    )


def _step(market: Mapping[str, Any], what: str, precision_mode: int, symbol: str) -> Decimal:
    value = _decimal(market["precision"].get(what))
    name = "tick size" if what == "price" else "lot size"
    if value is None:
        raise NotTradableError(
            f"{symbol}: the venue gives no {name}; it cannot be traded. Take it out of venue.symbols"
        )
    if precision_mode == DECIMAL_PLACES:
        value = Decimal(1).scaleb(-int(value))
    elif precision_mode != TICK_SIZE:
        raise NotTradableError(
            f"{symbol}: the venue counts {what} in significant digits, which is no {name}; it cannot be traded. "
            "Take it out of venue.symbols"
        )
    if value <= 0:
        raise NotTradableError(f"{symbol}: {name} {value} is not positive; it cannot be traded")
    return value.normalize() if value == value.to_integral_value() else value


def _decimal(value: Any) -> Decimal | None:
    return None if value in (None, "") else Decimal(str(value))


def _text(value: Any) -> str:
    found = _decimal(value)
    return "" if found is None else format(found, "f")


def _lots(value: Any, step: Decimal) -> int:
    found = _decimal(value)
    return 0 if found is None else int(found / step)
