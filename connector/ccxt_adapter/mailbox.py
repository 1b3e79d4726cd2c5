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

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: ItemT) -> None:
        self._items.append(item)
        self._filled.set()

    async def __aiter__(self) -> AsyncIterator[ItemT]:
        while True:
            while self._items:
                yield self._items.popleft()
            self._filled.clear()
            await self._filled.wait()
