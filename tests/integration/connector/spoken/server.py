"""A venue on loopback: real HTTP and websockets, one dialect. It answers what the documents say, pushes what a test
tells it to push to whoever subscribed, counts connections, and can cut them."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, Self

import orjson
from aiohttp import WSMsgType, web

Query = Mapping[str, str]


class Dialect(Protocol):
    """`answers` to one message from a client: (frames to send, channels now subscribed to)."""

    refuses_login: bool

    def answers(self, message: Any) -> tuple[list[Any], list[str]]: ...

    def rest(self, path: str, query: Query) -> Any:
        """The document of a REST answer; None: there is no such path."""


@dataclass(eq=False)
class Connection:
    path: str
    socket: web.WebSocketResponse
    channels: set[str] = field(default_factory=set)
    received: list[Any] = field(default_factory=list)


class SpokenVenue:
    """`async with SpokenVenue(dialect) as venue:`; clients connect to `venue.port`."""

    def __init__(self, dialect: Dialect) -> None:
        self.port = 0
        self.opened = 0
        self.deaf = False
        """Takes pings and answers none."""
        self.connections: list[Connection] = []
        self.asked: Counter[str] = Counter()
        self._dialect = dialect
        self._changed = asyncio.Condition()

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._serve)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
        return self

    async def __aexit__(self, *_: object) -> None:
        self.cut()
        await self._runner.cleanup()

    def cut(self) -> int:
        """Ends every websocket without a word. Returns how many."""
        open_ones, self.connections = self.connections, []
        for connection in open_ones:
            if transport := connection.socket._req.transport if connection.socket._req else None:
                transport.abort()
        return len(open_ones)

    async def subscribed(self, channel: str) -> Connection:
        """Waits until somebody is."""
        found: Connection = await self.until(
            lambda: next((one for one in self.connections if channel in one.channels), None), f"no {channel}"
        )
        return found

    async def until(self, found: Callable[[], Any], otherwise: str) -> Any:
        try:
            async with asyncio.timeout(10), self._changed:
                while not (result := found()):
                    await self._changed.wait()
                return result
        except TimeoutError as error:
            heard = [(one.path, sorted(one.channels), one.received) for one in self.connections]
            raise AssertionError(f"{otherwise}: {heard}") from error

    async def push(self, channel: str, *frames: Any) -> None:
        """To everybody subscribed, all frames in one go: a reader of the socket finds them together."""
        await self.subscribed(channel)
        for connection in [one for one in self.connections if channel in one.channels]:
            for frame in frames:
                await connection.socket.send_str(_text(frame))

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await self._websocket(request)
        self.asked[request.path] += 1
        query = {**request.query, **(await request.json() if request.can_read_body else {})}
        answer = self._dialect.rest(request.path, query)
        if answer is None:
            return web.json_response({"code": "404", "msg": f"no path {request.path}"}, status=404)
        return web.Response(body=orjson.dumps(answer), content_type="application/json")

    async def _websocket(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(autoping=False, compress=False)
        await socket.prepare(request)
        connection = Connection(request.path, socket)
        async with self._changed:
            self.connections.append(connection)
            self.opened += 1
            self._changed.notify_all()
        async for message in socket:
            if message.type is WSMsgType.PING:
                await self._take(connection, "websocket ping")
                if not self.deaf:
                    await socket.pong(message.data)
            elif message.type is WSMsgType.TEXT:
                said = orjson.loads(message.data) if message.data[:1] in "{[" else message.data
                await self._take(connection, said)
        if connection in self.connections:
            self.connections.remove(connection)
        return socket

    async def _take(self, connection: Connection, said: Any) -> None:
        frames, channels = self._dialect.answers(said)
        for frame in frames:
            if not (self.deaf and not channels):
                await connection.socket.send_str(_text(frame))
        async with self._changed:
            connection.received.append(said)
            connection.channels.update(channels)
            self._changed.notify_all()


def _text(frame: Any) -> str:
    return frame if isinstance(frame, str) else orjson.dumps(frame).decode()
