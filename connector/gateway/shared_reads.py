"""One answer for all who ask the same at the same time: a look-up of a thousand orders reads the history once.

Nobody gets an answer that was begun before he asked: he joins the read that is next, not the one under way.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from connector.gateway.background import Background

AnswerT = TypeVar("AnswerT")


class SharedReads(Generic[AnswerT]):
    """`read(symbol, since_ms)` is called for the earliest time any of those who wait asked for; errors reach all."""

    def __init__(self, read: Callable[[str, int], Awaitable[AnswerT]], background: Background, *, name: str) -> None:
        self._read = read
        self._background = background
        self._name = name
        self._next: dict[str, asyncio.Task[AnswerT]] = {}
        self._since_ms: dict[str, int] = {}
        self._lanes: dict[str, asyncio.Lock] = {}

    async def ask(self, symbol: str, since_ms: int = 0) -> AnswerT:
        self._since_ms[symbol] = min(since_ms, self._since_ms.get(symbol, since_ms))
        task = self._next.get(symbol)
        if task is None:
            task = self._next[symbol] = asyncio.create_task(self._turn(symbol), name=self._name)
            self._background.own(task)
        return await asyncio.shield(task)

    async def _turn(self, symbol: str) -> AnswerT:
        async with self._lanes.setdefault(symbol, asyncio.Lock()):
            del self._next[symbol]
            return await self._read(symbol, self._since_ms.pop(symbol))
