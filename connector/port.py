"""The seam between us and any venue: what an adapter must do, in our own terms. No venue's dialect crosses it.

Quantities and prices are lots and ticks of the instrument's scale; money in quote or asset units is Decimal.
"""

from collections.abc import AsyncIterator, Awaitable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from connector.errors import VenueError
from topics.v1.account_pb2 import AccountPosition, AccountUpdate, FundingPayment
from topics.v1.funding_pb2 import FundingUpdate
from topics.v1.instruments_pb2 import Instrument
from topics.v1.market_pb2 import Candle, MarketEvent, Quote
from topics.v1.orders_pb2 import Fill


@dataclass(frozen=True, slots=True)
class OrderRequest:
    """An order as it goes to the venue. `side`, `type`, `time_in_force` are values of topics.v1 enums."""

    symbol: str
    client_order_id: str
    side: int
    type: int
    time_in_force: int
    price_ticks: int
    quantity_lots: int
    reduce_only: bool = False


@dataclass(frozen=True, slots=True)
class VenueOrder:
    """What the venue says an order is, at `time_ms` of its clock. `status` is a topics.v1 OrderStatus."""

    symbol: str
    client_order_id: str
    venue_order_id: str
    side: int
    type: int
    time_in_force: int
    reduce_only: bool
    price_ticks: int
    quantity_lots: int
    filled_lots: int
    status: int
    time_ms: int
    reason_code: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class VenueFill:
    """One execution of one order; the client order id may be empty where the venue's trade list lacks it."""

    symbol: str
    client_order_id: str
    venue_order_id: str
    side: int
    fill: Fill


OrderReport = VenueOrder | VenueFill
Outcome = VenueOrder | VenueError
"""What became of one item of a batch (ORD-2)."""


async def outcome_of(call: Awaitable[VenueOrder]) -> Outcome:
    """The answer, or the error as a value: for a venue whose batches are single calls."""
    try:
        return await call
    except VenueError as error:
        return error


class StreamLost:
    """Yielded by a stream each time it is up, the first time too: what happened before must be fetched (STREAM-1)."""


class VenuePort(Protocol):
    """Errors are those of connector.errors. Every call raises within `timeout_s` of the adapter's settings (WF-5)."""

    name: str
    account: str

    async def start(self) -> Sequence[Instrument]:
        """Validates the credentials with a signed call and loads instruments (SYM-1, GRPC-4)."""

    async def close(self) -> None: ...

    async def place(self, request: OrderRequest) -> VenueOrder:
        """Sends once, never retries."""

    async def place_batch(self, requests: Sequence[OrderRequest]) -> list[Outcome]:
        """One outcome for each request, in their order, in as few calls as the venue allows (ORD-2). Never retries.

        Raises nothing of the venue's: an error of a whole call is the outcome of each of its items.
        """

    async def cancel(self, symbol: str, *, client_order_id: str = "", venue_order_id: str = "") -> VenueOrder: ...

    async def cancel_batch(self, symbol: str, venue_order_ids: Sequence[str]) -> list[Outcome]:
        """As `place_batch`. OrderNotFoundError is the outcome for an order that is not open."""

    async def cancel_all(self, symbol: str) -> None:
        """Every open order of the account on the symbol, those of others too, in one call.

        Raises UnsupportedError where the venue has no such call.
        """

    async def find_order(
        self, symbol: str, *, client_order_id: str = "", venue_order_id: str = ""
    ) -> VenueOrder | None:
        """None: the venue says it does not know it."""

    async def open_orders(self, symbol: str) -> list[VenueOrder]: ...

    async def orders_since(self, symbol: str, since_ms: int) -> list[VenueOrder]:
        """The venue's order history: every order it took at `since_ms` of this machine's clock or later, ended ones
        too, oldest first; it may hold older ones. A witness apart from `find_order` and the executions (WF-3)."""

    async def fills(self, symbol: str, *, since_trade_id: str = "", since_ms: int = 0) -> list[VenueFill]:
        """All executions after the trade id, or from the time on, oldest first; pages until complete."""

    async def snapshot(self) -> AccountUpdate:
        """Balances and positions, snapshot=True; seq is left 0."""

    async def positions(self, symbol: str = "") -> list[AccountPosition]: ...

    async def funding_payments(self, *, since_ms: int) -> list[FundingPayment]: ...

    async def mark_price(self, symbol: str) -> Decimal: ...

    async def best_quote(self, symbol: str) -> Quote:
        """Best bid and ask now; 0 for a side that is empty."""

    async def funding_rate(self, symbol: str) -> FundingUpdate:
        """As `funding` streams it, seq 0; never asked of a spot instrument, see `connector.funding.of_spot`."""

    async def candles(
        self, symbol: str, *, interval_ms: int, limit: int, start_ms: int = 0, until_ms: int = 0
    ) -> list[Candle]:
        """At most `limit`, oldest first, the running one too (closed=False); open times in [start_ms, until_ms).

        With `start_ms` the first ones from there on, without it the newest; 0: no bound. Raises UnsupportedError for an
        interval the venue does not have.
        """

    def market(self, symbol: str) -> AsyncIterator[MarketEvent | StreamLost]:
        """Quotes, trades and candles of one symbol as they come; reconnects by itself (3, 5, 10, 30 s at most)."""

    def funding(self, symbol: str) -> AsyncIterator[FundingUpdate]:
        """Of a spot instrument: `connector.funding.of_spot` with a price, as often as the price is needed."""

    def order_reports(self) -> AsyncIterator[OrderReport | StreamLost]:
        """The account's user stream over all symbols: order changes and executions, in the venue's order."""

    def account_updates(self) -> AsyncIterator[AccountUpdate | StreamLost]: ...
