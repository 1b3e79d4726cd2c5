"""Lets a placement that waits to be tried again hear at once that nobody wants it any more (ORD-3)."""

import asyncio
from collections.abc import Iterable

from connector.gateway.clock import Clock


class CancelWishes:
    def __init__(self) -> None:
        self._pauses: dict[str, asyncio.Event] = {}

    def wake(self, client_order_ids: Iterable[str]) -> None:
        for client_order_id in client_order_ids:
            if pause := self._pauses.get(client_order_id):
                pause.set()

    async def pause(self, client_order_id: str, seconds: float, clock: Clock) -> None:
        """Sleeps, at most until somebody wants the order cancelled. One pause an order at a time."""
        woken = self._pauses[client_order_id] = asyncio.Event()
        both = [asyncio.ensure_future(clock.sleep(seconds)), asyncio.ensure_future(woken.wait())]
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            del self._pauses[client_order_id]
            for it in both:
                it.cancel()
            await asyncio.gather(*both, return_exceptions=True)
