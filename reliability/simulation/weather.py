"""How long everything takes in one run, and which single messages go wrong: all drawn from the seed.

One stream of random numbers for each place, so that a change in one leaves the others as they were. After `calm`
nothing goes wrong any more and all is quick.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from topics.memory_broker import Conditions


@dataclass(frozen=True, slots=True)
class Rates:
    """Probabilities for one message each; what happens on the way to the venue, at it, and back."""

    refused: float = 0.0
    lost_request: float = 0.0
    lost_reply: float = 0.0
    delayed: float = 0.0
    rate_limited: float = 0.0
    unavailable: float = 0.0
    failed_after: float = 0.0
    stale_read: float = 0.0
    repeated_cancel: float = 0.0
    event_missing: float = 0.0
    event_repeated: float = 0.0
    event_late: float = 0.0
    log_slow: float = 0.0
    log_failure: float = 0.0
    ledger_slow: float = 0.0
    ledger_failure: float = 0.0


class Weather:
    """`faults` counts what happened, by name. `burdened`: the brokers write slowly, and read as ever."""

    def __init__(self, seed: int, rates: Rates) -> None:
        self.faults: Counter[str] = Counter()
        self.rates = rates
        self.burdened = False
        self._seed = seed

    def stream(self, purpose: str) -> Random:
        """Random numbers of this run for one purpose."""
        return Random(f"{self._seed}/{purpose}")  # noqa: S311  a simulation, not a secret

    def calm(self) -> None:
        self.rates = Rates()

    def strikes(self, random: Random, rate: float, name: str) -> bool:
        if random.random() >= rate:
            return False
        self.faults[name] += 1
        return True


def quick_s(random: Random, typical_s: float) -> float:
    """A latency: never below a quarter of the typical one, seldom above four times."""
    return typical_s * (0.25 + min(random.expovariate(1.3), 6.0))


class LogConditions(Conditions):
    """Between one process and the broker."""

    def __init__(self, weather: Weather, purpose: str) -> None:
        self._weather = weather
        self._random = weather.stream(f"log/{purpose}")

    def way_in_s(self) -> float:
        if self._weather.strikes(self._random, self._weather.rates.log_slow, "log slow"):
            return self._random.uniform(0.05, 2.0)
        return self._write_s()

    def way_back_s(self) -> float:
        if self._weather.strikes(self._random, self._weather.rates.log_slow, "log slow to acknowledge"):
            return self._random.uniform(0.05, 2.0)
        return self._write_s()

    def fetch_s(self) -> float:
        return quick_s(self._random, 0.001)

    def batch_fate(self) -> str:
        if self._weather.strikes(self._random, self._weather.rates.log_failure, "log failure"):
            return self._random.choice(("lost", "taken"))
        return ""

    def holds_back(self) -> bool:
        return self._random.random() < 0.3

    def _write_s(self) -> float:
        return quick_s(self._random, 0.3 if self._weather.burdened else 0.001)


Later = Callable[..., object]
