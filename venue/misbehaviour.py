"""How the paper venue misbehaves when told to: which request or user message is touched, what happens, how often.

A request's life has stations: it arrives late or never, something happens at the venue first, it is executed (all of
it, a part of a batch, or not), something happens then, and its answer is late, another one, cut off or never sent. A
rule names the stations that differ from a good venue's. Pure: rules and counting. Must not: send, wait or execute.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from enum import StrEnum
from typing import Any

import orjson
from pydantic import BaseModel, ConfigDict, Field

from venue.instruments import Product

AT_ONCE = (0.0,)


class Operation(StrEnum):
    """What a request is for. ANY matches every REST request, public ones too: maintenance."""

    PLACE = "place"
    PLACE_BATCH = "place_batch"
    CANCEL = "cancel"
    CANCEL_BATCH = "cancel_batch"
    CANCEL_ALL = "cancel_all"
    FIND = "find"
    OPEN_ORDERS = "open_orders"
    ORDER_HISTORY = "order_history"
    FILLS = "fills"
    POSITIONS = "positions"
    BALANCE = "balance"
    LISTEN_KEY = "listen_key"
    TRANSFER = "transfer"
    LOAN = "loan"
    ANY = "any"


OPERATIONS: Mapping[tuple[str, str], Operation] = {
    ("POST", "/fapi/v1/order"): Operation.PLACE,
    ("POST", "/fapi/v1/batchOrders"): Operation.PLACE_BATCH,
    ("DELETE", "/fapi/v1/order"): Operation.CANCEL,
    ("DELETE", "/fapi/v1/batchOrders"): Operation.CANCEL_BATCH,
    ("DELETE", "/fapi/v1/allOpenOrders"): Operation.CANCEL_ALL,
    ("GET", "/fapi/v1/order"): Operation.FIND,
    ("GET", "/fapi/v1/openOrders"): Operation.OPEN_ORDERS,
    ("GET", "/fapi/v1/allOrders"): Operation.ORDER_HISTORY,
    ("GET", "/fapi/v1/userTrades"): Operation.FILLS,
    ("GET", "/fapi/v2/positionRisk"): Operation.POSITIONS,
    ("GET", "/fapi/v3/positionRisk"): Operation.POSITIONS,
    ("GET", "/fapi/v2/balance"): Operation.BALANCE,
    ("GET", "/fapi/v3/balance"): Operation.BALANCE,
    ("POST", "/fapi/v1/listenKey"): Operation.LISTEN_KEY,
    ("PUT", "/fapi/v1/listenKey"): Operation.LISTEN_KEY,
    ("POST", "/sapi/v1/userListenToken"): Operation.LISTEN_KEY,
    ("POST", "/sapi/v1/asset/transfer"): Operation.TRANSFER,
    ("POST", "/sapi/v1/margin/borrow-repay"): Operation.LOAN,
    ("GET", "/api/v3/account"): Operation.BALANCE,
    ("GET", "/sapi/v1/margin/account"): Operation.BALANCE,
    **{
        (method, f"{base}/{path}"): operation
        for base in ("/api/v3", "/sapi/v1/margin")
        for method, path, operation in (
            ("POST", "order", Operation.PLACE),
            ("DELETE", "order", Operation.CANCEL),
            ("DELETE", "openOrders", Operation.CANCEL_ALL),
            ("GET", "order", Operation.FIND),
            ("GET", "openOrders", Operation.OPEN_ORDERS),
            ("GET", "allOrders", Operation.ORDER_HISTORY),
            ("GET", "myTrades", Operation.FILLS),
        )
    },
}


class _Rule(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Happening(StrEnum):
    """What a venue does with an order by itself. FORGET: it expires, nobody is told, and no query finds it again."""

    FILL = "fill"
    EXPIRE = "expire"
    CANCEL = "cancel"
    FORGET = "forget"


class Effect(_Rule):
    """`client_order_id` empty: the order of the request. `lots` of a fill; 0: all that remains."""

    what: Happening
    client_order_id: str = ""
    product: Product | None = None
    lots: int = Field(default=0, ge=0)


class Answer(_Rule):
    """An HTTP answer, whole."""

    status: int = 200
    body: str = ""
    content_type: str = "application/json"
    headers: dict[str, str] = {}


class RequestRule(_Rule):
    """Touches `times` requests (None: all from then on) after leaving `skip` matching ones alone.

    `product` None and `client_order_id` empty: any. `executed_items`: how many of a batch are executed (None: all).
    `leave_out_newest` and `fields` change the answer's items: a list that lags, a snapshot that is stale.
    `cut_after`: bytes of the answer's body that are sent. `answered` False: the connection is reset instead.
    """

    on: Operation
    product: Product | None = None
    client_order_id: str = ""
    skip: int = Field(default=0, ge=0)
    times: int | None = Field(default=1, ge=1)
    arrives: bool = True
    arrives_after_s: float = Field(default=0.0, ge=0)
    first: tuple[Effect, ...] = ()
    executed: bool = True
    executed_items: int | None = Field(default=None, ge=0)
    then: tuple[Effect, ...] = ()
    answered: bool = True
    answered_after_s: float = Field(default=0.0, ge=0)
    answer: Answer | None = None
    leave_out_newest: int = Field(default=0, ge=0)
    fields: dict[str, str] = {}
    cut_after: int | None = Field(default=None, ge=0)


class MessageRule(_Rule):
    """Touches user messages. `sent_after_s`: when each copy is sent; none: the message is lost.

    `event` such as ORDER_TRADE_UPDATE and `execution` such as TRADE, empty: any.
    """

    product: Product | None = None
    event: str = ""
    execution: str = ""
    client_order_id: str = ""
    skip: int = Field(default=0, ge=0)
    times: int | None = Field(default=1, ge=1)
    sent_after_s: tuple[float, ...] = AT_ONCE


class Script(_Rule):
    """All that one run of misbehaviour consists of.

    `id_shift`: by symbol, how much lower its order and trade ids are shown than the venue counts them, so that two
    symbols share ids.
    """

    requests: tuple[RequestRule, ...] = ()
    messages: tuple[MessageRule, ...] = ()
    id_shift: dict[str, int] = {}


def refusal(status: int, code: int, words: str, *, retry_after_s: int | None = None) -> Answer:
    """An error as Binance words it."""
    headers = {} if retry_after_s is None else {"Retry-After": str(retry_after_s)}
    return Answer(status=status, body=orjson.dumps({"code": code, "msg": words}).decode(), headers=headers)


class Misbehaviour:
    """Counts what a script's rules have touched. The first rule that matches and is not used up decides."""

    def __init__(self, script: Script | None = None) -> None:
        self.load(script or Script())

    def load(self, script: Script) -> None:
        """Replace the script; all counts begin anew."""
        self.script = script
        self._seen: dict[int, int] = {}
        self.touched: dict[int, int] = {}

    def untouched(self) -> list[str]:
        """The rules that never had anything to touch: a script that did not happen."""
        return [repr(rule) for rule in self._rules() if not self.touched.get(id(rule))]

    def request(
        self, operation: Operation | None, client_order_ids: Collection[str], product: Product = Product.PERPETUAL
    ) -> RequestRule | None:
        """What is to happen to a request about these orders; None: nothing unusual."""
        for rule in self.script.requests:
            meant = (rule.on is Operation.ANY or rule.on is operation) and rule.product in (None, product)
            if meant and rule.client_order_id in ("", *client_order_ids) and self._touches(rule):
                return rule
        return None

    def message(self, message: Mapping[str, Any], product: Product = Product.PERPETUAL) -> Sequence[float]:
        """Seconds after which each copy of a user message is sent."""
        order = message.get("o", {}) if product is Product.PERPETUAL else message
        client_order_id = order.get("C") or order.get("c")
        for rule in self.script.messages:
            meant = rule.event in ("", message.get("e")) and rule.execution in ("", order.get("x"))
            meant = meant and rule.product in (None, product)
            if meant and rule.client_order_id in ("", client_order_id) and self._touches(rule):
                return rule.sent_after_s
        return AT_ONCE

    def _touches(self, rule: RequestRule | MessageRule) -> bool:
        key = id(rule)
        seen = self._seen[key] = self._seen.get(key, 0) + 1
        if seen <= rule.skip or (rule.times is not None and seen > rule.skip + rule.times):
            return False
        self.touched[key] = self.touched.get(key, 0) + 1
        return True

    def _rules(self) -> list[RequestRule | MessageRule]:
        return [*self.script.requests, *self.script.messages]
