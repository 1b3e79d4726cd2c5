"""Makes the ccxt exchange of a profile. Every answer that is an error leaves as VenueAnswerError with the venue's code
and words, and ccxt's own judgement as its cause; an answer that is no JSON is an error too.

Decides nothing about orders.
"""

from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any

from connector.ccxt_adapter.client import (
    PING_INTERVAL_MS,
    RECV_WINDOW_MS,
    Taps,
    VenueAnswerError,
    retry_after_s,
    tapped,
)
from connector.ccxt_adapter.loading import exchange_class
from connector.ccxt_adapter.sandbox import choose_environment
from connector.settings import VenueConnection
from connector.venues import VenueProfile
from observability.logs import hide

WRITTEN_AFTER = "tapelineClientOrderId"
"""A parameter of createOrder that never leaves: the client order id that is written once ccxt made the request."""
_PARAMS = 4  # where ccxt's createOrder has its parameters, counted after the symbol
_NO_JSON_SHOWN = 80
HEARD: ContextVar[list[Any] | None] = ContextVar("heard", default=None)
"""Where somebody wants the whole answers to a batch: ccxt leaves refused items out of some."""
_TOO_MANY = (418, 429)  # certain not to have been executed, whatever the words
_CODES = ("sCode", "retCode", "ret_code", "label", "code", "err_code", "errorCode")
_WORDS = ("sMsg", "retMsg", "ret_msg", "msg", "message", "detail", "err_msg", "errorMsg")


def make_unified(connection: VenueConnection, taps: Taps) -> Any:
    """An exchange of ccxt.pro, not connected yet. Raises ConnectorError where ccxt lacks the id or its sandbox."""
    profile = connection.profile
    secrets = {
        "apiKey": connection.api_key.get_secret_value(),
        "secret": connection.api_secret.get_secret_value(),
        "password": connection.api_password.get_secret_value(),
    }
    hide(*secrets.values())
    options = {
        "fetchCurrencies": False,
        "recvWindow": RECV_WINDOW_MS,
        "adjustForTimeDifference": False,
        "warnOnFetchOpenOrdersWithoutSymbol": False,
        **profile.options,
    }
    made = _hooked(exchange_class(profile.ccxt_id), profile, taps)
    exchange = made(
        {
            **{name: secret for name, secret in secrets.items() if secret},
            "timeout": int(connection.timeout_s * 1000),
            "number": str,  # ccxt's own default is float
            "enableRateLimit": False,  # its queue would hold cancels back behind placements (ORD-3)
            "options": options,
        }
    )
    exchange.has["fetchCurrencies"] = False
    choose_environment(exchange, connection)
    exchange.streaming = {**(exchange.streaming or {}), "keepAlive": PING_INTERVAL_MS}
    if connection.rest_url is not None and connection.rest_url.startswith("http://"):
        exchange.timeout_on_exit = 0  # ccxt waits 250 ms for TLS to end; without TLS there is nothing to wait for
    return exchange


def _hooked(base: type[Any], profile: VenueProfile, taps: Taps) -> type[Any]:
    class UnifiedExchange(tapped(base, taps)):  # type: ignore[misc]
        def create_order_request(self, symbol: str, *arguments: Any, **named: Any) -> Any:
            """ccxt's, with our id under the venue's parameter where ccxt would alter or refuse it."""
            params = arguments[_PARAMS] if len(arguments) > _PARAMS else {}
            if WRITTEN_AFTER not in params:
                return super().create_order_request(symbol, *arguments, **named)
            kept = {name: value for name, value in params.items() if name != WRITTEN_AFTER}
            later = arguments[_PARAMS + 1 :]
            request = super().create_order_request(symbol, *arguments[:_PARAMS], kept, *later, **named)
            request.pop("textIsRequired", None)  # ccxt's own mark, which it leaves in a batch without an id
            return {**request, profile.client_ids.parameter: params[WRITTEN_AFTER]}

        def handle_errors(
            self, status: int, reason: str, url: str, method: str, headers: Mapping[str, str], body: str,
            response: Any, request_headers: Any, request_body: Any,
        ) -> Any:  # fmt: skip
            if response is None and body and status not in _TOO_MANY:
                raise _no_json(status, headers, body)
            if status < 400 and speaks_for_each(profile, url, response):
                if (heard := HEARD.get()) is not None:
                    heard.append(response)
                return None
            try:
                base.handle_errors(
                    self, status, reason, url, method, headers, body, response, request_headers, request_body
                )
            except Exception as judged:
                raise _answer(status, headers, body, response) from judged
            if status >= 400:
                raise _answer(status, headers, body or reason, response)
            return None

    UnifiedExchange.__name__ = base.__name__
    return UnifiedExchange


def speaks_for_each(profile: VenueProfile, url: str, response: Any) -> bool:
    """A batch whose items have answers of their own: a refusal of one is not the refusal of all."""
    path = url.partition("?")[0]
    if not any(path.endswith(end) for end in profile.batch.paths):
        return False
    if isinstance(response, list):
        return True
    inner = next((response[name] for name in ("data", "result") if response.get(name)), None)
    return bool(inner)


def said(response: Any) -> tuple[str, str]:
    """The code and the words of an answer, or of the first of its items that has a code of its own (OKX)."""
    if not isinstance(response, Mapping):
        return "", ""
    items = response.get("data")
    item = items[0] if isinstance(items, list) and items and isinstance(items[0], Mapping) else {}
    if item.get("sCode") not in (None, "", "0"):
        return str(item["sCode"]), str(item.get("sMsg", ""))
    code = next((str(response[name]) for name in _CODES if response.get(name) not in (None, "")), "")
    words = next((str(response[name]) for name in _WORDS if response.get(name)), "")
    return code, words


def item_of(answers: Any, name: str, value: str) -> Mapping[str, Any]:
    """The part of an answer, however deep, that has this value under this name; empty where none has."""
    if isinstance(answers, Mapping):
        if answers.get(name) == value:
            return answers
        answers = list(answers.values())
    parts = (item_of(inner, name, value) for inner in answers) if isinstance(answers, list) else ()
    return next((part for part in parts if part), {})


def _answer(status: int, headers: Mapping[str, str], body: str, response: Any) -> VenueAnswerError:
    code, words = said(response)
    return VenueAnswerError(status, code, words or body[:200], retry_after_s(headers))


def _no_json(status: int, headers: Mapping[str, str], body: str) -> VenueAnswerError:
    kind = next((value for name, value in headers.items() if name.lower() == "content-type"), "no content type")
    return VenueAnswerError(
        max(status, 502),  # nobody knows what became of the request
        "",
        f"HTTP {status} with {kind} instead of JSON ({body[:_NO_JSON_SHOWN]!r}): is the address the venue's, or does "
        "something in between answer (a proxy, a firewall, the venue's maintenance page)?",
        retry_after_s(headers),
    )
