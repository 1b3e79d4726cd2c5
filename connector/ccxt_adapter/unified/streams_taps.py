"""Takes what ccxt has parsed at the moment ccxt stores it: nothing is lost between two awaits.

A watch call wakes its caller once for all messages of one reading of the socket, and ccxt's caches keep the newest of
several changes of one order. So the stores themselves are ours: trades, candle rows, orders and executions are told
one by one before they are merged; of quotes every one is told, and the newest wins where somebody downstream says so.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

KEPT = 1_000
TIMEFRAME = "1m"

Told = Callable[[str, Any], None]


@dataclass(frozen=True, slots=True)
class Taps:
    """Called with the unified symbol (empty where only the message has it) and the message; must not raise."""

    quote: Told
    ticker: Told
    funding: Told
    trade: Told
    candle: Told
    order: Told
    fill: Told


def install(exchange: Any, symbols: Iterable[str], taps: Taps) -> None:
    """Before the first subscription. `symbols` are unified ones."""
    for name in ("watchPositions", "watchBalance"):  # the picture of the start is the port's `snapshot`
        options = exchange.options.setdefault(name, {})
        if isinstance(options, dict):
            options |= {f"fetch{name[5:]}Snapshot": False, f"await{name[5:]}Snapshot": False}
    for symbol in symbols:
        exchange.trades[symbol] = _cache("ArrayCache", symbol, taps.trade)
        exchange.ohlcvs[symbol] = {TIMEFRAME: _cache("ArrayCacheByTimestamp", symbol, taps.candle)}
    exchange.bidsasks = _Store(taps.quote)
    exchange.tickers = _Store(taps.ticker)
    exchange.fundingRates = _Store(taps.funding)
    exchange.orders = _cache("ArrayCacheBySymbolById", "", taps.order)
    exchange.triggerOrders = _cache("ArrayCacheBySymbolById", "", _nobody)
    exchange.myTrades = _cache("ArrayCacheBySymbolById", "", taps.fill)


class _Store(dict[str, Any]):
    def __init__(self, tell: Told) -> None:
        super().__init__()
        self._tell = tell

    def __setitem__(self, symbol: str, message: Any) -> None:
        super().__setitem__(symbol, message)
        self._tell(symbol, message)


def _cache(kind: str, symbol: str, tell: Told) -> Any:
    """One of ccxt's caches. Its module is imported when it is needed: by then ccxt is loaded, in whichever way."""
    base = getattr(import_module("ccxt.async_support.base.ws.cache"), kind)

    def append(self: Any, message: Any) -> None:
        tell(symbol, message)
        base.append(self, message)

    return type(f"Tapped{kind}", (base,), {"append": append})(KEPT)


def _nobody(_symbol: str, _message: Any) -> None:
    """Trigger orders are nobody's of ours."""
