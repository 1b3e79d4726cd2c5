"""An asyncio event loop on virtual time, on which simulated processes can be killed or stopped between any two steps.

Time jumps to the next timer; nothing waits in reality, no thread takes part, and what is due at the same moment runs in
the order it was scheduled. A context variable says to which process a callback belongs. A killed process's callbacks
never run again: no `finally`, no `except`, as after kill -9. It must not read a real clock. It reaches into asyncio's
loop, handles and tasks, which have no other seam for this (Python 3.11 to 3.13).
"""

from __future__ import annotations

import asyncio
import sys
import warnings
from asyncio import events
from collections import deque
from collections.abc import Callable, Coroutine
from contextlib import suppress
from contextvars import Context, ContextVar, copy_context
from heapq import heappop, heappush
from typing import Any

NEVER = 1 << 62


class DeadlockError(RuntimeError):
    """Nothing is left to run although the run is not over: a wait that nobody will end."""


class StalledError(RuntimeError):
    """Callbacks follow each other without end while time stands still."""


class Process:
    """A simulated operating-system process. `skew_ns`: its wall clock's error.

    When `steps` reaches `fuse`, `on_fuse` is called before that step runs.
    """

    __slots__ = ("deferred", "ended", "fuse", "name", "on_fuse", "paused", "skew_ns", "steps", "tasks")

    def __init__(self, name: str) -> None:
        self.name = name
        self.ended = False
        self.paused = False
        self.steps = 0
        self.skew_ns = 0
        self.fuse = NEVER
        self.on_fuse: Callable[[Process], None] | None = None
        self.deferred: list[asyncio.Handle] = []
        self.tasks: list[asyncio.Task[Any]] = []


_PROCESS: ContextVar[Process] = ContextVar("simulated_process")


class _Step(asyncio.TimerHandle):
    """A callback to come, with the process it belongs to."""

    __slots__ = ("process",)

    def __init__(
        self, when: float, callback: Callable[..., Any], args: Any, loop: VirtualLoop, context: Context, owner: Process
    ) -> None:
        # What asyncio's handles do at length: a run makes tens of thousands of these.
        self._callback = callback
        self._args = args
        self._context = context
        self._loop = loop
        self._cancelled = False
        self._repr = None
        self._source_traceback = None
        self._when = when
        self._scheduled = False
        self.process = owner


class VirtualLoop(asyncio.BaseEventLoop):
    """`complaints` holds what callbacks raised; a run with any of them is not to be trusted."""

    MOST_STEPS_AT_ONCE = 200_000

    def __init__(self) -> None:
        super().__init__()
        self.world = Process("world")
        self.complaints: list[str] = []
        self.steps = 0
        self._now = 0.0
        self._timers: list[tuple[float, int, _Step]] = []
        self._count = 0
        self._queue: deque[_Step] = deque()
        self._processes: list[Process] = [self.world]
        self._over = False
        self._outside = Context()
        self._outside.run(_PROCESS.set, self.world)
        self._stop_asked = False
        self._closed_tasks: list[asyncio.Task[Any]] = []

    def time(self) -> float:
        return self._now

    # --- processes ------------------------------------------------------------------------------------------------

    def new_process(self, name: str) -> Process:
        process = Process(name)
        self._processes.append(process)
        return process

    def start(self, process: Process, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Runs the coroutine as the process's main task."""
        context = Context()
        context.run(_PROCESS.set, process)
        return self.create_task(work, context=context, name=process.name)

    def kill(self, process: Process) -> None:
        """As kill -9: from here on nothing of it runs. What it sent is on its way."""
        process.ended = True
        process.deferred.clear()

    def pause(self, process: Process) -> None:
        """As SIGSTOP."""
        process.paused = True

    def resume(self, process: Process) -> None:
        """As SIGCONT: what became due meanwhile runs now, in its order."""
        process.paused = False
        waiting, process.deferred = process.deferred, []
        self._queue.extend(step for step in waiting if isinstance(step, _Step))

    def outside_later(self, delay: float, callback: Callable[..., Any], *args: Any) -> asyncio.TimerHandle:
        """Calls on behalf of no process: what is on the wire, at the venue, in the broker."""
        return self.call_at(self._now + delay, callback, *args, context=self._outside)

    # --- the loop -------------------------------------------------------------------------------------------------

    def call_soon(  # type: ignore[override]
        self, callback: Callable[..., Any], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        context = copy_context() if context is None else context  # an empty one is false
        step = _Step(self._now, callback, args, self, context, context.get(_PROCESS, self.world))
        if not self._over:
            self._queue.append(step)
        return step

    def call_at(  # type: ignore[override]
        self, when: float, callback: Callable[..., Any], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        context = copy_context() if context is None else context  # an empty one is false
        step = _Step(when, callback, args, self, context, context.get(_PROCESS, self.world))
        if not self._over:
            self._count += 1
            heappush(self._timers, (when, self._count, step))
        return step

    def call_later(  # type: ignore[override]
        self, delay: float, callback: Callable[..., Any], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        return self.call_at(self._now + delay, callback, *args, context=context)

    def create_task(  # type: ignore[override]
        self, coro: Coroutine[Any, Any, Any], *, name: str | None = None, context: Context | None = None
    ) -> asyncio.Task[Any]:
        owner = (copy_context() if context is None else context).get(_PROCESS, self.world)
        task = asyncio.Task(coro, loop=self, name=name, context=context)
        owner.tasks.append(task)  # kept: a task nobody holds would be closed, and run its `finally`
        return task

    def run_forever(self) -> None:
        self._stop_asked = False
        hooks = sys.get_asyncgen_hooks()
        sys.set_asyncgen_hooks(firstiter=None, finalizer=None)
        events._set_running_loop(self)  # noqa: SLF001
        try:
            while not self._stop_asked:
                self._turn()
        finally:
            events._set_running_loop(None)  # noqa: SLF001
            sys.set_asyncgen_hooks(*hooks)

    def stop(self) -> None:
        self._stop_asked = True

    def is_running(self) -> bool:
        return False

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """A callback raised. That a task's error was never asked for is no complaint: killed processes leave many."""
        if not self._over and "never retrieved" not in context.get("message", ""):
            self.complaints.append(f"{context.get('message')}: {context.get('exception')!r}")

    def get_debug(self) -> bool:
        return False

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """A cancelled timer is passed over when its time comes."""

    def _turn(self) -> None:
        queue = self._queue
        if not queue:
            self._advance()
        world = self.world
        before = self._now
        budget = self.MOST_STEPS_AT_ONCE
        while queue and not self._stop_asked:
            step = queue.popleft()
            if step._cancelled:  # noqa: SLF001
                continue
            process = step.process
            if process is not world and not self._admits(process, step):
                continue
            self.steps += 1
            try:
                step._context.run(step._callback, *step._args)  # noqa: SLF001
            except (SystemExit, KeyboardInterrupt):
                raise
            except BaseException as error:  # noqa: BLE001  as asyncio's own handles do
                self.call_exception_handler({"message": f"{step._callback!r}", "exception": error})  # noqa: SLF001
            budget -= 1
            if not budget:
                raise StalledError(f"{self.MOST_STEPS_AT_ONCE} steps at {before:.6f} s, the last one {step!r}")

    def _admits(self, process: Process, step: _Step) -> bool:
        process.steps += 1
        if process.steps >= process.fuse and not process.ended and not process.paused:
            process.fuse = NEVER
            if process.on_fuse is not None:
                process.on_fuse(process)
        if process.ended:
            return False
        if process.paused:
            process.steps -= 1
            process.deferred.append(step)
            return False
        return True

    def _advance(self) -> None:
        """To the next timer that was not cancelled, and all that are due with it."""
        timers = self._timers
        while timers and (timers[0][2]._cancelled or timers[0][2].process.ended):  # noqa: SLF001
            heappop(timers)
        if not timers:
            raise DeadlockError(
                f"at {self._now:.3f} s nothing is left to run: every process waits for something nobody will do"
            )
        self._now = max(self._now, timers[0][0])
        while timers and timers[0][0] <= self._now:
            self._queue.append(heappop(timers)[2])

    def close(self) -> None:
        """Ends every task there is without running it any further, as far as Python lets one."""
        self._over = True
        self._queue.clear()
        self._timers.clear()
        outer = events._get_running_loop()  # noqa: SLF001
        events._set_running_loop(self)  # noqa: SLF001  what a `finally` begins must not begin on another loop
        try:
            while any(process.tasks for process in self._processes):  # closing may begin new ones
                for process in self._processes:
                    tasks, process.tasks = process.tasks, []
                    _close_tasks(tasks)
                    self._closed_tasks += tasks
        finally:
            events._set_running_loop(outer)  # noqa: SLF001
        self._closed_tasks.clear()
        super().close()


def _close_tasks(tasks: list[asyncio.Task[Any]]) -> None:
    for task in tasks:
        if not task.done():
            task._log_destroy_pending = False  # type: ignore[attr-defined]  # noqa: SLF001
            _close(task.get_coro())


def _close(coroutine: Any) -> None:
    """Its `finally` blocks run here, after everything was recorded; one that awaits is closed again."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # some were never begun
        for _ in range(8):
            with suppress(BaseException):
                coroutine.close()
                return


def deliver(future: asyncio.Future[Any], answer: Any) -> None:
    """What a twin answers to who waits, unless nobody does any more; an Exception is raised there."""
    if future.done():
        return
    if isinstance(answer, Exception):
        future.set_exception(answer)
    else:
        future.set_result(answer)
