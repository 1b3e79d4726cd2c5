"""The log of one process: JSON lines in a file that is rotated by size.

Lines that are not JSON (Java, Postgres, a traceback) are wrapped, so that every line of every log is one JSON object
and carries no secret. It must not interpret lines beyond their level.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import orjson

from observability.logs import redact_text

MAX_BYTES: Final = 10 * 1024 * 1024
KEPT: Final = 3

_LEVEL: Final = re.compile(r"\b(PANIC|FATAL|CRITICAL|ERROR|WARNING|WARN|INFO|LOG|DEBUG)\b")
_LEVELS: Final = {
    "PANIC": "critical", "FATAL": "critical", "CRITICAL": "critical", "ERROR": "error", "WARNING": "warning",
    "WARN": "warning", "INFO": "info", "LOG": "info", "DEBUG": "debug",
}  # fmt: skip
# Normal while a server starts or ends; not worth a person's attention.
_HARMLESS: Final = (
    "the database system is starting up",
    "the database system is shutting down",
    "the database system is in recovery mode",
    "the database system is not yet accepting connections",
    "terminating connection due to administrator command",
)


def parse_line(process: str, line: bytes) -> dict[str, Any]:
    """One line of a process as a record with at least `level`, `event`, `process` and `timestamp`."""
    if line.startswith(b"{"):
        try:
            record = orjson.loads(line)
        except orjson.JSONDecodeError:
            record = None
        if isinstance(record, dict) and "event" in record:
            return {"process": process, "level": "info", **record}
    text = redact_text(line.decode("utf-8", "backslashreplace").rstrip())
    return {
        "process": process,
        "level": _level(text),
        "event": text,
        "timestamp": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
    }


def _level(text: str) -> str:
    if any(phrase in text for phrase in _HARMLESS):
        return "info"
    found = _LEVEL.search(text)
    return _LEVELS[found.group()] if found else "info"


class LogFile:
    """Appends records to `folder/<name>.log`; keeps three older files of 10 MB."""

    def __init__(self, folder: Path, name: str, *, max_bytes: int = MAX_BYTES) -> None:
        self.path = folder / f"{name}.log"
        self._max_bytes = max_bytes
        folder.mkdir(parents=True, exist_ok=True)
        self._file = self.path.open("ab", buffering=0)
        self._size = self.path.stat().st_size

    def write(self, record: Mapping[str, Any]) -> None:
        """Raises OSError when the disk is full."""
        line = orjson.dumps(record, default=str, option=orjson.OPT_APPEND_NEWLINE)
        if self._size + len(line) > self._max_bytes:
            self._rotate()
        self._file.write(line)
        self._size += len(line)

    def close(self) -> None:
        self._file.close()

    def _rotate(self) -> None:
        self._file.close()
        for number in range(KEPT, 0, -1):
            older = self._numbered(number - 1)
            if older.exists():
                older.replace(self._numbered(number))
        self._file = self.path.open("ab", buffering=0)
        self._size = 0

    def _numbered(self, number: int) -> Path:
        return self.path if number == 0 else self.path.with_name(f"{self.path.name}.{number}")
