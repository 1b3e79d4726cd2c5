"""The scripted venue behind a socket, so that it outlives the gateway processes that are killed, and the client side.

Both ends are ours and on loopback: messages are pickled. A request read from the socket is executed even when the one
who sent it is gone, as at a real venue.
"""

import asyncio
import itertools
import pickle
from collections.abc import Awaitable, Callable
from typing import Any, Self

from connector.errors import OutcomeUnknownError, VenueError, VenueUnavailableError
from connector.port import OrderReport, OrderRequest, VenueOrder
from tests.unit.connector.gateway.scripted_venue import ScriptedVenue


class VenueServer:
    """`around` is called before and after each request is executed, with its name and the phase."""

    def __init__(self, venue: ScriptedVenue, around: Callable[[str, str], Awaitable[None]]) -> None:
        self.venue = venue
        self.port = 0
        self._around = around
        self._clients: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        venue.emit = self._broadcast

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for client in list(self._clients):
            client.close()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._clients.add(writer)
        try:
            while True:
                task = asyncio.create_task(self._execute(await receive(reader), writer))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._clients.discard(writer)
            writer.close()

    async def _execute(self, message: Any, writer: asyncio.StreamWriter) -> None:
        number, name, positional, named = message
        await self._around(name, "before")
        try:
            answer = await getattr(self.venue, name)(*positional, **named)
        except VenueError as error:
            answer = error
        await self._around(name, "after")
        send(writer, (number, answer))

    async def _broadcast(self, report: OrderReport) -> None:
        for client in list(self._clients):
            send(client, (0, report))


class RemoteVenue(ScriptedVenue):
    """The port as the gateway's process sees it: every call goes over the socket."""

    _REMOTE = (
        "cancel",
        "cancel_all",
        "find_order",
        "positions",
        "open_orders",
        "orders_since",
        "fills",
        "snapshot",
        "mark_price",
    )

    def __init__(self, *symbols: str) -> None:
        super().__init__(*symbols)
        self._numbers = itertools.count(1)
        self._calls: dict[int, asyncio.Future[Any]] = {}
        for name in self._REMOTE:
            setattr(self, name, self._remote(name, VenueUnavailableError))

    async def connect(self, port: int) -> None:
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", port)
        self._listening = asyncio.create_task(self._listen())

    async def place(self, request: OrderRequest) -> VenueOrder:
        order: VenueOrder = await self._remote("place", OutcomeUnknownError)(request)
        return order

    def _remote(self, name: str, when_lost: type[VenueError]) -> Callable[..., Awaitable[Any]]:
        async def call(*positional: Any, **named: Any) -> Any:
            number = next(self._numbers)
            future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
            self._calls[number] = future
            send(self._writer, (number, name, positional, named))
            try:
                answer = await asyncio.wait_for(future, 5)
            except TimeoutError as error:
                raise when_lost(f"{name} timed out") from error
            if isinstance(answer, VenueError):
                raise answer
            return answer

        return call

    async def _listen(self) -> None:
        while True:
            number, answer = await receive(self._reader)
            if number == 0:
                if self.emit is not None:
                    await self.emit(answer)
            elif (future := self._calls.pop(number, None)) and not future.done():
                future.set_result(answer)


async def receive(reader: asyncio.StreamReader) -> Any:
    size = int.from_bytes(await reader.readexactly(4), "big")
    return pickle.loads(await reader.readexactly(size))


def send(writer: asyncio.StreamWriter, message: Any) -> None:
    if not writer.is_closing():
        body = pickle.dumps(message)
        writer.write(len(body).to_bytes(4, "big") + body)
