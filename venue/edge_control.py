"""The endpoints that tell a venue to misbehave: `misbehaviour`, `conditions` and `happenings` of `/paper/v1/`.

PUT a `Script` or `Conditions` replaces what was told before; GET says how much a script touched and which rules had
nothing to touch yet, or which conditions stand; POST an `Effect`, a stream's trouble or connections to drop makes it
happen now. Must not: exist on a venue not started to misbehave.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import orjson
from aiohttp import web
from pydantic import BaseModel, ConfigDict, ValidationError

from venue.conditions import Conditions
from venue.edge import Edge, StreamTrouble
from venue.errors import Refusal, parameter_malformed
from venue.instruments import Product
from venue.misbehaviour import Effect, Script


class Happenings(BaseModel):
    """What is to happen now, in this order."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    effects: tuple[Effect, ...] = ()
    user_streams: StreamTrouble | None = None
    user_streams_of: Product = Product.PERPETUAL
    drop_connections: tuple[Product, ...] = ()
    """Products whose WebSocket connections end now, market data and user streams alike."""


class EdgeControl:
    def __init__(self, edge: Edge) -> None:
        self._edge = edge

    def add_routes(self, router: web.UrlDispatcher) -> None:
        router.add_put("/paper/v1/misbehaviour", _answering(self._load))
        router.add_get("/paper/v1/misbehaviour", _answering(self._counts))
        router.add_put("/paper/v1/conditions", _answering(self._meet))
        router.add_get("/paper/v1/conditions", _answering(self._conditions))
        router.add_post("/paper/v1/happenings", _answering(self._happen))

    def _load(self, body: bytes) -> dict[str, Any]:
        self._edge.misbehaviour.load(Script.model_validate_json(body))
        return {}

    def _counts(self, _: bytes) -> dict[str, Any]:
        misbehaviour = self._edge.misbehaviour
        return {"untouched": misbehaviour.untouched(), "touched": sum(misbehaviour.touched.values())}

    def _happen(self, body: bytes) -> dict[str, Any]:
        happenings = Happenings.model_validate_json(body)
        for effect in happenings.effects:
            self._edge.happen(effect)
        kind = happenings.user_streams
        met = 0 if kind is None else self._edge.trouble(kind, happenings.user_streams_of)
        return {"streams": met, "dropped": self._edge.drop(happenings.drop_connections)}

    def _meet(self, body: bytes) -> dict[str, Any]:
        self._edge.meet(Conditions.model_validate_json(body))
        return {}

    def _conditions(self, _: bytes) -> dict[str, Any]:
        return self._edge.conditions.model_dump(mode="json")


def _answering(act: Callable[[bytes], dict[str, Any]]) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def answer(request: web.Request) -> web.Response:
        try:
            try:
                document, status = act(await request.read()), 200
            except ValidationError as error:
                raise parameter_malformed("body", str(error)) from error
        except Refusal as refusal:
            document, status = {"code": refusal.code, "msg": refusal.message}, refusal.status
        return web.Response(body=orjson.dumps(document), status=status, content_type="application/json")

    return answer
