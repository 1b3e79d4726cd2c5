"""One run of `tapeline record`: the venue's streams to a file, until the time is up or somebody says so."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from connector.errors import UnknownSymbolError
from connector.public import PublicVenue, open_public
from connector.settings import VenueConnection
from tapeline.errors import TapelineError, UsageError
from tapeline.recording import rows
from tapeline.recording.recorder import NOBODY_RECORDED, Newest, Recorder
from tapeline.recording.tape_writer import TapeWriter, whole_bytes
from topics.v1.instruments_pb2 import Instrument
from venue import recorded_file
from venue.errors import TapeError
from venue.recorded import Header

_FLUSH_S: Final = 0.25


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a recording is. `counts` by kind of row; `lost`: feeds that are away now."""

    elapsed_s: float
    counts: Mapping[str, int]
    lost: frozenset[str]
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Target:
    """The file: new, or an earlier tape that is continued."""

    path: Path
    earlier: Header | None = None


def target_of(path: Path, *, append: bool) -> Target:
    """What can be known before the venue is asked. Raises UsageError or TapelineError with what to do."""
    if not recorded_file.is_recorded(path):
        raise UsageError(f"--out is {path}; a tape's name ends with {' or '.join(recorded_file.SUFFIXES)}")
    if not path.parent.is_dir():
        raise UsageError(f"there is no folder {path.parent}; make it first: mkdir -p {path.parent}")
    if not path.exists():
        return Target(path)
    if not append:
        raise UsageError(f"the file {path} exists; add to it with --append, or choose another name")
    if not whole_bytes(path):
        path.unlink()  # not even its first line was written
        return Target(path)
    try:
        return Target(path, recorded_file.header_of(path))
    except TapeError as error:
        raise UsageError(f"--append: {error}") from error


def symbols_for(target: Target, given: tuple[str, ...]) -> tuple[str, ...]:
    """The symbols named, or those of the tape that is continued."""
    if target.earlier is None:
        return given or ("BTCUSDT",)
    listed = tuple(target.earlier.instruments)
    if others := sorted(set(given) - set(listed)):
        raise UsageError(
            f"the tape {target.path} is of {', '.join(listed)}; record {', '.join(others)} to another file"
        )
    return given or listed


async def record(
    connection: VenueConnection,
    target: Target,
    *,
    stop: asyncio.Event,
    duration_s: float | None,
    tell: Callable[[Progress], None],
) -> Progress:
    """Until `stop` or the duration; how it stands then. Raises TapelineError, the file being whole in any case."""
    venue = open_public(connection)
    try:
        instruments = await venue.start_public()
        with await asyncio.to_thread(_open, target, connection.name, instruments) as writer:
            known = _known(target) if target.earlier else {}
            return await _record(venue, instruments, writer, known, stop, duration_s, tell)
    except UnknownSymbolError as error:
        raise UsageError(f"--symbols: {error}") from error
    finally:
        await venue.close()


async def _record(
    venue: PublicVenue,
    instruments: Sequence[Instrument],
    writer: TapeWriter,
    known: dict[str, Newest],
    stop: asyncio.Event,
    duration_s: float | None,
    tell: Callable[[Progress], None],
) -> Progress:
    recorder = Recorder(venue, instruments, lambda row: writer.add(rows.line(row)), known=known)
    started = time.monotonic()

    def progress() -> Progress:
        elapsed_s = time.monotonic() - started
        return Progress(elapsed_s, dict(recorder.counts), frozenset(recorder.lost), writer.size_bytes)

    running = asyncio.create_task(recorder.run(), name="recorder")
    stopping = asyncio.create_task(stop.wait(), name="stop")
    try:
        while not running.done() and not stop.is_set():
            left_s = _FLUSH_S if duration_s is None else duration_s - (time.monotonic() - started)
            if left_s <= 0:
                break
            await asyncio.wait({running, stopping}, timeout=min(_FLUSH_S, left_s), return_when="FIRST_COMPLETED")
            writer.flush()
            tell(progress())
        if running.done():
            running.result()
    except BaseExceptionGroup as group:
        raise _first(group) from group
    finally:
        await _end(running, stopping)
    writer.flush()
    return progress()


async def _end(*tasks: asyncio.Task[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    error = group.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error


def _open(target: Target, venue: str, instruments: Sequence[Instrument]) -> TapeWriter:
    header = rows.header(venue, instruments)
    if target.earlier is None:
        return TapeWriter.create(target.path, header)
    if target.earlier.venue != venue:
        raise UsageError(f"the tape {target.path} is of {target.earlier.venue}, not of {venue}: use another file")
    for one in instruments:
        before = target.earlier.instruments[one.symbol]
        now = (one.grain.tick_size, one.grain.lot_size)
        if (format(before.tick_size, "f"), format(before.lot_size, "f")) != now:
            raise TapelineError(
                f"{venue} now lists {one.symbol} with tick {now[0]} and lot {now[1]}; the tape {target.path} has "
                f"{before.tick_size} and {before.lot_size}: use another file"
            )
    return TapeWriter.resume(target.path)


def _known(target: Target) -> dict[str, Newest]:
    """How the tape ends, by symbol, so that what was missed since can be filled in."""
    known = {symbol: Newest(lost={NOBODY_RECORDED}) for symbol in (target.earlier or Header("", "", {})).instruments}
    for _, row in recorded_file.rows(target.path):
        newest = known[row["symbol"]]
        newest.received_ns = row["received_ns"]
        if row["kind"] != "candle":
            newest.time_ms = max(newest.time_ms, row["time_ms"])
        if row["kind"] == "trade":
            newest.note_trade(row["trade_id"])
    return known
