"""The log of a supervised process: one JSON object a line, rotated by size."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tapeline.supervisor.log_file import KEPT, LogFile, parse_line


def test_a_json_line_of_our_processes_is_kept_as_it_is() -> None:
    """OBS-4: structured logs stay structured."""
    line = b'{"event":"placed","level":"warning","process":"connector","timestamp":"2026-01-01T00:00:00Z"}\n'
    assert parse_line("connector", line) == json.loads(line)


@pytest.mark.parametrize(
    ("line", "level"),
    [
        (b"2026-11-21 05:02:10.695 UTC [7857] LOG:  database system is ready", "info"),
        (b"2026-11-21 05:02:10.695 UTC [7857] FATAL:  could not write: No space left on device", "critical"),
        (b"2026-11-21 05:02:10.695 UTC [7857] FATAL:  the database system is starting up", "info"),
        (b"2026-11-21T05:02:10.695Z [main] ERROR kafka.Kafka - Exiting", "error"),
        (b"Traceback (most recent call last):", "info"),
    ],
)
def test_a_plain_line_is_wrapped_with_the_level_it_speaks_of(line: bytes, level: str) -> None:
    """OBS-4: Java's and Postgres's lines too are JSON in our logs."""
    record = parse_line("postgres", line)
    assert record["level"] == level
    assert record["event"] == line.decode()
    assert record["process"] == "postgres"


def test_a_password_in_a_plain_line_is_blanked() -> None:
    """GRPC-4: no secret in any log."""
    assert "hunter2" not in json.dumps(parse_line("agents", b"failed: postgresql://me:hunter2@localhost/db"))


def test_a_full_log_is_put_aside_and_only_a_few_are_kept(tmp_path: Path) -> None:
    """OBS-4: logs do not fill the disk."""
    log = LogFile(tmp_path, "agents", max_bytes=1_000)
    for number in range(100):
        log.write({"event": "x" * 80, "number": number})
    log.close()
    files = sorted(path.name for path in tmp_path.iterdir())
    assert files == ["agents.log", *(f"agents.log.{number}" for number in range(1, KEPT + 1))]
    assert all(path.stat().st_size <= 1_000 for path in tmp_path.iterdir())
    newest = json.loads((tmp_path / "agents.log").read_text().splitlines()[-1])
    assert newest["number"] == 99


def test_a_log_goes_on_where_the_last_run_left_it(tmp_path: Path) -> None:
    """OBS-4: a restart loses no log."""
    for number in range(2):
        log = LogFile(tmp_path, "agents")
        log.write({"event": "started", "number": number})
        log.close()
    assert len((tmp_path / "agents.log").read_text().splitlines()) == 2
