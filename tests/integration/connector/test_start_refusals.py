"""What a venue is not traded with: each refused at the start with a clear message, and nothing placed (GRPC-4, SYM-1).

Real HTTP on loopback, answers as the venues document them.
"""

import re
from collections.abc import Sequence
from typing import Any

import pytest
from pydantic import SecretStr

from connector.ccxt_adapter.instruments import NotTradableError
from connector.ccxt_adapter.opening import open_venue
from connector.errors import (
    ClockSkewError,
    ConnectorError,
    UnknownSymbolError,
    VenueUnavailableError,
)
from connector.settings import VenueConnection
from connector.venue_at_start import start_venue
from tests.integration.connector.formats import bitget, bybit, gate, okx
from tests.integration.connector.formats.told import Answer, Format, now_ms, telling

BYBIT, OKX, BITGET, GATE = (formats.FORMATS for formats in (bybit, okx, bitget, gate))
SECRET = "a-secret-that-shows-nowhere"


async def refusal(form: Format, kind: type[Exception], *answers: Answer, **changes: Any) -> str:
    """Starts against these answers; what was said. Nothing may have been ordered."""
    async with telling([*answers, *form.answers]) as (address, teller):
        values: dict[str, Any] = {
            "exchange": form.exchange,
            "product": form.product,
            "rest_url": address,
            "ws_url": address.replace("http", "ws"),
            "api_key": SecretStr("the-key-of-the-test"),
            "api_secret": SecretStr(SECRET),
            "api_password": SecretStr(SECRET),
            "symbols": (form.symbol,),
            "timeout_s": 5,
        }
        port = open_venue(VenueConnection(**(values | changes)))
        try:
            with pytest.raises(kind) as refused:
                await start_venue(port, limit_s=0.2, timeout_s=5)
        finally:
            await port.close()
        assert [asked for asked in teller.asked if asked.method in ("POST", "DELETE")] == []
        assert SECRET not in str(refused.value)
        return str(refused.value)


@pytest.mark.parametrize(("away_ms", "way"), [(90_000, "behind"), (-90_000, "ahead of")])
async def test_a_clock_that_is_off_is_told_in_milliseconds(away_ms: int, way: str) -> None:
    """GRPC-4: with what to do about it."""
    wrong = Answer("GET", "/api/v5/public/time", lambda _: okx.said({"ts": str(now_ms() + away_ms)}))
    told = await refusal(OKX[0], ClockSkewError, wrong)
    assert way in told
    found = re.search(r"clock is (\d+) ms", told)
    assert found is not None
    assert abs(int(found[1]) - 90_000) < 2_000
    assert "timedatectl" in told


async def test_a_page_instead_of_json_is_told_as_such() -> None:
    """ERR-1: a proxy, a firewall or a maintenance page in between; it may pass, so it is tried until the limit."""
    page = Answer("GET", "/v5/market/instruments-info", "<html><h1>Just a moment...</h1></html>")
    told = await refusal(BYBIT[0], VenueUnavailableError, page)
    assert "text/html; charset=utf-8 instead of JSON" in told
    assert "Just a moment" in told


async def test_an_instrument_without_a_tick_size_is_not_traded() -> None:
    """SYM-1: the lot size too."""
    for field, told in (("tickSz", "tick size"), ("lotSz", "lot size")):
        listed = Answer("GET", "/api/v5/public/instruments", okx.said({**okx.instrument(perpetual=True), field: ""}))
        said = await refusal(OKX[0], NotTradableError, listed)
        assert f"BTC-USDT-SWAP: the venue gives no {told}" in said


@pytest.mark.parametrize(
    ("form", "symbol", "near"),
    [(OKX[0], "BTC-USDT", "BTC-USDT-SWAP"), (OKX[1], "BTC-USDT-SWAP", "BTC-USDT"), (GATE[1], "BTCUSDT", "BTC_USDT")],
    ids=lambda it: it.title if isinstance(it, Format) else str(it),
)
async def test_an_unknown_symbol_is_told_with_the_nearest(form: Format, symbol: str, near: str) -> None:
    """SYM-1: the spot pair is no perpetual, another venue's spelling is none here."""
    told = await refusal(form, UnknownSymbolError, symbols=(symbol,))
    assert f"has no instrument '{symbol}'. Near it: {near}" in told


RIGHTS: Sequence[tuple[Format, Answer, str]] = [
    (BYBIT[0], bybit.rights({"ContractTrade": ["Order"], "Wallet": ["Withdraw"]}), "may withdraw"),
    (BYBIT[0], bybit.rights({"Spot": ["SpotTrade"]}), "may not trade perpetual"),
    (BYBIT[1], bybit.rights({"ContractTrade": ["Order"]}), "may not trade spot"),
    (BYBIT[1], bybit.rights({"Spot": ["SpotTrade"]}, read_only=1), "may not trade spot"),
    (OKX[0], okx.config(perm="read_only,withdraw,trade"), "may withdraw"),
    (OKX[0], okx.config(perm="read_only"), "may not trade perpetual"),
    (OKX[0], okx.config(acctLv="1"), "the account is in spot mode"),
    (OKX[0], okx.config(posMode="long_short_mode"), "switch it to net mode"),
    (BITGET[0], bitget.authorities("coow", "wwow"), "may withdraw"),
    (BITGET[0], bitget.authorities("stow"), "may not trade perpetual"),
    (BITGET[1], bitget.authorities("coow"), "may not trade spot"),
    (GATE[0], gate.rights(futures=False, withdraw=False), "may withdraw"),
    (GATE[0], gate.rights(spot=False), "may not trade perpetual"),
    (GATE[1], gate.rights(spot=True), "may not trade spot"),
]


@pytest.mark.parametrize(("form", "answer", "told"), RIGHTS, ids=lambda it: getattr(it, "title", str(it)[:24]))
async def test_a_key_that_may_do_too_much_or_too_little_is_refused(form: Format, answer: Answer, told: str) -> None:
    """GRPC-4: withdrawals, and keys or accounts for another product."""
    assert told in await refusal(form, ConnectorError, answer)


async def test_positions_of_both_sides_are_refused() -> None:
    """SYM-1: a position here is one signed number."""
    both = Answer("GET", "/api/v5/account/positions", okx.said({**okx.position(), "posSide": "long"}))
    assert "switch the account to one-way mode" in await refusal(OKX[0], ConnectorError, both)


WRONG_KEYS = [
    (BYBIT[0], Answer("GET", "/v5/account/wallet-balance", bybit.said({}, 10003, "API key is invalid."))),
    (BYBIT[0], Answer("GET", "/v5/user/query-api", bybit.said({}, 33004, "Your api key has expired."))),
    (OKX[0], Answer("GET", "/api/v5/account/balance", okx.said(code="50111", words="Invalid OK-ACCESS-KEY"), 401)),
    (OKX[1], Answer("GET", "/api/v5/account/balance",
                    okx.said(code="50101", words="APIKey does not match current environment."), 401)),
    (BITGET[0], Answer("GET", "/api/v2/mix/account/accounts",
                       bitget.said(None, "40012", "apikey/password is incorrect"), 400)),
    (BITGET[1], Answer("GET", "/api/v2/spot/account/assets",
                       bitget.said(None, "40099", "exchange environment is incorrect"), 400)),
    (GATE[0], Answer("GET", "/api/v4/futures/usdt/accounts",
                     {"label": "INVALID_KEY", "message": "Invalid key provided"}, 401)),
]  # fmt: skip


@pytest.mark.parametrize(("form", "answer"), WRONG_KEYS, ids=lambda it: getattr(it, "title", getattr(it, "path", "")))
async def test_a_wrong_key_ends_the_start_with_the_venue_s_words(form: Format, answer: Answer) -> None:
    """GRPC-4: at once, whose key it is, and what the venue said."""
    told = await refusal(form, ConnectorError, answer)
    assert "refuses the API key of account main" in told
    assert any(word in told for word in ("invalid", "expired", "Invalid", "match", "incorrect"))


async def test_missing_credentials_are_named_with_their_variables() -> None:
    """GRPC-4: before anything is asked of the venue."""
    told = await refusal(OKX[0], ConnectorError, api_key=SecretStr(""), api_password=SecretStr(""))
    assert "TAPELINE_CONNECTOR__VENUE__API_KEY, TAPELINE_CONNECTOR__VENUE__API_PASSWORD" in told
    assert ".env" in told


@pytest.mark.parametrize(
    ("exchange", "product", "told"),
    [
        ("ccxt:lbank", "perpetual", "lacks"),
        ("ccxt:nosuchvenue", "spot", "has no websocket exchange 'nosuchvenue'"),
        ("ccxt:hyperliquid", "perpetual", "signs with privateKey, walletAddress"),
    ],
)
async def test_a_venue_that_lacks_what_safety_needs_is_refused_with_its_name(
    exchange: str, product: str, told: str
) -> None:
    """VEN-1: look-up by our id, history, executions; nothing is asked of it."""
    nowhere = {"rest_url": "http://127.0.0.1:9", "ws_url": "ws://127.0.0.1:9"}
    connection = VenueConnection.model_validate({"exchange": exchange, "product": product, **nowhere})
    with pytest.raises(ConnectorError, match=re.escape(told)):
        await symbols_of(connection)


async def test_a_key_the_venue_says_nothing_of_may_trade() -> None:
    """GRPC-4: refused only where the venue tells; an answer that is no such call is told in the log."""
    silent = Answer("GET", "/api/v2/spot/account/info", bitget.said(None, "40404", "Request URL NOT FOUND"), 404)
    async with telling([silent, *BITGET[0].answers]) as (address, _):
        keys = {name: SecretStr("anything") for name in ("api_key", "api_secret", "api_password")}
        there = {"rest_url": address, "ws_url": address.replace("http", "ws"), "symbols": ("BTCUSDT",)}
        connection = VenueConnection.model_validate({"exchange": "bitget", **keys, **there})
        assert await symbols_of(connection) == ["BTCUSDT"]


async def symbols_of(connection: VenueConnection) -> list[str]:
    """Of a venue that starts and is closed again."""
    port = open_venue(connection)
    try:
        return [instrument.symbol for instrument in await port.start()]
    finally:
        await port.close()
