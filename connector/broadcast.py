"""From one writer to many gRPC subscribers, each with a bounded buffer (GRPC-6).

A slow subscriber is cut off, never waited for.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

from connector import metrics
from connector.errors import ConnectorError

ItemT = TypeVar("ItemT")


class SlowSubscriberError(ConnectorError):
    """The subscriber fell behind by more than its buffer and was cut off; nothing it got so far is wrong."""


class StreamEndedError(ConnectorError):
    """The connector is stopping; subscribe again when it is back."""


class Subscription(Generic[ItemT]):
    """What one subscriber has not read yet."""

    def __init__(self, stream: str, limit: int) -> None:
        self._stream = stream
        self._limit = limit
        self._waiting: deque[ItemT] = deque()
        self._wake = asyncio.Event()
        self._behind = False
        self._ended = False

    def end(self) -> None:
        self._ended = True
        self._wake.set()

    def offer(self, item: ItemT) -> None:
        if len(self._waiting) >= self._limit:
            self._behind = True
        else:
            self._waiting.append(item)
        self._wake.set()

    async def __aiter__(self) -> AsyncIterator[ItemT]:
        """Raises SlowSubscriberError once the buffer has overflown, StreamEndedError when the connector stops; both
        after what was in it."""
        while True:
            while self._waiting:
                yield self._waiting.popleft()
            if self._behind:
                metrics.SUBSCRIBERS_CUT_OFF.labels(self._stream).inc()
                raise SlowSubscriberError(
                    f"the subscriber of {self._stream} fell more than {self._limit} messages behind and was cut off: "
                    "read faster, or raise subscriber_buffer; then subscribe again"
                )
            if self._ended:
                raise StreamEndedError(f"the connector is stopping, and {self._stream} ends here")
            self._wake.clear()
            await self._wake.wait()


class Broadcast(Generic[ItemT]):
    """`stream` names it in metrics; `limit` messages may wait for each subscriber."""

    def __init__(self, stream: str, limit: int) -> None:
        self._stream = stream
        self._limit = limit
        self._by_key: dict[str, set[Subscription[ItemT]]] = {}
        self._of_all: set[Subscription[ItemT]] = set()

    def publish(self, key: str, item: ItemT) -> None:
        for subscription in self._of_all:
            subscription.offer(item)
        for subscription in self._by_key.get(key, ()):
            subscription.offer(item)

    def end(self) -> None:
        """Ends every subscription there is."""
        for group in (self._of_all, *self._by_key.values()):
            for subscription in group:
                subscription.end()

    @contextmanager
    def subscribe(self, keys: Iterable[str] = ()) -> Iterator[Subscription[ItemT]]:
        """Everything from now on, of these keys or, without any, of all."""
        subscription: Subscription[ItemT] = Subscription(self._stream, self._limit)
        groups = [self._by_key.setdefault(key, set()) for key in keys] or [self._of_all]
        for group in groups:
            group.add(subscription)
        metrics.SUBSCRIBERS.labels(self._stream).inc()
        try:
            yield subscription
        finally:
            for group in groups:
                group.discard(subscription)
            metrics.SUBSCRIBERS.labels(self._stream).dec()
