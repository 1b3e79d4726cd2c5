"""What ccxt stores of the market, into mailboxes: quotes, trades, candles, funding. Never raises, never waits."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from connector import metrics
from connector.ccxt_adapter.feeds import Feed
from connector.ccxt_adapter.instruments import Listing
from connector.ccxt_adapter.mailbox import Mailbox
from connector.ccxt_adapter.unified import streams_market as market
from connector.ccxt_adapter.unified.streams_funding import FundingPicture
from connector.port import StreamLost
from observability.logs import get_logger
from topics.errors import TapelineError
from topics.v1.funding_pb2 import FundingUpdate
from topics.v1.market_pb2 import MarketEvent

_log = get_logger(__name__)
UNREADABLE = (KeyError, TypeError, ValueError, ArithmeticError, AttributeError, TapelineError)


def say_refused(feed: Feed, message: Any, error: Exception) -> None:
    metrics.FRAMES_REFUSED.labels(feed.name).inc()
    _log.error("venue_frame_refused", feed=feed.name, reason=f"{type(error).__name__}: {error}", frame=message)


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class MarketReader:
    """Of instruments by ccxt's unified names; the boxes are by the venue's. `quotes_are_tickers`: the venue has no
    stream of best prices of its own."""

    def __init__(
        self, venue: str, listings: Mapping[str, Listing], *, volume_in_contracts: bool, quotes_are_tickers: bool
    ) -> None:
        self.quotes, self.trades = Feed("quotes", ()), Feed("trades", ())
        self.candles, self.funding = Feed("candles", ()), Feed("funding", ())
        symbols = [listing.symbol for listing in listings.values()]
        self.boxes: dict[str, Mailbox[MarketEvent | StreamLost]] = {symbol: Mailbox() for symbol in symbols}
        self.funding_boxes: dict[str, Mailbox[FundingUpdate]] = {symbol: Mailbox() for symbol in symbols}
        self._listings = listings
        self._rows = {unified: market.CandleRows(listing, volume_in_contracts) for unified, listing in listings.items()}
        self._pictures = {unified: FundingPicture(venue, listing.symbol) for unified, listing in listings.items()}
        self._quotes_are_tickers = quotes_are_tickers

    def lost(self) -> None:
        for rows in self._rows.values():
            rows.cut()
        for box in self.boxes.values():
            box.put(StreamLost())

    def on_quote(self, unified: str, ticker: Any) -> None:
        listing = self._listings.get(unified)
        if listing is not None:
            self._put(self.quotes, unified, ticker, lambda: market.quote(ticker, listing, received_ms=now_ms()))

    def on_trade(self, unified: str, raw: Any) -> None:
        self._put(self.trades, unified, raw, lambda: market.trade(raw, self._listings[unified]))

    def on_candle(self, unified: str, row: Any) -> None:
        self._put(self.candles, unified, row, lambda: self._rows[unified].take(row))

    def on_ticker(self, unified: str, ticker: Any) -> None:
        if self._quotes_are_tickers:
            self.on_quote(unified, ticker)
        if unified in self._listings and ticker.get("markPrice") is not None:
            time_ms = ticker.get("timestamp") or now_ms()
            self._tell_funding(unified, ticker, lambda picture: picture.mark(ticker["markPrice"], time_ms=time_ms))

    def on_funding(self, unified: str, raw: Any) -> None:
        if unified in self._listings:
            self._tell_funding(unified, raw, lambda picture: picture.rate(raw, received_ms=now_ms()))

    def on_last_price(self, unified: str, ticker: Any) -> None:
        """Of a spot instrument, which has no funding."""
        self._tell_funding(unified, ticker, lambda picture: picture.none(ticker["last"], received_ms=now_ms()))

    def _put(
        self, feed: Feed, unified: str, message: Any, read: Callable[[], MarketEvent | list[MarketEvent] | None]
    ) -> None:
        feed.seen()
        try:
            read_now = read()
        except UNREADABLE as error:
            say_refused(feed, message, error)
            return
        for event in read_now if isinstance(read_now, list) else [read_now]:
            if event is not None:
                self.boxes[self._listings[unified].symbol].put(event)

    def _tell_funding(self, unified: str, message: Any, read: Callable[[FundingPicture], FundingUpdate | None]) -> None:
        self.funding.seen()
        try:
            update = read(self._pictures[unified])
        except UNREADABLE as error:
            say_refused(self.funding, message, error)
            return
        if update is not None:
            self.funding_boxes[self._listings[unified].symbol].put(update)
