"""Makes the ccxt exchange we talk through: ccxt's own class with our few hooks, and no habits that cost us.

Decides nothing about orders. Every venue answer with an error status leaves as VenueAnswerError, before ccxt shortens
it; every websocket frame is offered to the tap first.
"""

import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp

from connector.ccxt_adapter.exact_numbers import ExactNumbers
from connector.ccxt_adapter.lean_requests import LeanRequests
from connector.ccxt_adapter.loading import exchange_class
from connector.ccxt_adapter.sandbox import choose_environment
from connector.settings import VenueConnection
from observability.logs import hide

PING_INTERVAL_MS = 15_000
RECV_WINDOW_MS = 5_000
"""How late a signed request may reach the venue and still be taken; ccxt's own default is 10 s. The gateway's
`visibility_delay_s` must be longer, or a request delayed on its way could arrive after its order was given up."""


class VenueAnswerError(Exception):
    """What the venue said, whole: HTTP status, its own code (empty where it gave none), its own words."""

    def __init__(self, status: int, code: str, words: str, retry_after_s: float | None) -> None:
        super().__init__(f"HTTP {status} {code} {words}".replace("  ", " "))
        self.status = status
        self.code = code
        self.words = words
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True)
class Taps:
    """`frame` returns True for a websocket message that is dealt with and must not reach ccxt; it must not raise.
    `connected` is told the address of every websocket that came up, `wanted` that of each that is asked for."""

    frame: Callable[[Any], bool]
    connected: Callable[[str], None]
    wanted: Callable[[str], None] = lambda _url: None


def make_exchange(venue: VenueConnection, taps: Taps) -> Any:
    """An exchange of ccxt.pro, not connected yet. Raises ConnectorError where ccxt does not know the id."""
    hide(venue.api_key.get_secret_value(), venue.api_secret.get_secret_value())
    exchange = tapped(exchange_class(venue.ccxt_id), taps)(
        {
            "apiKey": venue.api_key.get_secret_value(),
            "secret": venue.api_secret.get_secret_value(),
            "timeout": int(venue.timeout_s * 1000),
            "number": str,  # ccxt's own default is float
            "enableRateLimit": False,  # its queue would hold cancels back behind placements (ORD-3)
            "options": {
                "fetchCurrencies": False,
                "recvWindow": RECV_WINDOW_MS,
                "watchPositions": {"fetchPositionsSnapshot": False},
                "watchBalance": {"fetchBalanceSnapshot": False},
                "streamLimits": {"linear": 1},  # one socket a kind of stream, not one a subscription
            },
        }
    )
    exchange.has["fetchCurrencies"] = False
    choose_environment(exchange, venue)
    exchange.streaming = {**exchange.streaming, "keepAlive": PING_INTERVAL_MS}
    if venue.rest_url is not None and venue.rest_url.startswith("http://"):
        exchange.timeout_on_exit = 0  # ccxt waits 250 ms for TLS to end; without TLS there is nothing to wait for
    if venue.ws_url is not None:
        exchange.options["ws"] = {**exchange.options.get("ws", {}), "compress": 0}
    return exchange


def tapped(base: type[Any], taps: Taps) -> type[Any]:
    """ccxt's class with our hooks; for `exchange_class(...)`."""

    class TappedExchange(LeanRequests, ExactNumbers, base):  # type: ignore[misc]
        session: Any
        ssl_context: Any

        def open(self, lazy: bool = False) -> None:
            """aiohttp's default of 100 connections would queue cancels behind placements that wait (ORD-3)."""
            if self.session is None and not (lazy and self.closed_by_user):
                self.ssl_context = self.ssl_context or ssl.create_default_context(cafile=self.cafile)
                self.tcp_connector = aiohttp.TCPConnector(ssl=self.ssl_context, limit=0)
                self.session = aiohttp.ClientSession(connector=self.tcp_connector, cookie_jar=aiohttp.DummyCookieJar())
            super().open(lazy)

        def client(self, url: str) -> Any:
            found = super().client(url)
            taps.wanted(url)
            return found

        def handle_message(self, client: Any, message: Any) -> None:
            if not taps.frame(message):
                super().handle_message(client, message)

        def on_connected(self, client: Any, message: Any = None) -> None:
            super().on_connected(client, message)
            taps.connected(client.url)

        def handle_errors(
            self, status: int, reason: str, url: str, method: str, headers: Mapping[str, str], body: str,
            response: Any, request_headers: Any, request_body: Any,
        ) -> Any:  # fmt: skip
            if status >= 400:
                raise _answer(status, reason, headers, body, response)
            if isinstance(response, list):
                return None  # a batch: each of its answers speaks for itself, a single refusal too
            return super().handle_errors(
                status, reason, url, method, headers, body, response, request_headers, request_body
            )

        def price_to_precision(self, symbol: str, price: Any) -> str:  # noqa: ARG002 (ccxt's signature)
            """Our prices are whole ticks already; ccxt's rounding goes through float and changes decimal's context."""
            return str(price)

        def amount_to_precision(self, symbol: str, amount: Any) -> str:  # noqa: ARG002 (ccxt's signature)
            return str(amount)

    TappedExchange.__name__ = base.__name__
    return TappedExchange


def _answer(status: int, reason: str, headers: Mapping[str, str], body: str, response: Any) -> VenueAnswerError:
    said = response if isinstance(response, dict) else {}
    words = str(said.get("msg") or body[:200] or reason or "")
    return VenueAnswerError(status, str(said.get("code", "")), words, retry_after_s(headers))


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """What the venue's Retry-After says, where it says a number."""
    told = next((value for name, value in headers.items() if name.lower() == "retry-after"), "")
    return float(told) if told.isdigit() else None
