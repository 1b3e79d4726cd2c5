"""A real venue is only ever its sandbox, and only with keys: told before anything is opened."""

import pytest
from pydantic import SecretStr

from connector.settings import VenueConnection
from reliability.conformance.case import Product
from reliability.conformance.sandbox import sandbox_subject
from tapeline.errors import UsageError

SECRET = SecretStr("secret-of-a-test")


def configured(**changes: object) -> VenueConnection:
    return VenueConnection.model_validate({"exchange": "binance", "api_key": "key", "api_secret": SECRET, **changes})


def test_keys_for_real_money_are_refused() -> None:
    """VEN-1: conformance never trades with real money."""
    with pytest.raises(UsageError, match="only ever trades on a sandbox") as refused:
        sandbox_subject(configured(live=True), "binance", Product.PERPETUAL)
    assert SECRET.get_secret_value() not in str(refused.value)


def test_a_subject_is_never_live_and_never_at_another_address() -> None:
    """VEN-1: of what is configured only the keys are taken."""
    set_up = configured(rest_url="https://api.example.com", ws_url="wss://api.example.com", symbols=("XRPUSDT",))
    connection = sandbox_subject(set_up, "binance", Product.PERPETUAL).connection
    assert connection is not None
    assert (connection.live, connection.rest_url, connection.symbols) == (False, None, ("ETHUSDT",))
    assert connection.api_secret == SECRET


@pytest.mark.parametrize(
    ("exchange", "missing"),
    [("bybit", ["API_KEY", "API_SECRET"]), ("okx", ["API_KEY", "API_SECRET", "API_PASSWORD"])],
)
def test_without_keys_the_missing_variables_are_named_and_what_comes_then(exchange: str, missing: list[str]) -> None:
    """VEN-1: a person knows what to set, and what will happen then."""
    with pytest.raises(UsageError) as refused:
        sandbox_subject(VenueConnection(), exchange, Product.SPOT)
    said = str(refused.value)
    names = [f"TAPELINE_CONNECTOR__VENUE__{name}" for name in missing]
    assert f"{exchange} spot: missing {', '.join(names)} in the environment or in .env" in said
    assert "at most 250 orders of at most 150 USDT, all cancelled and closed again" in said
    assert refused.value.exit_code == 2


def test_a_venue_writes_its_symbols_in_its_own_way() -> None:
    """VEN-1, SYM-1: the venue's own name of Ether against USDT; another one may be chosen."""
    keys = configured(api_password="password")
    for venue, product, symbol in (
        ("okx", Product.PERPETUAL, "ETH-USDT-SWAP"),
        ("okx", Product.SPOT, "ETH-USDT"),
        ("gate", Product.SPOT, "ETH_USDT"),
        ("bitget", Product.PERPETUAL, "ETHUSDT"),
    ):
        assert sandbox_subject(keys, venue, product).symbol == symbol
    assert sandbox_subject(keys, "okx", Product.SPOT, "BTC-USDT").symbol == "BTC-USDT"
