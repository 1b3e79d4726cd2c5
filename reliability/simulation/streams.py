"""The venue's websockets as one process has them: frames in order, some late, repeated or missing, and cuts.

After a cut the connection comes back after a while and says so with `StreamLost`; what happened meanwhile was missed.
A cut may be silent first: frames are lost before anybody notices.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import Generic, TypeVar

from connector.port import OrderReport, StreamLost
from reliability.simulation.loop import VirtualLoop
from reliability.simulation.venue_books import Frame
from reliability.simulation.weather import Weather, quick_s
from reliability.simulation.wire import VenueState
from topics.v1.account_pb2 import AccountUpdate
from topics.v1.funding_pb2 import FundingUpdate
from topics.v1.market_pb2 import MarketEvent

ItemT = TypeVar("ItemT")
RECONNECT_S = (3.0, 5.0, 10.0)


class Mailbox(Generic[ItemT]):
    """Filled by the wire, read by one coroutine of the process."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop
        self._waiting: deque[ItemT] = deque()
        self._reader: asyncio.Future[None] | None = None

    def put(self, item: ItemT) -> None:
        self._waiting.append(item)
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    async def items(self) -> AsyncIterator[ItemT]:
        while True:
            while self._waiting:
                yield self._waiting.popleft()
            self._reader = self._loop.create_future()
            await self._reader


class Streams:
    """All streams of one process; `connect` once, `close` when the process has ended."""

    def __init__(
        self, loop: VirtualLoop, weather: Weather, state: VenueState, symbols: list[str], *, purpose: str
    ) -> None:
        self.orders: Mailbox[OrderReport | StreamLost] = Mailbox(loop)
        self.account: Mailbox[AccountUpdate | StreamLost] = Mailbox(loop)
        self.market: dict[str, Mailbox[MarketEvent | StreamLost]] = {it: Mailbox(loop) for it in symbols}
        self.funding: dict[str, Mailbox[FundingUpdate]] = {it: Mailbox(loop) for it in symbols}
        self._loop = loop
        self._weather = weather
        self._state = state
        self._random = weather.stream(f"streams/{purpose}")
        self._turn = 0
        self._up = False
        self._closed = False
        self._newest_s = 0.0
        self._tries = 0

    def connect(self) -> None:
        self._loop.outside_later(quick_s(self._random, 0.01), self._connected)

    def close(self) -> None:
        self._closed = True
        self._up = False

    def cut(self, *, silent_s: float) -> None:
        """The connection is gone; the process notices after `silent_s` and connects anew."""
        if self._up and not self._closed:
            self._up = False
            self._turn += 1
            self._tries = 0
            self._loop.outside_later(silent_s + RECONNECT_S[0], self._connected)

    def tell(self, frame: Frame) -> None:
        """A frame of the user stream, as the venue sends it."""
        if not self._up:
            return
        rates = self._weather.rates
        if self._strikes(rates.event_missing, "event missing"):
            return
        now = self._loop.time()
        arrives = now + quick_s(self._random, 0.005)
        if self._strikes(rates.event_late, "event late"):
            arrives += self._random.uniform(0.0, 3.0)
        else:
            arrives = self._newest_s = max(arrives, self._newest_s)
        self._loop.outside_later(arrives - now, self._deliver, self._turn, frame)
        if self._strikes(rates.event_repeated, "event repeated"):
            self._loop.outside_later(arrives - now + self._random.uniform(0.0, 2.0), self._deliver, self._turn, frame)

    def tell_market(self, symbol: str, event: MarketEvent) -> None:
        if self._up:
            self._loop.outside_later(0.005, self._deliver_market, self._turn, symbol, event)

    def tell_funding(self, update: FundingUpdate) -> None:
        if self._up:
            self._loop.outside_later(0.005, self._deliver_funding, self._turn, update)

    def _strikes(self, rate: float, name: str) -> bool:
        return self._weather.strikes(self._random, rate, name)

    def _connected(self) -> None:
        if self._closed or self._up:
            return
        if self._state.unreachable or self._state.maintenance:
            self._tries += 1
            self._loop.outside_later(RECONNECT_S[min(self._tries, len(RECONNECT_S) - 1)], self._connected)
            return
        self._up = True
        self.orders.put(StreamLost())
        self.account.put(StreamLost())

    def _deliver(self, turn: int, frame: Frame) -> None:
        if turn != self._turn or self._closed:
            return
        for report in frame.reports:
            self.orders.put(report)
        if frame.account is not None:
            told = AccountUpdate()
            told.CopyFrom(frame.account)
            self.account.put(told)

    def _deliver_market(self, turn: int, symbol: str, event: MarketEvent) -> None:
        if turn == self._turn:
            self.market[symbol].put(event)

    def _deliver_funding(self, turn: int, update: FundingUpdate) -> None:
        if turn == self._turn:
            self.funding[update.symbol].put(update)
