"""What one look found. Pure; no finding holds a secret."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from observability.logs import redact_text


class Status(StrEnum):
    """Failed: a start, or trading, would fail for it. Warning: it works, and a person should know."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Finding:
    """`area` groups findings; `remedy` says what to do, where something is to be done."""

    area: str
    status: Status
    text: str
    remedy: str = ""

    def as_dict(self) -> dict[str, str]:
        return {
            "area": self.area,
            "status": self.status.value,
            "text": redact_text(self.text),
            "remedy": redact_text(self.remedy),
        }


def ok(area: str, text: str) -> Finding:
    return Finding(area, Status.OK, text)


def warning(area: str, text: str, remedy: str = "") -> Finding:
    return Finding(area, Status.WARNING, text, remedy)


def failed(area: str, text: str, remedy: str = "") -> Finding:
    return Finding(area, Status.FAILED, text, remedy)


def summary(findings: Sequence[Finding]) -> dict[str, Any]:
    """Counts by status, and whether all is well enough to start."""
    counts = {status.value: sum(one.status is status for one in findings) for status in Status}
    return {"ok": not counts[Status.FAILED], "counts": counts}
