"""How far the tape may run ahead at speed max: never so far that an agent decides on a stale market.

Events are counted from the moment they are sent until a client acknowledges that they were decided. What is in
flight never spans more than `MAX_TAPE_LAG_MS` of the tape's own time: on a tape with more than a second between its
events each one is decided, and its orders are at the venue, before the next is played. On denser tapes the number in
flight is also limited by a window, so that the age of the oldest stays below `max_lag_ms`; beyond that nothing is
sent. The window is looked at once a round (a round ends when what was sent last at its beginning is decided):
it grows after a quick round that it limited, much while far from the bound, and shrinks after a slow one.
Progress told every 50 ms or more often plays fastest.
Pure: the clock is an argument (seconds). Must not: sleep, send or read a clock.
"""

from __future__ import annotations

from collections import deque

SMALLEST_WINDOW = 16
LARGEST_WINDOW = 8_192
MAX_TAPE_LAG_MS = 1_000


class Pacer:
    """Counts events in flight, by symbol, and says whether one more may be sent."""

    def __init__(self, max_lag_ms: int) -> None:
        self._max_lag = max_lag_ms / 1_000
        self._in_flight: dict[str, deque[tuple[int, int, float, int]]] = {}
        self._count = 0
        self._sent = 0
        self._round_ends_with = 0
        self._round_began: float | None = None
        self._limited = False
        self.window = SMALLEST_WINDOW

    @property
    def in_flight(self) -> int:
        return self._count

    def sent(self, symbol: str, update_id: int, now: float, tape_ms: int) -> None:
        """An event of that time of the tape is on its way."""
        self._sent += 1
        self._in_flight.setdefault(symbol, deque()).append((update_id, self._sent, now, tape_ms))
        self._count += 1
        if self._round_began is None:
            self._begin_round(now)

    def acknowledged(self, symbol: str, update_id: int, now: float) -> None:
        """Everything of the symbol up to that id was decided."""
        waiting = self._in_flight.get(symbol)
        decided = 0
        while waiting and waiting[0][0] <= update_id:
            decided = waiting.popleft()[1]
            self._count -= 1
        if self._round_began is not None and decided >= self._round_ends_with:
            self._adjust(now - self._round_began)
            self._begin_round(now)

    def _begin_round(self, now: float) -> None:
        self._round_began = now if self._count else None
        self._round_ends_with = self._sent
        self._limited = False

    def _adjust(self, round_s: float) -> None:
        if round_s > self._max_lag * 0.7:
            self.window = max(SMALLEST_WINDOW, self.window * 7 // 10)
        elif self._limited and round_s < self._max_lag / 2:
            grown = self.window * 2 if round_s < self._max_lag / 4 else self.window * 11 // 10
            self.window = min(LARGEST_WINDOW, grown)

    def lag(self, now: float) -> float:
        """Age in seconds of the oldest event in flight."""
        oldest = [waiting[0][2] for waiting in self._in_flight.values() if waiting]
        return max(0.0, now - min(oldest)) if oldest else 0.0

    def may_send(self, now: float, tape_ms: int) -> bool:
        """Whether the event of that time of the tape may be played."""
        if any(waiting and tape_ms - waiting[0][3] > MAX_TAPE_LAG_MS for waiting in self._in_flight.values()):
            return False
        if self._count >= self.window:
            self._limited = True
            return False
        return self.lag(now) < self._max_lag

    def reset(self) -> None:
        """Forget what is in flight: its receivers are gone and will never acknowledge it."""
        self._in_flight.clear()
        self._count = 0
        self._round_began = None
        self.window = SMALLEST_WINDOW
