"""The paper exchange: engine, ledger, candles and streams as one, so that nothing leaves before it is durable.

Every effect takes the same path: engine, ledger rows, commit with the tape's position, then messages and reply.
All of it is synchronous: no other request or tick comes between. Must not: know HTTP, sockets or the clock.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from venue import messages
from venue.engine import Engine
from venue.errors import Refusal, cancel_rejected, unknown_order
from venue.events import Event, Fill, OrderRefused, OrderUpdated
from venue.instruments import Instrument, Product
from venue.ledger import Checkpoint, Ledger
from venue.market_data import MarketData
from venue.orders import Order, PlaceOrder
from venue.spot.accounts import Accounts
from venue.streams import Streams
from venue.tape import FundingRate, MarkPrice, Quote, Tape, TapeEvent, Trade, UpcomingFunding
from venue.user_messages import UserMessages


class Exchange:
    """The one owner of the paper account's state. `key_may_withdraw`: what is said of the owner's API key."""

    def __init__(
        self,
        engine: Engine,
        accounts: Accounts,
        ledger: Ledger,
        tape: Tape,
        streams: Streams,
        *,
        key_may_withdraw: bool = False,
    ) -> None:
        self.engine = engine
        self.accounts = accounts
        self.ledger = ledger
        self.tape = tape
        self.streams = streams
        self.key_may_withdraw = key_may_withdraw
        self.market_data = MarketData(engine, streams)
        self.markets = self.market_data.markets
        self._users = UserMessages(engine, streams)
        self.time_ms = 0

    @property
    def instruments(self) -> Mapping[str, Instrument]:
        """Every listing, those of the margin account too."""
        return {symbol: book.instrument for symbol, book in self.engine.books.items()}

    @property
    def settle_asset(self) -> str:
        """What the USDⓈ-M wallet holds."""
        return next((book.instrument.quote_asset for book in self.engine.perpetuals.books.values()), "USDT")

    # --- commands -------------------------------------------------------------------------------------

    def place(self, command: PlaceOrder) -> Order:
        """Place one order; returns it as it stands once durable. Raises `Refusal`."""
        return self.place_and_fill(command)[0]

    def place_and_fill(self, command: PlaceOrder) -> tuple[Order, list[Fill]]:
        """Place one order; returns it and its fills as they stand once durable. Raises `Refusal`."""
        events = self.engine.place(command, self.time_ms)
        if isinstance(events[0], OrderRefused):
            raise Refusal(events[0].code, events[0].message)
        self._make_durable(events)
        placed = events[0].order.order_id if isinstance(events[0], OrderUpdated) else 0
        updates = [one for one in events if isinstance(one, OrderUpdated) and one.order.order_id == placed]
        return updates[-1].order, [one.fill for one in updates if one.fill is not None]

    def cancel(self, symbol: str, order_id: int | None, client_order_id: str | None) -> Order:
        """Cancel one open order by either id. Raises `Refusal` -2011 if it is not open."""
        self.engine.book(symbol)
        order = self.engine.open_order(symbol, order_id, client_order_id)
        if order is None:
            raise cancel_rejected()
        self._make_durable(self.engine.cancel(order.order_id, self.time_ms))
        return order

    def cancel_all(self, symbol: str) -> list[Order]:
        """Cancel all open orders of a symbol; returns them as they ended."""
        events = self.engine.cancel_all(symbol, self.time_ms)
        if events:
            self._make_durable(events)
        return [one.order for one in events if isinstance(one, OrderUpdated)]

    def fill(self, order: Order, lots: int) -> None:
        """Somebody takes `lots` of one resting order. Raises `Refusal` if it is not open or smaller."""
        self._make_durable(self.engine.fill(order.order_id, lots, self.time_ms))

    def expire(self, order: Order, *, tell: bool = True) -> None:
        """The venue ends one resting order; `tell` False: and says it to nobody. Raises `Refusal` -2013."""
        events = self.engine.expire(order.order_id, self.time_ms)
        self._commit(events)
        if tell:
            self._users.tell(events)

    def set_leverage(self, symbol: str, leverage: int) -> None:
        self.engine.book(symbol)
        self.engine.account.leverage[symbol] = leverage
        self.ledger.record_leverage(self.engine.account.leverage)
        self.save()

    def transfer(self, source: Product, target: Product, asset: str, amount: Decimal) -> int:
        """Move an asset between two wallets; returns the transaction's id. Raises `Refusal` -5013, -3020."""
        transaction_id = self.accounts.next_transaction_id
        perpetuals = self.engine.perpetuals
        self._make_durable(
            self.accounts.transfer(source, target, asset, amount, perpetuals, self.settle_asset, self.time_ms)
        )
        return transaction_id

    def borrow(self, asset: str, amount: Decimal) -> int:
        """Take a margin loan; returns the transaction's id. Raises `Refusal` -3006."""
        transaction_id = self.accounts.next_transaction_id
        self._make_durable(self.accounts.borrow(asset, amount, self.time_ms))
        return transaction_id

    def repay(self, asset: str, amount: Decimal) -> int:
        """Pay a margin loan back; returns the transaction's id. Raises `Refusal` -3015, -3041."""
        transaction_id = self.accounts.next_transaction_id
        self._make_durable(self.accounts.repay(asset, amount, self.time_ms))
        return transaction_id

    def find(self, symbol: str, order_id: int | None, client_order_id: str | None) -> Order:
        """An order by either id, open or not. Raises `Refusal` -2013."""
        self.engine.book(symbol)
        order = self.engine.open_order(symbol, order_id, client_order_id)
        order = order or self.ledger.order(symbol, order_id, client_order_id)
        if order is None:
            raise unknown_order()
        return order

    # --- the tape -------------------------------------------------------------------------------------

    def play_next(self) -> tuple[TapeEvent, int]:
        """Play the tape's next event; returns it and how many listeners its message went to."""
        event = self.tape.next()
        before_ms, self.time_ms = self.time_ms, max(self.time_ms, event.time_ms)
        charged = self.accounts.charge_hours(before_ms, self.time_ms)
        if charged:
            self.ledger.record(charged)
        heard = self._play(event)
        if charged:
            self.save()
            self._users.tell(charged)
        return event, heard

    def _play(self, event: TapeEvent) -> int:
        match event:
            case Quote():
                return self._quote(event)
            case Trade():
                return self._trade(event)
            case MarkPrice():
                self.engine.mark(event.symbol, event.time_ms, event.price)
                self.publish_mark_price(event.symbol)
            case FundingRate():
                self._funding(event)
        return 0

    def _quote(self, quote: Quote) -> int:
        market = self.markets[quote.symbol]
        market.update_id += 1
        events = self.engine.quote(*quote)
        if market.margin_symbol:
            events = [*events, *self.engine.quote(market.margin_symbol, *quote[1:])]
        if events:
            self._commit(events)
        heard = self.market_data.tell_quote(market)
        self._users.tell(events)
        return heard

    def _trade(self, trade: Trade) -> int:
        market = self.markets[trade.symbol]
        market.update_id += 1
        market.trades.append((market.update_id if trade.trade_id is None else trade.trade_id, trade))
        closed = market.klines.trade(trade.time_ms, trade.price, trade.quantity, trade.taker_side)
        if closed is not None:
            self.ledger.record_kline(trade.symbol, closed)
        met = (trade.time_ms, trade.price, trade.quantity, trade.taker_side)
        events = self.engine.trade(trade.symbol, *met)
        if market.margin_symbol:
            events = [*events, *self.engine.trade(market.margin_symbol, *met)]
        if events:
            self._commit(events)
        heard = self.market_data.tell_trade(market, trade)
        self.market_data.tell_klines(market, closed, self.time_ms)
        self._users.tell(events)
        return heard

    def _funding(self, funding: FundingRate) -> None:
        market = self.markets[funding.symbol]
        market.funding_rate = funding.rate
        mark = self.engine.books[funding.symbol].mark
        self.ledger.record_funding_rate(funding.symbol, funding.time_ms, funding.rate, mark)
        events = self.engine.funding(funding.symbol, funding.time_ms, funding.rate)
        self._make_durable(events)
        self.publish_mark_price(funding.symbol)

    # --- durability and messages ----------------------------------------------------------------------

    def save(self) -> None:
        """Make the tape's position and everything recorded durable."""
        books = self.engine.books
        self.ledger.commit(
            Checkpoint(
                positions=dict(self.tape.positions),
                markets={
                    symbol: market.state(
                        (books[symbol].bid, books[symbol].bid_size, books[symbol].ask, books[symbol].ask_size),
                        books[symbol].mark_basis,
                    )
                    for symbol, market in self.markets.items()
                },
                next_order_id=self.engine.next_order_id,
                next_trade_id=self.engine.next_trade_id,
                next_funding_id=self.engine.next_funding_id,
                time_ms=self.time_ms,
            )
        )

    def _make_durable(self, events: Sequence[Event]) -> None:
        self._commit(events)
        self._users.tell(events)

    def _commit(self, events: Sequence[Event]) -> None:
        self.ledger.record(events)
        self.save()

    # --- funding --------------------------------------------------------------------------------------

    def upcoming_funding(self, symbol: str) -> UpcomingFunding | None:
        """The next funding settlement on the tape; None if the tape carries no funding for the symbol."""
        return self.tape.upcoming_funding(symbol, self.time_ms)

    def mark_price_update(self, symbol: str) -> messages.Json:
        """Mark price and funding as a WebSocket message; next funding time 0 = none comes (FUND-1)."""
        upcoming = self.upcoming_funding(symbol) or UpcomingFunding()
        return self.market_data.mark_price_update(symbol, upcoming, self.time_ms)

    def publish_mark_price(self, symbol: str) -> None:
        """Tell the mark price to who listens to it."""
        upcoming = self.upcoming_funding(symbol) or UpcomingFunding()
        self.market_data.tell_mark_price(symbol, upcoming, self.time_ms)
