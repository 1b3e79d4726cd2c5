"""How far the tape may run ahead at speed max: never so far that an agent decides on a stale market.

Events are counted from the moment they are sent until a client acknowledges that they were decided. The number
in flight is limited by a window that grows while acknowledgements are prompt and shrinks while they are late,
so that the age of the oldest stays below `max_lag_ms`; beyond that nothing is sent. Pure: the clock is an
argument (seconds). Must not: sleep, send or read a clock.
"""

from __future__ import annotations

from collections import deque

SMALLEST_WINDOW = 16
LARGEST_WINDOW = 8_192


class Pacer:
    """Counts events in flight, by symbol, and says whether one more may be sent."""

    def __init__(self, max_lag_ms: int) -> None:
        self._max_lag = max_lag_ms / 1_000
        self._in_flight: dict[str, deque[tuple[int, float]]] = {}
        self._count = 0
        self.window = SMALLEST_WINDOW

    @property
    def in_flight(self) -> int:
        return self._count

    def sent(self, symbol: str, update_id: int, now: float) -> None:
        self._in_flight.setdefault(symbol, deque()).append((update_id, now))
        self._count += 1

    def acknowledged(self, symbol: str, update_id: int, now: float) -> None:
        """Everything of the symbol up to that id was decided."""
        waiting = self._in_flight.get(symbol)
        limited = self._count >= self.window
        age = 0.0
        while waiting and waiting[0][0] <= update_id:
            age = max(age, now - waiting.popleft()[1])
            self._count -= 1
        if age > self._max_lag / 2:
            self.window = max(SMALLEST_WINDOW, self.window // 2)
        elif limited and 0 < age < self._max_lag / 4:
            self.window = min(LARGEST_WINDOW, self.window + self.window // 4)

    def lag(self, now: float) -> float:
        """Age in seconds of the oldest event in flight."""
        oldest = [waiting[0][1] for waiting in self._in_flight.values() if waiting]
        return max(0.0, now - min(oldest)) if oldest else 0.0

    def may_send(self, now: float) -> bool:
        return self._count < self.window and self.lag(now) < self._max_lag

    def reset(self) -> None:
        """Forget what is in flight: its receivers are gone and will never acknowledge it."""
        self._in_flight.clear()
        self._count = 0
        self.window = SMALLEST_WINDOW
