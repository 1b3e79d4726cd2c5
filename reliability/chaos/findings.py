"""What a trial found: broken promises as sentences, figures, and how often the product was hurt. Plain data."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from reliability.result import Result

_TOLD = 20


@dataclass
class Findings:
    """Filled while a trial runs; `result` is its report. A promise that is broken is counted, not raised."""

    violations: list[str] = field(default_factory=list)
    measures: dict[str, str | int | float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    faults: int = 0
    runs: int = 0
    began: float = field(default_factory=time.monotonic)

    def expect(self, holds: object, said: str) -> None:
        """`said`: what was promised and what was seen instead."""
        if not holds:
            self.violations.append(said)

    def expect_equal(self, found: object, expected: object, what: str) -> None:
        self.expect(found == expected, f"{what}: {found!r} instead of {expected!r}")

    def result(self, scenario: str, title: str, size: int) -> Result:
        broken = [f"Broken: {violation}" for violation in self.violations[:_TOLD]]
        return Result(
            scenario=scenario,
            title=title,
            command=f"tapeline chaos {scenario} --size {size}",
            runs=self.runs,
            faults=self.faults,
            violations=len(self.violations),
            measures=self.measures,
            notes=[*broken, *self.notes],
            seconds=round(time.monotonic() - self.began, 1),
        )


def percentile_s(times: list[float], part: float) -> float:
    """Seconds, rounded to hundredths; 0 of nothing."""
    if not times:
        return 0.0
    ordered = sorted(times)
    return round(ordered[min(len(ordered) - 1, int(len(ordered) * part))], 2)
