"""The WebSocket API of spot, as far as user streams need it: subscribing the spot and the margin account's owner.

A spot stream is subscribed to with a signature, a margin stream with a listen token that REST gave. Requests and
answers are JSON with an `id`; a stream's messages are wrapped with the number of its subscription.
Must not: make messages, place orders.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import orjson
from aiohttp import web

from venue.errors import Refusal, parameter_missing
from venue.instruments import Product
from venue.listen_keys import ListenTokens
from venue.signature import Authenticator
from venue.streams import Subscriber
from venue.user_messages import USER_STREAMS
from venue.websocket import StreamServer

Json = dict[str, Any]
ADDRESSES = ("/ws-api/v3", "/stream/ws-api/v3")


class WebSocketApi:
    def __init__(self, streams: StreamServer, authenticator: Authenticator, tokens: ListenTokens) -> None:
        self._server = streams
        self._streams = streams.streams
        self._authenticator = authenticator
        self._tokens = tokens

    def add_routes(self, router: web.UrlDispatcher) -> None:
        for address in ADDRESSES:
            router.add_get(address, self._serve)

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        return await self._server.attend(request, [], self._answer)

    def _answer(self, subscriber: Subscriber, text: str) -> Json:
        try:
            request = orjson.loads(text)
            number, method = request.get("id"), request["method"]
            given = {name: str(value) for name, value in (request.get("params") or {}).items()}
        except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
            return _refused(None, Refusal(-1135, "Invalid JSON Request: expected id, method and params."))
        try:
            return {"id": number, "status": 200, "result": self._carry_out(subscriber, str(method), given)}
        except Refusal as refusal:
            return _refused(number, refusal)

    def _carry_out(self, subscriber: Subscriber, method: str, given: Mapping[str, str]) -> Json:
        match method:
            case "ping":
                return {}
            case "time":
                return {"serverTime": _now_ms()}
            case "userDataStream.subscribe.signature":
                self._authenticator.check_websocket(given, _now_ms())
                return {"subscriptionId": self._subscribe(subscriber, Product.SPOT)}
            case "userDataStream.subscribe.listenToken":
                ends_ms = self._tokens.ends_ms(_needed(given, "listenToken"), _now_ms())
                if ends_ms is None:
                    raise Refusal(-1125, "This listenToken does not exist.")
                return {"subscriptionId": self._subscribe(subscriber, Product.MARGIN), "expirationTime": ends_ms}
            case "userDataStream.unsubscribe":
                self._unsubscribe(subscriber, given.get("subscriptionId"))
                return {}
        raise Refusal(-1000, f"Unknown method {method!r}: the paper venue's WebSocket API has user streams only.")

    def _subscribe(self, subscriber: Subscriber, product: Product) -> int:
        name = USER_STREAMS[product]
        number = subscriber.subscription_ids.setdefault(name, len(subscriber.subscription_ids))
        self._streams.subscribe(subscriber, [name])
        return number

    def _unsubscribe(self, subscriber: Subscriber, number: str | None) -> None:
        chosen = [name for name, one in subscriber.subscription_ids.items() if number in (None, str(one))]
        self._streams.unsubscribe(subscriber, chosen)


def _refused(number: Any, refusal: Refusal) -> Json:
    return {"id": number, "status": refusal.status, "error": {"code": refusal.code, "msg": refusal.message}}


def _needed(given: Mapping[str, str], name: str) -> str:
    value = given.get(name)
    if not value:
        raise parameter_missing(name)
    return value


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
