"""A venue in the process: holds orders as a real one, and misbehaves as its script says.

It counts what it executed, so that a test can see a double order where it would hurt. Client ids are unique among open
orders only, as at Binance.
"""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from connector.errors import DuplicateOrderError, OrderNotFoundError, VenueUnavailableError
from connector.port import OrderReport, OrderRequest, Outcome, StreamLost, VenueFill, VenueOrder, outcome_of
from tests.unit.connector.gateway.given import ACCOUNT, SYMBOL, VENUE, execution, instrument, report
from topics.v1.account_pb2 import AccountPosition, AccountUpdate, FundingPayment
from topics.v1.common_pb2 import SIDE_BUY
from topics.v1.funding_pb2 import FundingUpdate
from topics.v1.instruments_pb2 import Instrument
from topics.v1.market_pb2 import Candle, MarketEvent, Quote
from topics.v1.orders_pb2 import (
    ORDER_STATUS_ACCEPTED,
    ORDER_STATUS_CANCELED,
    ORDER_STATUS_FILLED,
    ORDER_STATUS_PARTIALLY_FILLED,
)

LIVE = (ORDER_STATUS_ACCEPTED, ORDER_STATUS_PARTIALLY_FILLED)


@dataclass(slots=True)
class Behaviour:
    """One placement's fate. `raises` comes before the venue sees it, `raises_after` when it has executed it."""

    raises: Exception | None = None
    raises_after: Exception | None = None
    fills_lots: int = 0
    until: asyncio.Event | None = None
    reached: asyncio.Event = field(default_factory=asyncio.Event)


class ScriptedVenue:
    name = VENUE
    account = ACCOUNT

    def __init__(self, *symbols: str) -> None:
        self.instruments = {symbol: instrument(symbol) for symbol in symbols or (SYMBOL,)}
        self.orders: dict[str, VenueOrder] = {}
        self.executions: list[VenueFill] = []
        self._newest: dict[str, str] = {}
        self.placed: Counter[str] = Counter()
        self.cancels: Counter[str] = Counter()
        self.script: deque[Behaviour] = deque()
        self.cancel_script: deque[Exception] = deque()
        self.cancel_all_script: deque[Exception] = deque()
        self.batches: list[int] = []
        self.cancel_batches: list[int] = []
        self.cancel_alls: Counter[str] = Counter()
        self.find_script: deque[Exception] = deque()
        self.history_script: deque[Exception] = deque()
        self.positions_lots: Counter[str] = Counter()
        self.hidden: set[str] = set()
        self.late_in_lists: set[str] = set()
        self.only_in_history: set[str] = set()
        self.unlisted: set[str] = set()
        self.fills_since: list[tuple[str, str]] = []
        self.reads_fail = False
        self.emit: Callable[[OrderReport], Awaitable[None]] | None = None

    async def start(self) -> Sequence[Instrument]:
        return list(self.instruments.values())

    async def close(self) -> None:
        self.emit = None

    async def place(self, request: OrderRequest) -> VenueOrder:
        behaviour = self.script.popleft() if self.script else Behaviour()
        behaviour.reached.set()
        if behaviour.raises:
            raise behaviour.raises
        order = self.accept(request)
        if behaviour.fills_lots:
            await self.fill(order.venue_order_id, behaviour.fills_lots)
        if behaviour.until:
            await behaviour.until.wait()
        if behaviour.raises_after:
            raise behaviour.raises_after
        return order

    async def place_batch(self, requests: Sequence[OrderRequest]) -> list[Outcome]:
        self.batches.append(len(requests))
        return [await outcome_of(self.place(request)) for request in requests]

    async def cancel(self, symbol: str, *, client_order_id: str = "", venue_order_id: str = "") -> VenueOrder:
        if self.cancel_script:
            raise self.cancel_script.popleft()
        order = self._find(symbol, client_order_id, venue_order_id)
        if order is None or order.status not in LIVE:
            raise OrderNotFoundError("Unknown order sent.")
        self.cancels[order.client_order_id] += 1
        return await self.end(order.venue_order_id, ORDER_STATUS_CANCELED)

    async def cancel_batch(self, symbol: str, venue_order_ids: Sequence[str]) -> list[Outcome]:
        self.cancel_batches.append(len(venue_order_ids))
        return [await outcome_of(self.cancel(symbol, venue_order_id=it)) for it in venue_order_ids]

    async def cancel_all(self, symbol: str) -> None:
        self.cancel_alls[symbol] += 1
        if self.cancel_all_script:
            raise self.cancel_all_script.popleft()
        for order in await self.open_orders(symbol):
            self.cancels[order.client_order_id] += 1
            await self.end(order.venue_order_id, ORDER_STATUS_CANCELED)

    async def find_order(
        self, symbol: str, *, client_order_id: str = "", venue_order_id: str = ""
    ) -> VenueOrder | None:
        self._answer()
        if self.find_script:
            raise self.find_script.popleft()
        return self._find(symbol, client_order_id, venue_order_id)

    async def open_orders(self, symbol: str) -> list[VenueOrder]:
        self._answer()
        unlisted = self.only_in_history | self.late_in_lists
        visible = [it for it in self._visible() if it.venue_order_id not in unlisted]
        return [it for it in visible if it.symbol == symbol and it.status in LIVE]

    async def orders_since(self, symbol: str, since_ms: int) -> list[VenueOrder]:
        self._answer()
        if self.history_script:
            raise self.history_script.popleft()
        return [it for it in self._visible() if it.symbol == symbol]

    async def fills(self, symbol: str, *, since_trade_id: str = "", since_ms: int = 0) -> list[VenueFill]:
        self._answer()
        newest = int(since_trade_id or 0)
        self.fills_since.append((symbol, since_trade_id))
        listed = [it for it in self.executions if it.fill.trade_id not in self.unlisted]
        return [it for it in listed if it.symbol == symbol and int(it.fill.trade_id) > newest]

    async def snapshot(self) -> AccountUpdate:
        self._answer()
        return AccountUpdate(
            venue=self.name, account=self.account, snapshot=True, time_ms=1, positions=await self.positions()
        )

    async def positions(self, symbol: str = "") -> list[AccountPosition]:
        return [
            AccountPosition(symbol=name, quantity_lots=lots)
            for name, lots in self.positions_lots.items()
            if symbol in ("", name)
        ]

    async def funding_payments(self, *, since_ms: int) -> list[FundingPayment]:
        return []

    async def mark_price(self, symbol: str) -> Decimal:
        self._answer()
        return Decimal(10_000)

    async def best_quote(self, symbol: str) -> Quote:
        return Quote(bid_ticks=99_999, bid_lots=1, ask_ticks=100_001, ask_lots=1)

    async def funding_rate(self, symbol: str) -> FundingUpdate:
        return FundingUpdate(venue=self.name, symbol=symbol, rate="0", mark_price="10000")

    async def candles(self, symbol: str, **_: int) -> list[Candle]:
        return []

    async def market(self, symbol: str) -> AsyncIterator[MarketEvent | StreamLost]:
        for event in list[MarketEvent | StreamLost]():
            yield event

    async def funding(self, symbol: str) -> AsyncIterator[FundingUpdate]:
        for update in list[FundingUpdate]():
            yield update

    async def order_reports(self) -> AsyncIterator[OrderReport | StreamLost]:
        for it in list[OrderReport | StreamLost]():
            yield it

    async def account_updates(self) -> AsyncIterator[AccountUpdate | StreamLost]:
        for update in list[AccountUpdate | StreamLost]():
            yield update

    def accept(self, request: OrderRequest) -> VenueOrder:
        """Executes the request: from here on the order exists."""
        newest = self._newest.get(request.client_order_id)
        if newest is not None and self.orders[newest].status in LIVE:
            raise DuplicateOrderError("ClientOrderId is duplicated.")
        self.placed[request.client_order_id] += 1
        order = report(request, venue_order_id=str(len(self.orders) + 1))
        self.orders[order.venue_order_id] = order
        self._newest[request.client_order_id] = order.venue_order_id
        return order

    async def fill(self, venue_order_id: str, lots: int, *, tell: bool = True, repeat: int = 1) -> VenueFill:
        """Executes part of an order; `tell=False`: the user stream loses it."""
        order = self.orders[venue_order_id]
        filled = order.filled_lots + lots
        status = ORDER_STATUS_FILLED if filled == order.quantity_lots else ORDER_STATUS_PARTIALLY_FILLED
        self.orders[venue_order_id] = replace(order, filled_lots=filled, status=status)
        self.positions_lots[order.symbol] += lots if order.side == SIDE_BUY else -lots
        made = execution(_request(order), str(len(self.executions) + 1), lots, venue_order_id=venue_order_id)
        self.executions.append(made)
        for _ in range(repeat if tell else 0):
            await self._tell(made)
            await self._tell(self.orders[venue_order_id])
        return made

    async def end(self, venue_order_id: str, status: int, *, tell: bool = True) -> VenueOrder:
        self.orders[venue_order_id] = replace(self.orders[venue_order_id], status=status)
        if tell:
            await self._tell(self.orders[venue_order_id])
        return self.orders[venue_order_id]

    def of(self, client_order_id: str) -> VenueOrder:
        return self.orders[self._newest[client_order_id]]

    def _find(self, symbol: str, client_order_id: str, venue_order_id: str) -> VenueOrder | None:
        order = self.orders.get(venue_order_id or self._newest.get(client_order_id, ""))
        lost = self.hidden | self.only_in_history
        return order if order and order.symbol == symbol and order.venue_order_id not in lost else None

    def _visible(self) -> list[VenueOrder]:
        return [it for it in self.orders.values() if it.venue_order_id not in self.hidden]

    def _answer(self) -> None:
        if self.reads_fail:
            raise VenueUnavailableError("503 Service Unavailable")

    async def _tell(self, news: OrderReport) -> None:
        if self.emit is not None:
            await self.emit(news)


def _request(order: VenueOrder) -> OrderRequest:
    return OrderRequest(
        symbol=order.symbol,
        client_order_id=order.client_order_id,
        side=order.side,
        type=order.type,
        time_in_force=order.time_in_force,
        price_ticks=order.price_ticks,
        quantity_lots=order.quantity_lots,
        reduce_only=order.reduce_only,
    )
