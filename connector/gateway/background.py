"""The gateway's own tasks: none is forgotten, and the first that fails tells the process to end (crash-only)."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from observability.logs import get_logger

_log = get_logger(__name__)
ResultT = TypeVar("ResultT")


class Background:
    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()
        self._failure: BaseException | None = None
        self._failed = asyncio.Event()

    @property
    def failure(self) -> BaseException | None:
        return self._failure

    def spawn(self, work: Coroutine[Any, Any, ResultT], *, name: str) -> "asyncio.Task[ResultT]":
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def fail(self, error: BaseException) -> None:
        if self._failure is None:
            self._failure = error
            self._failed.set()
            _log.error("the gateway cannot go on", error=str(error), kind=type(error).__name__)

    async def wait_failed(self) -> None:
        """Returns never; raises what made a task fail."""
        await self._failed.wait()
        if self._failure is not None:
            raise self._failure

    async def stop(self) -> None:
        tasks = [task for task in self._tasks if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _done(self, task: "asyncio.Task[Any]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.fail(error)
