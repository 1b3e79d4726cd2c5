"""The list of venues: every profile is one ccxt has, our ids fit, real money needs a word of its own."""

import re
import subprocess
import sys
from typing import Any

import pytest
from pydantic import ValidationError

from connector.errors import ConnectorError
from connector.settings import VenueConnection
from connector.venues import NAMES, PRODUCTS, PROFILES, VenueProfile, profile_of
from topics.identifiers import CLIENT_ORDER_ID_LENGTH, client_order_id

OURS = client_order_id(strategy="grid", venue="x", symbol="BTCUSDT", slot=1, side="BUY", epoch=1, attempt=0)


def test_the_five_venues_have_both_products() -> None:
    """VEN-1: Binance, Bybit, OKX, Bitget, Gate, perpetual and spot."""
    assert NAMES == ("binance", "bybit", "okx", "bitget", "gate")
    assert set(PROFILES) == {(name, product) for name in NAMES for product in PRODUCTS}


@pytest.mark.parametrize("profile", PROFILES.values(), ids=lambda profile: profile.title)
def test_our_client_order_ids_fit_and_are_read_back(profile: VenueProfile) -> None:
    """WF-1: 28 of [A-Za-z0-9] under the venue's prefix; a foreign id stays what it is."""
    ids = profile.client_ids
    assert ids.most >= CLIENT_ORDER_ID_LENGTH == len(OURS)
    assert re.fullmatch(r"[A-Za-z0-9-]+", ids.written(OURS))
    assert ids.read(ids.written(OURS)) == OURS
    assert (ids.read("web"), ids.read(None)) == ("web", "")


def test_gate_wants_a_prefix_that_is_no_part_of_the_id() -> None:
    """WF-1: ccxt takes a leading t for Gate's `t-` and counts the prefix into 28 characters; we write it."""
    ids = profile_of("gate", "spot").client_ids
    assert ids.written(OURS) == "t-" + OURS
    assert OURS.startswith("t")
    assert ids.written_after


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"exchange": "binnance"}, "there is no venue 'binnance'. Did you mean 'binance'?"),
        ({"exchange": "BYBIT"}, "Did you mean 'bybit'?"),
        ({"exchange": "ccxt:"}, "any other of ccxt is ccxt:<id>"),
        ({"exchange": "okx", "product": "option"}, "'perpetual' or 'spot'"),
        ({"exchange": "okx", "use_margin": True}, "margin orders cannot be placed on okx perpetual"),
        ({"exchange": "bitget", "product": "spot", "use_margin": True}, "cannot be placed on bitget spot"),
    ],
)
def test_what_is_no_venue_is_refused_with_the_nearest_name(given: dict[str, Any], told: str) -> None:
    """VEN-1: a misspelt venue ends before anything is connected."""
    with pytest.raises(ValidationError, match=re.escape(told)):
        VenueConnection.model_validate(given)


def test_a_connection_is_named_after_its_exchange_unless_it_says_otherwise() -> None:
    """VEN-1: the name is the first half of every key on the log."""
    assert VenueConnection().name == "paper"
    assert VenueConnection(exchange="bybit").name == "bybit"
    assert VenueConnection(exchange="bybit", product="spot").name == "bybit-spot"
    assert VenueConnection(exchange="ccxt:kraken", product="spot").name == "kraken-spot"
    assert VenueConnection(exchange="okx", name="okx-two").name == "okx-two"


def test_any_other_venue_of_ccxt_is_one_by_configuration() -> None:
    """VEN-1: it has nothing but ccxt's unified calls."""
    profile = profile_of("ccxt:kraken", "spot")
    assert (profile.ccxt_id, profile.batch.places, profile.permissions) == ("kraken", 0, "")
    with pytest.raises(ConnectorError, match="allowed: perpetual, spot"):
        profile_of("okx", "margin")


ADDRESSES = """
import asyncio
from connector.ccxt_adapter.client import Taps
from connector.ccxt_adapter.unified.exchange import make_unified
from connector.errors import ConnectorError
from connector.settings import VenueConnection

def addresses(value):
    return [it for inner in value.values() for it in addresses(inner)] if isinstance(value, dict) else [value]

async def main():
    for exchange in ("binance", "bybit", "okx", "bitget", "gate", "ccxt:kucoin", "ccxt:mexc"):
        for product in ("perpetual", "spot"):
            for live in (False, True):
                try:
                    made = make_unified(VenueConnection(exchange=exchange, product=product, live=live),
                                        Taps(frame=lambda _: False, connected=lambda _: None))
                except ConnectorError as error:
                    print(exchange, product, live, "REFUSED", error)
                    continue
                path, api = ("v2/spot/account/info", ["private", "spot"]) if "bitget" in exchange else ("x", None)
                made.apiKey = made.secret = made.password = "k"
                headers = {**made.headers, **((made.sign(path, api) if api else {}).get("headers") or {})}
                marks = [name for name in ("x-simulated-trading", "PAPTRADING") if name in headers]
                print(exchange, product, live, *marks, *addresses(made.urls["api"]))
                await made.close()
asyncio.run(main())
"""
REAL = (
    "//api.binance.com",
    "//fapi.binance.com",
    "//api.bybit",
    "//api.{hostname}",
    "//stream.{",
    "//api.gateio",
    "//ws.gate",
)


def test_real_money_is_never_reached_without_the_word_for_it() -> None:
    """VEN-1: addresses of the sandbox, or the header that makes it one; refused where ccxt knows none."""
    done = subprocess.run([sys.executable, "-c", ADDRESSES], capture_output=True, text=True, check=True)
    told = {tuple(line.split(" ")[:3]): line for line in done.stdout.splitlines()}
    assert len(told) == 28
    for (exchange, _, live), line in told.items():
        if live == "True":
            assert "REFUSED" not in line
            assert "PAPTRADING" not in line
            assert "x-simulated-trading" not in line
        elif exchange in ("ccxt:kucoin", "ccxt:mexc"):
            assert "REFUSED" in line
            assert "live: true" in line
        elif exchange == "okx":
            assert "x-simulated-trading" in line
        elif exchange == "bitget":
            assert "PAPTRADING" in line
        else:
            assert not any(address in line for address in REAL), line
