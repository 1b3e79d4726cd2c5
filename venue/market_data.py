"""What the public may know of each listing, and telling it: quotes, trades, candles, mark prices, by stream name.

A spot listing's streams carry its product before their name, as its own name does; on the wire they have none.
Must not: change a book, an account or the ledger.
"""

from __future__ import annotations

from collections import deque
from decimal import Decimal
from typing import Any

from venue import messages
from venue.account import ZERO
from venue.engine import Engine
from venue.instruments import Instrument, Product
from venue.klines import INTERVALS_MS, MINUTE_MS, Kline, Klines
from venue.orders import Side
from venue.streams import Streams
from venue.tape import Trade, UpcomingFunding

KLINE_EVERY_MS = 250
RECENT_TRADES = 1_000


class Market:
    """What the public may know of one listing beside the book."""

    def __init__(self, instrument: Instrument) -> None:
        self.instrument = instrument
        self.lower = instrument.symbol.lower()
        self.book_ticker = f"{self.lower}@bookTicker"
        self.every_book_ticker = instrument.product.listing("!bookTicker")
        self.margin_symbol = (
            Product.MARGIN.listing(instrument.wire_symbol) if instrument.product is Product.SPOT else None
        )
        self.update_id = 0
        self.klines = Klines()
        self.kline_sent_ms = 0
        self.funding_rate: Decimal = ZERO
        self.trades: deque[tuple[int, Trade]] = deque(maxlen=RECENT_TRADES)

    def state(self, quote: tuple[int, ...], mark_basis: Decimal) -> dict[str, Any]:
        """What a restart needs."""
        return {
            "update_id": self.update_id,
            "quote": quote,
            "mark_basis": str(mark_basis),
            "funding_rate": str(self.funding_rate),
            "kline": self.klines.minutes[-1].as_row() if self.klines.minutes else None,
        }


class MarketData:
    """Tells who listens; every method that tells gives back how many listeners there were."""

    def __init__(self, engine: Engine, streams: Streams) -> None:
        self._engine = engine
        self._streams = streams
        self.markets = {
            symbol: Market(book.instrument)
            for symbol, book in engine.books.items()
            if book.instrument.product is not Product.MARGIN
        }

    def of(self, product: Product) -> list[str]:
        """The listings of a product that has a market of its own."""
        return [name for name, market in self.markets.items() if market.instrument.product is product]

    def tell_quote(self, market: Market) -> int:
        heard = 0
        everyone = self._streams.has(market.every_book_ticker)
        if everyone or self._streams.has(market.book_ticker):
            message = self.book_ticker(market.instrument.symbol)
            heard = self._streams.publish(market.book_ticker, message)
            if everyone:
                heard += self._streams.publish(market.every_book_ticker, message)
        return heard

    def book_ticker(self, symbol: str) -> messages.Json:
        """The best bid and ask as a WebSocket message."""
        book, market = self._engine.books[symbol], self.markets[symbol]
        instrument = book.instrument
        quote = {
            "u": market.update_id,
            "s": instrument.wire_symbol,
            "b": instrument.price_text(book.bid),
            "B": instrument.quantity_text(book.bid_size),
            "a": instrument.price_text(book.ask),
            "A": instrument.quantity_text(book.ask_size),
        }
        if instrument.product is Product.SPOT:
            return quote
        return {"e": "bookTicker", **quote, "T": book.time_ms, "E": book.time_ms}

    def tell_trade(self, market: Market, trade: Trade) -> int:
        heard = 0
        by_trade, by_aggregate = f"{market.lower}@trade", f"{market.lower}@aggTrade"
        trade_id = market.trades[-1][0]
        common: messages.Json = {
            "E": trade.time_ms,
            "T": trade.time_ms,
            "s": market.instrument.wire_symbol,
            "p": market.instrument.price_text(trade.price),
            "q": market.instrument.quantity_text(trade.quantity),
            "m": trade.taker_side is Side.SELL,
            "u": market.update_id,
        }
        common |= {"M": True} if market.instrument.product is Product.SPOT else {}
        if self._streams.has(by_trade):
            heard += self._streams.publish(by_trade, {"e": "trade", "t": trade_id, **common, "X": "MARKET"})
        if self._streams.has(by_aggregate):
            message = {"e": "aggTrade", "a": trade_id, "f": trade_id, "l": trade_id, **common}
            heard += self._streams.publish(by_aggregate, message)
        return heard

    def tell_klines(self, market: Market, closed: Kline | None, now_ms: int) -> None:
        """Candles as they grow, at most every 250 ms of tape time, and always when one closes."""
        due = now_ms - market.kline_sent_ms >= KLINE_EVERY_MS
        if not due and closed is None:
            return
        market.kline_sent_ms = now_ms
        for interval, length_ms in INTERVALS_MS.items():
            name = f"{market.lower}@kline_{interval}"
            if not self._streams.has(name):
                continue
            latest = market.klines.latest(length_ms)
            if closed is not None and latest is not None and closed.open_time_ms < latest.open_time_ms:
                ended = self._ended(market, closed, length_ms)
                if ended is not None:
                    self._tell_kline(market, name, ended, interval, now_ms, closed=True)
            if latest is not None:
                self._tell_kline(market, name, latest, interval, now_ms, closed=False)

    @staticmethod
    def _ended(market: Market, closed: Kline, length_ms: int) -> Kline | None:
        """The candle of an interval that ended with this closed minute."""
        if length_ms == MINUTE_MS:
            return closed
        start = closed.open_time_ms - closed.open_time_ms % length_ms
        return next((one for one in market.klines.of_interval(length_ms) if one.open_time_ms == start), None)

    def _tell_kline(self, market: Market, name: str, kline: Kline, interval: str, now_ms: int, *, closed: bool) -> None:
        message = messages.kline_update(
            kline, interval, INTERVALS_MS[interval], market.instrument, now_ms, closed=closed
        )
        self._streams.publish(name, message)

    def mark_price_update(self, symbol: str, upcoming: UpcomingFunding, now_ms: int) -> messages.Json:
        """Mark price and funding as a WebSocket message; next funding time 0 = none comes (FUND-1)."""
        mark = messages.decimal_text(self._engine.books[symbol].mark)
        rate = upcoming.rate if upcoming.time_ms else self.markets[symbol].funding_rate
        return {
            "e": "markPriceUpdate",
            "E": now_ms,
            "s": symbol,
            "p": mark,
            "ap": mark,
            "P": mark,
            "i": mark,
            "r": messages.decimal_text(rate),
            "T": upcoming.time_ms,
        }

    def tell_mark_price(self, symbol: str, upcoming: UpcomingFunding, now_ms: int) -> None:
        """Tell the mark price to who listens to it."""
        lower = self.markets[symbol].lower
        single = [name for name in (f"{lower}@markPrice", f"{lower}@markPrice@1s") if self._streams.has(name)]
        every = [name for name in ("!markPrice@arr", "!markPrice@arr@1s") if self._streams.has(name)]
        if not single and not every:
            return
        message = self.mark_price_update(symbol, upcoming, now_ms)
        for name in single:
            self._streams.publish(name, message)
        for name in every:
            self._streams.publish(name, [message])
