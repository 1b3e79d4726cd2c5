"""`VenuePort` on ccxt's unified calls: any venue of `connector.venues`, one product, one account.

Nothing here retries, remembers an order, or decides whether to send it.
"""

from collections.abc import AsyncIterator, Sequence
from decimal import Decimal
from functools import partial
from typing import Any

from connector.ccxt_adapter.client import Taps
from connector.ccxt_adapter.clock_check import check_clock
from connector.ccxt_adapter.instruments import Listing
from connector.ccxt_adapter.key_rights import check_rights
from connector.ccxt_adapter.unified import account_messages
from connector.ccxt_adapter.unified.calls import Calls
from connector.ccxt_adapter.unified.exchange import make_unified
from connector.ccxt_adapter.unified.history_calls import HistoryCalls
from connector.ccxt_adapter.unified.market_calls import MarketCalls
from connector.ccxt_adapter.unified.order_calls import OrderCalls
from connector.ccxt_adapter.unified.start_checks import (
    check_capabilities,
    check_credentials,
    check_one_way,
    find_listing,
)
from connector.ccxt_adapter.unified.streams import UnifiedStreams
from connector.errors import ConnectorError, UnknownSymbolError, UnsupportedError
from connector.funding import of_spot
from connector.port import OrderReport, OrderRequest, Outcome, StreamLost, VenueFill, VenueOrder
from connector.settings import VenueConnection
from connector.venues import SPOT
from topics.v1.account_pb2 import AccountPosition, AccountUpdate, Balance, FundingPayment
from topics.v1.funding_pb2 import FundingUpdate
from topics.v1.instruments_pb2 import Instrument
from topics.v1.market_pb2 import Candle, MarketEvent, Quote

# A venue whose market time is further from ours plays a tape in a time of its own.
_OWN_TIME_ABOVE_MS = 120_000


class UnifiedVenue:
    """See `connector.port.VenuePort`. Made in a running event loop; `start` before anything else."""

    def __init__(self, connection: VenueConnection) -> None:
        self.name = connection.name
        self.account = connection.account
        self._connection = connection
        self._spot = connection.product == SPOT
        self._streams: UnifiedStreams | None = None
        self._exchange = make_unified(
            connection, Taps(frame=self._on_frame, connected=self._on_connected, wanted=self._on_wanted)
        )
        self._calls = Calls(self._exchange, connection.profile, timeout_s=connection.timeout_s)
        self._orders = OrderCalls(self._calls, use_margin=connection.use_margin)
        self._history = HistoryCalls(self._calls, self._orders.asking)
        self._market = MarketCalls(self._calls, venue=connection.name)
        self._listings: dict[str, Listing] = {}

    async def start(self) -> Sequence[Instrument]:
        """Raises ConnectorError for what can never work and for a key that may do too much or too little,
        AuthenticationError for one the venue refuses, ClockSkewError, UnknownSymbolError, NotTradableError."""
        check_capabilities(self._calls, self._connection)
        check_credentials(self._exchange, self._connection)
        await check_clock(self._exchange, self._calls.read, venue=self._connection.profile.title)
        listed = await self.start_public()
        await self._calls.read("checking the API key", self._exchange.fetch_balance(self._orders.asking))
        await check_rights(self._exchange, self._calls.read, self._connection)
        if not self._spot:
            check_one_way(await self._raw_positions(), self._connection)
        if self._connection.rest_url is not None and listed:
            market_ms = await self._market.time_ms(self._of(listed[0].symbol))
            away_ms = abs(market_ms - self._exchange.milliseconds()) if market_ms else 0
            self._history.own_time = away_ms > _OWN_TIME_ABOVE_MS
        return listed

    async def start_public(self) -> Sequence[Instrument]:
        """Instruments and public streams only: no key is needed, and nothing signed is sent."""
        await self._calls.read("loading the venue's instruments", self._exchange.load_markets())
        listings = [find_listing(self._exchange, symbol, self._connection) for symbol in self._connection.symbols]
        self._listings = {listing.symbol: listing for listing in listings}
        profile = self._connection.profile
        self._streams = UnifiedStreams(
            self._exchange,
            self._connection,
            self._listings,
            mark_price=self.mark_price,
            read_order=partial(account_messages.order, profile=profile),
            read_fill=partial(account_messages.fill, profile=profile),
        )
        return [listing.instrument for listing in listings]

    async def close(self) -> None:
        if self._streams is not None:
            await self._streams.close()
        await self._exchange.close()

    async def place(self, request: OrderRequest) -> VenueOrder:
        return await self._orders.place(self._of(request.symbol), request)

    async def place_batch(self, requests: Sequence[OrderRequest]) -> list[Outcome]:
        return await self._orders.place_batch([(self._of(request.symbol), request) for request in requests])

    async def cancel(self, symbol: str, *, client_order_id: str = "", venue_order_id: str = "") -> VenueOrder:
        return await self._orders.cancel(
            self._of(symbol), client_order_id=client_order_id, venue_order_id=venue_order_id
        )

    async def cancel_batch(self, symbol: str, venue_order_ids: Sequence[str]) -> list[Outcome]:
        return await self._orders.cancel_batch(self._of(symbol), venue_order_ids)

    async def cancel_all(self, symbol: str) -> None:
        await self._orders.cancel_all(self._of(symbol))

    async def find_order(
        self, symbol: str, *, client_order_id: str = "", venue_order_id: str = ""
    ) -> VenueOrder | None:
        return await self._orders.find(self._of(symbol), client_order_id=client_order_id, venue_order_id=venue_order_id)

    async def open_orders(self, symbol: str) -> list[VenueOrder]:
        return await self._orders.open(self._of(symbol))

    async def orders_since(self, symbol: str, since_ms: int) -> list[VenueOrder]:
        return await self._history.orders_since(self._of(symbol), since_ms)

    async def fills(self, symbol: str, *, since_trade_id: str = "", since_ms: int = 0) -> list[VenueFill]:
        return await self._history.fills(self._of(symbol), since_trade_id=since_trade_id, since_ms=since_ms)

    async def snapshot(self) -> AccountUpdate:
        raw = await self._calls.read("reading the balances", self._exchange.fetch_balance(self._orders.asking))
        return AccountUpdate(
            venue=self.name,
            account=self.account,
            time_ms=raw.get("timestamp") or self._exchange.milliseconds(),
            snapshot=True,
            balances=[it for it in account_messages.balances(raw, self._connection.profile.wallets) if _is_some(it)],
            positions=await self.positions(),
        )

    async def positions(self, symbol: str = "") -> list[AccountPosition]:
        """Of every followed symbol, flat ones too; none on spot, where holdings are balances."""
        wanted = [self._of(symbol)] if symbol else list(self._listings.values())
        if self._spot or not wanted:
            return []
        held: dict[str, list[Any]] = {}
        for raw in await self._raw_positions(wanted[0].unified if len(wanted) == 1 else ""):
            held.setdefault(raw["symbol"], []).append(raw)
        return [account_messages.position(held.get(listing.unified, ()), listing) for listing in wanted]

    async def funding_payments(self, *, since_ms: int) -> list[FundingPayment]:
        """Oldest first, of the followed symbols; none on spot and where the venue does not list them."""
        if self._spot or not self._exchange.has.get("fetchFundingHistory"):
            return []
        found = [
            payment
            for listing in self._listings.values()
            for payment in await self._history.funding_payments(listing, since_ms=since_ms)
        ]
        return sorted(found, key=lambda payment: (payment.time_ms, payment.symbol))

    async def mark_price(self, symbol: str) -> Decimal:
        return await self._market.mark_price(self._of(symbol))

    async def best_quote(self, symbol: str) -> Quote:
        return await self._market.best_quote(self._of(symbol))

    async def funding_rate(self, symbol: str) -> FundingUpdate:
        listing = self._of(symbol)
        if self._spot:
            price = format(await self._market.mark_price(listing), "f")
            return of_spot(self.name, symbol, received_ms=self._exchange.milliseconds(), mark_price=price)
        return await self._market.funding_rate(listing)

    async def candles(
        self, symbol: str, *, interval_ms: int, limit: int, start_ms: int = 0, until_ms: int = 0
    ) -> list[Candle]:
        return await self._market.candles(
            self._of(symbol), interval_ms=interval_ms, limit=limit, start_ms=start_ms, until_ms=until_ms
        )

    async def public_trades(self, symbol: str, *, after_id: str) -> list[MarketEvent]:
        """Raises UnsupportedError: the unified calls read trades by time only, not after an id."""
        raise UnsupportedError(f"{self.name} does not tell the trades of {symbol} after {after_id}")

    def market(self, symbol: str) -> AsyncIterator[MarketEvent | StreamLost]:
        return self._started().market(self._of(symbol).symbol)

    def funding(self, symbol: str) -> AsyncIterator[FundingUpdate]:
        return self._started().funding(self._of(symbol).symbol)

    def order_reports(self) -> AsyncIterator[OrderReport | StreamLost]:
        return self._started().order_reports()

    def account_updates(self) -> AsyncIterator[AccountUpdate | StreamLost]:
        return self._started().account_updates()

    def status(self) -> dict[str, dict[str, Any]]:
        """By feed: whether it is up, and seconds since its newest frame."""
        return self._streams.status() if self._streams else {}

    async def _raw_positions(self, unified: str = "") -> list[Any]:
        """Of one symbol, or of all."""
        wanted = [unified] if unified else None
        params = {} if unified else dict(self._connection.profile.all_positions)
        return list(await self._calls.read("reading the positions", self._exchange.fetch_positions(wanted, params)))

    def _started(self) -> UnifiedStreams:
        if self._streams is None:
            raise ConnectorError("the venue is not started: call start() before its streams")
        return self._streams

    def _on_frame(self, message: Any) -> bool:
        return self._streams is not None and self._streams.on_frame(message)

    def _on_connected(self, url: str) -> None:
        if self._streams is not None:
            self._streams.on_connected(url)

    def _on_wanted(self, url: str) -> None:
        if self._streams is not None:
            self._streams.on_wanted(url)

    def _of(self, symbol: str) -> Listing:
        try:
            return self._listings[symbol]
        except KeyError:
            followed = ", ".join(self._listings) or "none"
            raise UnknownSymbolError(f"{symbol!r} is not followed; followed symbols: {followed}") from None


def _is_some(balance: Balance) -> bool:
    return any(Decimal(told or 0) for told in (balance.wallet_balance, balance.available_balance))
