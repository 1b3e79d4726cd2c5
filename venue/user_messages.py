"""What the owner is told of orders and accounts: one user stream for each product's account.

Must not: decide or persist anything.
"""

from __future__ import annotations

from collections.abc import Sequence

from venue import messages
from venue.engine import Engine
from venue.events import AccountChanged, Event, FundsMoved, OrderUpdated, WalletChanged
from venue.instruments import Product
from venue.spot import messages as spot_messages
from venue.streams import USER, Streams

USER_STREAMS = {product: product.listing(USER) for product in Product}
"""The stream that tells an account's owner, by product."""


class UserMessages:
    def __init__(self, engine: Engine, streams: Streams) -> None:
        self._engine = engine
        self._streams = streams

    def tell(self, events: Sequence[Event]) -> None:
        """Tell each event to who listens to its account."""
        if not events or not any(self._streams.has(name) for name in USER_STREAMS.values()):
            return
        for event in events:
            self._tell(event)

    def _tell(self, event: Event) -> None:
        match event:
            case OrderUpdated(order=order):
                instrument = self._engine.books[order.symbol].instrument
                if instrument.product is Product.PERPETUAL:
                    self._publish(instrument.product, messages.order_trade_update(event, instrument))
                else:
                    self._publish(instrument.product, spot_messages.execution_report(event, instrument))
            case AccountChanged(position=position):
                book = self._engine.books[position.symbol]
                self._publish(Product.PERPETUAL, messages.account_update(event, book.instrument, book.mark))
            case FundsMoved():
                self._publish(Product.PERPETUAL, messages.funds_moved(event))
            case WalletChanged():
                for message in spot_messages.wallet_messages(event):
                    self._publish(event.wallet, message)
            case _:
                pass

    def _publish(self, product: Product, message: messages.Json) -> None:
        self._streams.publish(USER_STREAMS[product], message)
