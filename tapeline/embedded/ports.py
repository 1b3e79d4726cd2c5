"""Ports on loopback that stay the same from run to run, so that a restarted server is found where it was.

A port is remembered in `ports.json` of the data folder and taken again when free, else another one is. It
must not be used for anything reachable from outside the machine.
"""

from __future__ import annotations

import json
import socket
import zlib
from pathlib import Path
from typing import Final

from tapeline.errors import TapelineError

LOOPBACK: Final = "127.0.0.1"
# Below the range systems take for outgoing connections: a client that keeps calling a dead server on a port
# of that range can end up connected to itself, and the server can never have its port back.
_RANGE: Final = range(20_000, 32_000)


def is_free(port: int) -> bool:
    """Whether a server could listen on this port of loopback now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def choose_ports(home: Path, *names: str) -> dict[str, int]:
    """A free port for each name, the remembered ones where possible; remembers the answer."""
    file = home / "ports.json"
    remembered = _read(file)
    chosen: dict[str, int] = {}
    for name in names:
        port = remembered.get(name)
        if port is None or port in chosen.values() or not is_free(port):
            port = _next_free(home, {*remembered.values(), *chosen.values()})
        chosen[name] = port
    home.mkdir(parents=True, exist_ok=True)
    written = file.with_suffix(".json.new")
    written.write_text(json.dumps(remembered | chosen, indent=1) + "\n")
    written.replace(file)
    return chosen


def remembered_ports(home: Path) -> dict[str, int]:
    """What is where in this data folder, as it was last chosen; empty before the first run."""
    return _read(home / "ports.json")


def _next_free(home: Path, taken: set[int]) -> int:
    """The first free port from a place that differs between data folders."""
    start = zlib.crc32(str(home.resolve()).encode()) % len(_RANGE)
    for step in range(len(_RANGE)):
        port = _RANGE[(start + step) % len(_RANGE)]
        if port not in taken and is_free(port):
            return port
    raise TapelineError(f"no free port from {_RANGE.start} to {_RANGE.stop - 1} on {LOOPBACK}; stop some servers")


def _read(file: Path) -> dict[str, int]:
    try:
        content = json.loads(file.read_text())
    except (FileNotFoundError, ValueError):
        return {}
    if not isinstance(content, dict):
        return {}
    return {str(name): port for name, port in content.items() if isinstance(port, int) and 0 < port < 65536}
