"""Which of ccxt's watch calls make up each feed of a venue: by what it says it `has`, never by its name."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from connector.ccxt_adapter.feeds import Watch
from connector.ccxt_adapter.unified.streams_dialects import StreamDialect
from connector.ccxt_adapter.unified.streams_taps import TIMEFRAME


def quotes(exchange: Any, symbols: list[str]) -> list[Watch]:
    if _has(exchange, "watchBidsAsks"):
        return [lambda: exchange.watch_bids_asks(symbols)]
    if _has(exchange, "watchTickers"):
        return [lambda: exchange.watch_tickers(symbols)]
    return _each(exchange, "watchTicker", exchange.watch_ticker, symbols)


def quotes_are_tickers(exchange: Any) -> bool:
    return not _has(exchange, "watchBidsAsks")


def trades(exchange: Any, symbols: list[str], dialect: StreamDialect) -> list[Watch]:
    params = dict(dialect.trades_params)
    if _has(exchange, "watchTradesForSymbols"):
        return [lambda: exchange.watch_trades_for_symbols(symbols, None, None, params)]
    return _each(exchange, "watchTrades", lambda symbol: exchange.watch_trades(symbol, None, None, params), symbols)


def candles(exchange: Any, symbols: list[str]) -> list[Watch]:
    if _has(exchange, "watchOHLCVForSymbols"):
        return [lambda: exchange.watch_ohlcv_for_symbols([[symbol, TIMEFRAME] for symbol in symbols])]
    return _each(exchange, "watchOHLCV", lambda symbol: exchange.watch_ohlcv(symbol, TIMEFRAME), symbols)


def funding(exchange: Any, symbols: list[str], poll: Watch) -> list[Watch]:
    """Rates and mark prices by stream where the venue streams both; else `poll`, and mark prices besides if it can.

    Without symbols (spot has neither) `poll` alone.
    """
    watches: list[Watch] = []
    if symbols and _has(exchange, "watchMarkPrices"):
        watches.append(lambda: exchange.watch_mark_prices(symbols))
    if watches and _has(exchange, "watchFundingRates"):
        return [*watches, lambda: exchange.watch_funding_rates(symbols)]
    return [*watches, poll]


def orders(exchange: Any, params: Mapping[str, Any]) -> list[Watch]:
    return [lambda: exchange.watch_orders(params=dict(params))] if _has(exchange, "watchOrders") else []


def fills(exchange: Any, params: Mapping[str, Any]) -> list[Watch]:
    return [lambda: exchange.watch_my_trades(params=dict(params))] if _has(exchange, "watchMyTrades") else []


def state(exchange: Any, name: str, call: Callable[[], Awaitable[None]]) -> list[Watch]:
    return [call] if _has(exchange, name) else []


def _each(exchange: Any, name: str, call: Callable[[str], Awaitable[Any]], symbols: Sequence[str]) -> list[Watch]:
    if not _has(exchange, name):
        return []
    return [lambda symbol=symbol: call(symbol) for symbol in symbols]  # type: ignore[misc]


def _has(exchange: Any, name: str) -> bool:
    return bool(exchange.has.get(name))
