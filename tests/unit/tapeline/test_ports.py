"""Ports that stay the same from run to run."""

from __future__ import annotations

import json
import socket
from pathlib import Path

from tapeline.embedded.ports import choose_ports, is_free


def test_a_port_is_taken_again_when_free_and_another_one_when_not(tmp_path: Path) -> None:
    """OPS-1: a restarted server is found where it was; a taken port does not stop it."""
    first = choose_ports(tmp_path, "kafka", "postgres")
    assert choose_ports(tmp_path, "kafka", "postgres") == first
    with socket.socket() as other:
        other.bind(("127.0.0.1", first["kafka"]))
        other.listen()
        assert not is_free(first["kafka"])
        second = choose_ports(tmp_path, "kafka", "postgres")
    assert second["kafka"] != first["kafka"]
    assert second["postgres"] == first["postgres"]
    assert len(set(second.values())) == 2


def test_ports_lie_below_those_of_outgoing_connections(tmp_path: Path) -> None:
    """OPS-1: a client calling a dead server must not be given the server's port."""
    assert all(20_000 <= port < 32_000 for port in choose_ports(tmp_path, "a", "b", "c").values())


def test_a_broken_memory_of_ports_is_replaced(tmp_path: Path) -> None:
    """OPS-1: a file cut off by a power cut does not stop the start."""
    (tmp_path / "ports.json").write_text('{"kafka": 2')
    chosen = choose_ports(tmp_path, "kafka")
    assert json.loads((tmp_path / "ports.json").read_text()) == chosen
