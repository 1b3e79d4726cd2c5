"""The gateway's own tasks: none is forgotten, and the first that fails tells the process to end (crash-only)."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from connector.errors import ConnectorError
from observability.logs import get_logger

_log = get_logger(__name__)
ResultT = TypeVar("ResultT")


class Background:
    def __init__(self) -> None:
        self._tasks: dict[asyncio.Task[Any], None] = {}  # in order: a stop ends them in the order they began
        self._failure: BaseException | None = None
        self._failed = asyncio.Event()
        self._stopped = False

    @property
    def failure(self) -> BaseException | None:
        return self._failure

    def spawn(self, work: Coroutine[Any, Any, ResultT], *, name: str) -> "asyncio.Task[ResultT]":
        task = asyncio.create_task(work, name=name)
        self._tasks[task] = None
        task.add_done_callback(self._done)
        return task

    def own(self, task: "asyncio.Task[Any]") -> None:
        """Ends it with all others; its failure is an answer to those who wait for it, not the gateway's end."""
        self._tasks[task] = None
        task.add_done_callback(self._heard)

    def check(self) -> None:
        """Raises where nothing can be done any more, so that nobody waits for a task that has ended."""
        if self._failure is not None:
            raise self._failure
        if self._stopped:
            raise ConnectorError("the order gateway has stopped; nothing is placed, cancelled or written any more")

    def fail(self, error: BaseException) -> None:
        """At once, before anybody else gets to run."""
        if self._failure is None and not isinstance(error, asyncio.CancelledError):
            self._failure = error
            self._failed.set()
            _log.error("the gateway cannot go on", error=str(error), kind=type(error).__name__)

    async def wait_failed(self) -> None:
        """Returns never; raises what made a task fail."""
        await self._failed.wait()
        if self._failure is not None:
            raise self._failure

    async def stop(self) -> None:
        self._stopped = True
        tasks = [task for task in self._tasks if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _heard(self, task: "asyncio.Task[Any]") -> None:
        self._tasks.pop(task, None)
        if not task.cancelled():
            task.exception()  # asked for, so that a failure whose waiters have all gone is not reported as lost

    def _done(self, task: "asyncio.Task[Any]") -> None:
        self._tasks.pop(task, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.fail(error)
