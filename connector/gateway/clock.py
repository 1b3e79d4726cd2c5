"""Time as an argument: the gateway reads no clock and sleeps nowhere but through this."""

import asyncio
import time
from typing import Protocol


class Clock(Protocol):
    def now_ns(self) -> int:
        """Wall clock, Unix nanoseconds."""

    def monotonic(self) -> float:
        """Seconds, only for differences."""

    async def sleep(self, seconds: float) -> None: ...


class SystemClock:
    def now_ns(self) -> int:
        return time.time_ns()

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
