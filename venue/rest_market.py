"""Public market data over REST: what anyone may ask. Must not: change anything."""

from __future__ import annotations

import time
from itertools import islice
from typing import Any

import orjson

from venue import messages
from venue.errors import Refusal, parameter_malformed
from venue.exchange import Exchange
from venue.instruments import Product
from venue.klines import INTERVALS_MS
from venue.orders import Side
from venue.rest_parameters import Given, integer, limit, listing, text, time_range

DAY_MS = 86_400_000


def ping(exchange: Exchange, given: Given) -> Any:  # noqa: ARG001 - every handler has this signature
    return {}


def server_time(exchange: Exchange, given: Given) -> Any:  # noqa: ARG001 - every handler has this signature
    return {"serverTime": time.time_ns() // 1_000_000}


def exchange_info(exchange: Exchange, given: Given) -> Any:  # noqa: ARG001 - every handler has this signature
    instruments = [book.instrument for book in exchange.engine.perpetuals.books.values()]
    assets = sorted({instrument.quote_asset for instrument in instruments})
    return {
        "timezone": "UTC",
        "serverTime": time.time_ns() // 1_000_000,
        "futuresType": "U_MARGINED",
        "rateLimits": [],
        "exchangeFilters": [],
        "assets": [{"asset": asset, "marginAvailable": True, "autoAssetExchange": "-10000"} for asset in assets],
        "symbols": [messages.exchange_info_symbol(one) for one in instruments],
    }


def depth(exchange: Exchange, given: Given, product: Product = Product.PERPETUAL) -> Any:
    symbol = listing(given, product)
    book = exchange.engine.book(symbol)
    most = limit(given, 500, 1_000)
    sides = {
        name: [
            [book.instrument.price_text(price), book.instrument.quantity_text(lots)]
            for price, lots in islice(book.levels(asks=name == "asks"), most)
        ]
        for name in ("bids", "asks")
    }
    return {"lastUpdateId": exchange.markets[symbol].update_id, "E": exchange.time_ms, "T": book.time_ms, **sides}


def klines(exchange: Exchange, given: Given, product: Product = Product.PERPETUAL) -> Any:
    symbol, interval = listing(given, product), text(given, "interval")
    exchange.engine.book(symbol)
    length_ms = INTERVALS_MS.get(interval)
    if length_ms is None:
        raise Refusal(-1120, "Invalid interval.")
    market, times, most = exchange.markets[symbol], time_range(given), limit(given, 500, 1_500)
    within = [one for one in market.klines.of_interval(length_ms) if times.start_ms <= one.open_time_ms <= times.end_ms]
    chosen = within[:most] if times.start_ms else within[-most:]
    return [messages.kline_row(one, length_ms, market.instrument) for one in chosen]


def listings(exchange: Exchange, given: Given, product: Product = Product.PERPETUAL) -> list[str]:
    """The listings asked for: one, several, or all of the product."""
    if "symbols" in given:
        names = [listing({"symbol": name}, product) for name in _names(given["symbols"])]
    elif "symbol" in given:
        names = [listing(given, product)]
    else:
        return exchange.market_data.of(product)
    for name in names:
        exchange.engine.book(name)
    return names


def _names(text_of_list: str) -> list[str]:
    try:
        names = orjson.loads(text_of_list)
    except orjson.JSONDecodeError as error:
        raise parameter_malformed("symbols", text_of_list) from error
    if not isinstance(names, list):
        raise parameter_malformed("symbols", text_of_list)
    return [str(name) for name in names]


def one_or_all(given: Given, found: list[Any]) -> Any:
    return found[0] if "symbol" in given else found


def premium_index(exchange: Exchange, given: Given) -> Any:
    """Mark price and funding. A next funding time of 0 means that none comes (FUND-1)."""
    found = []
    for symbol in listings(exchange, given):
        update = exchange.mark_price_update(symbol)
        found.append(
            {
                "symbol": symbol,
                "markPrice": update["p"],
                "indexPrice": update["i"],
                "estimatedSettlePrice": update["P"],
                "lastFundingRate": update["r"],
                "interestRate": "0.00010000",
                "nextFundingTime": update["T"],
                "time": exchange.time_ms,
            }
        )
    return one_or_all(given, found)


def funding_rate(exchange: Exchange, given: Given) -> Any:
    times = time_range(given)
    rows = exchange.ledger.funding_rates(given.get("symbol"), times.start_ms, times.end_ms, limit(given, 100, 1_000))
    return [
        {
            "symbol": row["symbol"],
            "fundingTime": row["time_ms"],
            "fundingRate": row["rate"],
            "markPrice": row["mark_price"],
        }
        for row in rows
    ]


def funding_info(exchange: Exchange, given: Given) -> Any:  # noqa: ARG001 - every handler has this signature
    return [
        {
            "symbol": symbol,
            "adjustedFundingRateCap": "0.02",
            "adjustedFundingRateFloor": "-0.02",
            "fundingIntervalHours": 8,
            "disclaimer": False,
        }
        for symbol in exchange.market_data.of(Product.PERPETUAL)
    ]


def book_ticker(exchange: Exchange, given: Given) -> Any:
    found = []
    for symbol in listings(exchange, given):
        ticker = exchange.market_data.book_ticker(symbol)
        found.append(
            {
                "lastUpdateId": ticker["u"],
                "symbol": symbol,
                "bidPrice": ticker["b"],
                "bidQty": ticker["B"],
                "askPrice": ticker["a"],
                "askQty": ticker["A"],
                "time": ticker["T"],
            }
        )
    return one_or_all(given, found)


def ticker_price(exchange: Exchange, given: Given) -> Any:
    found = []
    for symbol in listings(exchange, given):
        book = exchange.engine.books[symbol]
        found.append({"symbol": symbol, "price": book.instrument.price_text(book.last_price), "time": book.time_ms})
    return one_or_all(given, found)


def ticker_24hr(exchange: Exchange, given: Given) -> Any:
    return one_or_all(given, [day(exchange, symbol) for symbol in listings(exchange, given)])


def day(exchange: Exchange, symbol: str) -> messages.Json:
    """A listing's last day, from its one-minute candles."""
    book, market = exchange.engine.books[symbol], exchange.markets[symbol]
    instrument = book.instrument
    minutes = [one for one in market.klines.minutes if one.open_time_ms > exchange.time_ms - DAY_MS]
    first, last = (minutes[0].open, minutes[-1].close) if minutes else (book.last_price, book.last_price)
    volume, value = sum(one.volume for one in minutes), sum(one.value for one in minutes)
    return {
        "symbol": instrument.wire_symbol,
        "priceChange": instrument.price_text(last - first),
        "priceChangePercent": f"{(last - first) / first * 100 if first else 0:.3f}",
        "weightedAvgPrice": instrument.price_text(value // volume if volume else last),
        "lastPrice": instrument.price_text(last),
        "lastQty": instrument.quantity_text(market.trades[-1][1].quantity if market.trades else 0),
        "openPrice": instrument.price_text(first),
        "highPrice": instrument.price_text(max((one.high for one in minutes), default=last)),
        "lowPrice": instrument.price_text(min((one.low for one in minutes), default=last)),
        "volume": instrument.quantity_text(volume),
        "quoteVolume": messages.decimal_text(value * instrument.lot_value),
        "openTime": minutes[0].open_time_ms if minutes else exchange.time_ms,
        "closeTime": exchange.time_ms,
        "firstId": 0,
        "lastId": market.update_id,
        "count": sum(one.trades for one in minutes),
    }


def trades(exchange: Exchange, given: Given, product: Product = Product.PERPETUAL) -> Any:
    """The latest trades of the tape."""
    return _trades(exchange, listing(given, product))[-limit(given, 500, 1_000) :]


def aggregate_trades(exchange: Exchange, given: Given, product: Product = Product.PERPETUAL) -> Any:
    """The trades of the tape, each an aggregate of itself: the first from an id or a time on, else the latest."""
    times, from_id, most = time_range(given), integer(given, "fromId", 0), limit(given, 500, 1_000)
    within = [
        {
            "a": one["id"],
            "p": one["price"],
            "q": one["qty"],
            "f": one["id"],
            "l": one["id"],
            "T": one["time"],
            "m": one["isBuyerMaker"],
        }
        for one in _trades(exchange, listing(given, product))
        if one["id"] >= from_id and times.start_ms <= one["time"] <= times.end_ms
    ]
    return within[:most] if "fromId" in given or times.start_ms else within[-most:]


def _trades(exchange: Exchange, symbol: str) -> list[dict[str, Any]]:
    instrument = exchange.engine.book(symbol).instrument
    return [
        {
            "id": trade_id,
            "price": instrument.price_text(trade.price),
            "qty": instrument.quantity_text(trade.quantity),
            "quoteQty": messages.decimal_text(trade.price * trade.quantity * instrument.lot_value),
            "time": trade.time_ms,
            "isBuyerMaker": trade.taker_side is Side.SELL,
        }
        for trade_id, trade in exchange.markets[symbol].trades
    ]
