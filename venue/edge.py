"""Where misbehaviour meets the wire: requests and user messages pass here when the venue takes scripts.

A good venue does not have this module in its way. Must not: decide what is touched; `misbehaviour` does.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable, Collection, Mapping
from enum import StrEnum
from typing import Any

import orjson
from aiohttp import web

from venue.conditions import Conditions
from venue.errors import Refusal, cancel_rejected, unknown_order
from venue.exchange import Exchange
from venue.instruments import Product
from venue.listen_keys import ListenKeys, ListenTokens
from venue.misbehaviour import OPERATIONS, Effect, Happening, Misbehaviour, Operation, RequestRule
from venue.orders import Order
from venue.routing import product_of
from venue.scripted_streams import ScriptedStreams
from venue.shifted_ids import lowered, raised
from venue.user_messages import USER_STREAMS

Given = dict[str, str]
Execute = Callable[[Callable[[Given], Given]], web.Response]
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER of 0 seconds: the peer gets a reset, not an orderly end
_BATCHES = ("batchorders", "origclientorderidlist", "orderidlist")


class StreamTrouble(StrEnum):
    """What happens to the connections of the user stream. SILENCE: they stay up, answer pings, and tell nothing."""

    CLOSE = "close"
    SILENCE = "silence"
    EXPIRE_KEY = "expire_key"


class Edge:
    """One venue's. `orders_forgotten` are client ids no query finds any more."""

    def __init__(
        self,
        misbehaviour: Misbehaviour,
        conditions: Conditions,
        exchange: Exchange,
        streams: ScriptedStreams,
        keys: ListenKeys,
        tokens: ListenTokens,
        stand: Callable[[bool], None],
    ) -> None:
        self.misbehaviour = misbehaviour
        self._exchange = exchange
        self._streams = streams
        self._keys = keys
        self._tokens = tokens
        self._stand = stand
        self.orders_forgotten: set[str] = set()
        self.meet(conditions)

    def meet(self, conditions: Conditions) -> None:
        """From now on these conditions, and no others. Raises `Refusal` for a clock that cannot stand."""
        self._stand(conditions.clock_stands)
        self._streams.meet(conditions)
        self.conditions = conditions

    def drop(self, products: Collection[Product]) -> int:
        """End the WebSocket connections of these products without a word; returns how many there were."""
        users = {USER_STREAMS[product] for product in products}
        met = [one for one in self._streams.subscribers if one.product in products or not users.isdisjoint(one.names)]
        for subscriber in met:
            subscriber.hang_up()
        return len(met)

    async def pass_through(self, request: web.Request, given: Given, execute: Execute) -> web.StreamResponse:
        """Answer a request the way the script wants it. Raises `Refusal` where the script cannot be carried out."""
        operation, product = OPERATIONS.get((request.method, request.path)), product_of(request.path)
        await asyncio.sleep(self.conditions.rest_late_s(product))
        given = raised(given, self.misbehaviour.script.id_shift)
        ids = self._client_ids(given, product)
        self._refuse_forgotten(operation, ids)
        rule = self.misbehaviour.request(operation, ids, product)
        if rule is None:
            return self._shown(self._without_forgotten(operation, self._execute(execute)))
        await asyncio.sleep(rule.arrives_after_s)
        if not rule.arrives:
            return _reset(request)
        own = next(iter(ids), "")
        for effect in rule.first:
            self.happen(effect, own)
        answer = self._execute(execute, rule.executed_items) if rule.executed else web.Response()
        answer = self._without_forgotten(operation, answer)
        for effect in rule.then:
            self.happen(effect, own)
        await asyncio.sleep(rule.answered_after_s)
        return _reset(request) if not rule.answered else self._answer(rule, answer)

    def happen(self, effect: Effect, own: str = "") -> None:
        """Something happens to an order now. Raises `Refusal` if it is not open."""
        client_order_id = effect.client_order_id or own
        order = self._open_order(client_order_id, effect.product)
        match effect.what:
            case Happening.FILL:
                self._exchange.fill(order, effect.lots or order.remaining)
            case Happening.EXPIRE:
                self._exchange.expire(order)
            case Happening.CANCEL:
                self._exchange.cancel(order.symbol, order.order_id, None)
            case Happening.FORGET:
                self._exchange.expire(order, tell=False)
                self.orders_forgotten.add(client_order_id)

    def trouble(self, kind: StreamTrouble, product: Product = Product.PERPETUAL) -> int:
        """Returns how many connections of the product's user stream it met."""
        stream = USER_STREAMS[product]
        met = self._streams.listeners(stream)
        if kind is StreamTrouble.EXPIRE_KEY:
            self._end_key(product)
        for subscriber in met:
            match kind:
                case StreamTrouble.CLOSE:
                    subscriber.hang_up()
                case StreamTrouble.SILENCE:
                    subscriber.silent = True
                case StreamTrouble.EXPIRE_KEY:
                    self._streams.unsubscribe(subscriber, [stream])
        return len(met)

    def _end_key(self, product: Product) -> None:
        if product is Product.PERPETUAL:
            self._keys.end()
        if product is Product.MARGIN:
            self._tokens.end()
        said = "listenKeyExpired" if product is Product.PERPETUAL else "eventStreamTerminated"
        self._streams.publish(USER_STREAMS[product], {"e": said, "E": self._exchange.time_ms})

    def _execute(self, execute: Execute, items: int | None = None) -> web.Response:
        def change(given: Given) -> Given:
            given = raised(given, self.misbehaviour.script.id_shift)
            if items is None:
                return given
            return {name: _first(value, items) if name.lower() in _BATCHES else value for name, value in given.items()}

        return execute(change)

    def _answer(self, rule: RequestRule, answer: web.Response) -> web.Response:
        if (other := rule.answer) is not None:
            body = other.body.encode()
            return web.Response(
                body=body[: rule.cut_after], status=other.status, content_type=other.content_type, headers=other.headers
            )
        answer = self._shown(answer)
        if rule.leave_out_newest or rule.fields:
            answer = _with(answer, _distorted(orjson.loads(_body(answer)), rule))
        if rule.cut_after is not None:
            answer.body = _body(answer)[: rule.cut_after]
        return answer

    def _shown(self, answer: web.Response) -> web.Response:
        shift = self.misbehaviour.script.id_shift
        return _with(answer, lowered(orjson.loads(_body(answer)), shift)) if shift else answer

    def _refuse_forgotten(self, operation: Operation | None, ids: list[str]) -> None:
        if self.orders_forgotten.isdisjoint(ids):
            return
        if operation is Operation.FIND:
            raise unknown_order()
        if operation is Operation.CANCEL:
            raise cancel_rejected()

    def _without_forgotten(self, operation: Operation | None, answer: web.Response) -> web.Response:
        if operation is not Operation.ORDER_HISTORY or not self.orders_forgotten or answer.status != 200:
            return answer
        found = orjson.loads(_body(answer))
        return _with(answer, [one for one in found if one["clientOrderId"] not in self.orders_forgotten])

    def _client_ids(self, given: Mapping[str, str], product: Product) -> list[str]:
        """The client ids a request is about, found by the venue's id where it gives that."""
        ids = [given[name] for name in ("newClientOrderId", "origClientOrderId") if given.get(name)]
        for name, value in given.items():
            if name.lower() in _BATCHES:
                ids += [str(one.get("newClientOrderId", "")) if isinstance(one, dict) else one for one in _list(value)]
        if given.get("orderId", "").isdecimal():
            order = self._exchange.ledger.order(product.listing(given.get("symbol", "")), int(given["orderId"]), None)
            ids += [order.client_order_id] if order else []
        return [str(one) for one in ids]

    def _open_order(self, client_order_id: str, product: Product | None) -> Order:
        for (symbol, name), order in self._exchange.engine.open_by_client_id.items():
            if name == client_order_id and product in (None, Product.of(symbol)):
                return order
        raise Refusal(-2013, f"Order {client_order_id!r} is not open, so nothing can happen to it.")


def _reset(request: web.Request) -> web.Response:
    """The connection ends without an answer, whatever the peer has sent."""
    transport = request.transport
    if transport is not None:
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        transport.abort()
    return web.Response()


def _distorted(document: Any, rule: RequestRule) -> Any:
    if not isinstance(document, list):
        return document | rule.fields
    kept = document[: len(document) - rule.leave_out_newest] if rule.leave_out_newest else document
    return [one | rule.fields for one in kept]


def _with(answer: web.Response, document: Any) -> web.Response:
    return web.Response(body=orjson.dumps(document), status=answer.status, content_type=answer.content_type)


def _body(answer: web.Response) -> bytes:
    return answer.body if isinstance(answer.body, bytes) else b""


def _list(text: str) -> list[Any]:
    try:
        parsed = orjson.loads(text)
    except orjson.JSONDecodeError:
        return []
    return parsed if isinstance(parsed, list) else []


def _first(text: str, items: int) -> str:
    return orjson.dumps(_list(text)[:items]).decode()
