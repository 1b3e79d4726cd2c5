"""The venue's matching engine behind the connector's port, in this process: a venue that costs no network.

What a trial or a measurement trades on when the network is not its subject. Its market moves when it is told to.
Must not: know gateways, or answer otherwise than the paper venue does.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from itertools import count
from typing import Any, Final, TypeVar

from connector.ccxt_adapter.client import VenueAnswerError
from connector.ccxt_adapter.errors import translate
from connector.ccxt_adapter.mailbox import Mailbox
from connector.errors import UnknownSymbolError, UnsupportedError
from connector.funding import of_spot
from connector.port import OrderReport, OrderRequest, Outcome, StreamLost, VenueFill, VenueOrder, outcome_of
from reliability.simulation.venue_books import Frame, VenueBooks
from topics.v1.account_pb2 import AccountPosition, AccountUpdate, FundingPayment
from topics.v1.common_pb2 import SIDE_BUY, SIDE_SELL
from topics.v1.funding_pb2 import FundingUpdate
from topics.v1.instruments_pb2 import Instrument
from topics.v1.market_pb2 import Candle, MarketEvent, Quote, Trade
from venue.engine import EngineSettings
from venue.errors import Refusal
from venue.events import Event, OrderUpdated
from venue.instruments import LISTED
from venue.klines import INTERVALS_MS, MINUTE_MS, Kline, Klines
from venue.orders import Side
from venue.spot.clearing import SpotClearing
from venue.spot.listing import SPOT_LISTED
from venue.wallets import Wallet

MID_TICKS: Final = 4_300_000
_MANY: Final = 1_000_000
_RICH: Final = Decimal(10**12)
_SPOT_FEE: Final = Decimal("0.001")
ReplyT = TypeVar("ReplyT")


class EnginePort:
    """One account, with room for every order of a run unless `balance` says otherwise. See `connector.port.VenuePort`.

    The first quotes stand around `mid_ticks`. `spot`: what the wallet begins with, by asset; symbols are then pairs.
    Raises what the connector's errors name, worded as by the adapter.
    """

    def __init__(
        self,
        *symbols: str,
        name: str = "paper",
        account: str = "paper",
        mid_ticks: int = MID_TICKS,
        balance: Decimal = _RICH,
        spot: Mapping[str, Decimal] | None = None,
    ) -> None:
        self.name = name
        self.account = account
        self._symbols = symbols
        self._is_spot = spot is not None
        self._started_s = time.monotonic()
        self._books = VenueBooks(
            name,
            account,
            [
                replace(LISTED[it] if spot is None else SPOT_LISTED[it], symbol=it, max_open_orders=_MANY)
                for it in symbols
            ],
            start_ms=time.time_ns() // 1_000_000,
            now_s=lambda: time.monotonic() - self._started_s,
            tell=self._tell,
            settings=EngineSettings(initial_balance=balance),
            spot=None if spot is None else SpotClearing(Wallet(spot.items()), _SPOT_FEE, _SPOT_FEE),
        )
        self._orders: Mailbox[OrderReport | StreamLost] | None = None
        self._account: Mailbox[AccountUpdate | StreamLost] | None = None
        self._market: dict[str, Mailbox[MarketEvent | StreamLost]] = {}
        self._funding: dict[str, Mailbox[FundingUpdate]] = {}
        self._candles = {symbol: Klines() for symbol in symbols}
        self._rates: dict[str, tuple[Decimal, int]] = {}
        self._numbers = count(1)
        self._cut = False
        for symbol in symbols:
            self.quote(mid_ticks - 1, mid_ticks + 1, symbol=symbol)

    # --- the port -----------------------------------------------------------------------------------------------------

    async def start(self) -> Sequence[Instrument]:
        return list(self._books.instruments.values())

    async def close(self) -> None:
        """Nothing is open."""

    async def place(self, request: OrderRequest) -> VenueOrder:
        return self._change(
            f"placing {request.client_order_id}", request.symbol, lambda: self._books.place(request, told_at_once=False)
        )

    async def place_batch(self, requests: Sequence[OrderRequest]) -> list[Outcome]:
        return [await outcome_of(self.place(request)) for request in requests]

    async def cancel(self, symbol: str, *, client_order_id: str = "", venue_order_id: str = "") -> VenueOrder:
        return self._change(
            f"cancelling {client_order_id or venue_order_id} of {symbol}",
            symbol,
            lambda: self._books.cancel(symbol, client_order_id, venue_order_id),
        )

    async def cancel_batch(self, symbol: str, venue_order_ids: Sequence[str]) -> list[Outcome]:
        return [await outcome_of(self.cancel(symbol, venue_order_id=it)) for it in venue_order_ids]

    async def cancel_all(self, symbol: str) -> None:
        self._change(f"cancelling every order of {symbol}", symbol, lambda: self._books.cancel_all(symbol))

    async def find_order(
        self, symbol: str, *, client_order_id: str = "", venue_order_id: str = ""
    ) -> VenueOrder | None:
        return self._books.find(self._of(symbol), client_order_id, venue_order_id, self._now_s())

    async def open_orders(self, symbol: str) -> list[VenueOrder]:
        return self._books.open_orders(self._of(symbol), self._now_s())

    async def orders_since(self, symbol: str, since_ms: int) -> list[VenueOrder]:
        return self._books.orders_since(self._of(symbol), since_ms, self._now_s())

    async def fills(self, symbol: str, *, since_trade_id: str = "", since_ms: int = 0) -> list[VenueFill]:
        found = self._books.executions(self._of(symbol), since_trade_id, self._now_s())
        return [it for it in found if it.fill.time_ms >= since_ms]

    async def snapshot(self) -> AccountUpdate:
        return self._books.snapshot(self._now_s())

    async def positions(self, symbol: str = "") -> list[AccountPosition]:
        wanted = self._of(symbol) if symbol else ""
        return [it for it in (await self.snapshot()).positions if wanted in ("", it.symbol)]

    async def funding_payments(self, *, since_ms: int) -> list[FundingPayment]:
        return [it for it in self._books.payments if it.time_ms >= since_ms]

    async def mark_price(self, symbol: str) -> Decimal:
        return self._books.mark_price(self._of(symbol))

    async def best_quote(self, symbol: str) -> Quote:
        return self._books.best_quote(self._of(symbol))

    async def funding_rate(self, symbol: str) -> FundingUpdate:
        return self._funding_update(self._of(symbol))

    async def candles(
        self, symbol: str, *, interval_ms: int, limit: int, start_ms: int = 0, until_ms: int = 0
    ) -> list[Candle]:
        if interval_ms not in INTERVALS_MS.values():
            raise UnsupportedError(f"the engine makes no candles of {interval_ms} ms")
        found = self._candles[self._of(symbol)].of_interval(interval_ms)
        inside = [it for it in found if start_ms <= it.open_time_ms and (not until_ms or it.open_time_ms < until_ms)]
        chosen = inside[:limit] if start_ms else inside[-limit:]
        return [_candle(it, interval_ms, closed=it.open_time_ms != found[-1].open_time_ms) for it in chosen]

    def market(self, symbol: str) -> AsyncIterator[MarketEvent | StreamLost]:
        return aiter(self._market.setdefault(self._of(symbol), _up(self._market.get(symbol))))

    def funding(self, symbol: str) -> AsyncIterator[FundingUpdate]:
        """On spot the one thing there is to tell, at once."""
        box = self._funding.setdefault(self._of(symbol), Mailbox())
        if self._is_spot:
            price = format(self._books.mark_price(symbol), "f")
            box.put(of_spot(self.name, symbol, received_ms=self._books.now_ms, mark_price=price))
        return aiter(box)

    def order_reports(self) -> AsyncIterator[OrderReport | StreamLost]:
        self._orders = _up(self._orders)
        return aiter(self._orders)

    def account_updates(self) -> AsyncIterator[AccountUpdate | StreamLost]:
        self._account = _up(self._account)
        return aiter(self._account)

    # --- what moves it --------------------------------------------------------------------------------------------

    def quote(self, bid_ticks: int, ask_ticks: int, *, lots: int = _MANY, symbol: str = "") -> list[OrderUpdated]:
        """The market of a symbol (the first one) moves; gives what it did to resting orders."""
        symbol, now_ms = symbol or self._symbols[0], self._books.now_ms
        events = self._books.engine.quote(symbol, now_ms, bid_ticks, lots, ask_ticks, lots)
        self._books.market(events)
        if symbol in self._market:
            quote = Quote(time_ms=now_ms, bid_ticks=bid_ticks, bid_lots=lots, ask_ticks=ask_ticks, ask_lots=lots)
            quote.update_id = next(self._numbers)
            self._market[symbol].put(MarketEvent(quote=quote))
        return _updates(events)

    def trade(self, price_ticks: int, lots: int, side: Side, *, time_ms: int = 0, symbol: str = "") -> None:
        """Somebody took `lots`. `time_ms`: of the market, for its candles; this machine's without one."""
        symbol, time_ms = symbol or self._symbols[0], time_ms or self._books.now_ms
        self._books.market(self._books.engine.trade(symbol, time_ms, price_ticks, lots, side))
        closed = self._candles[symbol].trade(time_ms, price_ticks, lots, side)
        if symbol not in self._market:
            return
        trade = Trade(time_ms=time_ms, price_ticks=price_ticks, quantity_lots=lots)
        trade.trade_id = str(next(self._numbers))
        trade.taker_side = SIDE_BUY if side is Side.BUY else SIDE_SELL
        self._market[symbol].put(MarketEvent(trade=trade))
        if closed is not None:
            self._market[symbol].put(MarketEvent(candle=_candle(closed, MINUTE_MS, closed=True)))
        self._market[symbol].put(
            MarketEvent(candle=_candle(self._candles[symbol].minutes[-1], MINUTE_MS, closed=False))
        )

    def fill(self, symbol: str, client_order_id: str, lots: int) -> None:
        """A counterparty for one resting order. Raises `Refusal` where it is not open or smaller."""
        order = self._books.engine.open_order(symbol, None, client_order_id)
        self._books.market(self._books.engine.fill(0 if order is None else order.order_id, lots, self._books.now_ms))

    def settle_funding(self, symbol: str, rate: Decimal, *, interval_ms: int) -> None:
        """Who holds a position pays or receives; the next settlement is an interval away."""
        self._rates[symbol] = (rate, interval_ms)
        self._books.market(self._books.engine.funding(symbol, self._books.now_ms, rate))
        if symbol in self._funding:
            self._funding[symbol].put(self._funding_update(symbol))

    def cut_user_stream(self) -> None:
        """Nothing more is told until `restore_user_stream`; what happens meanwhile is missed."""
        self._cut = True

    def restore_user_stream(self) -> None:
        self._cut = False
        if self._orders is not None:
            self._orders.put(StreamLost())
        if self._account is not None:
            self._account.put(StreamLost())

    # --- inside -----------------------------------------------------------------------------------------------------

    def _tell(self, frame: Frame) -> None:
        if self._cut:
            return
        if self._orders is not None:
            for report in frame.reports:
                self._orders.put(report)
        if self._account is not None and frame.account is not None:
            self._account.put(frame.account)

    def _change(self, what: str, symbol: str, action: Callable[[], ReplyT]) -> ReplyT:
        self._of(symbol)
        try:
            return action()
        except Refusal as refusal:
            answer = VenueAnswerError(refusal.status, str(refusal.code), refusal.message, None)
            raise translate(answer, what=what, changes=True) from refusal

    def _of(self, symbol: str) -> str:
        if symbol not in self._symbols:
            raise UnknownSymbolError(f"{symbol!r} is not followed; followed symbols: {', '.join(self._symbols)}")
        return symbol

    def _funding_update(self, symbol: str) -> FundingUpdate:
        """Next time 0 before the first settlement: none is planned."""
        now_ms, (rate, interval_ms) = self._books.now_ms, self._rates.get(symbol, (Decimal(0), 0))
        update = FundingUpdate(venue=self.name, symbol=symbol, time_ms=now_ms, rate=format(rate, "f"))
        update.next_funding_time_ms = now_ms + interval_ms if interval_ms else 0
        update.mark_price = format(self._books.mark_price(symbol), "f")
        return update

    def _now_s(self) -> float:
        return time.monotonic() - self._started_s


def _up(box: Any) -> Any:
    """The stream's mailbox, its stream up: a new one says so first."""
    if box is None:
        box = Mailbox()
        box.put(StreamLost())
    return box


def _updates(events: Sequence[Event]) -> list[OrderUpdated]:
    return [event for event in events if isinstance(event, OrderUpdated)]


def _candle(kline: Kline, interval_ms: int, *, closed: bool) -> Candle:
    candle = Candle(open_time_ms=kline.open_time_ms, interval_ms=interval_ms, closed=closed, volume_lots=kline.volume)
    candle.open_ticks, candle.high_ticks = kline.open, kline.high
    candle.low_ticks, candle.close_ticks = kline.low, kline.close
    return candle
