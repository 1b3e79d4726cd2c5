"""The listen key of the user-data stream: made, kept alive, ended. One account has one key at a time.

A key is derived from the account's secret and a count, so it tells nothing and needs no randomness.
Must not: read a clock (seconds are an argument).
"""

from __future__ import annotations

import hashlib
import hmac

VALID_S = 3_600.0


class ListenKeys:
    """Holds the current key and when it ends."""

    def __init__(self, api_secret: str) -> None:
        self._secret = api_secret.encode()
        self._count = 0
        self._key: str | None = None
        self._ends = 0.0

    def create(self, now: float) -> str:
        """The current key, extended, or a new one if there is none."""
        if self._key is None or now >= self._ends:
            self._count += 1
            text = f"listen key {self._count}".encode()
            self._key = hmac.new(self._secret, text, hashlib.sha256).hexdigest()
        self._ends = now + VALID_S
        return self._key

    def extend(self, now: float) -> bool:
        """Keep the current key alive; False if there is none."""
        if self._key is None or now >= self._ends:
            return False
        self._ends = now + VALID_S
        return True

    def end(self) -> None:
        self._key = None

    def is_valid(self, key: str, now: float) -> bool:
        current = self._key
        return current is not None and now < self._ends and hmac.compare_digest(current.encode(), key.encode())
