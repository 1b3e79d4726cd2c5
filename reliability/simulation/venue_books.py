"""The venue's side of the wire: the matching engine, and the books in which the venue keeps every order for ever.

It knows nothing of gateways. Client order ids are unique among open orders only, as at Binance. A read may be answered
as of a moment ago, because a venue answers reads from replicas.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from connector.ccxt_adapter.binance_words import SIDES, STATUSES, TIMES_IN_FORCE, TYPES, reason_of
from connector.port import OrderReport, OrderRequest, VenueFill, VenueOrder
from reliability.simulation.history import BookedFill, BookedOrder, OrderState
from reliability.simulation.venue_views import funding_payment, instrument_of, new_in_books, state_as_of, told
from topics.v1.account_pb2 import AccountPosition, AccountUpdate, Balance, FundingPayment
from topics.v1.market_pb2 import Quote
from topics.v1.orders_pb2 import Fill
from venue.engine import Engine, EngineSettings
from venue.errors import Refusal, cancel_rejected
from venue.events import AccountChanged, Event, FundingPaid, OrderRefused, OrderUpdated, WalletChanged
from venue.instruments import Instrument as Listing
from venue.instruments import Product
from venue.orders import OrderType, PlaceOrder, Side, TimeInForce
from venue.spot.clearing import SpotClearing
from venue.wallets import AssetBalance

_SIDE: dict[int, Side] = {number: Side(word) for word, number in SIDES.items()}
_TYPE: dict[int, OrderType] = {number: OrderType(word) for word, number in TYPES.items()}
_TIME_IN_FORCE: dict[int, TimeInForce] = {number: TimeInForce(word) for word, number in TIMES_IN_FORCE.items()}
SETTINGS = EngineSettings(initial_balance=Decimal(1_000_000))
OLDEST_READ_S = 2.0


@dataclass(frozen=True, slots=True)
class Frame:
    """What one message of the user stream tells: reports of orders, or a change of the account."""

    reports: tuple[OrderReport, ...] = ()
    account: AccountUpdate | None = None


@dataclass(frozen=True, slots=True)
class _Holding:
    at_s: float
    wallet: Decimal
    lots: int
    entry: Decimal


class VenueBooks:
    """`now_s` is virtual time, `start_ms` the venue's clock at its zero. `tell` gets every frame of the user stream.

    With `spot` the listings are pairs, traded against that account."""

    def __init__(
        self,
        name: str,
        account: str,
        listings: Iterable[Listing],
        *,
        start_ms: int,
        now_s: Callable[[], float],
        tell: Callable[[Frame], None],
        settings: EngineSettings = SETTINGS,
        spot: SpotClearing | None = None,
    ) -> None:
        self.name = name
        self.account = account
        self.instruments = {listing.symbol: instrument_of(name, listing) for listing in listings}
        self.engine = Engine(listings, settings, {Product.SPOT: spot} if spot else None)
        self.orders: dict[str, BookedOrder] = {}
        self.fills: list[BookedFill] = []
        self.payments: list[FundingPayment] = []
        self._spot = spot
        self._start_ms = start_ms
        self._now_s = now_s
        self._tell = tell
        self._by_client_id: defaultdict[str, list[BookedOrder]] = defaultdict(list)
        self._recent: dict[str, dict[str, BookedOrder]] = {symbol: {} for symbol in self.instruments}
        self._fills: dict[str, list[tuple[float, VenueFill]]] = {symbol: [] for symbol in self.instruments}
        self._holdings: dict[str, list[_Holding]] = {symbol: [] for symbol in self.instruments}

    @property
    def now_ms(self) -> int:
        return self._start_ms + int(self._now_s() * 1000)

    # --- what changes something -----------------------------------------------------------------------------------

    def place(self, request: OrderRequest, *, told_at_once: bool) -> VenueOrder:
        """Raises `Refusal`. `told_at_once`: the reply tells the order as it first was, not what it came to."""
        command = PlaceOrder(
            symbol=request.symbol,
            side=_SIDE[request.side],
            type=_TYPE[request.type],
            quantity=request.quantity_lots,
            price=request.price_ticks,
            time_in_force=_TIME_IN_FORCE.get(request.time_in_force, TimeInForce.GTC),
            reduce_only=request.reduce_only,
            client_order_id=request.client_order_id,
        )
        events = self.engine.place(command, self.now_ms)
        if isinstance(events[0], OrderRefused):
            raise Refusal(events[0].code, events[0].message)
        self._book(events)
        updates = [event for event in events if isinstance(event, OrderUpdated)]
        mine = [it for it in updates if it.order.client_order_id == request.client_order_id]
        return told(mine[0 if told_at_once else -1].order)

    def cancel(self, symbol: str, client_order_id: str, venue_order_id: str) -> VenueOrder:
        """Raises `Refusal` -2011."""
        order = self.engine.open_order(symbol, int(venue_order_id) if venue_order_id else None, client_order_id)
        if order is None:
            raise cancel_rejected()
        self._book(self.engine.cancel(order.order_id, self.now_ms))
        return told(order)

    def cancel_all(self, symbol: str) -> None:
        self._book(self.engine.cancel_all(symbol, self.now_ms))

    def market(self, events: Sequence[Event]) -> None:
        """What quotes and trades of the market did to resting orders."""
        self._book(events)

    # --- what asks, as of a moment --------------------------------------------------------------------------------

    def find(self, symbol: str, client_order_id: str, venue_order_id: str, as_of_s: float) -> VenueOrder | None:
        """By client order id: the open one, else the newest that had it."""
        known = self.orders.get(venue_order_id)
        candidates = [known] if known else self._by_client_id.get(client_order_id, []) if client_order_id else []
        seen = [(it, state) for it in candidates if it.symbol == symbol and (state := state_as_of(it, as_of_s))]
        if not seen:
            return None
        live = [(it, state) for it, state in seen if state.status in _LIVE]
        order, state = (live or seen)[-1]
        return self._view(order, state)

    def open_orders(self, symbol: str, as_of_s: float) -> list[VenueOrder]:
        recent = self._recent[symbol]
        for venue_order_id in [key for key, it in recent.items() if self._is_past(it)]:
            del recent[venue_order_id]
        states = [(it, state) for it in recent.values() if (state := state_as_of(it, as_of_s))]
        return [self._view(it, state) for it, state in states if state.status in _LIVE]

    def orders_since(self, symbol: str, since_ms: int, as_of_s: float) -> list[VenueOrder]:
        """Taken since then by the venue's clock, or a moment before, oldest first."""
        oldest_s = (since_ms - self._start_ms) / 1000 - OLDEST_READ_S
        mine = (it for it in self.orders.values() if it.symbol == symbol and it.accepted_s >= oldest_s)
        return [self._view(it, state) for it in mine if (state := state_as_of(it, as_of_s))]

    def executions(self, symbol: str, since_trade_id: str, as_of_s: float) -> list[VenueFill]:
        newest = int(since_trade_id or 0)
        return [fill for at_s, fill in self._fills[symbol] if at_s <= as_of_s and int(fill.fill.trade_id) > newest]

    def snapshot(self, as_of_s: float) -> AccountUpdate:
        if self._spot is not None:
            return self._wallet_told(
                self._spot.wallet.assets.values(), int(as_of_s * 1000) + self._start_ms, whole=True
            )
        held = {symbol: self._held(symbol, as_of_s) for symbol in self.instruments}
        wallet = format(self.engine.account.wallet_balance, "f")
        return AccountUpdate(
            venue=self.name,
            account=self.account,
            time_ms=self._start_ms + int(as_of_s * 1000),
            snapshot=True,
            balances=[Balance(asset="USDT", wallet_balance=wallet, available_balance=wallet)],
            positions=[self._position(symbol, it.lots, it.entry) for symbol, it in held.items()],
        )

    def mark_price(self, symbol: str) -> Decimal:
        return self.engine.book(symbol).mark

    def best_quote(self, symbol: str) -> Quote:
        book = self.engine.book(symbol)
        return Quote(
            time_ms=self.now_ms,
            bid_ticks=book.bid,
            bid_lots=book.bid_size,
            ask_ticks=book.ask,
            ask_lots=book.ask_size,
        )

    # --- inside ---------------------------------------------------------------------------------------------------

    def _book(self, events: Sequence[Event]) -> None:
        for event in events:
            if isinstance(event, OrderUpdated):
                self._tell(Frame(reports=self._booked(event)))
            elif isinstance(event, FundingPaid):
                self.payments.append(funding_payment(event))
            elif isinstance(event, AccountChanged):
                self._tell(Frame(account=self._changed(event)))
            elif isinstance(event, WalletChanged):
                self._tell(Frame(account=self._wallet_told(event.assets, event.time_ms, whole=False)))

    def _booked(self, event: OrderUpdated) -> tuple[OrderReport, ...]:
        now_s, order = self._now_s(), event.order
        key = str(order.order_id)
        booked = self.orders.get(key)
        if booked is None:
            booked = self.orders[key] = new_in_books(order)
            self._by_client_id[order.client_order_id].append(booked)
            self._recent[order.symbol][key] = booked
        booked.states.append(OrderState(now_s, STATUSES[order.status], order.filled))
        if event.fill is None:
            return (told(order),)
        executed = event.fill
        self.fills.append(
            BookedFill(
                at_s=now_s,
                trade_id=str(executed.trade_id),
                venue_order_id=key,
                client_order_id=executed.client_order_id,
                symbol=executed.symbol,
                side=SIDES[executed.side],
                price_ticks=executed.price,
                quantity_lots=executed.quantity,
                maker=executed.maker,
            )
        )
        fill = Fill(
            trade_id=str(executed.trade_id),
            price_ticks=executed.price,
            quantity_lots=executed.quantity,
            fee=format(executed.fee, "f"),
            fee_asset=executed.fee_asset,
            realized_pnl=format(executed.realized_pnl, "f"),
            maker=executed.maker,
            time_ms=executed.time_ms,
        )
        side = SIDES[executed.side]
        self._fills[order.symbol].append((now_s, VenueFill(order.symbol, "", key, side, fill)))
        return VenueFill(order.symbol, order.client_order_id, key, side, fill), told(order)

    def _changed(self, event: AccountChanged) -> AccountUpdate:
        symbol, position = event.position.symbol, event.position
        self._holdings[symbol].append(
            _Holding(self._now_s(), event.wallet_balance, position.lots, position.entry_price)
        )
        return AccountUpdate(
            venue=self.name,
            account=self.account,
            time_ms=event.time_ms,
            balances=[Balance(asset="USDT", wallet_balance=format(event.wallet_balance, "f"))],
            positions=[self._position(symbol, position.lots, position.entry_price)],
            funding_payments=self.payments[-1:] if event.reason == "FUNDING_FEE" else [],
        )

    def _wallet_told(self, assets: Iterable[AssetBalance], time_ms: int, *, whole: bool) -> AccountUpdate:
        balances = [
            Balance(asset=it.asset, wallet_balance=format(it.total, "f"), available_balance=format(it.free, "f"))
            for it in assets
        ]
        return AccountUpdate(venue=self.name, account=self.account, time_ms=time_ms, snapshot=whole, balances=balances)

    def _held(self, symbol: str, as_of_s: float) -> _Holding:
        for held in reversed(self._holdings[symbol]):
            if held.at_s <= as_of_s:
                return held
        return _Holding(0.0, Decimal(0), 0, Decimal(0))

    def _position(self, symbol: str, lots: int, entry: Decimal) -> AccountPosition:
        return AccountPosition(
            symbol=symbol,
            grain=self.instruments[symbol].grain,
            quantity_lots=lots,
            entry_price=format(entry, "f"),
            mark_price=format(self.mark_price(symbol), "f"),
        )

    def _is_past(self, order: BookedOrder) -> bool:
        return order.status not in _LIVE and order.states[-1].at_s < self._now_s() - OLDEST_READ_S

    def _view(self, order: BookedOrder, state: OrderState) -> VenueOrder:
        code, reason = reason_of(state.status, order.time_in_force, executed=state.filled_lots > 0)
        return VenueOrder(
            symbol=order.symbol,
            client_order_id=order.client_order_id,
            venue_order_id=order.venue_order_id,
            side=order.side,
            type=order.type,
            time_in_force=order.time_in_force,
            reduce_only=order.reduce_only,
            price_ticks=order.price_ticks,
            quantity_lots=order.quantity_lots,
            filled_lots=state.filled_lots,
            status=state.status,
            time_ms=self._start_ms + int(state.at_s * 1000),
            reason_code=code,
            reason=reason,
        )


_LIVE = frozenset({STATUSES["NEW"], STATUSES["PARTIALLY_FILLED"]})
