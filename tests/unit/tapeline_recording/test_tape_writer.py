"""A tape on disk is whole lines, however its writer ends."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest

from tapeline.errors import TapelineError, UsageError
from tapeline.recording.tape_writer import TapeWriter, whole_bytes

HEADER = b'{"tapeline":1}\n'
NAMES = pytest.mark.parametrize("name", ["tape.jsonl", "tape.jsonl.gz"])


def content(path: Path) -> bytes:
    return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()


@NAMES
def test_what_was_flushed_is_in_the_file_while_it_is_written(tmp_path: Path, name: str) -> None:
    """ES-2: a kill costs what was not flushed and nothing else."""
    with TapeWriter.create(tmp_path / name, HEADER) as writer:
        writer.add(b"1\n")
        writer.flush()
        writer.add(b"2\n")
        assert content(tmp_path / name) == HEADER + b"1\n"
    assert content(tmp_path / name) == HEADER + b"1\n2\n"


@NAMES
@pytest.mark.parametrize("lost", range(1, 12))
def test_going_on_cuts_off_what_was_left_half(tmp_path: Path, name: str, lost: int) -> None:
    """ES-2: at whichever byte the last writer was killed."""
    path = tmp_path / name
    with TapeWriter.create(path, HEADER) as writer:
        writer.add(b"first\n")
        writer.flush()
        writer.add(b"killed here\n")
    path.write_bytes(path.read_bytes()[:-lost])
    with TapeWriter.resume(path) as writer:
        writer.add(b"second\n")
    assert content(path) == HEADER + b"first\nsecond\n"


def test_a_long_last_line_without_an_end_is_found(tmp_path: Path) -> None:
    """ES-2: longer than what is read at once."""
    path = tmp_path / "tape.jsonl"
    path.write_bytes(HEADER + b"x" * (3 << 20))
    assert whole_bytes(path) == len(HEADER)


def test_a_file_that_exists_and_a_folder_that_does_not_are_named(tmp_path: Path) -> None:
    """LIVE-5: what, where and what to do."""
    path = tmp_path / "tape.jsonl"
    path.write_bytes(b"mine")
    with pytest.raises(UsageError, match=r"tape\.jsonl exists; add to it with --append, or choose another name"):
        TapeWriter.create(path, HEADER)
    assert path.read_bytes() == b"mine"
    with pytest.raises(UsageError, match=r"there is no folder .*nowhere; make it first: mkdir -p"):
        TapeWriter.create(tmp_path / "nowhere" / "tape.jsonl", HEADER)


def fill(writer: TapeWriter) -> None:
    for _ in range(1_000):
        writer.add(os.urandom(2_000).hex().encode() + b"\n")
        writer.flush()


@NAMES
def test_a_full_disk_is_said_and_the_tape_stays_whole(tmp_path: Path, name: str) -> None:
    """OPS-1: a real file system that is full; what was written half is taken back."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if os.system(f"mount -t tmpfs -o size=256k tmpfs {disk} 2>/dev/null"):
        pytest.skip("mounting a small file system needs root")
    try:
        path = disk / name
        writer = TapeWriter.create(path, HEADER)
        with pytest.raises(TapelineError, match=r"the disk is full: cannot write .*go on with --append"):
            fill(writer)
        assert content(path).startswith(HEADER)
        assert content(path).endswith(b"\n")
        assert whole_bytes(path) == path.stat().st_size > 0
    finally:
        os.system(f"umount {disk}")
