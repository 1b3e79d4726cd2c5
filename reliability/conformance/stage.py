"""A case's hands: the port, orders of sizes and prices that suit the instrument, what the streams told, and patience.

Every order of a run goes through here, so that bounds hold and nothing is left behind. Must not: judge.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from connector.port import OrderReport, OrderRequest, Outcome, StreamLost, VenueFill, VenueOrder, VenuePort
from reliability.conformance.case import CaseFailedError, NotTriedError, Product, must
from reliability.conformance.hearing import Heard
from reliability.conformance.order_requests import OrderRequests
from reliability.conformance.subject import Bounds, Driver, Subject
from topics.v1.account_pb2 import AccountUpdate
from topics.v1.common_pb2 import (
    SIDE_BUY,
    SIDE_SELL,
)
from topics.v1.funding_pb2 import FundingUpdate
from topics.v1.instruments_pb2 import Instrument
from topics.v1.market_pb2 import MarketEvent
from topics.v1.orders_pb2 import (
    ORDER_STATUS_CANCELED,
    ORDER_STATUS_EXPIRED,
    ORDER_STATUS_FILLED,
    ORDER_STATUS_REJECTED,
    OrderStatus,
)

ENDED: Final = frozenset({ORDER_STATUS_FILLED, ORDER_STATUS_CANCELED, ORDER_STATUS_REJECTED, ORDER_STATUS_EXPIRED})


@dataclass(frozen=True, slots=True)
class Ears:
    """The streams of a run. `market` and `funding` are of the one symbol."""

    reports: Heard[OrderReport | StreamLost]
    account: Heard[AccountUpdate | StreamLost]
    market: Heard[MarketEvent | StreamLost]
    funding: Heard[FundingUpdate]


class Stage(OrderRequests):
    """`mid` is the market's price as of the case's beginning; `mine` are the client ids of the case."""

    def __init__(self, subject: Subject, port: VenuePort, instrument: Instrument, ears: Ears) -> None:
        self.subject = subject
        self.port = port
        super().__init__(instrument, port.name)
        self.ears = ears
        self.mine: list[str] = []
        self.held_before = 0
        self._sent = 0

    @property
    def driver(self) -> Driver:
        if self.subject.driver is None:
            raise NotTriedError("this venue cannot be driven from outside")
        return self.subject.driver

    @property
    def spot(self) -> bool:
        return self.subject.product is Product.SPOT

    async def begin(self) -> None:
        """For a case: nothing of it yet, the market's price as it is now."""
        self.mine = []
        self.stand_at(await self.market_price())

    async def market_price(self) -> Decimal:
        """The middle of the best prices."""
        quote = await self.port.best_quote(self.symbol)
        return self.scale.price(quote.bid_ticks + quote.ask_ticks) / 2

    # --- orders -------------------------------------------------------------------------------------------------------

    async def place(self, request: OrderRequest) -> VenueOrder:
        self._let_go([request])
        return await self.port.place(request)

    async def place_batch(self, requests: Sequence[OrderRequest]) -> list[Outcome]:
        self._let_go(requests)
        return await self.port.place_batch(requests)

    async def rest(self, request: OrderRequest | None = None) -> VenueOrder:
        """An order that is open afterwards, at the venue's look-up too."""
        placed = await self.place(request or self.limit())
        return await self.found(placed, lambda it: it.status not in ENDED, "be open")

    async def buy(self, lots: int = 0) -> VenueOrder:
        """Bought at the market, whole, executions told too."""
        return await self.bought_or_sold(self.at_market(SIDE_BUY, lots))

    async def bought_or_sold(self, request: OrderRequest) -> VenueOrder:
        placed = await self.place(request)
        order = await self.found(placed, lambda it: it.status == ORDER_STATUS_FILLED, "be filled")
        await self.comes(
            lambda: sum(it.fill.quantity_lots for it in self.heard_fills(order)) == order.filled_lots,
            f"executions over all {order.filled_lots} lots of {order.client_order_id} on the stream",
        )
        return order

    async def flat_again(self) -> None:
        """Sells what was bought (buys back what was sold), and waits for it."""
        if lots := await self.opened_lots():
            side = SIDE_SELL if lots > 0 else SIDE_BUY
            await self.bought_or_sold(self.at_market(side, abs(lots), reduce_only=not self.spot))

    async def opened_lots(self) -> int:
        """Held beyond what was held before the run. On spot nothing where it is too little to be sold again."""
        lots = await self.held_lots() - self.held_before
        return 0 if self.spot and lots < self.least_lots(self.mid) else lots

    async def held_lots(self) -> int:
        """Perpetual: the position. Spot: what there is of the base asset, in whole lots."""
        if self.spot:
            return self.scale.lots_down(await self.balance(self.instrument.base_asset))
        (position,) = await self.port.positions(self.symbol)
        return position.quantity_lots

    async def balance(self, asset: str) -> Decimal:
        """What the wallet has of it; nothing where the venue does not list it."""
        held = {it.asset: it.wallet_balance for it in (await self.port.snapshot()).balances}
        return Decimal(held.get(asset, "0"))

    # --- what the venue says ------------------------------------------------------------------------------------------

    async def look_up(self, order: VenueOrder) -> VenueOrder | None:
        return await self.port.find_order(self.symbol, venue_order_id=order.venue_order_id)

    async def found(self, order: VenueOrder, holds: Callable[[VenueOrder], bool], what: str) -> VenueOrder:
        """The order once the venue's look-up shows it so. `what` it must be, for people."""
        seen: VenueOrder | None = order

        async def so() -> bool:
            nonlocal seen
            seen = await self.look_up(order)
            return seen is not None and holds(seen)

        if not await self.becomes(so):
            raise CaseFailedError(f"order {order.client_order_id} must {what}; the venue's look-up says {told(seen)}")
        must(seen, "")  # it was seen, or it had not become so
        return seen or order

    async def fills_of(self, order: VenueOrder) -> list[VenueFill]:
        """From the venue's list of executions, once they are as many lots as the order says."""
        found: list[VenueFill] = []

        async def complete() -> bool:
            nonlocal found
            listed = await self.port.fills(self.symbol)
            found = [it for it in listed if it.venue_order_id == order.venue_order_id]
            return sum(it.fill.quantity_lots for it in found) >= order.filled_lots

        await self.becomes(complete)
        lots = sum(it.fill.quantity_lots for it in found)
        must(
            lots == order.filled_lots,
            f"{order.client_order_id} is filled with {order.filled_lots} lots; the list of executions has {lots}",
        )
        return found

    def heard(self, order: VenueOrder, mark: int = 0) -> list[VenueOrder]:
        """What the stream told of an order, in order."""
        since = self.ears.reports.since(mark)
        return [it for it in since if isinstance(it, VenueOrder) and it.venue_order_id == order.venue_order_id]

    def heard_fills(self, order: VenueOrder, mark: int = 0) -> list[VenueFill]:
        since = self.ears.reports.since(mark)
        return [it for it in since if isinstance(it, VenueFill) and it.venue_order_id == order.venue_order_id]

    def market_events(self, mark: int = 0) -> list[MarketEvent]:
        return [it for it in self.ears.market.since(mark) if not isinstance(it, StreamLost)]

    async def becomes(self, holds: Callable[[], Awaitable[bool]], within_s: float = 0.0) -> bool:
        """Whether it came true in time."""
        limit = asyncio.get_running_loop().time() + (within_s or self.subject.patience_s)
        while not await holds():
            if asyncio.get_running_loop().time() > limit:
                return False
            await asyncio.sleep(self.subject.look_every_s)
        return True

    async def comes(self, holds: Callable[[], bool], what: str, within_s: float = 0.0) -> None:
        """Raises CaseFailedError where it does not come in time."""

        async def so() -> bool:
            return holds()

        limit_s = within_s or self.subject.patience_s
        must(await self.becomes(so, limit_s), f"{what} must come; it did not within {limit_s:g} s")

    # --- inside -------------------------------------------------------------------------------------------------------

    def _let_go(self, requests: Sequence[OrderRequest]) -> None:
        """Remembers them before they are sent. Raises NotTriedError for what is beyond the run's bounds."""
        for request in requests:
            if self.subject.bounds is not None:
                self._sent += 1
                _within(self.subject.bounds, self._sent, self._notional(request))
            self.mine.append(request.client_order_id)

    def _notional(self, request: OrderRequest) -> Decimal:
        price = self.scale.price(request.price_ticks) if request.price_ticks else self.mid
        return price * self.scale.quantity(request.quantity_lots)


def _within(bounds: Bounds, sent: int, notional: Decimal) -> None:
    if sent > bounds.orders:
        raise NotTriedError(f"this run may place {bounds.orders} orders and has")
    if notional > bounds.notional:
        raise NotTriedError(f"this run may place orders of {bounds.notional:f} at most; this one is of {notional:f}")


def told(order: VenueOrder | None) -> str:
    """An order for people."""
    if order is None:
        return "that there is none"
    status = OrderStatus.Name(OrderStatus.ValueType(order.status)).removeprefix("ORDER_STATUS_")
    return f"{status} with {order.filled_lots} of {order.quantity_lots} lots filled {order.reason_code}".rstrip()
