"""The caller's deadline (WF-5).

Reads end with it, at the venue too; what changes an order goes on to its end (WF-3).
"""

import asyncio
from collections.abc import Awaitable, Coroutine
from typing import Any, Protocol, TypeVar

AnswerT = TypeVar("AnswerT")


class Call(Protocol):
    """What the service needs of a gRPC call."""

    def time_remaining(self) -> float | None:
        """Seconds until the caller's deadline; None without one."""


async def within(call: Call, work: Awaitable[AnswerT]) -> AnswerT:
    """The answer of a read, or TimeoutError at the deadline; the read is cancelled then."""
    async with asyncio.timeout(call.time_remaining()):
        return await work


class UnderWay:
    """Placements, cancels and the like that were begun: their callers may go, they go on."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    async def to_its_end(self, work: Coroutine[Any, Any, AnswerT], call: Call) -> AnswerT:
        """The answer, or TimeoutError at the caller's deadline while the work goes on."""
        remaining_s = call.time_remaining()
        if remaining_s is not None and remaining_s <= 0:
            work.close()
            raise TimeoutError("the deadline had passed before anything was sent")
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        async with asyncio.timeout(remaining_s):
            return await asyncio.shield(task)

    async def finish(self) -> None:
        """Waits for those whose callers are gone."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # seen: the caller may be gone, and the gateway has told the log
