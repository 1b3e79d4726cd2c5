"""The shorter way around every request: the same bytes out, the same answers and errors back as ccxt's own way."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from connector.ccxt_adapter.client import Taps, VenueAnswerError, make_exchange
from connector.ccxt_adapter.lean_requests import LeanRequests
from connector.settings import VenueConnection

JSON = "application/json"


@pytest.fixture
async def exchange() -> AsyncIterator[Any]:
    made = make_exchange(VenueConnection(timeout_s=0.2), Taps(frame=lambda _: False, connected=lambda _: None))
    try:
        yield made
    finally:
        await made.close()


@asynccontextmanager
async def answering(answer: bytes | None) -> AsyncIterator[str]:
    """A server that gives every request these bytes and hangs up; None: it says nothing at all."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"a=b")
        if answer is None:
            await reader.read()
        writer.write(answer or b"")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/fapi/v1/order"


def http(status: str, body: str, kind: str = JSON) -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\nConnection: close"
    return f"{head}\r\n\r\n{body}".encode()


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"symbol": "BTCUSDT", "price": "0.1", "timestamp": 1_700_000_000_000, "reduceOnly": True, "hidden": False},
        {"newClientOrderId": "a-b_c.d~e", "empty": ""},
        {"text": "a b+c&d=e%f/ü"},
        {"two": "a&b=c"},
        {"strange&name": "1"},
        {"none": None, "list": [1, "x"]},
    ],
)
async def test_parameters_are_encoded_as_ccxt_encodes_them(exchange: Any, params: dict[str, Any]) -> None:
    """ORD-1, VEN-1: byte by byte, for what needs no escape and for what does."""
    assert exchange.urlencode(params) == super(LeanRequests, exchange).urlencode(params)


async def test_a_request_is_signed_as_ccxt_signs_it(exchange: Any) -> None:
    """VEN-1: the same signature, in every form ccxt asks for."""
    theirs: Any = super(LeanRequests, exchange)
    for digest in ("hex", "base64"):
        arguments = (b"symbol=BTCUSDT&timestamp=1", b"secret", hashlib.sha256, digest)
        assert exchange.hmac(*arguments) == theirs.hmac(*arguments)


@pytest.mark.parametrize(
    "answer",
    [
        http("200 OK", '{"orderId":12345678901234567890,"price":"0.10"}'),
        http("200 OK", "[]"),
        http("200 OK", "not json", "text/plain"),
        http("200 OK", ""),
        http("400 Bad Request", '{"code":-2019,"msg":"Margin is insufficient."}'),
        http("429 Too Many Requests", '{"code":-1003,"msg":"slow down"}'),
        http("502 Bad Gateway", "<html>bad gateway</html>", "text/html"),
        http("200 OK", '{"orderId":1}')[:-4],
        b"",
        b"no HTTP at all\r\n\r\n",
        None,
    ],
)
async def test_answers_and_failures_come_back_as_from_ccxt(exchange: Any, answer: bytes | None) -> None:
    """ERR-1: value by value, error class by error class, cause by cause; a cut, a wrong and a missing answer too."""
    async with answering(answer) as url:
        ours = await outcome(exchange.fetch, url)
        assert ours == await outcome(super(LeanRequests, exchange).fetch, url)


async def test_a_venue_that_does_not_listen_is_told_as_ccxt_tells_it(exchange: Any) -> None:
    """ERR-1: certainly not sent; the cause says so."""
    async with answering(b"") as url:
        pass
    ours = await outcome(exchange.fetch, url)
    assert ours == await outcome(super(LeanRequests, exchange).fetch, url)
    assert "ClientConnectorError" in ours


async def outcome(fetch: Callable[..., Awaitable[Any]], url: str) -> Any:
    """The value, or what can be told about the error."""
    try:
        return await fetch(url, "POST", {"X-MBX-APIKEY": "k"}, "a=b")
    except VenueAnswerError as error:
        return error.status, error.code, error.words, error.retry_after_s
    except Exception as error:  # noqa: BLE001 - any error is compared
        return type(error).__name__, str(error), type(error.__cause__).__name__
