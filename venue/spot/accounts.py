"""The spot and the cross margin account of the venue's one owner, and what moves between them and USDⓈ-M.

Every method gives the events of what it did. Pure. Must not: persist or ask the time.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from venue.book import Book
from venue.clearing import Clearing
from venue.errors import Refusal
from venue.events import Event, Flow, FlowKind, WalletChanged
from venue.instruments import Product
from venue.perpetual import PerpetualClearing
from venue.spot.clearing import SpotClearing
from venue.spot.margin import MarginClearing, MarginTerms
from venue.wallets import Wallet

HOUR_MS = 3_600_000


class Accounts:
    """`margin_books` is filled by who makes the engine, whose books they are."""

    def __init__(
        self,
        spot: Wallet,
        margin: Wallet,
        *,
        maker_fee_rate: Decimal = Decimal("0.001"),
        taker_fee_rate: Decimal = Decimal("0.001"),
        terms: MarginTerms | None = None,
    ) -> None:
        self.margin_books: dict[str, Book] = {}
        self.spot = SpotClearing(spot, maker_fee_rate, taker_fee_rate)
        self.margin = MarginClearing(margin, maker_fee_rate, taker_fee_rate, self.margin_books, terms or MarginTerms())
        self.next_transaction_id = 1

    @property
    def clearings(self) -> Mapping[Product, Clearing]:
        return {Product.SPOT: self.spot, Product.MARGIN: self.margin}

    def opened(self, time_ms: int) -> list[WalletChanged]:
        """What the wallets begin with, as deposits."""
        events: list[WalletChanged] = []
        for one in (self.spot, self.margin):
            flows = [Flow(held.asset, FlowKind.DEPOSIT, held.free) for held in one.wallet.assets.values()]
            if flows:
                names = [flow.asset for flow in flows]
                events.append(one.changed("", names, flows, self._next_transaction(), time_ms))
        return events

    def borrow(self, asset: str, amount: Decimal, time_ms: int) -> list[Event]:
        """Raises `Refusal` -3006."""
        return [self.margin.borrow(asset, amount, self._next_transaction(), time_ms)]

    def repay(self, asset: str, amount: Decimal, time_ms: int) -> list[Event]:
        """Raises `Refusal` -3015, -3041."""
        return [self.margin.repay(asset, amount, self._next_transaction(), time_ms)]

    def charge_hours(self, before_ms: int, now_ms: int) -> list[Event]:
        """Interest for each full hour that began in between."""
        events: list[Event] = []
        for hour in range(before_ms // HOUR_MS + 1, now_ms // HOUR_MS + 1):
            charged = self.margin.charge_hour(self.next_transaction_id, hour * HOUR_MS)
            if charged is None:
                break
            events.append(charged)
            self._next_transaction()
        return events

    def transfer(
        self,
        source: Product,
        target: Product,
        asset: str,
        amount: Decimal,
        perpetuals: PerpetualClearing,
        settle_asset: str,
        time_ms: int,
    ) -> list[Event]:
        """Move an asset from one wallet to another. Raises `Refusal` -5013, -3020 for more than may leave."""
        if Product.PERPETUAL in (source, target) and asset != settle_asset:
            raise Refusal(-5013, f"Asset transfer failed: the USDⓈ-M wallet holds {settle_asset} only")
        if amount > self._may_leave(source, asset, perpetuals):
            if source is Product.MARGIN and amount <= self.margin.wallet.free(asset):
                raise Refusal(-3020, "Transfer out amount exceeds max amount.")
            raise Refusal(-5013, "Asset transfer failed: insufficient balance")
        transaction_id = self._next_transaction()
        return [
            self._moved(product, asset, change, perpetuals, transaction_id, time_ms)
            for product, change in ((source, -amount), (target, amount))
        ]

    def _may_leave(self, source: Product, asset: str, perpetuals: PerpetualClearing) -> Decimal:
        match source:
            case Product.PERPETUAL:
                return min(perpetuals.available(), perpetuals.account.wallet_balance)
            case Product.SPOT:
                return self.spot.wallet.free(asset)
            case Product.MARGIN:
                return self.margin.max_transferable(asset)

    def _moved(
        self,
        product: Product,
        asset: str,
        change: Decimal,
        perpetuals: PerpetualClearing,
        transaction_id: int,
        time_ms: int,
    ) -> Event:
        if product is Product.PERPETUAL:
            return perpetuals.move(asset, change, transaction_id, time_ms)
        clearing = self.spot if product is Product.SPOT else self.margin
        clearing.wallet.add(asset, change)
        flow = Flow(asset, FlowKind.TRANSFER, change)
        return clearing.changed("", (asset,), (flow,), transaction_id, time_ms)

    def _next_transaction(self) -> int:
        self.next_transaction_id += 1
        return self.next_transaction_id - 1
