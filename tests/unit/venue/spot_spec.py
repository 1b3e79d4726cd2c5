"""Given / when / then for the spot and the margin account: prices, quantities and what the wallet holds then."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from venue.engine import Engine, EngineSettings
from venue.events import Event, Flow, OrderRefused, OrderUpdated, WalletChanged
from venue.instruments import Instrument, Product
from venue.orders import OrderType, PlaceOrder, Side, SideEffect, TimeInForce
from venue.spot.accounts import Accounts
from venue.spot.listing import SPOT_LISTED, both_accounts
from venue.spot.margin import MarginTerms
from venue.wallets import Wallet

HOUR_MS = 3_600_000


class SpotMarket:
    """The spot or the margin account, one pair (BTCUSDT: tick 0.01, lot 0.00001), and everything that happened."""

    def __init__(
        self,
        balances: Mapping[str, str],
        product: Product = Product.SPOT,
        *,
        pair: str = "BTCUSDT",
        terms: MarginTerms | None = None,
    ) -> None:
        held = Wallet((asset, Decimal(amount)) for asset, amount in balances.items())
        spot, margin = (held, Wallet()) if product is Product.SPOT else (Wallet(), held)
        self.accounts = Accounts(spot, margin, terms=terms)
        self.engine = Engine(both_accounts([SPOT_LISTED[pair]]), EngineSettings(), self.accounts.clearings)
        self.accounts.margin_books[f"margin/{pair}"] = self.engine.books[f"margin/{pair}"]
        self.product = product
        self.symbol = product.listing(pair)
        self.instrument: Instrument = self.engine.books[self.symbol].instrument
        self.wallet = held
        self.last: Sequence[Event] = ()
        self.history: list[Event] = []
        self.time_ms = 1_000
        self._placed = 0

    def happened(self, events: Sequence[Event]) -> SpotMarket:
        self.last = events
        self.history.extend(events)
        self.time_ms += 1
        return self

    def quote(self, bid: str, ask: str, bid_size: str = "1", ask_size: str = "1") -> SpotMarket:
        prices = [self.instrument.ticks(Decimal(price)) for price in (bid, ask)]
        sizes = [self.instrument.lots(Decimal(size)) for size in (bid_size, ask_size)]
        return self.happened(self.engine.quote(self.symbol, self.time_ms, prices[0], sizes[0], prices[1], sizes[1]))

    def place(self, side: str, quantity: str, price: str | None = None, **changes: Any) -> SpotMarket:
        self._placed += 1
        command = PlaceOrder(
            symbol=self.symbol,
            side=Side(side),
            type=OrderType.LIMIT if price else OrderType.MARKET,
            quantity=self.instrument.lots(Decimal(quantity)),
            price=self.instrument.ticks(Decimal(price)) if price else 0,
            time_in_force=TimeInForce(changes.pop("tif", "GTC")),
            client_order_id=changes.pop("client_id", f"order-{self._placed}"),
            side_effect=changes.pop("effect", SideEffect.NONE),
            repay_at_cancel=changes.pop("repay_at_cancel", True),
        )
        assert not changes
        return self.happened(self.engine.place(command, self.time_ms))

    def buy(self, quantity: str, price: str | None = None, **changes: Any) -> SpotMarket:
        return self.place("BUY", quantity, price, **changes)

    def sell(self, quantity: str, price: str | None = None, **changes: Any) -> SpotMarket:
        return self.place("SELL", quantity, price, **changes)

    def cancel(self, client_id: str) -> SpotMarket:
        order = self.engine.open_by_client_id[self.symbol, client_id]
        return self.happened(self.engine.cancel(order.order_id, self.time_ms))

    def hours_pass(self, hours: int) -> SpotMarket:
        before = self.time_ms
        self.time_ms += hours * HOUR_MS
        return self.happened(self.accounts.charge_hours(before, self.time_ms))

    def holds(self, asset: str) -> tuple[str, str]:
        """(free, locked), as the wire shows them."""
        balance = self.wallet.asset(asset)
        return f"{balance.free:.8f}", f"{balance.locked:.8f}"

    def owes(self, asset: str) -> tuple[str, str]:
        """(borrowed, interest)."""
        balance = self.wallet.asset(asset)
        return f"{balance.borrowed:.8f}", f"{balance.interest:.8f}"

    @property
    def statuses(self) -> list[str]:
        return [one.order.status.value for one in self.last if isinstance(one, OrderUpdated)]

    @property
    def refusal(self) -> tuple[int, str] | None:
        return next(((one.code, one.message) for one in self.last if isinstance(one, OrderRefused)), None)

    @property
    def flows(self) -> list[Flow]:
        return flows(self.last)


def flows(events: Sequence[Event]) -> list[Flow]:
    return [flow for one in events if isinstance(one, WalletChanged) for flow in one.flows]
