"""Time that passes two hundred times faster: waits of seconds take milliseconds, their order stays."""

import asyncio
import time

SPEED = 200


class QuickClock:
    def __init__(self) -> None:
        self.slept: list[float] = []
        self.endless: set[float] = set()
        """Waits of exactly so many seconds never end by themselves."""
        self._changed = asyncio.Condition()

    def now_ns(self) -> int:
        return time.time_ns()

    def monotonic(self) -> float:
        return time.monotonic() * SPEED

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        async with self._changed:
            self._changed.notify_all()
        await (asyncio.Event().wait() if seconds in self.endless else asyncio.sleep(seconds / SPEED))

    async def until_slept(self, seconds: float) -> None:
        """Returns once somebody has begun to wait so long."""
        async with self._changed:
            await asyncio.wait_for(self._changed.wait_for(lambda: seconds in self.slept), 20)
