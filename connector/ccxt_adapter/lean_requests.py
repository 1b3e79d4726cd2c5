"""What ccxt does around every request, without what we never use: proxies, verbose logs, forms, kept responses.

The same bytes go out and the same errors come back as from ccxt's own methods of these names; an order takes a fifth
less of the processor. Must not decide anything about a request or its answer: ccxt signs, ccxt and our hooks judge.
"""

import hashlib
import hmac
import re
import socket
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

import aiohttp
import yarl

_PLAIN = re.compile(r"[A-Za-z0-9_.~&=-]*")
"""What percent-encoding leaves as it is, and what stands between names and values."""


class LeanRequests:
    """To stand before ccxt's exchange class. One session for all of its requests."""

    id: str
    session: aiohttp.ClientSession
    timeout: int
    open: Callable[..., None]
    sign: Callable[..., dict[str, Any]]
    prepare_request_headers: Callable[[dict[str, str] | None], dict[str, str]]
    on_rest_response: Callable[..., str]
    parse_json: Callable[[str], Any]
    handle_errors: Callable[..., Any]
    handle_http_status_code: Callable[..., Any]

    def urlencode(self, params: Mapping[str, Any], *options: bool, **named: bool) -> str:
        if not options and not named:
            pairs = {name: _word(value) for name, value in params.items()}
            text = "&".join([f"{name}={value}" for name, value in pairs.items()])
            if _PLAIN.fullmatch(text) and text.count("=") == text.count("&") + 1 == len(pairs):
                return text
        return str(super().urlencode(params, *options, **named))  # type: ignore[misc]

    def hmac(self, request: bytes, secret: bytes, algorithm: Any = hashlib.sha256, digest: str = "hex") -> Any:
        """In hexadecimal in one call of OpenSSL."""
        if algorithm is hashlib.sha256 and digest == "hex":
            return hmac.digest(secret, request, "sha256").hex()
        return super().hmac(request, secret, algorithm, digest)  # type: ignore[misc]

    async def fetch2(self, path: str, api: list[str], method: str = "GET", params: Any = None, *_: Any) -> Any:
        """Signs and sends, once: ccxt's queue is switched off here, and its own retries are never asked for (WF-4)."""
        signed = self.sign(path, api, method, params or {})
        return await self.fetch(signed["url"], signed["method"], signed["headers"], signed["body"])

    async def fetch(
        self, url: str, method: str = "GET", headers: dict[str, str] | None = None, body: str | None = None
    ) -> Any:
        """The answer as decoded JSON, as text where it is none. Raises ccxt's errors and those of `handle_errors`."""
        self.open(lazy=True)
        sent = self.prepare_request_headers(headers)
        limit_s = self.timeout / 1000
        try:
            async with self.session.request(
                method,
                yarl.URL(url, encoded=True),
                data=body.encode() if body else None,
                headers=sent,
                timeout=aiohttp.ClientTimeout(total=limit_s, sock_connect=limit_s, sock_read=limit_s),
            ) as response:
                raw = await response.read()
        except (TimeoutError, socket.gaierror, aiohttp.ClientError) as error:
            raise _as_ccxt_says(error)(f"{self.id} {method} {url}") from error
        status, reason = response.status, response.reason
        received = response.headers
        text = self.on_rest_response(status, reason, url, method, received, raw.decode(errors="replace"), sent, body)
        answer = self.parse_json(text)
        self.handle_errors(status, reason, url, method, received, text, answer, sent, body)
        self.handle_http_status_code(status, reason, url, method, text)
        return text if answer is None else answer


def _word(value: Any) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def _as_ccxt_says(error: Exception) -> type[Exception]:
    """Its module is imported when it is needed: by then ccxt is loaded, in whichever way."""
    if isinstance(error, TimeoutError):
        name = "RequestTimeout"
    elif isinstance(error, aiohttp.ClientConnectionError | socket.gaierror):
        name = "ExchangeNotAvailable"
    else:
        name = "ExchangeError"
    found: type[Exception] = getattr(import_module("ccxt.base.errors"), name)
    return found
