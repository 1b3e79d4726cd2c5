"""The process `tapeline feed`: a live venue's public streams, told on loopback to whoever connects.

A listener gets the first line of a tape, the newest quote and funding of each instrument, then every row as it comes;
one too far behind is cut off and may come again. It has no key. Must not write anything to a venue or a disk.
"""

from __future__ import annotations

import asyncio
import signal
from typing import Any, Final

import orjson

from connector.public import open_public
from observability.http import OperationsServer
from observability.logs import get_logger
from tapeline.embedded.ports import LOOPBACK
from tapeline.errors import TapelineError
from tapeline.recording import rows
from tapeline.recording.feed_settings import FeedSettings
from tapeline.recording.recorder import Recorder

_log = get_logger(__name__)
_BEHIND_BYTES: Final = 8 << 20
_TELL_S: Final = 0.2


class Broadcast:
    """Lines for all who listen. `header` comes first, then what `remember`ed lines say of now."""

    def __init__(self, header: bytes) -> None:
        self._header = header
        self._newest: dict[Any, bytes] = {}
        self._listeners: set[asyncio.StreamWriter] = set()

    @property
    def listeners(self) -> int:
        return len(self._listeners)

    def row(self, row: rows.Row) -> None:
        line = rows.line(row)
        if row["kind"] in ("quote", "funding"):
            self._newest[row["kind"], row["symbol"]] = line
        self._send(line)

    def lost(self, feeds: set[str]) -> None:
        self._newest["lost"] = orjson.dumps({"lost": sorted(feeds)}) + b"\n"
        self._send(self._newest["lost"])

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One listener until it goes."""
        writer.write(self._header + b"".join(self._newest.values()))
        self._listeners.add(writer)
        try:
            await reader.read()
        except OSError:
            pass
        finally:
            self._listeners.discard(writer)
            writer.close()

    def close(self) -> None:
        for writer in self._listeners:
            writer.close()

    def _send(self, line: bytes) -> None:
        for writer in list(self._listeners):
            if writer.transport.get_write_buffer_size() > _BEHIND_BYTES:
                _log.warning("a listener of the live feed is too far behind and is cut off")
                self._listeners.discard(writer)
                writer.transport.abort()
            else:
                writer.write(line)


async def run(settings: FeedSettings) -> None:
    """Until SIGTERM or SIGINT. Raises TapelineError where the venue cannot be followed at the start."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await serve(settings, stop)


async def serve(settings: FeedSettings, stop: asyncio.Event, started: asyncio.Future[int] | None = None) -> None:
    """Until `stop`; `started` gets the port."""
    venue = open_public(settings.connection)
    try:
        instruments = await venue.start_public()
        broadcast = Broadcast(rows.header(settings.connection.name, instruments))
        recorder = Recorder(venue, instruments, broadcast.row)

        def status() -> dict[str, Any]:
            feeds = {f"venue_{name}": state for name, state in venue.status().items() if name in recorder.feeds}
            return {**feeds, "rows": dict(recorder.counts), "listeners": {"count": broadcast.listeners}}

        server = await _listen(broadcast, settings.port)
        operations = OperationsServer(
            settings.operations_host, settings.operations_port, status=status, process_name="feed"
        )
        async with server, operations:
            if started is not None:
                started.set_result(server.sockets[0].getsockname()[1])
            _log.info("feed_ready", venue=settings.connection.name, symbols=[one.symbol for one in instruments])
            await _until(stop, recorder, broadcast)
            broadcast.close()
    finally:
        await venue.close()


async def _listen(broadcast: Broadcast, port: int) -> asyncio.Server:
    try:
        return await asyncio.start_server(broadcast.serve, LOOPBACK, port)
    except OSError as error:
        raise TapelineError(f"cannot listen on {LOOPBACK}:{port} for the live feed: {error.strerror}") from error


async def _until(stop: asyncio.Event, recorder: Recorder, broadcast: Broadcast) -> None:
    tasks = {
        asyncio.create_task(recorder.run(), name="recorder"),
        asyncio.create_task(_tell_lost(recorder, broadcast), name="tell what is lost"),
        asyncio.create_task(stop.wait(), name="stop"),
    }
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for one in done:
            one.result()
    finally:
        for one in tasks:
            one.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _tell_lost(recorder: Recorder, broadcast: Broadcast) -> None:
    told: set[str] | None = None
    while True:
        if recorder.lost != told:
            told = recorder.lost
            broadcast.lost(told)
        await asyncio.sleep(_TELL_S)
