"""One reader of each stream, for as long as a run lasts: what came, in order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Generic, TypeVar

from reliability.conformance.case import CaseFailedError

ItemT = TypeVar("ItemT")


class Heard(Generic[ItemT]):
    """`items` grows; `mark` and `since` cut it at a moment. Raises what ended the stream, to whoever looks at it."""

    def __init__(self, name: str, stream: AsyncIterator[ItemT]) -> None:
        self.name = name
        self._items: list[ItemT] = []
        self._task = asyncio.create_task(self._listen(stream), name=f"conformance-{name}")

    def mark(self) -> int:
        return len(self._items)

    def since(self, mark: int = 0) -> list[ItemT]:
        if self._task.done():
            self._task.result()
            raise CaseFailedError(f"the stream of {self.name} ended; it must go on until the port is closed")
        return self._items[mark:]

    def latest(self) -> ItemT | None:
        return self._items[-1] if self._items else None

    async def stop(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _listen(self, stream: AsyncIterator[ItemT]) -> None:
        async for item in stream:
            self._items.append(item)
