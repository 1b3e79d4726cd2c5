"""One run of `tapeline up`: start, show, wait for an end (time, tape, signal, failure), stop, sum up.

It must not know how processes are started (`pipeline`) or drawn (`screen`).
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from tapeline.embedded.server import disk_full
from tapeline.errors import TapelineError
from tapeline.http_client import HttpClient
from tapeline.pipeline import Pipeline
from tapeline.screen import Screen, View
from tapeline.settings import Settings
from tapeline.snapshot import Counts, Snapshot
from tapeline.summary import Summary, summarise

_LIBRARIES: Final = frozenset({"aiokafka", "kafka", "faust", "mode", "ccxt", "aiohttp", "asyncio", "psycopg", "grpc"})
_DRAW_LIVE_S: Final = 0.5
_DRAW_PLAIN_S: Final = 2.0
_LOUD: Final = frozenset({"warning", "error", "critical"})
# Their warnings are about themselves, not about trading; the log file has them.
_TERSE: Final = frozenset({"kafka", "postgres"})
_TAPE_DRAIN_S: Final = 5.0
_MEASURE_S: Final = 1.9


@dataclass
class _Seen:
    """The newest that could be read, for a summary even when Postgres is away at the end."""

    before: Counts | None = None
    last: Snapshot = field(default_factory=Snapshot)
    processes: dict[str, dict[str, Any]] = field(default_factory=dict)
    fresh: bool = False
    processes_at: float = 0.0


async def run_pipeline(
    settings: Settings, screen: Screen, *, duration_s: float | None, parameters: Mapping[str, str], interactive: bool
) -> Summary:
    """Raises TapelineError when the pipeline does not come up; everything is ended in any case."""
    ending: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def on_record(record: dict[str, Any]) -> None:
        if _concerns_a_person(record) and not ending.done():
            screen.notice(record)

    async with HttpClient() as http:
        pipeline = Pipeline(settings, http, parameters=parameters, on_record=on_record, on_step=screen.step)
        seen = _Seen()
        with _signals(ending, pipeline):
            started = time.monotonic()
            try:
                starting = asyncio.create_task(pipeline.start(), name="start")
                either: set[asyncio.Future[Any]] = {starting, ending}
                await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
                if not starting.done():
                    starting.cancel()
                    await asyncio.gather(starting, return_exceptions=True)
                else:
                    await starting
                    started = time.monotonic()
                    await _watch(pipeline, screen, seen, ending, duration_s, interactive=interactive)
            finally:
                duration = time.monotonic() - started
                screen.stop()
                screen.step("ending")
                await _note_processes(pipeline, seen)
                await pipeline.stop(lambda: _note_rows(pipeline, seen))
    return summarise(
        ended_by=ending.result() if ending.done() else "failure",
        duration_s=duration,
        before=seen.before or Counts(),
        last=seen.last,
        processes=seen.processes,
        complete=seen.fresh,
    )


def _concerns_a_person(record: Mapping[str, Any]) -> bool:
    """Warnings and worse of our own code, errors of the servers; a library's retries stay in the log file."""
    if record["level"] not in _LOUD:
        return False
    if str(record.get("logger", "")).partition(".")[0] in _LIBRARIES:
        return False
    return not (record["level"] == "warning" and record.get("process") in _TERSE)


async def _watch(
    pipeline: Pipeline,
    screen: Screen,
    seen: _Seen,
    ending: asyncio.Future[str],
    duration_s: float | None,
    *,
    interactive: bool,
) -> None:
    started = time.monotonic()
    screen.step("trading; Ctrl-C ends")
    screen.start()
    tape_ended_at: float | None = None
    while not ending.done():
        elapsed = time.monotonic() - started
        await _note_rows(pipeline, seen)
        await _note_processes(pipeline, seen)
        venue = await pipeline.venue_state() or {}
        screen.show(View(seen.last, seen.processes, venue, elapsed, database_answers=seen.fresh))
        full = disk_full(pipeline.settings.home)
        if full is not None:
            raise TapelineError(full)
        if venue.get("ended"):
            tape_ended_at = tape_ended_at or time.monotonic()
            if _drained(seen, venue) or time.monotonic() - tape_ended_at > _TAPE_DRAIN_S:
                _end(ending, "the end of the tape")
                return
        if duration_s is not None and elapsed >= duration_s:
            _end(ending, f"--duration {duration_s:g}")
            return
        pause = _DRAW_LIVE_S if interactive else _DRAW_PLAIN_S
        if duration_s is not None:
            pause = min(pause, max(0.01, duration_s - elapsed))
        await asyncio.wait({ending}, timeout=pause)


def _drained(seen: _Seen, venue: Mapping[str, Any]) -> bool:
    return seen.fresh and seen.last.counts.records_behind == 0 and not venue.get("in_flight")


async def _note_rows(pipeline: Pipeline, seen: _Seen) -> None:
    found = await pipeline.snapshot()
    seen.fresh = found is not None
    if found is not None:
        seen.last = found
        seen.before = seen.before or found.counts


async def _note_processes(pipeline: Pipeline, seen: _Seen) -> None:
    """Measuring memory costs some milliseconds a process: at most every two seconds."""
    if time.monotonic() - seen.processes_at > _MEASURE_S:
        seen.processes = await asyncio.to_thread(pipeline.processes)
        seen.processes_at = time.monotonic()


def _end(ending: asyncio.Future[str], reason: str) -> None:
    if not ending.done():
        ending.set_result(reason)


@contextmanager
def _signals(ending: asyncio.Future[str], pipeline: Pipeline) -> Iterator[None]:
    """The first SIGINT or SIGTERM ends in order, the second kills at once."""
    loop = asyncio.get_running_loop()
    asked = 0

    def received(number: signal.Signals) -> None:
        nonlocal asked
        asked += 1
        if asked == 1:
            _end(ending, "Ctrl-C" if number == signal.SIGINT else number.name)
        else:
            pipeline.supervisor.kill()

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    for number in numbers:
        loop.add_signal_handler(number, received, number)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)
