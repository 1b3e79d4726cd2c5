"""What the books of one product need beside matching: whether its account may trade, and what a trade does to it.

The matching engine asks; `perpetual` and `spot` answer. Pure. Must not: match, persist or ask the time.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple, Protocol

from venue.book import Book
from venue.events import Event
from venue.orders import Order, PlaceOrder


class Trade(NamedTuple):
    """One execution to be settled. Price in ticks, quantity in lots."""

    trade_id: int
    price: int
    lots: int
    maker: bool
    time_ms: int


class Settled(NamedTuple):
    """What a trade came to: the fee and its asset, realised PnL in quote currency, and the account's events."""

    fee: Decimal
    fee_asset: str
    realized_pnl: Decimal
    events: Sequence[Event]


class Clearing(Protocol):
    """One product's account."""

    def check(self, command: PlaceOrder, book: Book, *, duplicate: bool) -> None:
        """Raise `Refusal` for what filters or funds forbid, in the product's words; `duplicate`: of the client id."""

    def admit(self, order: Order, command: PlaceOrder, book: Book) -> Sequence[Event]:
        """Reserve what a checked order may need, before it trades or rests."""

    def allowed(self, order: Order) -> int:
        """Lots an order may still trade."""

    def settle(self, order: Order, book: Book, trade: Trade) -> Settled:
        """Book one trade that is already counted in the order."""

    def closed(self, order: Order, book: Book) -> Sequence[Event]:
        """Give back what is still reserved for an order that ended before it was filled."""
