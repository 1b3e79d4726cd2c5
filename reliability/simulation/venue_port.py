"""`VenuePort` over the simulated wire: what the ccxt adapter is in the product. Calls out, replies in, nothing kept.

Raises exactly what the adapter raises. Nothing here retries or decides whether to send.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from decimal import Decimal
from functools import partial

from connector.ccxt_adapter.errors import translate
from connector.errors import OrderNotFoundError, UnsupportedError, VenueError
from connector.port import OrderReport, OrderRequest, Outcome, StreamLost, VenueFill, VenueOrder
from reliability.simulation.history import Request
from reliability.simulation.loop import VirtualLoop
from reliability.simulation.streams import Streams
from reliability.simulation.venue_books import VenueBooks
from reliability.simulation.wire import Wire, answer_of
from topics.v1.account_pb2 import AccountPosition, AccountUpdate, FundingPayment
from topics.v1.funding_pb2 import FundingUpdate
from topics.v1.instruments_pb2 import Instrument
from topics.v1.market_pb2 import Candle, MarketEvent, Quote

MOST_IN_A_BATCH = 5


class SimulatedVenue:
    """See `connector.port.VenuePort`. `requests` gets one entry for every request that changes something."""

    def __init__(
        self, books: VenueBooks, wire: Wire, streams: Streams, loop: VirtualLoop, requests: list[Request], process: str
    ) -> None:
        self.name = books.name
        self.account = books.account
        self.streams = streams
        self._books = books
        self._wire = wire
        self._loop = loop
        self._requests = requests
        self._process = process

    async def start(self) -> Sequence[Instrument]:
        return await self._wire.call("loading the instruments", lambda _: self._listed(), changes=False)

    async def close(self) -> None:
        self.streams.close()

    async def place(self, request: OrderRequest) -> VenueOrder:
        told_at_once = self._wire.random.random() < 0.5
        return await self._wire.call(
            f"placing {request.client_order_id} of {request.symbol}",
            lambda _: self._books.place(request, told_at_once=told_at_once),
            changes=True,
            requests=(self._sent("place", request.symbol, request.client_order_id),),
        )

    async def place_batch(self, requests: Sequence[OrderRequest]) -> list[Outcome]:
        outcomes: list[Outcome] = []
        for begin in range(0, len(requests), MOST_IN_A_BATCH):
            part = requests[begin : begin + MOST_IN_A_BATCH]
            outcomes += await self._batch(
                f"placing {len(part)} orders",
                [partial(self._books.place, request, told_at_once=True) for request in part],
                tuple(self._sent("place", it.symbol, it.client_order_id) for it in part),
            )
        return outcomes

    async def cancel(self, symbol: str, *, client_order_id: str = "", venue_order_id: str = "") -> VenueOrder:
        return await self._wire.call(
            f"cancelling {client_order_id or venue_order_id} of {symbol}",
            lambda _: self._books.cancel(symbol, client_order_id, venue_order_id),
            changes=True,
            requests=(self._sent("cancel", symbol, client_order_id, venue_order_id),),
        )

    async def cancel_batch(self, symbol: str, venue_order_ids: Sequence[str]) -> list[Outcome]:
        outcomes: list[Outcome] = []
        for begin in range(0, len(venue_order_ids), MOST_IN_A_BATCH):
            part = venue_order_ids[begin : begin + MOST_IN_A_BATCH]
            outcomes += await self._batch(
                f"cancelling {len(part)} orders of {symbol}",
                [partial(self._books.cancel, symbol, "", it) for it in part],
                tuple(self._sent("cancel", symbol, "", it) for it in part),
            )
        return outcomes

    async def cancel_all(self, symbol: str) -> None:
        await self._wire.call(
            f"cancelling every order of {symbol}",
            lambda _: self._books.cancel_all(symbol),
            changes=True,
            requests=(self._sent("cancel_all", symbol),),
        )

    async def find_order(
        self, symbol: str, *, client_order_id: str = "", venue_order_id: str = ""
    ) -> VenueOrder | None:
        try:
            return await self._wire.call(
                f"looking up {client_order_id or venue_order_id} of {symbol}",
                lambda as_of_s: self._books.find(symbol, client_order_id, venue_order_id, as_of_s),
                changes=False,
            )
        except OrderNotFoundError:
            return None

    async def open_orders(self, symbol: str) -> list[VenueOrder]:
        return await self._wire.call(
            f"reading the open orders of {symbol}",
            lambda as_of_s: self._books.open_orders(symbol, as_of_s),
            changes=False,
        )

    async def orders_since(self, symbol: str, since_ms: int) -> list[VenueOrder]:
        return await self._wire.call(
            f"reading the order history of {symbol}",
            lambda as_of_s: self._books.orders_since(symbol, since_ms, as_of_s),
            changes=False,
        )

    async def fills(self, symbol: str, *, since_trade_id: str = "", since_ms: int = 0) -> list[VenueFill]:
        found = await self._wire.call(
            f"reading the executions of {symbol}",
            lambda as_of_s: self._books.executions(symbol, since_trade_id, as_of_s),
            changes=False,
        )
        return [it for it in found if it.fill.time_ms >= since_ms]

    async def snapshot(self) -> AccountUpdate:
        return await self._wire.call("reading the account", self._books.snapshot, changes=False)

    async def positions(self, symbol: str = "") -> list[AccountPosition]:
        snapshot = await self.snapshot()
        return [it for it in snapshot.positions if symbol in ("", it.symbol)]

    async def funding_payments(self, *, since_ms: int) -> list[FundingPayment]:
        return await self._wire.call(
            f"reading the funding payments since {since_ms}", lambda _: list[FundingPayment](), changes=False
        )

    async def mark_price(self, symbol: str) -> Decimal:
        return await self._wire.call(
            f"reading the mark price of {symbol}", lambda _: self._books.mark_price(symbol), changes=False
        )

    async def best_quote(self, symbol: str) -> Quote:
        return await self._wire.call(
            f"reading the best prices of {symbol}", lambda _: self._books.best_quote(symbol), changes=False
        )

    async def funding_rate(self, symbol: str) -> FundingUpdate:
        raise UnsupportedError(f"the simulated venue tells the funding rate of {symbol} on its stream only")

    async def candles(self, symbol: str, **_: int) -> list[Candle]:
        raise UnsupportedError(f"the simulated venue keeps no candles of {symbol}")

    def market(self, symbol: str) -> AsyncIterator[MarketEvent | StreamLost]:
        return self.streams.market[symbol].items()

    def funding(self, symbol: str) -> AsyncIterator[FundingUpdate]:
        return self.streams.funding[symbol].items()

    def order_reports(self) -> AsyncIterator[OrderReport | StreamLost]:
        self.streams.connect()
        return self.streams.orders.items()

    def account_updates(self) -> AsyncIterator[AccountUpdate | StreamLost]:
        return self.streams.account.items()

    async def _batch(
        self, what: str, calls: Sequence[Callable[[], VenueOrder]], requests: tuple[Request, ...]
    ) -> list[Outcome]:
        """Each item has an answer of its own; an error of the whole call is that of each."""
        try:
            answers = await self._wire.call(
                what, lambda _: [answer_of(call) for call in calls], changes=True, requests=requests
            )
        except VenueError as error:
            return [error for _ in calls]
        return [translate(it, what=what, changes=True) if isinstance(it, Exception) else it for it in answers]

    def _listed(self) -> list[Instrument]:
        return list(self._books.instruments.values())

    def _sent(self, kind: str, symbol: str, client_order_id: str = "", venue_order_id: str = "") -> Request:
        request = Request(self._process, kind, symbol, client_order_id, venue_order_id, self._loop.time())
        self._requests.append(request)
        return request
