"""`VenuePort` through ccxt: one account at one venue. Calls out, replies in, each error translated once.

Unified calls of ccxt where it has one, its implicit endpoints where the unified call drops or rounds what we need.
Nothing here retries, remembers an order, or decides whether to send it.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeVar

from connector.ccxt_adapter import binance_replies as replies
from connector.ccxt_adapter import history
from connector.ccxt_adapter.batches import Batches
from connector.ccxt_adapter.client import Taps, make_exchange
from connector.ccxt_adapter.clock_check import check_clock
from connector.ccxt_adapter.errors import translate
from connector.ccxt_adapter.gaps import mended
from connector.ccxt_adapter.instruments import Listing, listing_of
from connector.ccxt_adapter.key_rights import check_rights
from connector.ccxt_adapter.market_history import BinanceMarketHistory
from connector.ccxt_adapter.market_reads import MarketReads
from connector.ccxt_adapter.order_arguments import order_parameters, told
from connector.ccxt_adapter.streams import Streams
from connector.errors import ConnectorError, OrderNotFoundError, UnknownSymbolError, VenueError
from connector.port import OrderReport, OrderRequest, Outcome, StreamLost, VenueFill, VenueOrder
from connector.settings import VenueConnection
from observability.logs import get_logger
from topics.errors import TapelineError
from topics.v1.account_pb2 import AccountPosition, AccountUpdate, FundingPayment
from topics.v1.funding_pb2 import FundingUpdate
from topics.v1.instruments_pb2 import Instrument
from topics.v1.market_pb2 import Candle, MarketEvent, Quote

_log = get_logger(__name__)
ReplyT = TypeVar("ReplyT")

DIALECTS = ("binanceusdm",)
NEEDED = (
    "createOrder", "createOrders", "cancelOrder", "cancelOrders", "cancelAllOrders", "fetchOrder", "fetchOpenOrders",
    "watchBidsAsks", "watchTradesForSymbols", "watchOHLCVForSymbols", "watchMarkPrices", "watchOrders",
)  # fmt: skip
# How far before a funding payment's account update its entry in the income history may lie.
_FUNDING_LOOK_BACK_MS = 60_000
# A venue whose clock is further away than this plays a tape in a time of its own: its newest orders are read instead.
_OWN_TIME_ABOVE_MS = 120_000
# How far the venue's clock may be from ours, both ways.
_CLOCK_MARGIN_MS = 60_000


class CcxtVenue:
    """See `connector.port.VenuePort`. Made in a running event loop; `start` before anything else."""

    def __init__(self, venue: VenueConnection) -> None:
        if venue.ccxt_id not in DIALECTS:
            raise ConnectorError(
                f"this adapter speaks {', '.join(DIALECTS)} only, not {venue.ccxt_id!r}: open_venue knows"
            )
        self.name = venue.name
        self.account = venue.account
        self._venue = venue
        self._exchange = make_exchange(venue, Taps(frame=self._on_frame, connected=self._on_connected))
        self._batches = Batches(self._exchange, self._change)
        self._market_reads = MarketReads(self._exchange, self._read, venue=venue.name)
        self._streams: Streams | None = None
        self._listings: dict[str, Listing] = {}

    async def start(self) -> Sequence[Instrument]:
        """Raises AuthenticationError for a bad key, ConnectorError for one that may withdraw or may not trade,
        ClockSkewError, NotTradableError for an instrument without tick or lot size."""
        await check_clock(self._exchange, self._read, venue=self.name)
        listed = await self.start_public()
        await self._read("checking the API key", self._exchange.fapiPrivateV3GetBalance())
        await check_rights(self._exchange, self._read, self._venue)
        return listed

    async def start_public(self) -> Sequence[Instrument]:
        """Instruments and public streams only: no key is needed, and nothing signed is sent."""
        missing = [name for name in NEEDED if not self._exchange.has.get(name)]
        if missing:
            raise ConnectorError(f"ccxt's {self._venue.ccxt_id} lacks {', '.join(missing)}; it cannot be traded on")
        await self._read("loading the venue's instruments", self._exchange.load_markets())
        self._listings = {symbol: self._listing(symbol) for symbol in self._venue.symbols}
        self._streams = Streams(self._exchange, self._venue, self._listings)
        return [listing.instrument for listing in self._listings.values()]

    async def close(self) -> None:
        if self._streams is not None:
            await self._streams.close()
        await self._exchange.close()

    async def place(self, request: OrderRequest) -> VenueOrder:
        listing = self._of(request.symbol)
        raw = await self._change(
            lambda: f"placing {told(listing, request)}",
            self._exchange.fapiPrivatePostOrder(order_parameters(listing, request)),
        )
        return _read_order(raw, listing, request)

    async def place_batch(self, requests: Sequence[OrderRequest]) -> list[Outcome]:
        return await self._batches.place([(self._of(request.symbol), request) for request in requests])

    async def cancel(self, symbol: str, *, client_order_id: str = "", venue_order_id: str = "") -> VenueOrder:
        listing = self._of(symbol)
        raw = await self._change(
            f"cancelling {client_order_id or venue_order_id} of {symbol}",
            self._exchange.cancel_order(venue_order_id, listing.unified, _by_client_id(client_order_id)),
        )
        return replies.order(raw["info"], listing.scale)

    async def cancel_batch(self, symbol: str, venue_order_ids: Sequence[str]) -> list[Outcome]:
        return await self._batches.cancel(self._of(symbol), venue_order_ids)

    async def cancel_all(self, symbol: str) -> None:
        listing = self._of(symbol)
        await self._change(f"cancelling every order of {symbol}", self._exchange.cancel_all_orders(listing.unified))

    async def find_order(
        self, symbol: str, *, client_order_id: str = "", venue_order_id: str = ""
    ) -> VenueOrder | None:
        listing = self._of(symbol)
        try:
            raw = await self._read(
                f"looking up {client_order_id or venue_order_id} of {symbol}",
                self._exchange.fetch_order(venue_order_id, listing.unified, _by_client_id(client_order_id)),
            )
        except OrderNotFoundError:
            return None
        return replies.order(raw["info"], listing.scale)

    async def open_orders(self, symbol: str) -> list[VenueOrder]:
        listing = self._of(symbol)
        found = await self._read(
            f"reading the open orders of {symbol}", self._exchange.fetch_open_orders(listing.unified)
        )
        return [replies.order(raw["info"], listing.scale) for raw in found]

    async def orders_since(self, symbol: str, since_ms: int) -> list[VenueOrder]:
        listing = self._of(symbol)

        async def fetch(request: dict[str, Any]) -> list[Any]:
            reply = self._exchange.fapiPrivateGetAllOrders({"symbol": symbol, **request})
            return list(await self._read(f"reading the order history of {symbol}", reply))

        now_ms = self._exchange.milliseconds()
        if abs(await self._market_reads.time_ms(symbol) - now_ms) > _OWN_TIME_ABOVE_MS:
            found = await fetch({"limit": history.PAGE})
        else:
            found = await history.orders_since(fetch, since_ms - _CLOCK_MARGIN_MS, until_ms=now_ms + _CLOCK_MARGIN_MS)
        return [replies.order(raw, listing.scale) for raw in found]

    async def fills(self, symbol: str, *, since_trade_id: str = "", since_ms: int = 0) -> list[VenueFill]:
        listing = self._of(symbol)

        async def fetch(request: dict[str, Any]) -> list[Any]:
            reply = self._exchange.fapiPrivateGetUserTrades({"symbol": symbol, **request})
            return list(await self._read(f"reading the executions of {symbol}", reply))

        if since_trade_id or not since_ms:
            found = await history.trades_after(fetch, int(since_trade_id or history.FIRST_TRADE_ID))
        else:
            found = await history.trades_since(fetch, since_ms, until_ms=await self._market_reads.time_ms(symbol))
        return [replies.fill(raw, listing.scale) for raw in found if int(raw["time"]) >= since_ms]

    async def snapshot(self) -> AccountUpdate:
        balances, positions = await asyncio.gather(
            self._read("reading the balances", self._exchange.fapiPrivateV3GetBalance()), self._raw_positions()
        )
        changed_ms = [int(raw.get("updateTime") or 0) for raw in (*balances, *positions)]
        return AccountUpdate(
            venue=self.name,
            account=self.account,
            time_ms=max([*changed_ms, self._streams.newest_ms if self._streams else 0]),
            snapshot=True,
            balances=replies.balances(balances),
            positions=self._with_flat(positions, list(self._listings)),
        )

    async def positions(self, symbol: str = "") -> list[AccountPosition]:
        """Of every followed symbol, flat ones too."""
        symbols = [self._of(symbol).symbol] if symbol else list(self._listings)
        return self._with_flat(await self._raw_positions(symbol), symbols)

    async def funding_payments(self, *, since_ms: int) -> list[FundingPayment]:
        async def fetch(request: dict[str, Any]) -> list[Any]:
            reply = self._exchange.fapiPrivateGetIncome({"incomeType": "FUNDING_FEE", **request})
            return list(await self._read("reading the funding payments", reply))

        return [replies.funding_payment(raw) for raw in await history.incomes_since(fetch, since_ms)]

    async def mark_price(self, symbol: str) -> Decimal:
        return await self._market_reads.mark_price(self._of(symbol).symbol)

    async def best_quote(self, symbol: str) -> Quote:
        return await self._market_reads.best_quote(self._of(symbol))

    async def funding_rate(self, symbol: str) -> FundingUpdate:
        return await self._market_reads.funding_rate(self._of(symbol).symbol)

    async def candles(
        self, symbol: str, *, interval_ms: int, limit: int, start_ms: int = 0, until_ms: int = 0
    ) -> list[Candle]:
        return await self._market_reads.candles(
            self._of(symbol), interval_ms=interval_ms, limit=limit, start_ms=start_ms, until_ms=until_ms
        )

    async def public_trades(self, symbol: str, *, after_id: str) -> list[MarketEvent]:
        """Everybody's trades after that one, as the market stream numbers them, oldest first; pages until complete."""
        return await self._market_reads.trades_after(self._of(symbol), int(after_id))

    def market(self, symbol: str) -> AsyncIterator[MarketEvent | StreamLost]:
        streams = self._started()
        streams.start_market()
        past = BinanceMarketHistory(self._market_reads, self._of(symbol))
        return mended(aiter(streams.boxes.market[symbol]), past)

    async def funding(self, symbol: str) -> AsyncIterator[FundingUpdate]:
        streams = self._started()
        streams.start_market()
        async for update in streams.boxes.funding[symbol]:
            yield update

    async def order_reports(self) -> AsyncIterator[OrderReport | StreamLost]:
        streams = self._started()
        streams.start_account()
        async for report in streams.boxes.orders:
            yield report

    async def account_updates(self) -> AsyncIterator[AccountUpdate | StreamLost]:
        streams = self._started()
        streams.start_account()
        async for item in streams.boxes.account:
            if isinstance(item, StreamLost):
                yield item
                continue
            if item.funding_paid:
                item.update.funding_payments.extend(await self._funding_near(item.update.time_ms))
            yield item.update

    def status(self) -> dict[str, dict[str, Any]]:
        """By feed: whether it is up, and seconds since its newest frame."""
        return self._streams.status() if self._streams else {}

    async def _funding_near(self, time_ms: int) -> list[FundingPayment]:
        try:
            return await self.funding_payments(since_ms=time_ms - _FUNDING_LOOK_BACK_MS)
        except VenueError as error:
            _log.warning("funding_payments_later", reason=str(error))  # the next regular look finds them
            return []

    async def _raw_positions(self, symbol: str = "") -> list[Mapping[str, Any]]:
        request = {"symbol": symbol} if symbol else {}
        return list(await self._read("reading the positions", self._exchange.fapiPrivateV3GetPositionRisk(request)))

    def _with_flat(self, raw: list[Mapping[str, Any]], symbols: list[str]) -> list[AccountPosition]:
        """The venue leaves flat positions out; that one is flat is as much a fact as that it is not."""
        held = replies.positions(raw, {symbol: self._of(symbol).scale for symbol in symbols})
        named = {position.symbol for position in held}
        flat = [
            AccountPosition(symbol=symbol, grain=self._of(symbol).scale.grain)
            for symbol in symbols
            if symbol not in named
        ]
        return [*held, *flat]

    async def _read(self, what: str, reply: Awaitable[ReplyT]) -> ReplyT:
        return await self._call(what, reply, changes=False)

    async def _change(self, what: str | Callable[[], str], reply: Awaitable[ReplyT]) -> ReplyT:
        return await self._call(what, reply, changes=True)

    async def _call(self, what: str | Callable[[], str], reply: Awaitable[ReplyT], *, changes: bool) -> ReplyT:
        """`what`: the call for people; as a function where it is only told if it fails."""
        try:
            async with asyncio.timeout(self._venue.timeout_s):
                return await reply
        except Exception as error:
            raise translate(error, what=what if isinstance(what, str) else what(), changes=changes) from error

    def _listing(self, symbol: str) -> Listing:
        found = (self._exchange.markets_by_id or {}).get(symbol, [])
        tradable = [market for market in found if market.get("swap") or market.get("spot")]
        if not tradable:
            raise UnknownSymbolError(f"{self.name} has no instrument {symbol!r}: correct venue.symbols")
        return listing_of(tradable[0], venue=self.name, precision_mode=self._exchange.precisionMode)

    def _of(self, symbol: str) -> Listing:
        try:
            return self._listings[symbol]
        except KeyError:
            followed = ", ".join(self._listings) or "none"
            raise UnknownSymbolError(f"{symbol!r} is not followed; followed symbols: {followed}") from None

    def _started(self) -> Streams:
        if self._streams is None:
            raise ConnectorError("the venue is not started: call start() before its streams")
        return self._streams

    def _on_frame(self, message: Any) -> bool:
        return self._streams is not None and self._streams.on_frame(message)

    def _on_connected(self, url: str) -> None:
        if self._streams is not None:
            self._streams.on_connected(url)


def _read_order(raw: Any, listing: Listing, request: OrderRequest) -> VenueOrder:
    """An answer that is no order leaves open what became of the request."""
    try:
        return replies.order(raw, listing.scale)
    except (KeyError, TypeError, ValueError, TapelineError) as error:
        raise translate(
            error, what=f"placing {told(listing, request)}: an answer that is no order", changes=True
        ) from error


def _by_client_id(client_order_id: str) -> dict[str, str]:
    return {"clientOrderId": client_order_id} if client_order_id else {}
