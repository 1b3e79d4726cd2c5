"""Simulated processes and who starts them again: one life after the other, as a supervisor does it.

It knows how a life begins and ends, not what it does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from random import Random
from typing import Any

from connector.gateway.clock import Clock
from reliability.simulation.history import ProcessLife
from reliability.simulation.loop import NEVER, Process, VirtualLoop
from topics.memory_log import MemoryLog

START_NS = 1_700_000_000_000_000_000


class ProcessClock(Clock):
    """Virtual time with the error of the process's wall clock."""

    def __init__(self, loop: VirtualLoop, process: Process) -> None:
        self._loop = loop
        self._process = process

    def now_ns(self) -> int:
        return START_NS + round(self._loop.time() * 1e9) + self._process.skew_ns

    def monotonic(self) -> float:
        return self._loop.time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


@dataclass(slots=True)
class Life:
    """A running process: `body` is what runs in it, `detach` lets go of its connections once it has ended."""

    process: Process
    log: MemoryLog
    told: ProcessLife
    body: Any
    detach: Callable[[], None]


Begin = Callable[[Process, ProcessLife], tuple[MemoryLog, Any, Coroutine[Any, Any, None], Callable[[], None]]]


class Machine:
    """Keeps one process running. `begin` makes the next life's parts; `lives` gets what is known of each."""

    def __init__(
        self, name: str, kind: str, loop: VirtualLoop, random: Random, begin: Begin, lives: list[ProcessLife]
    ) -> None:
        self.name = name
        self.life: Life | None = None
        self.wanted = True
        self._kind = kind
        self._loop = loop
        self._random = random
        self._begin = begin
        self._lives = lives
        self._count = 0
        self._zombies: list[Life] = []

    def start(self) -> Life:
        self._count += 1
        name = f"{self.name}/{self._count}"
        process = self._loop.new_process(name)
        told = ProcessLife(name, self._kind, self._loop.time())
        self._lives.append(told)
        log, body, work, detach = self._begin(process, told)
        life = self.life = Life(process, log, told, body, detach)
        task = self._loop.start(process, work)
        task.add_done_callback(lambda done: self._loop.outside_later(0.0, self._ended, life, done))
        return life

    def kill_after(self, steps: int) -> None:
        """Kills the present life once it has made so many more steps."""
        if self.life is not None:
            life = self.life
            life.process.on_fuse = lambda _: self.kill(life)
            life.process.fuse = life.process.steps + steps

    def defuse(self) -> None:
        """No kill to come any more."""
        if self.life is not None:
            self.life.process.fuse = NEVER

    def kill(self, life: Life) -> None:
        """As kill -9. What its producers had not got through is lost, or not."""
        if life.process.ended:
            return
        self._loop.kill(life.process)
        life.log.sever(lose=self._random.random() < 0.5)
        self._over(life, "killed", "")

    def suspend(self) -> Life | None:
        """Stops the present life as SIGSTOP does; another may be started meanwhile. `awake` continues it."""
        life = self.life
        if life is None or life.process.paused:
            return None
        self._loop.pause(life.process)
        life.told.paused.append((self._loop.time(), -1.0))
        self._zombies.append(life)
        return life

    def awake(self, life: Life) -> None:
        if life.process.paused:
            life.told.paused[-1] = (life.told.paused[-1][0], self._loop.time())
            self._loop.resume(life.process)

    def awake_all(self) -> None:
        for life in self._zombies:
            self.awake(life)

    def _ended(self, life: Life, task: asyncio.Task[None]) -> None:
        if life.process.ended:
            return
        error = None if task.cancelled() else task.exception()
        self._loop.kill(life.process)
        life.log.sever(lose=False)
        self._over(life, "failed" if error else "stopped", f"{type(error).__name__}: {error}" if error else "")

    def _over(self, life: Life, end: str, reason: str) -> None:
        told = life.told
        told.end, told.reason, told.ended_s, told.steps = end, reason, self._loop.time(), life.process.steps
        life.detach()
        if life is self.life:
            self.life = None
            if self.wanted:
                self._loop.outside_later(self._random.uniform(0.05, 1.5), self._again)

    def _again(self) -> None:
        if self.life is None and self.wanted:
            self.start()
