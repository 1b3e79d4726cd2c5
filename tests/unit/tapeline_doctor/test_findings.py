"""What is configured, what this machine is like, how far a clock may be: each look's rule by itself."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from observability.logs import REDACTED, hide
from tapeline.doctor import machine
from tapeline.doctor.configuration import configured
from tapeline.doctor.finding import Finding, Status, failed, ok, summary, warning
from tapeline.doctor.venue import _offset
from tapeline.embedded.ports import choose_ports
from tapeline.settings import Settings, load_settings

SECRET = "secret-of-a-person-4711"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TAPELINE_HOME", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


def texts(found: list[Finding]) -> dict[str, Status]:
    return {one.text: one.status for one in found}


def test_each_setting_says_where_it_comes_from_and_secrets_only_that_they_are_set(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """GRPC-4, OPS-2: file and line, .env, environment; above covers below."""
    Path("tapeline.yaml").write_text("venue:\n  seed: 5\nlog_level: DEBUG\n")
    Path(".env").write_text(f"TAPELINE_CONNECTOR__VENUE__API_SECRET={SECRET}\nTAPELINE_LOG_LEVEL=WARNING\n")
    monkeypatch.setenv("TAPELINE_CONNECTOR__VENUE__SYMBOLS", '["BTCUSDT", "ETHUSDT"]')
    found = [one.text for one in configured(load_settings(), None)]
    assert "venue.seed = 5 (tapeline.yaml line 2)" in found
    assert "log_level = WARNING (.env)" in found
    assert "connector.venue.symbols = BTCUSDT, ETHUSDT (environment)" in found
    assert "connector.venue.api_secret = (set, not shown) (.env)" in found
    assert SECRET not in str(found)


def test_without_any_setting_it_says_so(home: Path) -> None:
    """OPS-2: nothing configured is the ordinary case."""
    found = configured(load_settings(), None)
    assert [one.text for one in found if "TAPELINE_HOME" not in one.text] == []
    assert {one.status for one in found} == {Status.OK}


def test_a_secret_that_reached_a_text_is_not_shown() -> None:
    """GRPC-4: the last line of defence."""
    hide(SECRET)
    assert failed("venue", f"refused {SECRET}", SECRET).as_dict() == {
        "area": "venue", "status": "failed", "text": f"refused {REDACTED}", "remedy": REDACTED,
    }  # fmt: skip


def test_one_failure_makes_the_whole_fail_and_a_warning_does_not() -> None:
    """OPS-2: exit code 1 when something failed."""
    assert summary([ok("a", "x"), warning("a", "y")]) == {"ok": True, "counts": {"ok": 1, "warning": 1, "failed": 0}}
    assert summary([ok("a", "x"), failed("a", "y")])["ok"] is False


def settings_with(home: Path, **overrides: object) -> Settings:
    return load_settings(overrides=dict(overrides))


def test_a_chosen_port_that_is_taken_fails_and_a_remembered_one_is_only_said(home: Path) -> None:
    """OPS-1: with who holds it."""
    remembered = choose_ports(home, "venue")["venue"]
    with socket.create_server(("127.0.0.1", remembered)), socket.create_server(("127.0.0.1", 0)) as other:
        chosen = other.getsockname()[1]
        found = machine.ports(settings_with(home, connector={"grpc_port": chosen}))
    told = {one.text.split(" is taken by ")[0]: one for one in found}
    assert told[f"venue {remembered}"].status is Status.WARNING
    assert told[f"connector_grpc {chosen}"].status is Status.FAILED
    assert "choose another port" in told[f"connector_grpc {chosen}"].remedy
    assert "(process " in told[f"venue {remembered}"].text


def test_free_ports_are_ok(home: Path) -> None:
    """OPS-1: nothing runs."""
    port = choose_ports(home, "venue")["venue"]
    assert texts(machine.ports(settings_with(home))) == {f"venue {port} free": Status.OK}


def test_packages_other_than_the_tested_ones_are_named(tmp_path: Path) -> None:
    """OPS-2: what runs is what was tested, or it says so."""
    constraints = tmp_path / "constraints.txt"
    constraints.write_text("ccxt==0.0.1\n")
    found = machine.python_and_packages(constraints)
    assert found[1].status is Status.WARNING
    assert found[1].text.endswith("instead of 0.0.1")
    assert {one.status for one in machine.python_and_packages()} == {Status.OK}


def test_a_folder_that_cannot_be_written_fails(home: Path) -> None:
    """OPS-1: room and rights."""
    assert {one.status for one in machine.folders(settings_with(home))} == {Status.OK}


@pytest.mark.parametrize(
    ("offset_ms", "round_trip_ms", "status"),
    [
        (0, 10, Status.OK),
        (-200, 10, Status.OK),
        (400, 10, Status.WARNING),
        (400, 900, Status.OK),
        (-1_001, 10, Status.FAILED),
        (2_501, 10, Status.FAILED),
        (-90_000, 10, Status.FAILED),
    ],
)
def test_a_clock_is_judged_by_what_signed_requests_may_be_off(
    offset_ms: float, round_trip_ms: int, status: Status
) -> None:
    """ERR-1: ours 1 s ahead of the venue's is refused, ours behind by half the window soon is."""
    found = _offset(offset_ms, round_trip_ms)
    assert found.status is status
    assert f"{offset_ms:+.0f} ms" in found.text
