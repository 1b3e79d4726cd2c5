"""Public spot market data over REST: what anyone may ask. Must not: change anything."""

from __future__ import annotations

import time
from typing import Any

from venue import rest_market as market
from venue.exchange import Exchange
from venue.instruments import Product
from venue.messages import Json
from venue.rest_market import listings, one_or_all
from venue.rest_parameters import Given
from venue.spot import messages


def exchange_info(exchange: Exchange, given: Given) -> Any:
    return {
        "timezone": "UTC",
        "serverTime": time.time_ns() // 1_000_000,
        "rateLimits": [],
        "exchangeFilters": [],
        "symbols": [
            messages.exchange_info_symbol(exchange.engine.books[name].instrument)
            for name in listings(exchange, given, Product.SPOT)
        ],
    }


def no_exchange_info(exchange: Exchange, given: Given) -> Any:  # noqa: ARG001 - every handler has this signature
    """Of COIN-M, which clients ask for beside the others: it lists nothing here."""
    return {"timezone": "UTC", "serverTime": time.time_ns() // 1_000_000, "rateLimits": [], "symbols": []}


def depth(exchange: Exchange, given: Given) -> Any:
    found = market.depth(exchange, given, Product.SPOT)
    return {name: found[name] for name in ("lastUpdateId", "bids", "asks")}


def klines(exchange: Exchange, given: Given) -> Any:
    return market.klines(exchange, given, Product.SPOT)


def trades(exchange: Exchange, given: Given) -> Any:
    return [{**one, "isBestMatch": True} for one in market.trades(exchange, given, Product.SPOT)]


def aggregate_trades(exchange: Exchange, given: Given) -> Any:
    return [{**one, "M": True} for one in market.aggregate_trades(exchange, given, Product.SPOT)]


def book_ticker(exchange: Exchange, given: Given) -> Any:
    return one_or_all(given, [_quote(exchange, name) for name in listings(exchange, given, Product.SPOT)])


def _quote(exchange: Exchange, name: str) -> Json:
    ticker = exchange.market_data.book_ticker(name)
    prices = {"bidPrice": ticker["b"], "bidQty": ticker["B"], "askPrice": ticker["a"], "askQty": ticker["A"]}
    return {"symbol": ticker["s"], **prices}


def ticker_price(exchange: Exchange, given: Given) -> Any:
    books = [exchange.engine.books[name] for name in listings(exchange, given, Product.SPOT)]
    prices = [
        {"symbol": book.instrument.wire_symbol, "price": book.instrument.price_text(book.last_price)} for book in books
    ]
    return one_or_all(given, prices)


def ticker_24hr(exchange: Exchange, given: Given) -> Any:
    days = [
        {**market.day(exchange, name), **_quote(exchange, name)} for name in listings(exchange, given, Product.SPOT)
    ]
    return one_or_all(given, days)
