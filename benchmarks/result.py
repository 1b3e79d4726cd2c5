"""What a benchmark reports: figures with their units and aims, and the circumstances they were taken in.

Plain data, with its JSON form; it must not measure or print.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from topics.errors import TapelineError


class BenchmarkError(TapelineError):
    """A benchmark could not be measured."""


@dataclass(frozen=True, slots=True)
class Aim:
    """The value a figure should reach, in the figure's unit (REQUIREMENTS section 8)."""

    value: float
    at_least: bool

    def met_by(self, value: float) -> bool:
        return value >= self.value if self.at_least else value <= self.value

    def __str__(self) -> str:
        return f"{'≥' if self.at_least else '≤'} {number(self.value)}"


def at_least(value: float) -> Aim:
    return Aim(value, at_least=True)


def at_most(value: float) -> Aim:
    return Aim(value, at_least=False)


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number. `unit` like "events/s" or "ms".

    `reason` says, from a profile, what the time goes into; it is shown where the aim is missed.
    """

    name: str
    value: float
    unit: str
    aim: Aim | None = None
    reason: str = ""

    @property
    def met(self) -> bool | None:
        """None where there is no aim."""
        return None if self.aim is None else self.aim.met_by(self.value)


@dataclass(frozen=True, slots=True)
class Circumstances:
    """Where and when: the machine in words, the commit (with "+" where files differ from it), ISO date in UTC."""

    machine: str
    commit: str
    date: str


@dataclass(frozen=True, slots=True)
class Result:
    """All figures of one benchmark, from one run. `how` says in a paragraph how they were measured."""

    name: str
    title: str
    how: str
    figures: tuple[Figure, ...]
    circumstances: Circumstances
    seconds: float


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A measurement by name. `measure` takes at most about `limit_s` seconds; beyond that it is ended."""

    name: str
    title: str
    how: str
    measure: Callable[[], Awaitable[list[Figure]]]
    limit_s: float = 180.0


def number(value: float) -> str:
    """For people: thousands separated, small values with as many decimals as tell something."""
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def to_json(result: Result) -> dict[str, Any]:
    document = asdict(result)
    for figure, written in zip(result.figures, document["figures"], strict=True):
        written["met"] = figure.met
    return document


def from_json(document: Mapping[str, Any]) -> Result:
    """Raises KeyError or TypeError where the document is not what `to_json` wrote."""
    return Result(
        name=document["name"],
        title=document["title"],
        how=document["how"],
        figures=tuple(_figure(entry) for entry in document["figures"]),
        circumstances=Circumstances(**document["circumstances"]),
        seconds=document["seconds"],
    )


def _figure(entry: Mapping[str, Any]) -> Figure:
    aim = entry["aim"]
    return Figure(entry["name"], entry["value"], entry["unit"], Aim(**aim) if aim else None, entry["reason"])
