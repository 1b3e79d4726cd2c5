"""Given / when / then for the matching engine: what a test says is prices and quantities, not plumbing."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from venue.engine import Engine, EngineSettings
from venue.events import AccountChanged, Event, Execution, Fill, FundingPaid, OrderRefused, OrderUpdated
from venue.instruments import LISTED
from venue.orders import OrderType, PlaceOrder, Side, TimeInForce

SYMBOL = "BTCUSDT"
INSTRUMENT = LISTED[SYMBOL]


class Market:
    """An engine for BTCUSDT (tick 0.01, lot 0.001), a clock that counts, and everything that happened."""

    def __init__(self, balance: str = "10000") -> None:
        self.engine = Engine([INSTRUMENT], EngineSettings(initial_balance=Decimal(balance)))
        self.history: list[Event] = []
        self.last: Sequence[Event] = ()
        self.time_ms = 1_000
        self._placed = 0

    def _happened(self, events: Sequence[Event]) -> Market:
        self.last = events
        self.history.extend(events)
        self.time_ms += 1
        return self

    def quote(self, bid: str, ask: str, bid_size: str = "1", ask_size: str = "1") -> Market:
        prices = [INSTRUMENT.ticks(Decimal(price)) for price in (bid, ask)]
        sizes = [INSTRUMENT.lots(Decimal(size)) for size in (bid_size, ask_size)]
        return self._happened(self.engine.quote(SYMBOL, self.time_ms, prices[0], sizes[0], prices[1], sizes[1]))

    def trade(self, side: str, quantity: str, price: str) -> Market:
        ticks, lots = INSTRUMENT.ticks(Decimal(price)), INSTRUMENT.lots(Decimal(quantity))
        return self._happened(self.engine.trade(SYMBOL, self.time_ms, ticks, lots, Side(side)))

    def funding(self, rate: str) -> Market:
        return self._happened(self.engine.funding(SYMBOL, self.time_ms, Decimal(rate)))

    def place(self, side: str, quantity: str, price: str | None = None, **changes: Any) -> Market:
        self._placed += 1
        command = PlaceOrder(
            symbol=SYMBOL,
            side=Side(side),
            type=OrderType.LIMIT if price else OrderType.MARKET,
            quantity=INSTRUMENT.lots(Decimal(quantity)),
            price=INSTRUMENT.ticks(Decimal(price)) if price else 0,
            time_in_force=TimeInForce(changes.pop("tif", "GTC")),
            reduce_only=changes.pop("reduce_only", False),
            client_order_id=changes.pop("client_id", f"order-{self._placed}"),
        )
        assert not changes
        return self._happened(self.engine.place(command, self.time_ms))

    def buy(self, quantity: str, price: str | None = None, **changes: Any) -> Market:
        return self.place("BUY", quantity, price, **changes)

    def sell(self, quantity: str, price: str | None = None, **changes: Any) -> Market:
        return self.place("SELL", quantity, price, **changes)

    def cancel(self, client_id: str) -> Market:
        order = self.engine.open_by_client_id[SYMBOL, client_id]
        return self._happened(self.engine.cancel(order.order_id, self.time_ms))

    @property
    def fills(self) -> list[tuple[str, str, str]]:
        """(client id, price, quantity) of the last step's fills, in order."""
        return [
            (
                fill.client_order_id,
                INSTRUMENT.price_text(fill.price),
                INSTRUMENT.quantity_text(fill.quantity),
            )
            for fill in fills(self.last)
        ]

    @property
    def outcomes(self) -> list[tuple[str, str]]:
        """(client id, status) of the last step's order updates, in order."""
        return [
            (one.order.client_order_id, one.order.status.value) for one in self.last if isinstance(one, OrderUpdated)
        ]

    @property
    def refusal(self) -> int | None:
        return next((one.code for one in self.last if isinstance(one, OrderRefused)), None)

    @property
    def open_ids(self) -> list[str]:
        return [order.client_order_id for order in self.engine.books[SYMBOL].open_orders()]

    @property
    def position(self) -> Decimal:
        return INSTRUMENT.quantity(self.engine.account.position(SYMBOL).lots)

    @property
    def wallet(self) -> Decimal:
        return self.engine.account.wallet_balance


def fills(events: Sequence[Event]) -> list[Fill]:
    return [one.fill for one in events if isinstance(one, OrderUpdated) and one.fill is not None]


def changes(events: Sequence[Event]) -> list[AccountChanged]:
    return [one for one in events if isinstance(one, AccountChanged)]


def fundings(events: Sequence[Event]) -> list[FundingPaid]:
    return [one for one in events if isinstance(one, FundingPaid)]


def executions(events: Sequence[Event]) -> list[Execution]:
    return [one.execution for one in events if isinstance(one, OrderUpdated)]
