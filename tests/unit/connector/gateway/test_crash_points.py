"""Aiming at a named place of the gateway: what the words mean, whom they kill, and that nobody else notices."""

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from connector.errors import ConnectorError
from connector.gateway import crash_points
from connector.gateway.crash_points import POINTS, VARIABLE, arm, install, reach

GATEWAY = Path(crash_points.__file__).parent
PROGRAM = """
import os, sys
from connector.gateway.crash_points import arm, reach
arm(os.environ)
for name in sys.argv[1:]:
    reach(name)
    print(name, flush=True)
"""


@pytest.fixture(autouse=True)
def _disarmed() -> Iterator[None]:
    yield
    install(None)


def lived(words: str, *names: str) -> tuple[int, list[str]]:
    """A process armed with these words that comes by these points: its exit code, and the points it got over."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *names], env={VARIABLE: words}, capture_output=True, text=True, check=False,
        cwd=GATEWAY.parent.parent,
    )  # fmt: skip
    return done.returncode, done.stdout.split()


def test_an_armed_process_is_killed_the_nth_time_it_comes_by() -> None:
    """ORD-5, ES-3: the points of other names do not count, and nothing after the point happens."""
    code, passed = lived("before_send:2", "before_send", "before_log", "before_send", "before_log")
    assert code == -signal.SIGKILL
    assert passed == ["before_send", "before_log"]
    assert lived("before_log", "before_log") == (-signal.SIGKILL, [])


def test_a_file_aims_at_a_running_process_and_is_gone_before_the_kill(tmp_path: Path) -> None:
    """ES-3: so the process that is started in its place lives."""
    file = tmp_path / "aim"
    assert lived(f"@{file}", "before_send") == (0, ["before_send"])
    file.write_text("before_send:2\n")
    assert lived(f"@{file}", "before_send", "before_send") == (-signal.SIGKILL, ["before_send"])
    assert not file.exists()
    assert lived(f"@{file}", "before_send", "before_send") == (0, ["before_send", "before_send"])


def test_counting_begins_when_it_is_aimed(tmp_path: Path) -> None:
    """ES-3: what a process had passed before does not count, and another aim counts anew."""
    file = tmp_path / "aim"
    arm({VARIABLE: f"@{file}"})
    reach("before_send")
    file.write_text("before_send:2")
    reach("before_send")
    file.unlink()
    reach("before_log")
    file.write_text("before_send:2")
    reach("before_send")
    file.write_text("before_log:3")
    reach("before_log")
    reach("before_log")
    assert file.exists(), "killed, were it not for the counts"


@pytest.mark.parametrize("words", ["nowhere", "before_send:0", "before_send:x", "before_send:-1"])
def test_words_that_name_no_point_are_refused_with_the_names(words: str) -> None:
    """ERR-1: a trial that aims at nothing would prove nothing."""
    with pytest.raises(ConnectorError, match="before_claim_commit"):
        arm({VARIABLE: words})


def test_an_unarmed_process_passes_every_point() -> None:
    """ORD-5: production sets nothing."""
    arm({})
    for name in POINTS:
        reach(name)


def test_the_code_and_the_list_name_the_same_points() -> None:
    """ORD-5: at least ten, none forgotten in the list, none left in it."""
    written = "\n".join(file.read_text() for file in GATEWAY.glob("*.py") if file.name != "crash_points.py")
    named = set(re.findall(r'reach\("(\w+)"\)', written))
    for when, of in re.findall(r'reach\(f"\{(\w+)\}_(\w+)"\)', written):
        assert when == "when"
        named |= {f"before_{of}", f"after_{of}"}
    assert named == set(POINTS)
    assert len(POINTS) >= 10
