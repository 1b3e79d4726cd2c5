"""The supervisor on real processes: restart, order, and nobody left behind."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from tapeline.data_folder import FolderInUseError, owned, owner_of, remember_processes
from tapeline.embedded.server import Command
from tapeline.errors import TapelineError
from tapeline.supervisor import Spec, Supervisor

REPOSITORY = Path(__file__).resolve().parents[3]

# A process that says it is ready by a file, notes its end in another, and can be told to ignore TERM.
WORKER = """
import os, pathlib, signal, sys, time
folder, name, stubborn = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3] == "stubborn"
def end(*_):
    if not stubborn:
        with open(folder / "ended", "a") as ended: ended.write(name + "\\n")
        sys.exit(0)
signal.signal(signal.SIGTERM, end)
(folder / name).write_text(str(os.getpid()))
while True: time.sleep(0.05)
"""


def worker(folder: Path, name: str, manner: str = "polite") -> Spec:
    async def is_ready() -> bool:
        try:
            return psutil.pid_exists(int((folder / name).read_text()))
        except (FileNotFoundError, ValueError):
            return False

    argv = (sys.executable, "-c", WORKER, str(folder), name, manner)
    return Spec(name, lambda: Command(argv, signal.SIGTERM, 5.0), is_ready)


def ends_with(name: str, code: int, words: str) -> Spec:
    async def never() -> bool:
        return False

    argv = (sys.executable, "-c", f"import sys; print({words!r}); sys.exit({code})")
    return Spec(name, lambda: Command(argv, signal.SIGTERM, 5.0), never)


@asynccontextmanager
async def supervising(home: Path, records: list[dict[str, Any]] | None = None) -> AsyncIterator[Supervisor]:
    supervisor = Supervisor(home, on_record=(records if records is not None else []).append)
    try:
        yield supervisor
    finally:
        await supervisor.stop([list(supervisor.children)], time.monotonic() + 5)
        await supervisor.close()


async def until(condition: Any, within_s: float = 20.0) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.02)


async def test_a_dead_process_is_started_again_at_once(tmp_path: Path) -> None:
    """OPS-1: kill -9, and it is back within a second."""
    records: list[dict[str, Any]] = []
    async with supervising(tmp_path, records) as supervisor:
        await supervisor.start(worker(tmp_path, "agents"))
        child = supervisor.children["agents"]
        first = child.pid
        assert first is not None
        killed_at = time.monotonic()
        os.kill(first, signal.SIGKILL)
        await until(lambda: child.restarts == 1 and child.pid not in (None, first))
        assert time.monotonic() - killed_at < 0.5
        await until(child.ready.is_set)
    assert any("agents ended (killed by SIGKILL); starting it again" in record["event"] for record in records)


async def test_processes_end_in_their_order(tmp_path: Path) -> None:
    """GRPC-3, OPS-1: graceful shutdown, who writes before who stores."""
    supervisor = Supervisor(tmp_path)
    await supervisor.start(worker(tmp_path, "kafka"))
    await supervisor.start(worker(tmp_path, "connector"))
    await supervisor.start(worker(tmp_path, "agents"))
    await supervisor.stop([["agents"], ["connector"], ["kafka"]], time.monotonic() + 5)
    await supervisor.close()
    assert (tmp_path / "ended").read_text().split() == ["agents", "connector", "kafka"]


async def test_a_process_that_ignores_the_request_is_killed_within_the_time(tmp_path: Path) -> None:
    """OPS-1: Ctrl-C ends in at most ten seconds, whatever a process does."""
    supervisor = Supervisor(tmp_path)
    await supervisor.start(worker(tmp_path, "agents", "stubborn"), worker(tmp_path, "kafka"))
    pid = supervisor.children["agents"].pid
    started = time.monotonic()
    await supervisor.stop([["agents"], ["kafka"]], time.monotonic() + 2)
    await supervisor.close()
    assert time.monotonic() - started < 3.5
    assert pid is not None
    assert not psutil.pid_exists(pid)
    assert set((tmp_path / "ended").read_text().split()) == {"kafka"}


async def test_a_process_with_wrong_settings_ends_the_start_with_its_own_words(tmp_path: Path) -> None:
    """OPS-1: exit code 2 is not worth a second try; the reason is passed on."""
    async with supervising(tmp_path) as supervisor:
        with pytest.raises(TapelineError, match="venue does not start: ERROR no symbol BTCX in the tape"):
            await supervisor.start(ends_with("venue", 2, "ERROR no symbol BTCX in the tape"))
        assert supervisor.children["venue"].restarts == 0


async def test_a_process_that_keeps_dying_at_the_start_is_given_up(tmp_path: Path) -> None:
    """OPS-1: three tries, then a clear message."""
    async with supervising(tmp_path) as supervisor:
        with pytest.raises(TapelineError, match="agents does not start: ERROR broken"):
            await supervisor.start(ends_with("agents", 1, "ERROR broken"))
        assert supervisor.children["agents"].deaths_before_ready == 3


@pytest.mark.parametrize("kernel", [True, False], ids=["guardian and kernel", "guardian alone"])
async def test_a_supervisor_killed_hard_leaves_nobody_behind(tmp_path: Path, *, kernel: bool) -> None:
    """OPS-1: kill -9 of the supervisor ends its family, a stubborn member too."""
    script = f"""
    import asyncio, pathlib, sys
    sys.path[:0] = [{str(REPOSITORY)!r}, {str(Path(__file__).parent)!r}]
    from test_supervisor import worker
    from tapeline.supervisor import Supervisor
    from tapeline.embedded.server import Command
    if not {kernel}:
        Command.launched = lambda command: list(command.argv)
    folder = pathlib.Path({str(tmp_path)!r})
    async def main():
        supervisor = Supervisor(folder)
        await supervisor.start(worker(folder, "agents", "stubborn"), worker(folder, "kafka"))
        print(*(child.pid for child in supervisor.children.values()), supervisor._guardian._process.pid, flush=True)
        await asyncio.sleep(600)
    asyncio.run(main())
    """
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", textwrap.dedent(script), stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout is not None
    pids = [int(pid) for pid in (await asyncio.wait_for(parent.stdout.readline(), 60)).split()]
    assert len(pids) == 3
    family = [psutil.Process(pid) for pid in pids]
    parent.send_signal(signal.SIGKILL)
    await parent.wait()
    _, alive = await asyncio.to_thread(psutil.wait_procs, family, 10)
    assert alive == []
    assert set((tmp_path / "ended").read_text().split()) == {"kafka"}


def test_a_data_folder_has_one_owner_who_is_named(tmp_path: Path) -> None:
    """OPS-1: a data folder in use is refused, with the process that uses it."""
    assert owner_of(tmp_path) is None
    with owned(tmp_path, "up"):
        owner = owner_of(tmp_path)
        assert owner is not None
        assert (owner.pid, owner.command) == (os.getpid(), "up")
        words = rf"in use by 'tapeline up' \(process {os.getpid()}\)"
        with pytest.raises(FolderInUseError, match=words), owned(tmp_path, "check"):
            pass
    assert owner_of(tmp_path) is None
    with owned(tmp_path, "check"):
        pass


def test_the_next_owner_ends_what_a_dead_one_left(tmp_path: Path) -> None:
    """OPS-1: even a guardian that was killed too leaves no second Kafka on the folder."""
    orphan = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    remember_processes(tmp_path, {"kafka": orphan.pid})
    with owned(tmp_path, "up"):
        assert not psutil.pid_exists(orphan.pid)
    orphan.wait()
