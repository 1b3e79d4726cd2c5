"""From one writer to many gRPC subscribers, each with a bounded buffer (GRPC-6).

What is told is on the log already, in its order: a subscriber never knows a number that a crash could give to another
message. A slow subscriber is cut off, never waited for.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Generic, Self, TypeVar

from connector import metrics
from connector.errors import ConnectorError

ItemT = TypeVar("ItemT")
Acknowledged = asyncio.Future[Any]


class SlowSubscriberError(ConnectorError):
    """The subscriber fell behind by more than its buffer and was cut off; nothing it got so far is wrong."""


class StreamEndedError(ConnectorError):
    """The connector is stopping; subscribe again when it is back."""


class Subscription(Generic[ItemT]):
    """What one subscriber has not read yet. `overflowed` is called once, when there is no room for the next message."""

    def __init__(self, stream: str, limit: int, overflowed: Callable[[], None]) -> None:
        self._stream = stream
        self._limit = limit
        self._overflowed = overflowed
        self._waiting: deque[ItemT] = deque()
        self._wake = asyncio.Event()
        self._behind = False
        self._ended = False

    def end(self) -> None:
        self._ended = True
        self._wake.set()

    def offer(self, item: ItemT) -> None:
        """Nothing is taken after a message there was no room for: what is in the buffer has no gap."""
        if not self._behind and len(self._waiting) < self._limit:
            self._waiting.append(item)
        elif not self._behind:
            self._behind = True
            metrics.SUBSCRIBERS_CUT_OFF.labels(self._stream).inc()
            self._overflowed()
        self._wake.set()

    def take(self, most: int) -> list[ItemT]:
        """What waits already, in its order."""
        return [self._waiting.popleft() for _ in range(min(most, len(self._waiting)))]

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> ItemT:
        """Raises SlowSubscriberError once the buffer has overflown, StreamEndedError when the connector stops; both
        after what was in it."""
        while not self._waiting:
            if self._behind:
                raise SlowSubscriberError(
                    f"the subscriber of {self._stream} fell more than {self._limit} messages behind and was cut off: "
                    "read faster, or raise subscriber_buffer; then subscribe again after the last seq"
                )
            if self._ended:
                raise StreamEndedError(f"the connector is stopping, and {self._stream} ends here")
            self._wake.clear()
            await self._wake.wait()
        return self._waiting.popleft()


class Broadcast(Generic[ItemT]):
    """`stream` names it in metrics; `limit` messages may wait for each subscriber.

    `newest` is the last number told, by key; at the start the last one on the log.
    """

    def __init__(self, stream: str, limit: int) -> None:
        self.newest: dict[str, int] = {}
        self._stream = stream
        self._limit = limit
        self._by_key: dict[str, set[Subscription[ItemT]]] = {}
        self._of_all: set[Subscription[ItemT]] = set()
        self._ended = False
        self._unacknowledged: dict[str, deque[tuple[Acknowledged, ItemT, int]]] = {}

    def publish(self, key: str, item: ItemT, seq: int) -> None:
        """`seq` is the item's last number."""
        self.newest[key] = seq
        for subscription in self._of_all:
            subscription.offer(item)
        for subscription in self._by_key.get(key, ()):
            subscription.offer(item)

    def publish_once(self, acknowledged: Acknowledged, key: str, item: ItemT, seq: int) -> None:
        """When the log has it, and all that came before it under its key. To be called in the order of `seq`."""
        waiting = self._unacknowledged.setdefault(key, deque())
        waiting.append((acknowledged, item, seq))
        acknowledged.add_done_callback(lambda _: self._publish_acknowledged(key, waiting))

    def end(self) -> None:
        """Ends every subscription there is, and those that come."""
        self._ended = True
        for group in (self._of_all, *self._by_key.values()):
            for subscription in group:
                subscription.end()

    @contextmanager
    def subscribe(
        self, keys: Iterable[str] = (), *, overflowed: Callable[[], None] = lambda: None
    ) -> Iterator[Subscription[ItemT]]:
        """Everything from now on, of these keys or, without any, of all."""
        subscription: Subscription[ItemT] = Subscription(self._stream, self._limit, overflowed)
        if self._ended:
            subscription.end()
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

    def _publish_acknowledged(self, key: str, waiting: deque[tuple[Acknowledged, ItemT, int]]) -> None:
        """Stops at one the log did not take: the process ends by it."""
        while waiting and waiting[0][0].done():
            acknowledged, item, seq = waiting[0]
            if acknowledged.cancelled() or acknowledged.exception() is not None:
                return
            waiting.popleft()
            self.publish(key, item, seq)
