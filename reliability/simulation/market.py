"""The market of a run: the synthetic one, played into the matching engine and told as the venue's streams tell it."""

from __future__ import annotations

from collections.abc import Iterable

from reliability.simulation.storm import Market
from reliability.simulation.venue_books import VenueBooks
from topics.v1.common_pb2 import SIDE_BUY, SIDE_SELL
from topics.v1.funding_pb2 import FundingUpdate
from topics.v1.market_pb2 import MarketEvent, Quote, Trade
from venue.instruments import Instrument
from venue.orders import Side
from venue.synthetic import STEP_MS, SyntheticMarket

FUNDING_EVERY_STEPS = 4


class MarketSource:
    def __init__(self, books: VenueBooks, listings: Iterable[Instrument], seed: int) -> None:
        self._books = books
        self._sources = {it.symbol: SyntheticMarket(it, seed, books.now_ms) for it in listings}
        self._seen: dict[str, tuple[int, int]] = {}
        self._trades = 0

    def seen(self, symbol: str) -> Market:
        bid, ask = self._seen[symbol]
        return Market(self._books.instruments[symbol], bid, ask)

    def step(self, symbol: str, now_s: float) -> tuple[list[MarketEvent], FundingUpdate | None]:
        """The trade and the quote of this moment, matched, and now and then the mark price."""
        trade, quote = self._sources[symbol].step(int(now_s * 1000) // STEP_MS)
        engine, time_ms = self._books.engine, self._books.now_ms
        self._books.market(engine.trade(symbol, time_ms, trade.price, trade.quantity, trade.taker_side))
        self._books.market(engine.quote(symbol, time_ms, quote.bid, quote.bid_size, quote.ask, quote.ask_size))
        self._seen[symbol] = (quote.bid, quote.ask)
        self._trades += 1
        events = [
            MarketEvent(
                trade=Trade(
                    time_ms=time_ms,
                    trade_id=str(self._trades),
                    price_ticks=trade.price,
                    quantity_lots=trade.quantity,
                    taker_side=SIDE_BUY if trade.taker_side is Side.BUY else SIDE_SELL,
                )
            ),
            MarketEvent(
                quote=Quote(
                    time_ms=time_ms,
                    update_id=self._trades,
                    bid_ticks=quote.bid,
                    bid_lots=quote.bid_size,
                    ask_ticks=quote.ask,
                    ask_lots=quote.ask_size,
                )
            ),
        ]
        funding = None
        if self._trades % (FUNDING_EVERY_STEPS * len(self._sources)) < len(self._sources):
            funding = FundingUpdate(
                venue=self._books.name,
                symbol=symbol,
                time_ms=time_ms,
                rate="0.0001",
                next_funding_time_ms=time_ms + 3_600_000,
                mark_price=format(self._books.mark_price(symbol), "f"),
            )
        return events, funding
