"""Stands before a venue that is taken for the real one, keeps every byte that is sent to it, and can be cut."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Self

from tapeline.embedded.ports import LOOPBACK

_PIECE = 65_536


class Wiretap:
    """`async with Wiretap(venue_port) as tap:`; clients connect to `tap.port`."""

    def __init__(self, target_port: int) -> None:
        self.port = 0
        self.sent = b""
        """All that was sent to the venue, of every connection."""
        self._target = target_port
        self._writers: set[asyncio.StreamWriter] = set()
        self._cut = False

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, LOOPBACK, 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self.cut()
        self._server.close()

    def cut(self) -> None:
        """Every connection ends, and no new one is taken."""
        self._cut = True
        for writer in self._writers:
            writer.transport.abort()

    def heal(self) -> None:
        self._cut = False

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._cut:
            writer.transport.abort()
            return
        there, onwards = await asyncio.open_connection(LOOPBACK, self._target)
        ends = {writer, onwards}
        self._writers |= ends
        try:
            await asyncio.gather(self._pass(reader, onwards, keep=True), self._pass(there, writer, keep=False))
        finally:
            self._writers -= ends

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, keep: bool) -> None:
        with suppress(OSError):
            while piece := await reader.read(_PIECE):
                if keep:
                    self.sent += piece
                writer.write(piece)
                await writer.drain()
        writer.close()
