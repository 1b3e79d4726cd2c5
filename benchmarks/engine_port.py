"""The venue's matching engine behind the connector's port, in this process: a venue that costs no network.

It accepts, rests and cancels; its market stands still, so streams are empty.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from decimal import Decimal

from benchmarks.market import VENUE
from benchmarks.workload import ACCOUNT, instrument
from connector.ccxt_adapter.client import VenueAnswerError
from connector.ccxt_adapter.errors import translate
from connector.errors import OrderNotFoundError, UnsupportedError, VenueRejectedError
from connector.port import OrderReport, OrderRequest, Outcome, StreamLost, VenueFill, VenueOrder, outcome_of
from topics.v1.account_pb2 import AccountPosition, AccountUpdate, Balance, FundingPayment
from topics.v1.common_pb2 import ORDER_TYPE_LIMIT, SIDE_BUY, SIDE_SELL, TIME_IN_FORCE_POST_ONLY
from topics.v1.funding_pb2 import FundingUpdate
from topics.v1.instruments_pb2 import Instrument
from topics.v1.market_pb2 import Candle, MarketEvent, Quote
from topics.v1.orders_pb2 import ORDER_STATUS_ACCEPTED, ORDER_STATUS_CANCELED
from venue.engine import Engine, EngineSettings
from venue.events import Execution, OrderRefused, OrderUpdated
from venue.instruments import LISTED
from venue.orders import Order, OrderType, PlaceOrder, Side, TimeInForce

MID_TICKS = 4_300_000
_MANY = 1_000_000


class EnginePort:
    """One account with room for every order of a run. Raises what the connector's errors name."""

    name = VENUE
    account = ACCOUNT

    def __init__(self, *symbols: str) -> None:
        self._symbols = symbols
        listed = [replace(LISTED[symbol], max_open_orders=_MANY) for symbol in symbols]
        self._engine = Engine(listed, EngineSettings(initial_balance=Decimal(10**12)))
        for symbol in symbols:
            self._engine.quote(symbol, _now_ms(), MID_TICKS - 1, 1_000, MID_TICKS + 1, 1_000)

    async def start(self) -> Sequence[Instrument]:
        return [instrument(symbol) for symbol in self._symbols]

    async def close(self) -> None:
        """Nothing is open."""

    async def place(self, request: OrderRequest) -> VenueOrder:
        command = PlaceOrder(
            symbol=request.symbol,
            side=Side.BUY if request.side == SIDE_BUY else Side.SELL,
            type=OrderType.LIMIT,
            quantity=request.quantity_lots,
            price=request.price_ticks,
            time_in_force=TimeInForce.GTX,
            client_order_id=request.client_order_id,
        )
        first = self._engine.place(command, _now_ms())[0]
        if isinstance(first, OrderRefused):
            refused = VenueAnswerError(400, str(first.code), first.message, None)
            raise translate(refused, what=f"placing {request.client_order_id}", changes=True)
        if not isinstance(first, OrderUpdated) or first.execution is not Execution.NEW:
            raise VenueRejectedError(f"the engine answered {first} to a new order")
        return _venue_order(first.order, ORDER_STATUS_ACCEPTED)

    async def place_batch(self, requests: Sequence[OrderRequest]) -> list[Outcome]:
        return [await outcome_of(self.place(request)) for request in requests]

    async def cancel(self, symbol: str, *, client_order_id: str = "", venue_order_id: str = "") -> VenueOrder:
        order = self._open(symbol, client_order_id, venue_order_id)
        if order is None:
            raise OrderNotFoundError(f"{symbol}: no open order {client_order_id or venue_order_id}")
        self._engine.cancel(order.order_id, _now_ms())
        return _venue_order(order, ORDER_STATUS_CANCELED)

    async def cancel_batch(self, symbol: str, venue_order_ids: Sequence[str]) -> list[Outcome]:
        return [await outcome_of(self.cancel(symbol, venue_order_id=it)) for it in venue_order_ids]

    async def cancel_all(self, symbol: str) -> None:
        self._engine.cancel_all(symbol, _now_ms())

    async def find_order(
        self, symbol: str, *, client_order_id: str = "", venue_order_id: str = ""
    ) -> VenueOrder | None:
        order = self._open(symbol, client_order_id, venue_order_id)
        return None if order is None else _venue_order(order, ORDER_STATUS_ACCEPTED)

    async def open_orders(self, symbol: str) -> list[VenueOrder]:
        orders = self._engine.book(symbol).open_orders()
        return [_venue_order(order, ORDER_STATUS_ACCEPTED) for order in orders]

    async def orders_since(self, symbol: str, since_ms: int) -> list[VenueOrder]:  # noqa: ARG002 - ended ones are not kept here
        return await self.open_orders(symbol)

    async def fills(self, symbol: str, *, since_trade_id: str = "", since_ms: int = 0) -> list[VenueFill]:  # noqa: ARG002 - the port's signature; nothing trades here
        return []

    async def snapshot(self) -> AccountUpdate:
        wallet = format(self._engine.account.wallet_balance, "f")
        return AccountUpdate(
            venue=self.name,
            account=self.account,
            snapshot=True,
            time_ms=_now_ms(),
            balances=[Balance(asset="USDT", wallet_balance=wallet, available_balance=wallet)],
        )

    async def positions(self, symbol: str = "") -> list[AccountPosition]:  # noqa: ARG002 - see fills
        return []

    async def funding_payments(self, *, since_ms: int) -> list[FundingPayment]:  # noqa: ARG002 - see fills
        return []

    async def mark_price(self, symbol: str) -> Decimal:
        return self._engine.book(symbol).mark

    async def best_quote(self, symbol: str) -> Quote:
        book = self._engine.book(symbol)
        return Quote(
            time_ms=_now_ms(),
            bid_ticks=book.bid,
            bid_lots=book.bid_size,
            ask_ticks=book.ask,
            ask_lots=book.ask_size,
        )

    async def funding_rate(self, symbol: str) -> FundingUpdate:
        mark_price = format(await self.mark_price(symbol), "f")
        return FundingUpdate(venue=self.name, symbol=symbol, time_ms=_now_ms(), rate="0", mark_price=mark_price)

    async def candles(self, symbol: str, **_: int) -> list[Candle]:
        raise UnsupportedError(f"the engine keeps no candles of {symbol}")

    async def market(self, symbol: str) -> AsyncIterator[MarketEvent | StreamLost]:  # noqa: ARG002 - see fills
        for event in list[MarketEvent | StreamLost]():
            yield event

    async def funding(self, symbol: str) -> AsyncIterator[FundingUpdate]:  # noqa: ARG002 - see fills
        for update in list[FundingUpdate]():
            yield update

    async def order_reports(self) -> AsyncIterator[OrderReport | StreamLost]:
        for report in list[OrderReport | StreamLost]():
            yield report

    async def account_updates(self) -> AsyncIterator[AccountUpdate | StreamLost]:
        for update in list[AccountUpdate | StreamLost]():
            yield update

    def quote(self, bid_ticks: int, ask_ticks: int) -> list[OrderUpdated]:
        """The market moves on the first symbol; gives what it did to resting orders."""
        events = self._engine.quote(self._symbols[0], _now_ms(), bid_ticks, 1_000_000, ask_ticks, 1_000_000)
        return [event for event in events if isinstance(event, OrderUpdated)]

    def _open(self, symbol: str, client_order_id: str, venue_order_id: str) -> Order | None:
        return self._engine.open_order(symbol, int(venue_order_id) if venue_order_id else None, client_order_id)


def _venue_order(order: Order, status: int) -> VenueOrder:
    return VenueOrder(
        symbol=order.symbol,
        client_order_id=order.client_order_id,
        venue_order_id=str(order.order_id),
        side=SIDE_BUY if order.is_buy else SIDE_SELL,
        type=ORDER_TYPE_LIMIT,
        time_in_force=TIME_IN_FORCE_POST_ONLY,
        reduce_only=False,
        price_ticks=order.price,
        quantity_lots=order.quantity,
        filled_lots=order.filled,
        status=status,
        time_ms=order.update_time_ms,
    )


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
