"""Who listens to what: WebSocket subscribers, their streams and their bounded buffers (GRPC-6's rule, here too).

A publisher never waits: messages go into each subscriber's buffer, a writer task of its own sends them. A
subscriber too far behind is cut off; at speed max the player asks `drained` first, so there nobody falls behind.
Must not: know orders, the tape or HTTP.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

import orjson

from venue.instruments import Product

Send = Callable[[bytes], Awaitable[None]]
MARKET_CHANNELS = ("bookTicker", "trade", "aggTrade")
USER = "user data"


class Subscriber:
    """One WebSocket connection: its streams and what waits to be sent to it."""

    def __init__(self, send: Send, *, combined: bool, limit: int, product: Product = Product.PERPETUAL) -> None:
        self._send = send
        self.product = product
        self._limit = limit
        self._waiting: deque[bytes] = deque()
        self._wake = asyncio.Event()
        self.combined = combined
        self.names: set[str] = set()
        self.subscription_ids: dict[str, int] = {}
        """Numbers of user streams that were subscribed to by the WebSocket API."""
        self.cut_off = False
        self.silent = False
        """A silent one stays connected and is told nothing any more."""
        self.on_written: Callable[[], None] = lambda: None
        self.hang_up: Callable[[], None] = lambda: None
        """Ends the connection without a word."""

    @property
    def backlog(self) -> int:
        return len(self._waiting)

    def enveloped(self, name: str, message: bytes) -> bytes:
        """A message of a stream as this connection gets it."""
        number = self.subscription_ids.get(name)
        if number is not None:
            return b'{"subscriptionId":%d,"event":%b}' % (number, message)
        if self.combined:
            return b'{"stream":"%b","data":%b}' % (name.rpartition("/")[2].encode(), message)
        return message

    def offer(self, message: bytes) -> None:
        if self.silent:
            return
        if len(self._waiting) >= self._limit:
            self.cut_off = True
        else:
            self._waiting.append(message)
        self._wake.set()

    async def write(self) -> None:
        """Send what waits, in order, until cancelled or cut off for being too slow."""
        while not self.cut_off:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting and not self.cut_off:
                await self._send(self._waiting[0])
                self._waiting.popleft()
                if not len(self._waiting) % 32:
                    self.on_written()


class Streams:
    """All subscribers by stream name, such as `btcusdt@bookTicker`."""

    def __init__(self) -> None:
        self._by_name: dict[str, set[Subscriber]] = {}
        self._all: set[Subscriber] = set()
        self._written = asyncio.Event()
        self.changed = asyncio.Event()
        self.generation = 0
        """Grows whenever a market-data subscriber comes or goes."""

    @property
    def count(self) -> int:
        return len(self._all)

    @property
    def subscribers(self) -> list[Subscriber]:
        return list(self._all)

    @property
    def names(self) -> dict[str, int]:
        return {name: len(subscribers) for name, subscribers in self._by_name.items()}

    def add(self, subscriber: Subscriber) -> None:
        subscriber.on_written = self._written.set
        self._all.add(subscriber)

    def remove(self, subscriber: Subscriber) -> None:
        self.unsubscribe(subscriber, list(subscriber.names))
        self._all.discard(subscriber)
        self._written.set()

    def subscribe(self, subscriber: Subscriber, names: list[str]) -> None:
        for name in names:
            subscriber.names.add(name)
            self._by_name.setdefault(name, set()).add(subscriber)
        self._note_change(names)

    def unsubscribe(self, subscriber: Subscriber, names: list[str]) -> None:
        for name in names:
            subscriber.names.discard(name)
            listeners = self._by_name.get(name)
            if listeners is not None:
                listeners.discard(subscriber)
                if not listeners:
                    del self._by_name[name]
        self._note_change(names)

    def _note_change(self, names: list[str]) -> None:
        if any(_is_market_data(name) for name in names):
            self.generation += 1
        self.changed.set()

    def listeners(self, name: str) -> list[Subscriber]:
        return list(self._by_name.get(name, ()))

    def has(self, name: str) -> bool:
        return name in self._by_name

    def has_market_data(self, symbol: str) -> bool:
        """Whether anyone listens to quotes or trades of a symbol."""
        lower = symbol.lower()
        names = [f"{lower}@{channel}" for channel in MARKET_CHANNELS]
        every = Product.of(symbol).listing("!bookTicker")
        return any(name in self._by_name for name in (*names, every))

    def publish(self, name: str, message: Any) -> int:
        """Offer a message to all who listen; returns how many."""
        listeners = self._by_name.get(name)
        if not listeners:
            return 0
        plain = orjson.dumps(message)
        for subscriber in listeners:
            subscriber.offer(subscriber.enveloped(name, plain))
        return len(listeners)

    async def drained(self, most: int) -> None:
        """Wait until no subscriber has more than `most` messages waiting."""
        while any(subscriber.backlog > most for subscriber in self._all):
            self._written.clear()
            await self._written.wait()


def _is_market_data(name: str) -> bool:
    return name.rpartition("/")[2] == "!bookTicker" or name.partition("@")[2] in MARKET_CHANNELS
