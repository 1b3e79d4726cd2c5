"""The account as last heard of: answers GetAccount without asking the venue while nothing has changed since.

A cache, no truth: an order or a fill makes it stale, because what is available then differs and only the venue knows
by how much.
"""

import asyncio
import time

from connector.port import VenuePort
from topics.v1.account_pb2 import AccountUpdate


class AccountView:
    """`max_age_s`: how old an answer may be although nothing was heard."""

    def __init__(self, port: VenuePort, *, max_age_s: float) -> None:
        self._port = port
        self._max_age_s = max_age_s
        self._known: AccountUpdate | None = None
        self._known_until = 0.0
        self._changes = 0
        self._asking = asyncio.Lock()

    def changed(self) -> None:
        """An order, a fill or a balance changed: the next question goes to the venue."""
        self._changes += 1
        self._known = None

    async def current(self) -> AccountUpdate:
        """Balances and positions, not older than the last change heard of. Raises VenueError."""
        async with self._asking:  # many askers at once ask the venue once
            if self._known is not None and time.monotonic() < self._known_until:
                return self._known
            changes = self._changes
            snapshot = await self._port.snapshot()
            if changes == self._changes:
                self._known, self._known_until = snapshot, time.monotonic() + self._max_age_s
            return snapshot
