"""WebSocket connections: Binance's stream addresses and its SUBSCRIBE messages, into `Streams`.

Addresses: `/ws`, `/ws/<stream>`, `/ws/<listenKey>`, `/ws?listenKey=…`, `/stream?streams=<stream>/<stream>`. Below
`/public`, `/market` and `/private`, as Binance has it, the streams are those of the perpetuals; without, or below
`/stream`, those of the spot pairs: ccxt takes an address for one of spot by that word.
Must not: make messages; it only passes them on.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import orjson
from aiohttp import WSCloseCode, WSMsgType, web

from venue.instruments import Product
from venue.listen_keys import ListenKeys
from venue.streams import USER, Streams, Subscriber

log = logging.getLogger(__name__)
STREAM = re.compile(r"![a-zA-Z]+(@arr)?(@1s)?|[a-z0-9_-]+@(bookTicker|trade|aggTrade|markPrice(@1s)?|kline_\d+[mhd])")
PING_EVERY_S = 54.0
PREFIXES = {
    "": Product.SPOT,
    "/stream": Product.SPOT,
    "/public": Product.PERPETUAL,
    "/market": Product.PERPETUAL,
    "/private": Product.PERPETUAL,
}
Answer = Callable[[Subscriber, str], dict[str, Any]]


class StreamServer:
    """Accepts WebSocket connections and keeps each until it ends, is too slow, or the venue stops."""

    def __init__(self, streams: Streams, keys: ListenKeys, *, buffer: int) -> None:
        self.streams = streams
        self._keys = keys
        self._buffer = buffer
        self._open: set[web.WebSocketResponse] = set()

    def add_routes(self, router: web.UrlDispatcher) -> None:
        for prefix in PREFIXES:
            router.add_get(f"{prefix}/ws", self._single)
            router.add_get(prefix + "/ws/{name:.*}", self._single)
            router.add_get(f"{prefix}/stream", self._combined)

    async def close(self) -> None:
        """Close every connection; clients see that the venue goes away."""
        for connection in list(self._open):
            await connection.close(code=WSCloseCode.GOING_AWAY, message=b"the venue stops")

    async def _single(self, request: web.Request) -> web.StreamResponse:
        names = [name for name in request.match_info.get("name", "").split("/") if name]
        return await self._serve(request, names, combined=False)

    async def _combined(self, request: web.Request) -> web.StreamResponse:
        names = [name for name in request.query.get("streams", "").split("/") if name]
        return await self._serve(request, names, combined=True)

    async def _serve(self, request: web.Request, names: list[str], *, combined: bool) -> web.StreamResponse:
        product = next(one for prefix, one in reversed(PREFIXES.items()) if request.path.startswith(prefix))
        key = request.query.get("listenKey")
        wanted = [name for name in names if not name.isdecimal()]
        known = [name for name in wanted if STREAM.fullmatch(name)]
        listened = [product.listing(name) for name in known]
        for other in set(wanted) - set(known) | ({key} if key else set()):
            if not self._keys.is_valid(other, time.monotonic()):
                return web.json_response({"code": -1125, "msg": "This listenKey does not exist."}, status=400)
            listened.append(USER)
        answer = partial(self._answer, product)
        return await self.attend(request, listened, answer, combined=combined, product=product)

    async def attend(
        self,
        request: web.Request,
        names: list[str],
        answer: Answer,
        *,
        combined: bool = False,
        product: Product = Product.SPOT,
    ) -> web.StreamResponse:
        """Serve one connection, subscribed to these streams, until it ends; `answer` is asked with what it sends."""
        connection = web.WebSocketResponse(heartbeat=PING_EVERY_S, compress=False)
        await connection.prepare(request)

        async def send(message: bytes) -> None:
            await connection.send_frame(message, WSMsgType.TEXT)

        subscriber = Subscriber(send, combined=combined, limit=self._buffer, product=product)
        if request.transport is not None:
            subscriber.hang_up = request.transport.abort
        self.streams.add(subscriber)
        self.streams.subscribe(subscriber, names)
        self._open.add(connection)
        writer = asyncio.create_task(self._write(connection, subscriber))
        try:
            async for message in connection:
                if message.type is WSMsgType.TEXT:
                    subscriber.offer(orjson.dumps(answer(subscriber, message.data)))
        finally:
            self._open.discard(connection)
            self.streams.remove(subscriber)
            writer.cancel()
            with suppress(asyncio.CancelledError):
                await writer
        return connection

    @staticmethod
    async def _write(connection: web.WebSocketResponse, subscriber: Subscriber) -> None:
        with suppress(ConnectionError):  # the reader ends with the connection and cleans up
            await subscriber.write()
        if subscriber.cut_off:
            log.warning("a WebSocket client was cut off: %d messages behind", subscriber.backlog)
            await connection.close(code=WSCloseCode.POLICY_VIOLATION, message=b"too slow")

    def _answer(self, product: Product, subscriber: Subscriber, text: str) -> dict[str, Any]:
        """Carry out SUBSCRIBE, UNSUBSCRIBE or LIST_SUBSCRIPTIONS."""
        try:
            request = orjson.loads(text)
            method, number = request["method"], request.get("id")
            names = [str(name) for name in request.get("params", [])]
        except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
            return {"error": {"code": 3, "msg": "Invalid JSON: expected method, params and id"}, "id": None}
        unknown = [name for name in names if not STREAM.fullmatch(name)]
        if unknown:
            return {"error": {"code": 2, "msg": f"Invalid request: invalid stream {unknown[0]}"}, "id": number}
        listened = [product.listing(name) for name in names]
        match method:
            case "SUBSCRIBE":
                self.streams.subscribe(subscriber, listened)
            case "UNSUBSCRIBE":
                self.streams.unsubscribe(subscriber, listened)
            case "LIST_SUBSCRIPTIONS":
                return {"result": sorted(name.rpartition("/")[2] for name in subscriber.names), "id": number}
            case _:
                return {"error": {"code": 2, "msg": f"Invalid request: unknown method {method}"}, "id": number}
        return {"result": None, "id": number}
