"""The one story that every venue tells in its own format, and the server that tells it over HTTP.

An order of 0.01 BTC at 60000.1 under our id, of which 0.004 are executed; the account holds USDT, and on perpetuals the
0.004 BTC. Nothing of a venue is imported here.
"""

import json
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

OURS = "tlABCDEFGHIJKLMNOPQRSTUVWXYZ"
OTHER = "tlOTHER00000000000000000000Z"
THEIR_ID = "1234567890123456789"
TRADE_ID = "987654321"
AT_MS = int(time.time() * 1000) - 3_600_000
AT_S = AT_MS // 1000
NEXT_MS = AT_S * 1000 + 7 * 3_600_000
PRICE, QUANTITY, EXECUTED, LEFT = "60000.1", "0.01", "0.004", "0.006"
FEE, MARK, ENTRY, LIQUIDATION = "0.02400004", "60010.25", "60000.1", "41234.5"

Given = Mapping[str, Any]


def now_ms() -> int:
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as the venue got it; `given` is its query, its body, or its form."""

    method: str
    path: str
    given: Any
    headers: Mapping[str, str]


Reply = Any | Callable[[Asked], Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """`when` must be in the request; `reply` is JSON, or made of the request."""

    method: str
    path: str
    reply: Reply
    status: int = 200
    when: Given = field(default_factory=dict)


@dataclass(frozen=True)
class Format:
    """One product of one venue: what it answers, and how a request of ours must look to it.

    `order` is what a placement must carry (exactly these values), `found_by` what a look-up by our id must;
    `cancelled`: a cancel is answered with the order itself.
    """

    exchange: str
    product: str
    symbol: str
    lot_size: str
    answers: Sequence[Answer]
    place_path: str
    order: Given
    found_by: tuple[str, Given]
    refusals: Mapping[str, Answer]
    contract_size: str = "1"
    fee_asset: str = "USDT"
    cancelled: bool = False

    @property
    def title(self) -> str:
        return f"{self.exchange} {self.product}"


class Teller:
    """A server on loopback; `asked` is everything it was asked."""

    def __init__(self, answers: Sequence[Answer]) -> None:
        self.answers = list(answers)
        self.asked: list[Asked] = []

    def first(self, *answers: Answer) -> None:
        """These go before the others from now on."""
        self.answers = [*answers, *self.answers]

    def of(self, path: str) -> list[Asked]:
        return [asked for asked in self.asked if asked.path == path]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.text()
        given: Any = dict(request.query)
        if body.startswith(("{", "[")):
            inner = json.loads(body)
            given = {**given, **inner} if isinstance(inner, dict) else inner
        elif body:
            given = {**given, **dict(await request.post())}
        asked = Asked(request.method, request.path, given, dict(request.headers))
        self.asked.append(asked)
        for answer in self.answers:
            if (answer.method, answer.path) == (asked.method, asked.path) and _holds(given, answer.when):
                reply = answer.reply(asked) if callable(answer.reply) else answer.reply
                if isinstance(reply, str):
                    return web.Response(text=reply, content_type="text/html", status=answer.status)
                return web.json_response(reply, status=answer.status)
        return web.json_response({"nobody": "told the test about this path"}, status=404)


def _holds(given: Any, when: Given) -> bool:
    return not when or (
        isinstance(given, dict) and all(str(given.get(name)) == str(value) for name, value in when.items())
    )


@asynccontextmanager
async def telling(answers: Sequence[Answer]) -> AsyncIterator[tuple[str, Teller]]:
    """Address and server."""
    teller = Teller(answers)
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", teller.handle)
    runner = web.AppRunner(application)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}", teller
    finally:
        await runner.cleanup()
