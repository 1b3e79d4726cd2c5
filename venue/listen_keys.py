"""Listen keys and tokens of user-data streams: made, kept alive, ended.

USDⓈ-M has one key at a time, kept alive; cross margin has tokens that end. Both are derived from the account's secret
and a count, so they tell nothing and need no randomness. Must not: read a clock (times are arguments).
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


class ListenTokens:
    """Tokens of the margin account's stream, each valid until its own end (epoch ms)."""

    LONGEST_MS = 24 * 3_600_000

    def __init__(self, api_secret: str) -> None:
        self._secret = api_secret.encode()
        self._ends_ms: dict[str, int] = {}

    def create(self, now_ms: int, validity_ms: int) -> tuple[str, int]:
        """A new token and when it ends."""
        text = f"listen token {len(self._ends_ms) + 1}".encode()
        token = hmac.new(self._secret, text, hashlib.sha256).hexdigest()
        self._ends_ms[token] = now_ms + min(validity_ms, self.LONGEST_MS)
        return token, self._ends_ms[token]

    def end(self) -> None:
        """All of them."""
        self._ends_ms = dict.fromkeys(self._ends_ms, 0)

    def ends_ms(self, token: str, now_ms: int) -> int | None:
        """When it ends; None if it is over or was never given."""
        ends_ms = self._ends_ms.get(token, 0)
        return ends_ms if ends_ms > now_ms else None
