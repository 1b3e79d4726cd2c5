"""The venue's websockets: subscriptions that come back by themselves (STREAM-1), frames sorted into mailboxes.

ccxt owns connection, authentication, subscription and keep-alive. Frames are taken before ccxt parses them: its caches
keep the newest of several messages between two awaits and its numbers are floats. A subscription's future therefore
never resolves; it fails when the connection is lost, and that is how a feed knows. Nothing here waits for a reader.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from connector import metrics
from connector.ccxt_adapter import binance_frames as frames
from connector.ccxt_adapter.feeds import Feed, Feeds
from connector.ccxt_adapter.instruments import Listing
from connector.ccxt_adapter.mailbox import Mailbox
from connector.port import OrderReport, StreamLost
from connector.settings import VenueConnection
from observability.logs import get_logger
from topics.errors import TapelineError
from topics.v1.account_pb2 import AccountUpdate
from topics.v1.funding_pb2 import FundingUpdate
from topics.v1.market_pb2 import MarketEvent

_log = get_logger(__name__)
_UNREADABLE = (KeyError, TypeError, ValueError, ArithmeticError, TapelineError)


@dataclass(frozen=True, slots=True)
class AccountChange:
    """An account update; `funding_paid` where its cause is a funding payment, whose id only REST tells."""

    update: AccountUpdate
    funding_paid: bool


@dataclass(slots=True)
class Mailboxes:
    """Where frames end up: by symbol, or for the account."""

    market: dict[str, Mailbox[MarketEvent | StreamLost]]
    funding: dict[str, Mailbox[FundingUpdate]]
    orders: Mailbox[OrderReport | StreamLost] = field(default_factory=Mailbox)
    account: Mailbox[AccountChange | StreamLost] = field(default_factory=Mailbox)


class Streams:
    """Feeds of one account and its symbols. `start_market` and `start_account` may be called again, to no effect."""

    def __init__(self, exchange: Any, venue: VenueConnection, listings: Mapping[str, Listing]) -> None:
        self.boxes = Mailboxes(
            market={symbol: Mailbox() for symbol in listings}, funding={symbol: Mailbox() for symbol in listings}
        )
        self.newest_ms = 0
        self._exchange = exchange
        self._venue = venue
        self._scales = {symbol: listing.scale for symbol, listing in listings.items()}
        unified = [listing.unified for listing in listings.values()]
        self._quotes = Feed("quotes", [lambda: exchange.watch_bids_asks(unified)])
        self._trades = Feed("trades", [lambda: exchange.watch_trades_for_symbols(unified, params={"name": "aggTrade"})])
        self._candles = Feed(
            "candles", [lambda: exchange.watch_ohlcv_for_symbols([[symbol, "1m"] for symbol in unified])]
        )
        self._funding = Feed("funding", [lambda: exchange.watch_mark_prices(unified)])
        self._account = Feed("account", [lambda: exchange.watch_orders()], forget=self._forget_listen_key)
        self._market_feeds = (self._quotes, self._trades, self._candles, self._funding)
        self._feeds = Feeds((*self._market_feeds, self._account), venue.reconnect_delays_s)
        self._handlers: dict[str, tuple[Feed, Callable[[frames.Frame], None]]] = {
            "bookTicker": (self._quotes, self._on_quote),
            "aggTrade": (self._trades, self._on_trade),
            "kline": (self._candles, self._on_candle),
            "markPriceUpdate": (self._funding, self._on_funding),
            "ORDER_TRADE_UPDATE": (self._account, self._on_order),
            "ACCOUNT_UPDATE": (self._account, self._on_account),
            "listenKeyExpired": (self._account, self._on_listen_key_expired),
        }

    def start_market(self) -> None:
        for feed in self._market_feeds:
            self._feeds.start(feed)

    def start_account(self) -> None:
        self._feeds.start(self._account)

    async def close(self) -> None:
        await self._feeds.close()

    def status(self) -> dict[str, dict[str, Any]]:
        """By feed: whether it is up, and seconds since its newest frame (None: never one)."""
        return self._feeds.status()

    def on_frame(self, message: Any) -> bool:
        """Takes every frame it knows; never raises. What cannot be read is logged and counted."""
        if not isinstance(message, dict):
            return False
        data = message.get("data", message)
        known = self._handlers.get(data.get("e", "")) if isinstance(data, dict) else None
        if known is None:
            if "result" in message and "id" in message:
                self._on_subscribed()
            return False
        feed, handle = known
        feed.seen()
        try:
            handle(data)
        except _UNREADABLE as error:
            self._refuse(feed, data, error)
        return True

    def on_connected(self, url: str) -> None:
        if "listenKey=" in url:
            self._account.seen()
            self.boxes.orders.put(StreamLost())
            self.boxes.account.put(StreamLost())

    def _on_subscribed(self) -> None:
        """A market subscription is in force: what happened before it must be fetched."""
        for feed in self._market_feeds:
            feed.seen()
        for box in self.boxes.market.values():
            box.put(StreamLost())

    def _on_quote(self, frame: frames.Frame) -> None:
        self._put_market(frame, frames.quote)

    def _on_trade(self, frame: frames.Frame) -> None:
        self._put_market(frame, frames.trade)

    def _on_candle(self, frame: frames.Frame) -> None:
        self._put_market(frame, frames.candle)

    def _put_market(self, frame: frames.Frame, parse: Callable[..., MarketEvent]) -> None:
        scale = self._scales[frame["s"]]
        self.boxes.market[frame["s"]].put(parse(frame, scale))
        self._advance(frame["E"])

    def _on_funding(self, frame: frames.Frame) -> None:
        self.boxes.funding[frame["s"]].put(frames.funding(frame, venue=self._venue.name))
        self._advance(frame["E"])

    def _on_order(self, frame: frames.Frame) -> None:
        symbol = frame["o"]["s"]
        if symbol not in self._scales:
            _log.info("order_of_unfollowed_symbol", symbol=symbol, client_order_id=frame["o"].get("c"))
            return
        for report in frames.order_reports(frame, self._scales[symbol]):
            self.boxes.orders.put(report)
        self._advance(frame["T"])

    def _on_account(self, frame: frames.Frame) -> None:
        update = frames.account(frame, self._scales, venue=self._venue.name, name=self._venue.account)
        self.boxes.account.put(AccountChange(update, frames.is_funding_payment(frame)))
        self._advance(frame["T"])

    def _on_listen_key_expired(self, _frame: frames.Frame) -> None:
        for url, client in list(self._exchange.clients.items()):
            if "listenKey=" in url:
                client.on_error(ConnectionError("the venue ended the listen key of the user stream"))

    def _advance(self, time_ms: int) -> None:
        self.newest_ms = max(self.newest_ms, time_ms)

    def _forget_listen_key(self) -> None:
        self._exchange.options["linear"] = {"listenKey": None, "lastAuthenticatedTime": 0}

    def _refuse(self, feed: Feed, frame: frames.Frame, error: Exception) -> None:
        metrics.FRAMES_REFUSED.labels(feed.name).inc()
        _log.error("venue_frame_refused", feed=feed.name, reason=f"{type(error).__name__}: {error}", frame=dict(frame))
        if feed is self._account:  # an order or a balance changed, how is not known: it must be asked for
            self.boxes.orders.put(StreamLost())
            self.boxes.account.put(StreamLost())
