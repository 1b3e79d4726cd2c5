"""What comes from outside in a run: the market, the storm of intents, another program on the account, an operator.

It asks and tells; what becomes of it is for the processes and the venue.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from connector.ccxt_adapter.client import VenueAnswerError
from connector.port import OrderRequest
from reliability.simulation.faults import Plan
from reliability.simulation.loop import VirtualLoop
from reliability.simulation.market import MarketSource
from reliability.simulation.storm import Storm
from reliability.simulation.streams import Streams
from reliability.simulation.venue_books import VenueBooks
from reliability.simulation.weather import Weather
from reliability.simulation.wire import answer_of
from topics.catalogue import CONTROL
from topics.codec import encode
from topics.envelope import Envelope
from topics.memory_broker import MemoryBroker
from topics.v1.common_pb2 import ORDER_TYPE_LIMIT, SIDE_BUY, SIDE_SELL, TIME_IN_FORCE_POST_ONLY
from topics.v1.control_pb2 import ControlEvent
from venue.instruments import LISTED

VENUE, ACCOUNT = "paper", "main"
SYMBOLS = ("BTCUSDT", "ETHUSDT")
MARKET_EVERY_S = 1.5


class Traffic:
    """`streams`: those connected now; they hear of the market."""

    def __init__(
        self,
        loop: VirtualLoop,
        plan: Plan,
        weather: Weather,
        books: VenueBooks,
        broker: MemoryBroker,
        streams: Sequence[Streams],
        *,
        seed: int,
        now_ns: Callable[[], int],
    ) -> None:
        self._loop = loop
        self._plan = plan
        self._weather = weather
        self._books = books
        self._broker = broker
        self._streams = streams
        self._now_ns = now_ns
        self._source = MarketSource(books, [LISTED[symbol] for symbol in SYMBOLS], seed)

    def control(self, **action: Any) -> None:
        """What an operator asks for, for every symbol."""
        now_ms = self._now_ns() // 1_000_000
        for symbol in SYMBOLS:
            identity = f"control/{symbol}/{now_ms}"
            event = ControlEvent(
                control_id=identity, strategy="grid", venue=VENUE, symbol=symbol, account=ACCOUNT, time_ms=now_ms,
                by="simulation", **action,
            )  # fmt: skip
            self._broker.append(encode(CONTROL, event, Envelope(identity, "simulation", now_ms)))

    async def market(self) -> None:
        while self._loop.time() < self._plan.duration_s - 30.0:
            for symbol in SYMBOLS:
                events, funding = self._source.step(symbol, self._loop.time())
                for streams in self._streams:
                    for event in events:
                        streams.tell_market(symbol, event)
                    if funding is not None:
                        streams.tell_funding(funding)
            await asyncio.sleep(MARKET_EVERY_S)

    async def storm(self) -> None:
        storm = Storm(self._weather.stream("storm"), account=ACCOUNT)
        random = self._weather.stream("storm/pace")
        left = self._plan.intents
        pause_s = (self._plan.quiet_from_s - 3.0) / max(1, left) * 3
        await asyncio.sleep(1.0)
        while left > 0:
            for _ in range(min(left, random.choice((1, 1, 2, 4, 7)))):
                left -= 1
                symbol = random.choice(SYMBOLS)
                for record in storm.next(self._source.seen(symbol), self._now_ns() // 1_000_000):
                    self._broker.append(record)
            await asyncio.sleep(random.uniform(0.0, 2 * pause_s))

    async def others(self) -> None:
        """Another program on the account: its orders rest far from the market, some are cancelled by it again."""
        random = self._weather.stream("others")
        for number in range(self._plan.others):
            await asyncio.sleep(random.uniform(0.0, self._plan.quiet_from_s / self._plan.others))
            symbol, side = random.choice(SYMBOLS), random.choice((SIDE_BUY, SIDE_SELL))
            market = self._source.seen(symbol)
            far = market.bid_ticks * 9 // 10 if side == SIDE_BUY else market.ask_ticks * 11 // 10
            order = OrderRequest(
                symbol=symbol,
                client_order_id=f"web_{number}",
                side=side,
                type=ORDER_TYPE_LIMIT,
                time_in_force=TIME_IN_FORCE_POST_ONLY,
                price_ticks=far,
                quantity_lots=market.instrument.min_quantity_lots * 100,
                reduce_only=False,
            )
            answer = answer_of(partial(self._books.place, order, told_at_once=True))
            if isinstance(answer, VenueAnswerError):
                raise answer
            if random.random() < 0.3:
                await asyncio.sleep(random.uniform(0.0, 3.0))
                answer_of(partial(self._books.cancel, symbol, order.client_order_id, ""))
