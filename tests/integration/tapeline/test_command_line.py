"""`tapeline up` as a user meets it when something is wrong: one clear line, the right exit code, nothing left."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import psutil
import pytest

from tapeline.data_folder import owned

REPOSITORY = Path(__file__).resolve().parents[3]


def environment(folder: Path, **more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TAPELINE_")}
    cache = {name: os.environ[name] for name in ("TAPELINE_CACHE",) if name in os.environ}
    return kept | cache | {"TAPELINE_HOME": str(folder / "data"), "PYTHONPATH": str(REPOSITORY)} | more


def tapeline(folder: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tapeline", *arguments],
        cwd=folder, env=environment(folder, **more), capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def one_red_line(done: subprocess.CompletedProcess[str]) -> str:
    """What the user is told; a traceback would be a defect."""
    assert "Traceback" not in done.stderr + done.stdout
    lines = [line for line in done.stderr.splitlines() if line.startswith("tapeline: ")]
    assert len(lines) == 1, done.stderr
    return lines[0]


def test_help_answers_at_once_and_names_the_commands(tmp_path: Path) -> None:
    """OPS-2: the command line explains itself."""
    done = tapeline(tmp_path, "--help")
    assert done.returncode == 0
    for command in ("up", "venue", "connector", "agents", "projections", "topics"):
        assert f"\n  {command} " in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("up", "--tape", "nowhere.csv"), "there is no tape nowhere.csv"),
        (("up", "--speed", "fast"), "--speed is 'fast'; it must be a number above 0, such as 1 or 10, or max"),
        (("up", "--param", "levels"), "--param is 'levels'; write name=value"),
        (("up", "--param", "levels=many"), "--param: levels = 'many': Input should be a valid integer"),
        (("up", "--config", "nowhere.yaml"), "cannot read the configuration nowhere.yaml: No such file"),
        (("topics", "tail", "nonsense"), "there is no topic 'nonsense'; the catalogue has instruments, market"),
        (("agents",), "one process alone needs a running Kafka: set TAPELINE_KAFKA__BOOTSTRAP"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    """OPS-2: exit 2 is usage."""
    if arguments == ("agents",):
        done = tapeline(tmp_path, *arguments)
        assert message in done.stdout
        assert "Traceback" not in done.stdout
    else:
        done = tapeline(tmp_path, *arguments)
        assert message in one_red_line(done)
    assert done.returncode == 2


def test_a_broken_configuration_is_named_by_line(tmp_path: Path) -> None:
    """LIVE-5: broken YAML, unknown key."""
    (tmp_path / "tapeline.yaml").write_text("kafka:\n  bootstrap: [\n")
    done = tapeline(tmp_path, "up")
    assert done.returncode == 2
    assert "tapeline.yaml line 3, column 1: this is not YAML" in one_red_line(done)
    (tmp_path / "tapeline.yaml").write_text("venue:\n  sped: 2\n")
    done = tapeline(tmp_path, "up")
    assert done.returncode == 2
    assert "tapeline.yaml line 2: there is no setting 'venue.sped'. Did you mean 'speed'?" in one_red_line(done)


def test_an_unknown_symbol_is_said_by_the_venue_with_the_known_ones(tmp_path: Path) -> None:
    """SYM-1: what is not listed is not traded."""
    done = tapeline(tmp_path, "up", "--symbol", "NOSUCHUSDT", "--duration", "5")
    assert done.returncode in {1, 2}
    line = one_red_line(done)
    assert "venue does not start" in line
    assert "NOSUCHUSDT" in line
    assert not running_on(tmp_path)


def test_a_taken_port_is_named_with_its_setting(tmp_path: Path) -> None:
    """OPS-1: port taken."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        done = tapeline(tmp_path, "up", "--duration", "5", TAPELINE_CONNECTOR__GRPC_PORT=str(port))
    assert done.returncode == 1
    assert f"port {port} (connector.grpc_port) is taken by another program" in one_red_line(done)


def test_a_data_folder_in_use_is_refused_by_name(tmp_path: Path) -> None:
    """OPS-1: two runs on one data folder."""
    with owned(tmp_path / "data", "up"):
        done = tapeline(tmp_path, "up", "--duration", "5")
    assert done.returncode == 1
    assert f"is in use by 'tapeline up' (process {os.getpid()})" in one_red_line(done)


def test_no_network_at_the_very_first_start(tmp_path: Path) -> None:
    """OPS-1: the first start needs the network and says so."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        done = tapeline(
            tmp_path, "up", "--duration", "5",
            TAPELINE_CACHE=str(tmp_path / "cache"),
            TAPELINE_MAVEN_REPOSITORY=f"http://127.0.0.1:{closed.getsockname()[1]}",
        )  # fmt: skip
    assert done.returncode == 1
    assert "The very first start needs a network connection" in one_red_line(done)


def test_a_configured_server_that_does_not_answer_is_named(tmp_path: Path) -> None:
    """OPS-1: Kafka gone is said with its address; the password of a database is not."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        kafka = tapeline(tmp_path, "topics", "list", TAPELINE_KAFKA__BOOTSTRAP=f"127.0.0.1:{port}")
        postgres = tapeline(
            tmp_path, "up", "--duration", "5", TAPELINE_POSTGRES__DSN=f"postgresql://me:hunter22@127.0.0.1:{port}/x"
        )
    assert kafka.returncode == 1
    assert f"no Kafka answers at 127.0.0.1:{port}" in one_red_line(kafka)
    assert postgres.returncode == 1
    assert "no Postgres answers" in one_red_line(postgres)
    assert "hunter22" not in postgres.stdout + postgres.stderr


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 MB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(folder)], capture_output=True, text=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip(f"a small file system cannot be mounted here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_is_said_in_megabytes(small_disk: Path) -> None:
    """OPS-1: disk full."""
    done = tapeline(small_disk, "up", "--duration", "5")
    assert done.returncode == 1
    assert "is full: 63 MB free, at least 256 MB needed" in one_red_line(done).replace(" 64 MB free", " 63 MB free")


def running_on(folder: Path) -> list[psutil.Process]:
    """Processes that were started for this folder: by their environment or command line."""
    home = str(folder / "data")
    found = []
    for process in psutil.process_iter():
        try:
            if home in " ".join(process.cmdline()) or process.environ().get("TAPELINE_HOME") == home:
                found.append(process)
        except psutil.Error:
            continue
    return found


class Up:
    """A `tapeline up` in the background."""

    def __init__(self, folder: Path, more: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self.output = folder / "output.txt"
        with self.output.open("w") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tapeline", "up"],
                cwd=folder, env=environment(folder, **(more or {})), stdout=output, stderr=subprocess.STDOUT,
            )  # fmt: skip

    def wait_for(self, words: str, within_s: float = 90.0) -> None:
        deadline = time.monotonic() + within_s
        while words not in self.output.read_text():
            assert self.process.poll() is None, self.output.read_text()
            assert time.monotonic() < deadline, self.output.read_text()
            time.sleep(0.05)


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Up]:
    running = Up(tmp_path)
    try:
        yield running
    finally:
        if running.process.poll() is None:
            running.process.terminate()
            running.process.wait(15)


def test_ctrl_c_ends_in_ten_seconds_with_a_summary_and_nothing_left(up: Up, tmp_path: Path) -> None:
    """OPS-1, GRPC-3: a clean end."""
    up.wait_for("trading; Ctrl-C ends")
    assert len(running_on(tmp_path)) > 6
    asked = time.monotonic()
    up.process.send_signal(signal.SIGINT)
    assert up.process.wait(15) == 0
    assert time.monotonic() - asked <= 10
    assert "ended by     Ctrl-C" in up.output.read_text()
    assert running_on(tmp_path) == []


def test_kill_9_of_up_leaves_no_process(up: Up, tmp_path: Path) -> None:
    """OPS-1: nothing is left even when the supervisor cannot say good-bye."""
    up.wait_for("trading; Ctrl-C ends")
    family = [process for process in running_on(tmp_path) if process.pid != up.process.pid]
    assert {"java", "postgres"} <= {process.name() for process in family}
    up.process.kill()
    up.process.wait()
    _, alive = psutil.wait_procs(family, timeout=12)
    assert alive == []
    assert running_on(tmp_path) == []
