"""A tape on disk: whole lines only, durable within a second, readable whenever its writer ends, however it ends.

A `.gz` is written in blocks, each a gzip member of its own, so a kill costs the block under way and never the file.
On a full disk what was written half is cut off again. Must not know what a row means.
"""

from __future__ import annotations

import errno
import gzip
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from tapeline.errors import TapelineError, UsageError

_BLOCK_BYTES: Final = 1 << 18
_PIECE: Final = 1 << 20
_FULL: Final = (errno.ENOSPC, errno.EDQUOT)


class TapeWriter:
    """`add` lines, `flush` at least every second. A context manager: leaving it flushes and syncs."""

    def __init__(self, path: Path, descriptor: int, size: int) -> None:
        self.path = path
        self.rows = 0
        self._descriptor = descriptor
        self._size = size
        self._lines: list[bytes] = []
        self._waiting = 0
        self._closed = False

    @classmethod
    def create(cls, path: Path, header: bytes) -> Self:
        """A new file with its first line. Raises TapelineError where there is one already, or it cannot be made."""
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise _cannot(path, error) from error
        writer = cls(path, descriptor, 0)
        writer._lines.append(header)
        writer.flush()
        return writer

    @classmethod
    def resume(cls, path: Path) -> Self:
        """Go on at the end of an existing file; what its last writer left half is cut off."""
        try:
            size = whole_bytes(path)
            descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
            os.truncate(descriptor, size)
            os.lseek(descriptor, size, os.SEEK_SET)
        except OSError as error:
            raise _cannot(path, error) from error
        return cls(path, descriptor, size)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def size_bytes(self) -> int:
        """Of what is in the file."""
        return self._size

    def add(self, line: bytes) -> None:
        """Raises TapelineError on a full disk; what was flushed before stays."""
        self._lines.append(line)
        self._waiting += len(line)
        if self._waiting >= _BLOCK_BYTES:
            self.flush()

    def flush(self) -> None:
        """What was added is in the file. Raises TapelineError where it cannot be; the file then ends as before."""
        if not self._lines or self._closed:
            return
        count, block = len(self._lines), b"".join(self._lines)
        self._lines, self._waiting = [], 0
        if self.path.suffix == ".gz":
            block = gzip.compress(block, compresslevel=6, mtime=0)
        try:
            _write_all(self._descriptor, block)
        except OSError as error:
            os.truncate(self._descriptor, self._size)
            self.close()
            raise _cannot(self.path, error, rows=self.rows) from error
        self._size += len(block)
        self.rows += count

    def close(self) -> None:
        if self._closed:
            return
        try:
            self.flush()
        finally:
            if not self._closed:
                self._closed = True
                os.fsync(self._descriptor)
                os.close(self._descriptor)


def _write_all(descriptor: int, block: bytes) -> None:
    left = memoryview(block)
    while left:
        left = left[os.write(descriptor, left) :]


def _cannot(path: Path, error: OSError, rows: int | None = None) -> TapelineError:
    if error.errno == errno.EEXIST:
        return UsageError(f"the file {path} exists; add to it with --append, or choose another name")
    if error.errno == errno.ENOENT:
        return UsageError(f"there is no folder {path.parent}; make it first: mkdir -p {path.parent}")
    if error.errno in _FULL:
        kept = "" if rows is None else f"; what was recorded before is whole and can be played ({rows} lines)"
        return TapelineError(f"the disk is full: cannot write {path}{kept}. Free some space and go on with --append")
    return TapelineError(f"cannot write the tape {path}: {error.strerror or error}")


def whole_bytes(path: Path) -> int:
    """How much of the file is whole: up to its last line end, or the end of its last gzip member."""
    return _whole_members(path) if path.suffix == ".gz" else _whole_lines(path)


def _whole_lines(path: Path) -> int:
    with path.open("rb") as file:
        end = file.seek(0, os.SEEK_END)
        while end > 0:
            begin = max(0, end - _PIECE)
            file.seek(begin)
            found = file.read(end - begin).rfind(b"\n")
            if found >= 0:
                return begin + found + 1
            end = begin
    return 0


def _whole_members(path: Path) -> int:
    whole = consumed = 0
    member = zlib.decompressobj(wbits=31)
    for piece in _pieces(path):
        left = piece
        while left:
            try:
                member.decompress(left)
            except zlib.error:
                return whole
            rest = member.unused_data if member.eof else b""
            consumed += len(left) - len(rest)
            if member.eof:
                whole, member = consumed, zlib.decompressobj(wbits=31)
            left = rest
    return whole


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            yield piece
