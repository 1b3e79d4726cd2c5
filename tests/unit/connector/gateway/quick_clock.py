"""Time that passes two hundred times faster: waits of seconds take milliseconds, their order stays."""

import asyncio
import time

SPEED = 200


class QuickClock:
    def __init__(self) -> None:
        self.slept: list[float] = []

    def now_ns(self) -> int:
        return time.time_ns()

    def monotonic(self) -> float:
        return time.monotonic() * SPEED

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(seconds / SPEED)
