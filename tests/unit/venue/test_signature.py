"""Signed requests: key, time and signature, refused with Binance's codes."""

from __future__ import annotations

import hashlib
import hmac

import pytest

from venue.errors import Refusal
from venue.signature import Authenticator

KEY, SECRET, NOW_MS = "a-key", "a-secret", 1_700_000_000_000


def signed(text: str, secret: str = SECRET) -> str:
    return f"{text}&signature={hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()}"


def check(query: str, body: str = "", key: str | None = KEY) -> dict[str, str]:
    return Authenticator(KEY, SECRET).check_signed(key, query, body, NOW_MS)


@pytest.mark.parametrize("where", ["query", "body"])
def test_a_well_signed_request_gives_its_parameters(where: str) -> None:
    """GRPC-4: in the query or in the body, percent-encoded or not."""
    text = signed(f"symbol=BTCUSDT&batchOrders=[%7B%22a%22:1}}]&timestamp={NOW_MS}&recvWindow=10000")
    given = check(text) if where == "query" else check("", text)

    assert given["symbol"] == "BTCUSDT"
    assert given["batchOrders"] == '[{"a":1}]'


def test_query_and_body_together_are_signed_as_one() -> None:
    """GRPC-4: Binance signs their concatenation."""
    whole = hmac.new(SECRET.encode(), f"symbol=XtickSize=1&timestamp={NOW_MS}".encode(), hashlib.sha256).hexdigest()
    assert check("symbol=X", f"tickSize=1&timestamp={NOW_MS}&signature={whole}")["tickSize"] == "1"


@pytest.mark.parametrize(
    ("query", "key", "code"),
    [
        (signed(f"timestamp={NOW_MS}"), None, -2014),
        (signed(f"timestamp={NOW_MS}"), "another-key", -2015),
        (signed(f"timestamp={NOW_MS}", "another-secret"), KEY, -1022),
        (signed(f"timestamp={NOW_MS}").replace("timestamp", "x=1&timestamp"), KEY, -1022),
        (f"timestamp={NOW_MS}", KEY, -1102),
        (signed("symbol=BTCUSDT"), KEY, -1102),
        (signed(f"timestamp={NOW_MS - 5_001}"), KEY, -1021),
        (signed(f"timestamp={NOW_MS + 1_000}"), KEY, -1021),
        (signed(f"timestamp={NOW_MS}&recvWindow=60001"), KEY, -1131),
    ],
)
def test_a_request_that_cannot_be_trusted_is_refused(query: str, key: str | None, code: int) -> None:
    """GRPC-4: wrong key, wrong secret, changed text, late or early; the secret is in no message."""
    with pytest.raises(Refusal) as refused:
        check(query, key=key)
    assert refused.value.code == code
    assert SECRET not in str(refused.value)


def test_the_receive_window_is_the_clients_to_choose() -> None:
    """GRPC-4: up to 60 s."""
    assert check(signed(f"timestamp={NOW_MS - 5_001}&recvWindow=6000"))["recvWindow"] == "6000"
