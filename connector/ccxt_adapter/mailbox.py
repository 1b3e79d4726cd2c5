"""Between a callback that must not wait and the one coroutine that reads: nothing is lost, order is kept."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import Generic, TypeVar

ItemT = TypeVar("ItemT")


class Mailbox(Generic[ItemT]):
    """Unbounded: its reader must not wait for anything slow. One reader at a time."""

    def __init__(self) -> None:
        self._items: deque[ItemT] = deque()
        self._filled = asyncio.Event()
        self._error: Exception | None = None

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: ItemT) -> None:
        self._items.append(item)
        self._filled.set()

    def fail(self, error: Exception) -> None:
        """Nothing more will come: the reader gets what waits, then the error."""
        self._error = error
        self._filled.set()

    async def __aiter__(self) -> AsyncIterator[ItemT]:
        while True:
            while self._items:
                yield self._items.popleft()
            if self._error is not None:
                raise self._error
            self._filled.clear()
            await self._filled.wait()
