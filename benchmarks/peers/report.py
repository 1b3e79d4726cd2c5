"""How a peer tells its measurement: one line of JSON on standard output when it has seen every event."""

from __future__ import annotations

import json
import sys
import time


class Progress:
    """Counts market events. The clock starts when the first record is at hand."""

    def __init__(self, total: int) -> None:
        self._left = total
        self._total = total
        self._started_ns = 0

    def begin(self) -> None:
        if not self._started_ns:
            self._started_ns = time.monotonic_ns()

    def add(self, events: int) -> bool:
        """True when these were the last."""
        self._left -= events
        return self._left <= 0

    def tell(self, **more: int) -> None:
        seconds = (time.monotonic_ns() - self._started_ns) / 1e9
        sys.stdout.write(json.dumps({"events": self._total, "seconds": seconds, **more}) + "\n")
        sys.stdout.flush()
