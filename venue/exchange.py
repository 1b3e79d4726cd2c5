"""The paper exchange: engine, ledger, candles and streams as one, so that nothing leaves before it is durable.

Every effect takes the same path: engine, ledger rows, commit with the tape's position, then messages and reply.
All of it is synchronous: no other request or tick comes between. Must not: know HTTP, sockets or the clock.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from venue import messages
from venue.account import ZERO
from venue.engine import Engine
from venue.errors import Refusal, cancel_rejected, unknown_order
from venue.events import AccountChanged, Event, OrderRefused, OrderUpdated
from venue.instruments import Instrument
from venue.klines import INTERVALS_MS, MINUTE_MS, Kline, Klines
from venue.ledger import Checkpoint, Ledger
from venue.orders import Order, PlaceOrder, Side
from venue.streams import USER, Streams
from venue.tape import FundingRate, MarkPrice, Quote, Tape, TapeEvent, Trade, UpcomingFunding

KLINE_EVERY_MS = 250
RECENT_TRADES = 1_000


class Market:
    """What the public may know of one instrument beside the book."""

    def __init__(self, instrument: Instrument) -> None:
        self.instrument = instrument
        self.lower = instrument.symbol.lower()
        self.book_ticker = f"{self.lower}@bookTicker"
        self.update_id = 0
        self.klines = Klines()
        self.kline_sent_ms = 0
        self.funding_rate: Decimal = ZERO
        self.trades: deque[tuple[int, Trade]] = deque(maxlen=RECENT_TRADES)

    def state(self, quote: tuple[int, ...], mark_basis: Decimal) -> dict[str, Any]:
        """What a restart needs."""
        return {
            "update_id": self.update_id,
            "quote": quote,
            "mark_basis": str(mark_basis),
            "funding_rate": str(self.funding_rate),
            "kline": self.klines.minutes[-1].as_row() if self.klines.minutes else None,
        }


class Exchange:
    """The one owner of the paper account's state."""

    def __init__(self, engine: Engine, ledger: Ledger, tape: Tape, streams: Streams) -> None:
        self.engine = engine
        self.ledger = ledger
        self.tape = tape
        self.streams = streams
        self.markets = {symbol: Market(book.instrument) for symbol, book in engine.books.items()}
        self.time_ms = 0

    @property
    def instruments(self) -> Mapping[str, Instrument]:
        return {symbol: market.instrument for symbol, market in self.markets.items()}

    # --- commands -------------------------------------------------------------------------------------

    def place(self, command: PlaceOrder) -> Order:
        """Place one order; returns it as it stands once durable. Raises `Refusal`."""
        events = self.engine.place(command, self.time_ms)
        if isinstance(events[0], OrderRefused):
            raise Refusal(events[0].code, events[0].message)
        self._make_durable(events)
        placed = events[0].order.order_id if isinstance(events[0], OrderUpdated) else 0
        updates = [one.order for one in events if isinstance(one, OrderUpdated) and one.order.order_id == placed]
        return updates[-1]

    def cancel(self, symbol: str, order_id: int | None, client_order_id: str | None) -> Order:
        """Cancel one open order by either id. Raises `Refusal` -2011 if it is not open."""
        self.engine.book(symbol)
        order = self.engine.open_order(symbol, order_id, client_order_id)
        if order is None:
            raise cancel_rejected()
        self._make_durable(self.engine.cancel(order.order_id, self.time_ms))
        return order

    def cancel_all(self, symbol: str) -> int:
        """Cancel all open orders of a symbol; returns how many there were."""
        events = self.engine.cancel_all(symbol, self.time_ms)
        if events:
            self._make_durable(events)
        return len(events)

    def fill(self, order: Order, lots: int) -> None:
        """Somebody takes `lots` of one resting order. Raises `Refusal` if it is not open or smaller."""
        self._make_durable(self.engine.fill(order.order_id, lots, self.time_ms))

    def expire(self, order: Order, *, tell: bool = True) -> None:
        """The venue ends one resting order; `tell` False: and says it to nobody. Raises `Refusal` -2013."""
        events = self.engine.expire(order.order_id, self.time_ms)
        self._commit(events)
        if tell:
            self._tell(events)

    def set_leverage(self, symbol: str, leverage: int) -> None:
        self.engine.book(symbol)
        self.engine.account.leverage[symbol] = leverage
        self.ledger.record_leverage(self.engine.account.leverage)
        self.save()

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
        self.time_ms = max(self.time_ms, event.time_ms)
        match event:
            case Quote():
                return event, self._quote(event)
            case Trade():
                return event, self._trade(event)
            case MarkPrice():
                self.engine.mark(event.symbol, event.time_ms, event.price)
                self.publish_mark_price(event.symbol)
            case FundingRate():
                self._funding(event)
        return event, 0

    def _quote(self, quote: Quote) -> int:
        market = self.markets[quote.symbol]
        market.update_id += 1
        events = self.engine.quote(*quote)
        if events:
            self._commit(events)
        heard = 0
        everyone = self.streams.has("!bookTicker")
        if everyone or self.streams.has(market.book_ticker):
            message = self.book_ticker(quote.symbol)
            heard = self.streams.publish(market.book_ticker, message)
            if everyone:
                heard += self.streams.publish("!bookTicker", message)
        self._tell(events)
        return heard

    def _trade(self, trade: Trade) -> int:
        market = self.markets[trade.symbol]
        market.update_id += 1
        market.trades.append((market.update_id if trade.trade_id is None else trade.trade_id, trade))
        closed = market.klines.trade(trade.time_ms, trade.price, trade.quantity, trade.taker_side)
        if closed is not None:
            self.ledger.record_kline(trade.symbol, closed)
        events = self.engine.trade(trade.symbol, trade.time_ms, trade.price, trade.quantity, trade.taker_side)
        if events:
            self._commit(events)
        heard = self._publish_trade(market, trade)
        self._publish_klines(market, closed)
        self._tell(events)
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
        self._tell(events)

    def _commit(self, events: Sequence[Event]) -> None:
        self.ledger.record(events)
        self.save()

    def _tell(self, events: Sequence[Event]) -> None:
        if not events or not self.streams.has(USER):
            return
        for event in events:
            match event:
                case OrderUpdated(order=order):
                    instrument = self.markets[order.symbol].instrument
                    self.streams.publish(USER, messages.order_trade_update(event, instrument))
                case AccountChanged(position=position):
                    book = self.engine.books[position.symbol]
                    self.streams.publish(USER, messages.account_update(event, book.instrument, book.mark))
                case _:
                    pass

    def book_ticker(self, symbol: str) -> messages.Json:
        """The best bid and ask as a WebSocket message."""
        book, market = self.engine.books[symbol], self.markets[symbol]
        instrument = book.instrument
        return {
            "e": "bookTicker",
            "u": market.update_id,
            "s": symbol,
            "b": instrument.price_text(book.bid),
            "B": instrument.quantity_text(book.bid_size),
            "a": instrument.price_text(book.ask),
            "A": instrument.quantity_text(book.ask_size),
            "T": book.time_ms,
            "E": book.time_ms,
        }

    def _publish_trade(self, market: Market, trade: Trade) -> int:
        heard = 0
        by_trade, by_aggregate = f"{market.lower}@trade", f"{market.lower}@aggTrade"
        trade_id = market.trades[-1][0]
        common = {
            "E": trade.time_ms,
            "T": trade.time_ms,
            "s": trade.symbol,
            "p": market.instrument.price_text(trade.price),
            "q": market.instrument.quantity_text(trade.quantity),
            "m": trade.taker_side is Side.SELL,
            "u": market.update_id,
        }
        if self.streams.has(by_trade):
            heard += self.streams.publish(by_trade, {"e": "trade", "t": trade_id, **common, "X": "MARKET"})
        if self.streams.has(by_aggregate):
            message = {"e": "aggTrade", "a": trade_id, "f": trade_id, "l": trade_id, **common}
            heard += self.streams.publish(by_aggregate, message)
        return heard

    def _publish_klines(self, market: Market, closed: Kline | None) -> None:
        """Candles as they grow, at most every 250 ms of tape time, and always when one closes."""
        due = self.time_ms - market.kline_sent_ms >= KLINE_EVERY_MS
        if not due and closed is None:
            return
        market.kline_sent_ms = self.time_ms
        for interval, length_ms in INTERVALS_MS.items():
            name = f"{market.lower}@kline_{interval}"
            if not self.streams.has(name):
                continue
            latest = market.klines.latest(length_ms)
            if closed is not None and latest is not None and closed.open_time_ms < latest.open_time_ms:
                ended = self._ended(market, closed, length_ms)
                if ended is not None:
                    self._publish_kline(market, name, ended, interval, closed=True)
            if latest is not None:
                self._publish_kline(market, name, latest, interval, closed=False)

    @staticmethod
    def _ended(market: Market, closed: Kline, length_ms: int) -> Kline | None:
        """The candle of an interval that ended with this closed minute."""
        if length_ms == MINUTE_MS:
            return closed
        start = closed.open_time_ms - closed.open_time_ms % length_ms
        return next((one for one in market.klines.of_interval(length_ms) if one.open_time_ms == start), None)

    def _publish_kline(self, market: Market, name: str, kline: Kline, interval: str, *, closed: bool) -> None:
        message = messages.kline_update(
            kline, interval, INTERVALS_MS[interval], market.instrument, self.time_ms, closed=closed
        )
        self.streams.publish(name, message)

    def upcoming_funding(self, symbol: str) -> UpcomingFunding | None:
        """The next funding settlement on the tape; None if the tape carries no funding for the symbol."""
        return self.tape.upcoming_funding(symbol, self.time_ms)

    def mark_price_update(self, symbol: str) -> messages.Json:
        """Mark price and funding as a WebSocket message; next funding time 0 = none comes (FUND-1)."""
        upcoming = self.upcoming_funding(symbol) or UpcomingFunding()
        mark = messages.decimal_text(self.engine.books[symbol].mark)
        rate = upcoming.rate if upcoming.time_ms else self.markets[symbol].funding_rate
        return {
            "e": "markPriceUpdate",
            "E": self.time_ms,
            "s": symbol,
            "p": mark,
            "ap": mark,
            "P": mark,
            "i": mark,
            "r": messages.decimal_text(rate),
            "T": upcoming.time_ms,
        }

    def publish_mark_price(self, symbol: str) -> None:
        """Tell the mark price to who listens to it."""
        lower = self.markets[symbol].lower
        single = [name for name in (f"{lower}@markPrice", f"{lower}@markPrice@1s") if self.streams.has(name)]
        every = [name for name in ("!markPrice@arr", "!markPrice@arr@1s") if self.streams.has(name)]
        if not single and not every:
            return
        message = self.mark_price_update(symbol)
        for name in single:
            self.streams.publish(name, message)
        for name in every:
            self.streams.publish(name, [message])
