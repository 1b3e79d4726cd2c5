"""How long to wait before starting a dead process again. Pure: the clock is an argument.

The first restart is immediate, a process that keeps dying is started after 1, 2, 4 … 30 s, and one that was healthy
for a minute (or what its owner calls long) starts with a clean slate.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

FIRST_S: Final = 0.1
LONGEST_S: Final = 30.0
HEALTHY_S: Final = 60.0


@dataclass(frozen=True)
class BackOff:
    """`deaths` since the process was last healthy for `clean_slate_s`."""

    deaths: int = 0
    clean_slate_s: float = HEALTHY_S

    def after_death(self, healthy_s: float) -> tuple[BackOff, float]:
        """The state after one more death and the seconds to wait; `healthy_s`: how long it had been ready."""
        before = 0 if healthy_s >= self.clean_slate_s else self.deaths
        delay = FIRST_S if before == 0 else min(LONGEST_S, 2.0 ** (before - 1))
        return replace(self, deaths=before + 1), delay
