"""Tapes of several kinds and instruments in one file (.jsonl or .jsonl.gz), in the format of `venue.recorded`.

A recorder that was killed leaves a last line, or a last block of a .gz, that is cut off: what is whole before it is
played, and the log says what was left out. Anything else that is malformed is an error with its line.
Must not: know the engine, the network or the ledger.
"""

from __future__ import annotations

import gzip
import logging
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, cast

from venue.errors import TapeError
from venue.instruments import Instrument, Product
from venue.recorded import Header, Playback, Row, read_header, read_row
from venue.tape import TapeEvent, UpcomingFunding

log = logging.getLogger(__name__)
SUFFIXES = (".jsonl", ".jsonl.gz")


@dataclass(slots=True)
class Part:
    """What the first reading found out about one instrument of a file."""

    path: Path
    symbol: str
    rows: int = 0
    events: int = 0
    quotes: int = 0
    trades: int = 0
    first_time_ms: int = 0
    last_time_ms: int = 0


def is_recorded(path: Path) -> bool:
    return path.name.endswith(SUFFIXES)


def header_of(path: Path) -> Header:
    """Raises `TapeError` for a file that cannot be read or is none of ours."""
    with _open(path) as file:
        return read_header(_first_line(file, path), str(path))


def inspect(path: Path) -> list[Part]:
    """Read a file through, every row to its values. Raises `TapeError` for what is malformed, with its line."""
    header = header_of(path)
    parts = {symbol: Part(path, symbol) for symbol in header.instruments}
    playbacks = {symbol: Playback(instrument) for symbol, instrument in header.instruments.items()}
    for number, row in rows(path, on_cut=log.warning):
        part = parts.get(row["symbol"])
        if part is None:
            raise TapeError(f"{path}, line {number}: {row['symbol']!r} is none of the instruments of line 1")
        _count(part, row, sum(1 for _ in playbacks[part.symbol].events(row, f"{path}, line {number}")))
    for part in parts.values():
        if not part.quotes:
            raise TapeError(f"{path} holds no quotes of {part.symbol}: it cannot be traded on this tape")
    return list(parts.values())


def _count(part: Part, row: Row, events: int) -> None:
    time_ms = int(row["time_ms"])
    part.rows += 1
    part.events += events
    part.quotes += row["kind"] == "quote"
    part.trades += row["kind"] == "trade"
    if events:
        part.first_time_ms = min(part.first_time_ms or time_ms, time_ms)
        part.last_time_ms = max(part.last_time_ms, time_ms)


def rows(
    path: Path, *, symbol: str | None = None, on_cut: Callable[[str], Any] = lambda _: None
) -> Iterator[tuple[int, Row]]:
    """The rows, or those of one symbol, with their line numbers. `on_cut` is told of an end that was cut off."""
    mentioned = f'"{symbol}"'.encode()
    with _open(path) as file:
        _first_line(file, path)
        for number, line in enumerate(_lines(file, path, on_cut), start=2):
            if not line.endswith(b"\n"):
                on_cut(f"{path}, line {number}: the last line is cut off (its recorder was killed); it is left out")
                return
            if symbol is not None and mentioned not in line:
                continue
            row = read_row(line, f"{path}, line {number}")
            if symbol in (None, row["symbol"]):
                yield number, row


def _open(path: Path) -> BinaryIO:
    try:
        return cast("BinaryIO", gzip.open(path, "rb")) if path.suffix == ".gz" else path.open("rb")
    except FileNotFoundError as error:
        raise TapeError(f"there is no tape {path}") from error
    except OSError as error:
        raise TapeError(f"cannot read the tape {path}: {error.strerror or error}") from error


def _first_line(file: BinaryIO, path: Path) -> bytes:
    try:
        return file.readline()
    except (OSError, EOFError, zlib.error) as error:
        raise TapeError(f"the tape {path} is damaged or no recording: {error}") from error


def _lines(file: BinaryIO, path: Path, on_cut: Callable[[str], Any]) -> Iterator[bytes]:
    while True:
        try:
            line = file.readline()
        except EOFError:  # gzip: the last block is not whole
            on_cut(f"the end of {path} is cut off (its recorder was killed); it is left out")
            return
        except (OSError, zlib.error) as error:
            raise TapeError(f"the tape {path} is damaged: {error}") from error
        if not line:
            return
        yield line


class RecordedSource:
    """One instrument of a recorded file, in the order of the file. `total`: its events, as `inspect` counted them."""

    def __init__(self, path: Path, instrument: Instrument, total: int) -> None:
        self.symbol = instrument.symbol
        self.name = f"{path.name}:{self.symbol}"
        self.total: int | None = total
        self._path = path
        self._playback = Playback(instrument)

    def play(self, position: int) -> Iterator[TapeEvent]:
        return islice(self._events(), position, None)

    def upcoming_funding(self, after_ms: int) -> UpcomingFunding | None:
        upcoming = self._playback.upcoming
        return upcoming if upcoming.time_ms > after_ms else None

    def _events(self) -> Iterator[TapeEvent]:
        for number, row in rows(self._path, symbol=self._playback.instrument.wire_symbol):
            if row["kind"] == "funding" and self._playback.instrument.product is not Product.PERPETUAL:
                continue
            yield from self._playback.events(row, f"{self._path}, line {number}")


def instruments_of(paths: list[Path]) -> Mapping[str, Instrument]:
    """What the recorded files among these say of their instruments; two that differ cannot be played together."""
    found: dict[str, Instrument] = {}
    for path in filter(is_recorded, paths):
        for symbol, instrument in header_of(path).instruments.items():
            if found.setdefault(symbol, instrument) != instrument:
                raise TapeError(f"{path} gives {symbol} another tick, lot or limit than a tape before it: play one")
    return found
