"""Clearing of spot orders: what an order may cost is locked, a trade exchanges assets, the fee is in what is received.

A limit order locks its whole cost at its own price; what a better price saved is free again with each trade. A
market order locks nothing, it is over at once. Pure. Must not: match, persist or ask the time.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_UP, Decimal

from venue.account import CENT, ZERO, money
from venue.book import Book
from venue.clearing import Settled, Trade
from venue.events import Event, Flow, FlowKind, WalletChanged
from venue.instruments import Instrument, Product
from venue.orders import Order, OrderType, PlaceOrder, Side
from venue.spot.checks import check_order, insufficient_balance
from venue.wallets import Wallet


class SpotClearing:
    """The spot account. Rates are fractions of what is received."""

    product = Product.SPOT

    def __init__(self, wallet: Wallet, maker_fee_rate: Decimal, taker_fee_rate: Decimal) -> None:
        self.wallet = wallet
        self.maker_fee_rate = maker_fee_rate
        self.taker_fee_rate = taker_fee_rate

    def check(self, command: PlaceOrder, book: Book, *, duplicate: bool) -> None:
        check_order(command, book, duplicate=duplicate)
        if most_it_costs(command, book) > self.wallet.free(paid_asset(book.instrument, command.side)):
            raise insufficient_balance()

    def admit(self, order: Order, command: PlaceOrder, book: Book) -> Sequence[Event]:  # noqa: ARG002 - margin needs it
        if order.type is not OrderType.LIMIT:
            return ()
        asset = paid_asset(book.instrument, order.side)
        self.wallet.lock(asset, reserved(order, order.remaining, book.instrument))
        return (self.changed(order.symbol, (asset,), (), 0, order.time_ms),)

    def allowed(self, order: Order) -> int:
        return order.remaining

    def settle(self, order: Order, book: Book, trade: Trade) -> Settled:
        instrument = book.instrument
        value = money(trade.price * trade.lots * instrument.lot_value)
        quantity = trade.lots * instrument.lot_size
        paid, received = (value, quantity) if order.is_buy else (quantity, value)
        pays, receives = paid_asset(instrument, order.side), received_asset(instrument, order.side)
        fee = money(received * (self.maker_fee_rate if trade.maker else self.taker_fee_rate))
        if order.type is OrderType.LIMIT:
            before = reserved(order, order.remaining + trade.lots, instrument)
            self.wallet.lock(pays, reserved(order, order.remaining, instrument) - before)
        self.wallet.add(pays, -paid)
        self.wallet.add(receives, received - fee)
        flows = (
            Flow(pays, FlowKind.TRADE, -paid, trade_id=trade.trade_id),
            Flow(receives, FlowKind.TRADE, received, trade_id=trade.trade_id),
            Flow(receives, FlowKind.COMMISSION, -fee, trade_id=trade.trade_id),
        )
        changed = self.changed(order.symbol, (receives, pays), flows, 0, trade.time_ms)
        return Settled(fee, receives, ZERO, (changed,))

    def closed(self, order: Order, book: Book) -> Sequence[Event]:
        if order.type is not OrderType.LIMIT:
            return ()
        asset = paid_asset(book.instrument, order.side)
        self.wallet.lock(asset, -reserved(order, order.remaining, book.instrument))
        return (self.changed(order.symbol, (asset,), (), 0, order.update_time_ms),)

    def changed(
        self, symbol: str, assets: Sequence[str], flows: Sequence[Flow], transaction_id: int, time_ms: int
    ) -> WalletChanged:
        """The event of these assets as they are now."""
        snapshots = self.wallet.snapshots(assets)
        return WalletChanged(self.product, symbol, transaction_id, snapshots, tuple(flows), time_ms)


def paid_asset(instrument: Instrument, side: Side) -> str:
    return instrument.quote_asset if side is Side.BUY else instrument.base_asset


def received_asset(instrument: Instrument, side: Side) -> str:
    return instrument.base_asset if side is Side.BUY else instrument.quote_asset


def reserved(order: Order, lots: int, instrument: Instrument) -> Decimal:
    """What a limit order keeps locked while so many of its lots are open."""
    if not order.is_buy:
        return lots * instrument.lot_size
    return (order.price * lots * instrument.lot_value).quantize(CENT, ROUND_UP)


def most_it_costs(command: PlaceOrder, book: Book) -> Decimal:
    """What an order may need of the asset it pays with: at its limit, or down the book for a market order."""
    instrument = book.instrument
    if command.side is Side.SELL:
        return command.quantity * instrument.lot_size
    if command.type is OrderType.LIMIT:
        return (command.price * command.quantity * instrument.lot_value).quantize(CENT, ROUND_UP)
    left, value = command.quantity, ZERO
    for price, lots in book.levels(asks=True):
        taken = min(left, lots)
        value += money(price * taken * instrument.lot_value)
        left -= taken
        if not left:
            break
    return value
