"""Whether a signed request is who it says: API key, HMAC-SHA256 signature and time window, as Binance checks them.

Must not: read a clock (the time is an argument) or let a secret into a message.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from urllib.parse import parse_qsl

from venue.errors import Refusal, parameter_missing

SIGNATURE = re.compile(r"&?signature=([^&]*)")
DEFAULT_RECV_WINDOW_MS = 5_000
LARGEST_RECV_WINDOW_MS = 60_000
AHEAD_MS = 1_000


def parameters(query: str, body: str) -> dict[str, str]:
    """Query and form body as one dictionary; the body wins."""
    given: dict[str, str] = {}
    for text in (query, body):
        if text and ("%" in text or "+" in text):
            given.update(parse_qsl(text, keep_blank_values=True))
        elif text:  # nothing is encoded, as in nearly every request
            given.update((name, value) for name, _, value in (pair.partition("=") for pair in text.split("&")) if name)
    return given


class Authenticator:
    """Checks requests against the one key and secret of the paper account."""

    def __init__(self, api_key: str, api_secret: str) -> None:
        self._key = api_key.encode()
        self._secret = api_secret.encode()

    def check_key(self, api_key: str | None) -> None:
        """Refuse a missing or malformed key (-2014) and a wrong one (-2015)."""
        if not api_key:
            raise Refusal(-2014, "API-key format invalid.", 401)
        if not hmac.compare_digest(api_key.encode(), self._key):
            raise Refusal(-2015, "Invalid API-key, IP, or permissions for action.", 401)

    def check_signed(self, api_key: str | None, query: str, body: str, now_ms: int) -> dict[str, str]:
        """Check key, time and signature of a request; returns its parameters. Refuses -2014, -2015, -1021, -1022."""
        self.check_key(api_key)
        given = parameters(query, body)
        self._check_time(given, now_ms)
        self._check_signature(given, SIGNATURE.sub("", query) + SIGNATURE.sub("", body))
        return given

    def check_websocket(self, given: Mapping[str, str], now_ms: int) -> None:
        """Check a request of the WebSocket API: signed are all its parameters by name. Refuses as `check_signed`."""
        self.check_key(given.get("apiKey"))
        self._check_time(given, now_ms)
        self._check_signature(
            given, "&".join(f"{name}={value}" for name, value in sorted(given.items()) if name != "signature")
        )

    def _check_signature(self, given: Mapping[str, str], signed: str) -> None:
        if "signature" not in given:
            raise parameter_missing("signature")
        expected = hmac.new(self._secret, signed.encode(), hashlib.sha256).hexdigest()
        if not hmac.compare_digest(expected.encode(), given["signature"].encode()):
            raise Refusal(-1022, "Signature for this request is not valid.")

    @staticmethod
    def _check_time(given: Mapping[str, str], now_ms: int) -> None:
        timestamp, window = given.get("timestamp", ""), given.get("recvWindow", str(DEFAULT_RECV_WINDOW_MS))
        if not timestamp.isdecimal():
            raise parameter_missing("timestamp")
        if not window.isdecimal() or int(window) > LARGEST_RECV_WINDOW_MS:
            raise Refusal(-1131, f"recvWindow must be less than {LARGEST_RECV_WINDOW_MS}.")
        if not now_ms - int(window) <= int(timestamp) < now_ms + AHEAD_MS:
            raise Refusal(-1021, "Timestamp for this request is outside of the recvWindow.")
