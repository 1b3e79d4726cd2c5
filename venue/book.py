"""One instrument's book as the venue sees it: the tape's best bid and ask, and our client's resting orders.

Below the displayed best price stands a stated synthetic depth: `DEPTH_LEVELS` further levels, one basis point
(at least one tick) apart, each as large as the displayed size but never smaller than `DEPTH_NOTIONAL` of quote
currency. What a taker took stays taken until the next quote. Resting orders are in price-time order.
Must not: know accounts, fees or events.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterator
from decimal import Decimal

from venue.instruments import Instrument
from venue.orders import Order

DEPTH_LEVELS = 10
DEPTH_NOTIONAL = Decimal(50_000)
NO_ASK = 1 << 62
NO_BID = 0


def _bid_priority(order: Order) -> tuple[int, int]:
    return (-order.price, order.order_id)


def _ask_priority(order: Order) -> tuple[int, int]:
    return (order.price, order.order_id)


class Book:
    """Top of the market (ticks, lots) and own resting orders, best first."""

    __slots__ = (
        "ask",
        "ask_size",
        "ask_taken",
        "asks",
        "best_own_ask",
        "best_own_bid",
        "bid",
        "bid_size",
        "bid_taken",
        "bids",
        "instrument",
        "last_price",
        "mark_basis",
        "open_ask_lots",
        "open_ask_value",
        "open_bid_lots",
        "open_bid_value",
        "reduce_only_orders",
        "time_ms",
    )

    def __init__(self, instrument: Instrument) -> None:
        self.instrument = instrument
        self.bid = self.bid_size = self.bid_taken = 0
        self.ask = self.ask_size = self.ask_taken = 0
        self.last_price = 0
        self.mark_basis = Decimal(0)
        self.time_ms = 0
        self.bids: list[Order] = []
        self.asks: list[Order] = []
        self.best_own_bid = NO_BID
        self.best_own_ask = NO_ASK
        self.open_bid_value = self.open_ask_value = 0
        self.open_bid_lots = self.open_ask_lots = 0
        self.reduce_only_orders = 0

    @property
    def mark(self) -> Decimal:
        """The mark price: the middle of the quote (else the last trade) plus the tape's last known basis."""
        if self.bid and self.ask:
            return (self.bid + self.ask) * self.instrument.tick_size / 2 + self.mark_basis
        return self.last_price * self.instrument.tick_size + self.mark_basis

    def rest(self, order: Order) -> None:
        if order.is_buy:
            insort(self.bids, order, key=_bid_priority)
            self.best_own_bid = self.bids[0].price
        else:
            insort(self.asks, order, key=_ask_priority)
            self.best_own_ask = self.asks[0].price
        self.reduce_only_orders += order.reduce_only
        self._count(order, order.remaining)

    def remove(self, order: Order) -> None:
        self._count(order, -order.remaining)
        self.reduce_only_orders -= order.reduce_only
        if order.is_buy:
            self.bids.remove(order)
            self.best_own_bid = self.bids[0].price if self.bids else NO_BID
        else:
            self.asks.remove(order)
            self.best_own_ask = self.asks[0].price if self.asks else NO_ASK

    def filled(self, order: Order, lots: int) -> None:
        """A resting order traded `lots`, already counted in the order."""
        self._count(order, -lots)

    def _count(self, order: Order, lots: int) -> None:
        if order.is_buy:
            self.open_bid_lots += lots
            self.open_bid_value += lots * order.price
        else:
            self.open_ask_lots += lots
            self.open_ask_value += lots * order.price

    def levels(self, *, asks: bool) -> Iterator[tuple[int, int]]:
        """Market levels a taker meets, best first: (price in ticks, lots still there)."""
        price, size, taken = (
            (self.ask, self.ask_size, self.ask_taken) if asks else (self.bid, self.bid_size, self.bid_taken)
        )
        if not price:
            return
        yield from _less_taken(self._all_levels(price, size, 1 if asks else -1), taken)

    def _all_levels(self, price: int, size: int, direction: int) -> Iterator[tuple[int, int]]:
        yield price, size
        apart = max(1, price // 10_000)
        deep = max(size, int(DEPTH_NOTIONAL / (price * self.instrument.lot_value)))
        for level in range(1, DEPTH_LEVELS + 1):
            deeper = price + direction * apart * level
            if deeper <= 0:
                return
            yield deeper, deep

    def take(self, lots: int, *, asks: bool) -> None:
        if asks:
            self.ask_taken += lots
        else:
            self.bid_taken += lots

    def open_orders(self) -> list[Order]:
        return sorted([*self.bids, *self.asks], key=lambda order: order.order_id)


def _less_taken(levels: Iterator[tuple[int, int]], taken: int) -> Iterator[tuple[int, int]]:
    for price, size in levels:
        left = size - taken
        taken = max(0, -left)
        if left > 0:
            yield price, left
