"""This machine: Python, packages, room on the disk, the data folder and its ports. Starts nothing, changes nothing."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

import psutil

from tapeline.addresses import is_chosen
from tapeline.data_folder import owner_of
from tapeline.doctor.finding import Finding, failed, ok, warning
from tapeline.embedded.cache import cache_folder
from tapeline.embedded.ports import LOOPBACK, is_free, remembered_ports
from tapeline.embedded.server import START_NEEDS_MB
from tapeline.processes import port_settings
from tapeline.settings import Settings

AREA: Final = "machine"
PORTS: Final = "ports"
_PYTHON: Final = (3, 11)
_SHOWN: Final = ("ccxt", "aiokafka", "faust-streaming", "psycopg", "grpcio", "protobuf", "aiohttp", "pydantic")
_CONSTRAINTS: Final = Path(__file__).resolve().parents[2] / "constraints.txt"
_ROOMY_MB: Final = 1_024
_REACHED: Final = (LOOPBACK, "::ffff:127.0.0.1", "0.0.0.0", "::", "::1")  # noqa: S104 - compared, not bound


def python_and_packages(constraints: Path = _CONSTRAINTS) -> list[Finding]:
    """The versions that matter, compared with those the product was tested with where they are known."""
    name = ".".join(map(str, sys.version_info[:3]))
    found = [
        ok(AREA, f"Python {name} ({sys.executable})")
        if sys.version_info[:2] >= _PYTHON
        else failed(AREA, f"Python {name}; Tapeline needs 3.11 or newer", "make PYTHON=python3.12 setup")
    ]
    pinned = _pinned(constraints)
    versions = {package: _version(package) for package in _SHOWN}
    missing = [package for package, at in versions.items() if at is None]
    other = [
        f"{package} {at} instead of {pinned[package]}"
        for package, at in versions.items()
        if at is not None and pinned.get(package, at) != at
    ]
    if missing:
        found.append(failed(AREA, f"not installed: {', '.join(missing)}", "make setup"))
    if other:
        found.append(warning(AREA, f"not the versions it was tested with: {', '.join(other)}", "make setup"))
    if not missing and not other:
        found.append(ok(AREA, "packages " + ", ".join(f"{package} {at}" for package, at in versions.items())))
    return found


def _pinned(constraints: Path) -> dict[str, str]:
    if not constraints.is_file():  # installed without the repository
        return {}
    lines = (line.partition("==") for line in constraints.read_text().splitlines() if "==" in line)
    return {name.strip().lower(): at.strip() for name, _, at in lines}


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def folders(settings: Settings) -> list[Finding]:
    """The data folder and the cache: whose, writable, with room."""
    home = settings.home
    owner = owner_of(home)
    used = f"in use by tapeline {owner.command} (process {owner.pid})" if owner else "not in use"
    if not os.access(home, os.W_OK):
        return [failed(AREA, f"the data folder {home} cannot be written", "set TAPELINE_HOME to one that can")]
    return [
        ok(AREA, f"data folder {home}, {used}"),
        _room("data folder", home, "set TAPELINE_HOME to a folder on another disk"),
        _room("cache folder", cache_folder(home), "set TAPELINE_CACHE to a folder on another disk"),
    ]


def _room(what: str, folder: Path, elsewhere: str) -> Finding:
    place = next(path for path in (folder, *folder.parents) if path.exists())
    free_mb = shutil.disk_usage(place).free // 2**20
    text = f"{free_mb} MB free on the disk of the {what} {folder}"
    if free_mb < START_NEEDS_MB:
        return failed(AREA, f"{text}; a start needs {START_NEEDS_MB} MB", f"free some space or {elsewhere}")
    if free_mb < _ROOMY_MB:
        return warning(AREA, f"{text}; the log grows", f"free some space or {elsewhere}")
    return ok(AREA, text)


def ports(settings: Settings) -> list[Finding]:
    """Each port that a start would take: free, held by our own process, or taken by somebody else."""
    return list(_ports(settings))


def _ports(settings: Settings) -> Iterator[Finding]:
    ours = _our_processes(settings.home)
    remembered = remembered_ports(settings.home)
    wanted = dict(remembered)
    chosen = set()
    for name, section, field in port_settings(settings):
        if is_chosen(settings, section, field):
            wanted[name] = getattr(getattr(settings, section), field)
            chosen.add(name)
    if not wanted:
        yield ok(PORTS, "chosen at the first start; none is fixed by the settings")
    for name, port in wanted.items():
        if is_free(port):
            yield ok(PORTS, f"{name} {port} free")
            continue
        holder = _holder(port)
        if holder is not None and holder.pid in ours:
            yield ok(PORTS, f"{name} {port} held by {ours[holder.pid]} (process {holder.pid}) of this data folder")
            continue
        told = f"{name} {port} is taken by {_named(holder)}"
        if name in chosen:
            yield failed(PORTS, told, "stop that program or choose another port in the settings")
        else:
            yield warning(PORTS, told, "nothing to do: the next start takes another port")


def _our_processes(home: Path) -> dict[int, str]:
    """By pid: what the owner of the data folder started, and what those started."""
    try:
        rows = json.loads((home / "processes.json").read_text())
    except (OSError, ValueError):
        return {}
    ours: dict[int, str] = {}
    for name, row in rows.items():
        try:
            process = psutil.Process(int(row["pid"]))
            ours |= {one.pid: name for one in (process, *process.children(recursive=True))}
        except psutil.Error:
            continue
    return ours


def _holder(port: int) -> psutil.Process | None:
    """Who listens there, as far as this user may know."""
    try:
        for one in psutil.net_connections(kind="tcp"):
            host, listened = one.laddr or ("", 0)
            if one.status == psutil.CONN_LISTEN and one.pid and listened == port and host in _REACHED:
                return psutil.Process(one.pid)
    except psutil.Error:
        return None
    return None


def _named(holder: psutil.Process | None) -> str:
    if holder is None:
        return "another program"
    try:
        return f"{holder.name()} (process {holder.pid})"
    except psutil.Error:
        return f"process {holder.pid}"
