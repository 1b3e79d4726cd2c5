"""The venue's HTTP and WebSocket server: Binance's REST dialect, its streams, and the paper endpoints.

It reads requests, checks who asks, and lets the handlers answer. A failing ledger ends the process (`fatal`):
an effect that is not durable is never confirmed. Must not: decide anything about orders or the tape.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
from aiohttp import web

from venue.edge import Edge
from venue.edge_control import EdgeControl
from venue.errors import Refusal, VenueError, parameter_malformed
from venue.exchange import Exchange
from venue.listen_keys import ListenKeys, ListenTokens
from venue.live import LivePlayer
from venue.player import Player
from venue.rest_parameters import integer, text
from venue.routes import ROUTES
from venue.routing import Access, Route
from venue.signature import Authenticator, parameters
from venue.spot.websocket_api import WebSocketApi
from venue.websocket import StreamServer

log = logging.getLogger(__name__)
KEY_HEADER = "X-MBX-APIKEY"
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]
Change = Callable[[dict[str, str]], dict[str, str]]


def _json(body: Any, status: int = 200) -> web.Response:
    return web.Response(body=orjson.dumps(body), status=status, content_type="application/json")


def _refused(refusal: Refusal) -> web.Response:
    return _json({"code": refusal.code, "msg": refusal.message}, refusal.status)


def _unchanged(given: dict[str, str]) -> dict[str, str]:
    return given


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


class VenueServer:
    """Builds the application; `fatal` is resolved with the error that makes going on wrong."""

    def __init__(
        self,
        exchange: Exchange,
        player: Player | LivePlayer,
        authenticator: Authenticator,
        keys: ListenKeys,
        tokens: ListenTokens,
        streams: StreamServer,
        edge: Edge | None = None,
    ) -> None:
        self._exchange = exchange
        self._player = player
        self._authenticator = authenticator
        self._keys = keys
        self._tokens = tokens
        self._streams = streams
        self._edge = edge
        self.fatal: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.paper_facts: dict[str, Any] = {}

    def application(self) -> web.Application:
        app = web.Application()
        for route in ROUTES:
            app.router.add_route(route.method, route.path, self._answering(route))
        for method, act in (("POST", self._create_key), ("PUT", self._extend_key), ("DELETE", self._end_key)):
            app.router.add_route(method, "/fapi/v1/listenKey", self._with_key(act))
        app.router.add_post("/sapi/v1/userListenToken", self._with_key(self._create_token))
        app.router.add_get("/paper/v1/state", self._state)
        app.router.add_post("/paper/v1/progress", self._progress)
        app.router.add_get("/health", self._health)
        if self._edge is not None:
            EdgeControl(self._edge).add_routes(app.router)
        self._streams.add_routes(app.router)
        WebSocketApi(self._streams, self._authenticator, self._tokens).add_routes(app.router)
        app.router.add_route("*", "/{path:.*}", self._unknown)
        return app

    def _answering(self, route: Route) -> Answer:
        handler, exchange = route.handler, self._exchange
        signed = route.access is Access.SIGNED

        def execute(request: web.Request, query: str, body: str, change: Change) -> web.Response:
            try:
                if signed:
                    given = self._authenticator.check_signed(request.headers.get(KEY_HEADER), query, body, _now_ms())
                else:
                    given = parameters(query, body)
                return _json(handler(exchange, change(given)))
            except Refusal as refusal:
                return _refused(refusal)
            except VenueError as error:
                return self._fail(error)

        async def answer(request: web.Request) -> web.StreamResponse:
            body = await request.text() if request.can_read_body else ""
            query = request.raw_path.partition("?")[2]
            if self._edge is None:
                return execute(request, query, body, _unchanged)
            try:
                return await self._edge.pass_through(
                    request, parameters(query, body), lambda change: execute(request, query, body, change)
                )
            except Refusal as refusal:
                return _refused(refusal)

        return answer

    def _fail(self, error: VenueError) -> web.Response:
        if not self.fatal.done():
            self.fatal.set_exception(error)
        return _json({"code": -1001, "msg": "Internal error; unable to process your request."}, 503)

    def _create_key(self) -> dict[str, Any]:
        return {"listenKey": self._keys.create(time.monotonic())}

    def _extend_key(self) -> dict[str, Any]:
        if not self._keys.extend(time.monotonic()):
            raise Refusal(-1125, "This listenKey does not exist.")
        return {"listenKey": self._keys.create(time.monotonic())}

    def _create_token(self) -> dict[str, Any]:
        token, ends_ms = self._tokens.create(_now_ms(), self._tokens.LONGEST_MS)
        return {"token": token, "expirationTime": ends_ms}

    def _end_key(self) -> dict[str, Any]:
        self._keys.end()
        return {}

    def _with_key(self, act: Callable[[], dict[str, Any]]) -> Answer:
        def execute(request: web.Request, _: Change) -> web.Response:
            try:
                self._authenticator.check_key(request.headers.get(KEY_HEADER))
                return _json(act())
            except Refusal as refusal:
                return _refused(refusal)

        async def answer(request: web.Request) -> web.StreamResponse:
            if self._edge is None:
                return execute(request, _unchanged)
            return await self._edge.pass_through(request, {}, lambda change: execute(request, change))

        return answer

    async def _state(self, _: web.Request) -> web.Response:
        exchange, player, tape = self._exchange, self._player, self._exchange.tape
        return _json(
            {
                **self.paper_facts,
                "live": player.live if isinstance(player, LivePlayer) else None,
                "tape_time_ms": exchange.time_ms,
                "position": tape.position,
                "total": tape.total,
                "ended": player.ended,
                "speed": player.speed,
                "waiting": player.waiting,
                "lag_ms": player.lag_ms,
                "in_flight": player.pacer.in_flight,
                "window": player.pacer.window,
                "update_id": {symbol: market.update_id for symbol, market in exchange.markets.items()},
                "subscribers": self._streams.streams.count,
                "streams": self._streams.streams.names,
                "orders_open": len(exchange.engine.open_by_id),
                "orders": exchange.engine.next_order_id - 1,
                "trades": exchange.engine.next_trade_id - 1,
            }
        )

    async def _progress(self, request: web.Request) -> web.Response:
        try:
            body = orjson.loads(await request.read())
            given = {name: str(value) for name, value in body.items()}
            symbol = text(given, "symbol")
            self._exchange.engine.book(symbol)
            self._player.acknowledge(symbol, integer(given, "update_id", -1))
        except (orjson.JSONDecodeError, AttributeError):
            return _refused(parameter_malformed("body", "not a JSON object with symbol and update_id"))
        except Refusal as refusal:
            return _refused(refusal)
        return _json({})

    async def _health(self, _: web.Request) -> web.Response:
        return _json({"status": "ok", "clients": self._streams.streams.count, "time": _now_ms()})

    async def _unknown(self, request: web.Request) -> web.Response:
        return _json({"code": -5000, "msg": f"Path {request.path}, Method {request.method} is invalid"}, 404)
