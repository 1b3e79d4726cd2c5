"""A TCP proxy that misbehaves on command, between the connector and its venue. Bytes are passed on, never understood.

Only how a request begins is looked at, to tell REST, market streams and the user stream apart, so that a fault can be
aimed at one of them (a client may turn a connection it used for calls into a stream). Controlled in the process that
runs it. Chance comes from the caller's generator: a run can be repeated as far as the network's own timing lets it.
"""

from __future__ import annotations

import asyncio
import random
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Self

from tapeline.embedded.ports import LOOPBACK

_PIECE: Final = 65_536
_QUEUED_PIECES: Final = 1_024
_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)


class Kind(StrEnum):
    """What a connection is for. REST connections are kept alive over many calls."""

    REST = "rest"
    MARKET = "market stream"
    USER = "user stream"


@dataclass(frozen=True, slots=True)
class Faults:
    """What is wrong with connections of one kind, in both directions where nothing else is said.

    `latency_s` and up to `jitter_s` more, each piece on its own, order kept. `mute`: half-open, taken and never passed
    on nor answered; such a connection stays so when the fault is lifted. `paused`: held, and delivered when lifted.
    `refused`: new connections are reset at once. `reset_after_*`: bytes from now on after which a connection is reset
    (up: to the venue; down: from it).
    """

    latency_s: float = 0.0
    jitter_s: float = 0.0
    mute: bool = False
    paused: bool = False
    refused: bool = False
    reset_after_up: int | None = None
    reset_after_down: int | None = None


HEALTHY: Final = Faults()


class FaultProxy:
    """`async with FaultProxy(venue_port) as proxy:`; clients connect to `proxy.port`."""

    def __init__(self, target_port: int, *, chance: random.Random | None = None, port: int = 0) -> None:
        self.port = port
        self.resets = 0
        self._target_port = target_port
        self._chance = chance or random.Random(0)  # noqa: S311 - faults, not secrets
        self._faults = dict.fromkeys(Kind, HEALTHY)
        self._changed = asyncio.Event()
        self._links: set[_Link] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._trap: _Trap | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, LOOPBACK, self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def apply(self, faults: Faults, *kinds: Kind) -> None:
        """From now on, for these kinds (none: all)."""
        for kind in kinds or tuple(Kind):
            self._faults[kind] = faults
            for link in self._of(kind):
                link.passed_up = link.passed_down = 0
        self._changed.set()
        self._changed = asyncio.Event()

    def heal(self) -> None:
        """Everything is passed on at once again; connections that were mute stay so until their owner gives up."""
        self.apply(HEALTHY)

    def drop(self, *kinds: Kind) -> int:
        """Resets the open connections of these kinds (none: all). Returns how many."""
        found = [link for kind in kinds or tuple(Kind) for link in self._of(kind)]
        for link in found:
            self._reset(link)
        return len(found)

    def open_count(self, kind: Kind) -> int:
        return sum(1 for _ in self._of(kind))

    def hold_reply_to(self, beginning: bytes) -> asyncio.Event:
        """The next request that begins so reaches the venue, and its reply never comes back.

        The event is set when the reply has arrived here: from then on the venue has done it.
        """
        self._trap = _Trap(beginning)
        return self._trap.sprung

    def _of(self, kind: Kind) -> Iterator[_Link]:
        return (link for link in tuple(self._links) if link.kind is kind)

    def _reset(self, link: _Link) -> None:
        self.resets += 1
        link.reset()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        link = _Link(writer)
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError, _ResetError):
                await self._serve(link, reader)
        except asyncio.CancelledError:
            pass  # the proxy ends
        finally:
            self._links.discard(link)
            self._tasks.discard(task)
            link.close()

    async def _serve(self, link: _Link, reader: asyncio.StreamReader) -> None:
        first = await reader.read(_PIECE)
        if not first:
            return
        link.kind = kind_of(first)
        self._links.add(link)
        if self._faults[link.kind].refused:
            self._reset(link)
            return
        venue_reader, link.venue = await asyncio.open_connection(LOOPBACK, self._target_port)
        up = asyncio.create_task(self._pass(link, reader, link.venue, up=True, first=first))
        down = asyncio.create_task(self._pass(link, venue_reader, link.client, up=False))
        try:
            done, _ = await asyncio.wait({up, down}, return_when=asyncio.FIRST_COMPLETED)
            for one in done:
                one.result()
        finally:
            up.cancel()
            down.cancel()
            await asyncio.gather(up, down, return_exceptions=True)

    async def _pass(
        self,
        link: _Link,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        up: bool,
        first: bytes = b"",
    ) -> None:
        """Until the reading side ends. Pieces wait in a queue, so that latency delays and does not throttle."""
        waiting: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(_QUEUED_PIECES)
        deliver = asyncio.create_task(self._deliver(link, waiting, writer, up=up))
        try:
            due = 0.0
            while piece := first or await reader.read(_PIECE):
                first = b""
                if up and link.kind is Kind.REST:
                    link.kind = kind_of(piece)
                faults = self._faults[link.kind]
                wait_s = faults.latency_s + faults.jitter_s * self._chance.random()
                due = max(due, time.monotonic() + wait_s)
                await waiting.put((due, piece))
                if deliver.done():
                    break
            await waiting.put((due, b""))
            await deliver
        finally:
            deliver.cancel()
            await asyncio.gather(deliver, return_exceptions=True)

    async def _deliver(
        self, link: _Link, waiting: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter, *, up: bool
    ) -> None:
        while True:
            due, piece = await waiting.get()
            if not piece:
                return
            if (delay_s := due - time.monotonic()) > 0:
                await asyncio.sleep(delay_s)
            await self._while_paused(link)
            if self._swallows(link, piece, up=up):
                continue
            limit = self._faults[link.kind].reset_after_up if up else self._faults[link.kind].reset_after_down
            passed = link.passed_up if up else link.passed_down
            if limit is not None and passed + len(piece) >= limit:
                writer.write(piece[: max(0, limit - passed)])
                with suppress(ConnectionError):
                    await writer.drain()
                self._reset(link)
                raise _ResetError
            if up:
                link.passed_up += len(piece)
            else:
                link.passed_down += len(piece)
            writer.write(piece)
            await writer.drain()

    async def _while_paused(self, link: _Link) -> None:
        while self._faults[link.kind].paused:
            await self._changed.wait()

    def _swallows(self, link: _Link, piece: bytes, *, up: bool) -> bool:
        if self._faults[link.kind].mute:
            link.mute = True
        trap = self._trap
        if trap and up and not link.trap and piece.startswith(trap.beginning):
            link.trap, self._trap = trap, None
        if link.trap and not up:
            link.mute = True
            link.trap.sprung.set()
        return link.mute


def kind_of(first: bytes) -> Kind:
    """By the beginning of a request: its line, and whether it asks for a WebSocket."""
    line, _, headers = first.partition(b"\r\n")
    if not line.startswith(b"GET ") or b"upgrade: websocket" not in headers.lower():
        return Kind.REST
    return Kind.USER if b"listenkey=" in line.lower() or b"/private/" in line else Kind.MARKET


class _ResetError(Exception):
    """The connection was reset by a fault."""


@dataclass(slots=True)
class _Trap:
    beginning: bytes
    sprung: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(slots=True, eq=False)
class _Link:
    """A client's connection and ours to the venue."""

    client: asyncio.StreamWriter
    venue: asyncio.StreamWriter | None = None
    kind: Kind = Kind.REST
    passed_up: int = 0
    passed_down: int = 0
    mute: bool = False
    trap: _Trap | None = None

    def reset(self) -> None:
        for writer in self._writers():
            sock = writer.get_extra_info("socket")
            if sock is not None and not writer.is_closing():
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            writer.transport.abort()

    def close(self) -> None:
        for writer in self._writers():
            writer.close()

    def _writers(self) -> list[asyncio.StreamWriter]:
        return [writer for writer in (self.client, self.venue) if writer is not None]
