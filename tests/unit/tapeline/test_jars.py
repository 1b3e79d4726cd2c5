"""Kafka's jars: pinned, checked, never half there."""

from __future__ import annotations

import hashlib
import os
import re
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tapeline.embedded import jars
from tapeline.embedded.cache import cache_folder
from tapeline.errors import TapelineError


def test_every_jar_is_pinned_by_version_and_sum() -> None:
    """OPS-2: the same program everywhere."""
    pinned = jars.pinned_jars()
    assert len(pinned) == 46
    assert any(jar.file_name == "kafka_2.13-4.3.1.jar" for jar in pinned)
    assert all(re.fullmatch(r"[0-9a-f]{64}", jar.sha256) and jar.size > 1_000 for jar in pinned)


def test_no_network_on_the_very_first_start_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """OPS-1: no network at the first start is a clear message, and nothing half done is left."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        monkeypatch.setenv("TAPELINE_MAVEN_REPOSITORY", f"http://127.0.0.1:{closed.getsockname()[1]}/maven2")
        with pytest.raises(TapelineError, match="very first start needs a network connection") as caught:
            jars.kafka_class_path(tmp_path)
    assert caught.value.exit_code == 1
    assert [path.name for path in tmp_path.iterdir()] == ["kafka.lock"]


class Mirror(BaseHTTPRequestHandler):
    """Answers every file with the same wrong content."""

    def do_GET(self) -> None:
        content = b"not the jar you wanted"
        self.send_response(404 if self.path.endswith(".sha1") else 200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it
        """Quiet."""


@pytest.fixture
def tampered_mirror() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Mirror) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_jar_with_another_content_is_refused(
    tampered_mirror: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OPS-2: a tampered or broken download is never installed."""
    monkeypatch.setenv("TAPELINE_MAVEN_REPOSITORY", tampered_mirror)
    wrong = hashlib.sha256(b"not the jar you wanted").hexdigest()
    with pytest.raises(TapelineError, match=f"was downloaded with sha256 {wrong} but must have"):
        jars.kafka_class_path(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["kafka.lock"]


def test_a_user_without_a_home_gets_a_cache_in_the_data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """OPS-1: an empty HOME, as in some containers, does not stop the start."""
    monkeypatch.delenv("TAPELINE_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", "")
    assert cache_folder(tmp_path) == tmp_path / "cache"
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder(tmp_path / "data") == tmp_path / ".cache" / "tapeline"
    monkeypatch.setenv("TAPELINE_CACHE", str(tmp_path / "chosen"))
    assert cache_folder(tmp_path) == tmp_path / "chosen"
    assert os.environ["TAPELINE_CACHE"]
