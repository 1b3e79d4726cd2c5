"""Pointing ccxt at another host changes hosts and nothing else."""

from urllib.parse import parse_qs

import pytest
from pydantic import SecretStr, ValidationError

from connector.ccxt_adapter.client import Taps, make_exchange
from connector.ccxt_adapter.urls import point_at
from connector.gateway.settings import GatewaySettings
from connector.settings import VenueConnection

PAPER = VenueConnection(
    rest_url="http://127.0.0.1:8787/", ws_url="ws://127.0.0.1:8788", api_key=SecretStr("k"), api_secret=SecretStr("s")
)
REAL = VenueConnection(name="binance")
CCXT = {
    "fapiPublic": "https://fapi.binance.com/fapi/v1",
    "ws": {"linear": "wss://fstream.binance.com/ws", "ws-api": {"spot": "wss://ws-api.binance.com:443/ws-api/v3"}},
    "name": "not an address",
}


def test_every_nested_address_keeps_its_path_and_gets_the_other_host() -> None:
    """GRPC-1, VEN-1: URL settings alone point the real adapter at the paper venue."""
    assert point_at(CCXT, PAPER) == {
        "fapiPublic": "http://127.0.0.1:8787/fapi/v1",
        "ws": {"linear": "ws://127.0.0.1:8788/ws", "ws-api": {"spot": "ws://127.0.0.1:8788/ws-api/v3"}},
        "name": "not an address",
    }


def test_without_addresses_of_its_own_the_venue_is_the_real_one() -> None:
    """VEN-1: no address set, nothing rewritten."""
    assert point_at(CCXT, REAL) == CCXT


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"rest_url": "http://127.0.0.1:1"}, "go together"),
        ({"rest_url": "127.0.0.1:1", "ws_url": "ws://127.0.0.1:1"}, "rest_url is '127.0.0.1:1'"),
        ({"rest_url": "http://127.0.0.1:1", "ws_url": "http://127.0.0.1:1"}, "ws_url is 'http://127.0.0.1:1'"),
        ({"symbols": ("BTCUSDT", "BTCUSDT")}, "named more than once: BTCUSDT"),
        ({"reconnect_delays_s": ()}, "at least 1 item"),
    ],
)
def test_settings_that_would_mix_paper_and_real_venue_are_refused(given: dict[str, object], told: str) -> None:
    """VEN-1: half an address would send real orders to a paper market, or the other way round."""
    with pytest.raises(ValidationError, match=told):
        VenueConnection.model_validate(given)


def test_keys_show_in_no_representation_of_the_settings() -> None:
    """GRPC-4: keys appear in no log, event or page."""
    connection = VenueConnection.model_validate({"api_key": "visible-key", "api_secret": "visible-secret"})
    assert "visible" not in repr(connection) + str(connection) + connection.model_dump_json()


def test_a_delayed_request_cannot_arrive_after_its_order_was_given_up() -> None:
    """WF-3: the venue refuses a signed request sooner than the gateway says NOT_RECEIVED, also where it is dated by a
    clock that jumped ahead."""
    clock_ahead_ms = 3_000
    exchange = make_exchange(PAPER, Taps(frame=lambda _message: False, connected=lambda _url: None))
    signed = exchange.sign("order", ["fapiPrivate"], "POST", {"symbol": "BTCUSDT"})
    window_ms = int(parse_qs(signed["body"])["recvWindow"][0])
    assert window_ms + clock_ahead_ms < GatewaySettings().visibility_delay_s * 1000
