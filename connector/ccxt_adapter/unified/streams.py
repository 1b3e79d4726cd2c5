"""The websockets of any venue, by ccxt's watch calls: subscriptions that come back by themselves (STREAM-1).

ccxt owns connection, login, subscription, parsing and keep-alive. Its watch calls only keep the subscriptions up:
what they return is looked at for states (balances, positions), of which the newest is the truth; everything else is
taken where ccxt stores it (`streams_taps`). Nothing here waits for a reader.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from decimal import Decimal
from typing import Any, TypeVar

from connector.ccxt_adapter.errors import translate
from connector.ccxt_adapter.feeds import Feed, Feeds, Watch
from connector.ccxt_adapter.gaps import mended
from connector.ccxt_adapter.instruments import Listing
from connector.ccxt_adapter.unified import account_messages, streams_feeds, streams_taps
from connector.ccxt_adapter.unified.streams_account_reader import AccountReader, ReadFill, ReadOrder
from connector.ccxt_adapter.unified.streams_announcing import Announcer, acknowledges, ends_account_stream, login_of
from connector.ccxt_adapter.unified.streams_dialects import dialect_of
from connector.ccxt_adapter.unified.streams_history import UnifiedMarketHistory
from connector.ccxt_adapter.unified.streams_market_reader import MarketReader
from connector.errors import AuthenticationError
from connector.port import OrderReport, StreamLost
from connector.settings import VenueConnection
from connector.venues import SPOT
from observability.logs import redact_text
from topics.v1.account_pb2 import AccountUpdate
from topics.v1.funding_pb2 import FundingUpdate
from topics.v1.instruments_pb2 import InstrumentKind
from topics.v1.market_pb2 import MarketEvent

FUNDING_POLL_S = 30.0
_KEY = "listenKey="  # an address that holds a key is itself the subscription
_LOGIN = "authenticated"  # what ccxt calls a login among its subscriptions
ReplyT = TypeVar("ReplyT")


class UnifiedStreams:
    """Feeds of one account and its symbols; each starts with its first reader.

    `exchange` is made by `make_exchange` with taps that call `on_frame`, `on_connected` and `on_wanted`, and is told
    by its options which type of market is meant. `mark_price` (of a symbol) is asked where the venue tells no mark
    price with its funding rate; `read_order` and `read_fill` know where the venue's orders differ; `funding_poll_s` is
    how often a rate is read that no stream tells.
    """

    def __init__(
        self,
        exchange: Any,
        venue: VenueConnection,
        listings: Mapping[str, Listing],
        *,
        mark_price: Callable[[str], Awaitable[Decimal]] | None = None,
        read_order: ReadOrder = account_messages.order,
        read_fill: ReadFill = account_messages.fill,
        funding_poll_s: float = FUNDING_POLL_S,
    ) -> None:
        unified = {listing.unified: listing for listing in listings.values()}
        self._exchange = exchange
        self._venue = venue
        self._listings = listings
        margin = venue.profile.margin if venue.use_margin else None
        self._watching: Mapping[str, Any] = margin.watching if margin else {}
        self._dialect = dialect_of(venue.ccxt_id)
        self._ask_mark_price = mark_price
        self._funding_poll_s = funding_poll_s
        self._market = MarketReader(
            venue.name,
            unified,
            volume_in_contracts=venue.profile.volume_in_contracts,
            quotes_are_tickers=streams_feeds.quotes_are_tickers(exchange),
        )
        self._account = AccountReader(venue, unified, self._dialect, read_order, read_fill)
        self._announcer = Announcer(self._account.lost)
        self._logged_in = False
        self._login_refused = False
        self._ended = False
        self._urls: dict[str, set[Feed]] = {}
        self._market_feeds, self._account_feeds = self._wire(list(unified))
        self._feeds = Feeds((*self._market_feeds, self._market.funding, *self._account_feeds), venue.reconnect_delays_s)
        streams_taps.install(exchange, unified, self._taps())

    @property
    def newest_ms(self) -> int:
        """The venue's time of the newest change of the account."""
        return self._account.newest_ms

    async def close(self) -> None:
        self._announcer.close()
        await self._feeds.close()

    def status(self) -> dict[str, dict[str, Any]]:
        """By feed the venue has: whether it is up, and seconds since its newest message (None: never one)."""
        feeds = (*self._market_feeds, self._market.funding, *self._account_feeds)
        had = {feed.name for feed in feeds if feed.watches}
        return {name: state for name, state in self._feeds.status().items() if name in had}

    def market(self, symbol: str) -> AsyncIterator[MarketEvent | StreamLost]:
        for feed in self._market_feeds:
            self._feeds.start(feed)
        past = UnifiedMarketHistory(
            self._exchange,
            self._listings[symbol],
            self._dialect,
            self._read,
            volume_in_contracts=self._venue.profile.volume_in_contracts,
        )
        return mended(aiter(self._market.boxes[symbol]), past)

    def funding(self, symbol: str) -> AsyncIterator[FundingUpdate]:
        self._feeds.start(self._market.funding)
        return aiter(self._market.funding_boxes[symbol])

    def order_reports(self) -> AsyncIterator[OrderReport | StreamLost]:
        """Iterating raises AuthenticationError where the venue refuses the first login."""
        self._start_account()
        return aiter(self._account.reports)

    def account_updates(self) -> AsyncIterator[AccountUpdate | StreamLost]:
        """As `order_reports`."""
        self._start_account()
        return aiter(self._account.updates)

    def on_frame(self, message: Any) -> bool:
        """Takes none; sees that a login succeeded, that a subscription is in force."""
        login = login_of(message)
        if login is not None:
            self._login_refused = not login
            self._logged_in = self._logged_in or login
        if acknowledges(message):
            self._announcer.acknowledged()
        if ends_account_stream(message):
            self._cut_account("the venue ended the key of the user stream")
        return False

    def on_wanted(self, url: str) -> None:
        feed = self._feeds.of_this_task()
        if feed is None or feed in self._urls.setdefault(url, set()):
            return
        self._urls[url].add(feed)
        if self._exchange.clients[url].isConnected:
            self._came_up({feed}, url)

    def on_connected(self, url: str) -> None:
        self._came_up(self._urls.get(url, set()), url)

    def _wire(self, symbols: list[str]) -> tuple[tuple[Feed, ...], tuple[Feed, ...]]:
        exchange, market, account = self._exchange, self._market, self._account
        market.quotes.watches = streams_feeds.quotes(exchange, symbols)
        market.trades.watches = streams_feeds.trades(exchange, symbols, self._dialect)
        market.candles.watches = streams_feeds.candles(exchange, symbols)
        polled = self._venue.product == SPOT
        market.funding.watches = streams_feeds.funding(exchange, [] if polled else symbols, self._poll_funding)
        account.orders.watches = streams_feeds.orders(exchange, self._watching)
        account.fills.watches = streams_feeds.fills(exchange, self._watching)
        account.balances.watches = streams_feeds.state(exchange, "watchBalance", self._watch_balances)
        if self._venue.product != SPOT:
            account.positions.watches = streams_feeds.state(exchange, "watchPositions", self._watch_positions)
        private = (account.orders, account.fills, account.balances, account.positions)
        for feed in private:
            feed.watches = [self._identified(watch) for watch in feed.watches]
            feed.refused = self._refuses_login
            feed.forget = self._forget_listen_keys
        return (market.quotes, market.trades, market.candles), private

    def _taps(self) -> streams_taps.Taps:
        return streams_taps.Taps(
            quote=self._market.on_quote,
            ticker=self._market.on_ticker,
            funding=self._market.on_funding,
            trade=self._market.on_trade,
            candle=self._market.on_candle,
            order=self._account.on_order,
            fill=self._account.on_fill,
        )

    def _came_up(self, feeds: set[Feed], url: str) -> None:
        for feed in feeds:
            feed.seen()
        if feeds.intersection(self._market_feeds):
            self._market.lost()
        if feeds.intersection(self._account_feeds):
            self._announcer.connected(in_force=_KEY in url)

    def _start_account(self) -> None:
        for feed in self._account_feeds:
            self._feeds.start(feed)

    def _refuses_login(self, _feed: Feed, error: Exception) -> bool:
        """A login refused before any succeeded will be refused again; a later one may be the venue's trouble."""
        if self._ended:
            return True
        if not self._login_refused and not any(kind.__name__ == "AuthenticationError" for kind in type(error).__mro__):
            return False
        self._cut_account("the venue refused the login", only_with=_LOGIN)  # else ccxt waits for its answer again
        self._ended = not self._logged_in
        if self._ended:
            words = redact_text(str(error))
            self._account.fail(AuthenticationError(f"logging in to the venue's private stream: {words}"))
        return self._ended

    def _cut_account(self, reason: str, *, only_with: str = "") -> None:
        """Ends the account's connections; `only_with`: those on which ccxt keeps such a subscription."""
        for url, feeds in list(self._urls.items()):
            client = self._exchange.clients.get(url)
            concerned = client is not None and feeds.intersection(self._account_feeds)
            if concerned and (not only_with or only_with in client.subscriptions):
                client.on_error(ConnectionError(reason))

    def _identified(self, watch: Watch) -> Watch:
        """Where a perpetual's subscriptions want the account's number, it is asked for first."""
        call, name = self._dialect.user_id_in
        if not call or self._venue.product == SPOT:
            return watch

        async def identified() -> Any:
            if not self._exchange.uid:
                answer = await self._read("reading the account's number", getattr(self._exchange, call)())
                self._exchange.uid = str(answer[name])
            return await watch()

        return identified

    def _forget_listen_keys(self) -> None:
        """ccxt keeps the key or token of a lost connection, by type of market or not; the venue may have ended it."""
        options = self._exchange.options
        for kept in (options, *options.values()):
            if isinstance(kept, dict) and (kept.get("listenKey") or kept.get("listenToken")):
                kept |= {"listenKey": None, "listenToken": None, "lastAuthenticatedTime": 0}

    async def _watch_balances(self) -> None:
        self._account.on_balances(await self._exchange.watch_balance(dict(self._watching)))

    async def _watch_positions(self) -> None:
        await self._exchange.watch_positions()
        self._account.on_positions(self._exchange.positions)

    async def _poll_funding(self) -> None:
        """Once, for every instrument; then it rests."""
        for listing in self._listings.values():
            what, unified = f"reading the funding rate of {listing.symbol}", listing.unified
            if listing.instrument.kind == InstrumentKind.INSTRUMENT_KIND_SPOT:
                self._market.on_last_price(unified, await self._read(what, self._exchange.fetch_ticker(unified)))
                continue
            raw = await self._read(what, self._exchange.fetch_funding_rate(unified))
            if raw.get("markPrice") is None and self._ask_mark_price is not None:
                raw = {**raw, "markPrice": await self._ask_mark_price(listing.symbol)}
            self._market.on_funding(unified, raw)
        await asyncio.sleep(self._funding_poll_s)

    async def _read(self, what: str, reply: Awaitable[ReplyT]) -> ReplyT:
        try:
            async with asyncio.timeout(self._venue.timeout_s):
                return await reply
        except Exception as error:
            raise translate(error, what=what, changes=False) from error
