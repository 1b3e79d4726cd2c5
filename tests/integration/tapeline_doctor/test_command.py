"""`tapeline doctor` as a person runs it: exit code, lines, JSON, and never a key."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from tests.integration.tapeline.test_command_line import tapeline

SECRET = "the-secret-of-a-user-4711"


def doctor(folder: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    return tapeline(folder, "doctor", *arguments, **more)


def test_where_nothing_runs_it_is_all_ok_and_starts_nothing(tmp_path: Path) -> None:
    """OPS-2: exit 0, each line with its status."""
    done = doctor(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "ok       its Java starts: " in done.stdout
    assert "ok       the embedded Postgres starts: postgres (PostgreSQL)" in done.stdout
    assert "ok       not running; it starts with tapeline up, with keys of its own" in done.stdout
    assert done.stdout.strip().endswith(" 0 failed")
    assert not (tmp_path / "data" / "kafka").exists()


def test_what_fails_is_named_with_its_remedy_and_exit_code_1_and_no_key(tmp_path: Path) -> None:
    """GRPC-4, OPS-2: servers and venue away."""
    variables = {
        "TAPELINE_KAFKA__BOOTSTRAP": "127.0.0.1:9",
        "TAPELINE_POSTGRES__DSN": f"postgresql://me:{SECRET}@127.0.0.1:9/x",
        "TAPELINE_CONNECTOR__VENUE__NAME": "binance",
        "TAPELINE_CONNECTOR__VENUE__REST_URL": "http://127.0.0.1:9",
        "TAPELINE_CONNECTOR__VENUE__WS_URL": "ws://127.0.0.1:9",
        "TAPELINE_CONNECTOR__VENUE__API_KEY": SECRET,
        "TAPELINE_CONNECTOR__VENUE__API_SECRET": SECRET,
    }
    shown = doctor(tmp_path, **variables)
    told = doctor(tmp_path, "--json", **variables)
    assert shown.returncode == told.returncode == 1
    assert "Traceback" not in shown.stderr + shown.stdout
    found = json.loads(told.stdout)
    assert found["ok"] is False
    areas = [one["area"] for one in found["findings"] if one["status"] == "failed"]
    assert areas == ["kafka", "postgres", "venue"]
    assert all(one["remedy"] for one in found["findings"] if one["status"] == "failed")
    for done in (shown, told):
        assert SECRET not in done.stdout + done.stderr


def test_settings_that_cannot_be_read_are_a_finding(tmp_path: Path) -> None:
    """LIVE-5: with file and line."""
    (tmp_path / "tapeline.yaml").write_text("venue:\n  sead: 1\n")
    done = doctor(tmp_path)
    assert done.returncode == 1
    assert "failed   tapeline.yaml line 2: there is no setting 'venue.sead'. Did you mean 'seed'?" in done.stdout


def test_an_unknown_venue_is_wrong_usage(tmp_path: Path) -> None:
    """LIVE-5: exit 2 is usage."""
    done = doctor(tmp_path, "--venue", "binanse")
    assert done.returncode == 2
    assert "there is no venue 'binanse'" in done.stderr
