"""From ccxt's markets to instruments whose grid is exact, or a clear refusal."""

from decimal import Decimal
from typing import Any

import pytest

from connector.ccxt_adapter.instruments import DECIMAL_PLACES, TICK_SIZE, NotTradableError, listing_of
from topics.v1.instruments_pb2 import InstrumentKind

SIGNIFICANT_DIGITS = 3


def market(**changes: Any) -> dict[str, Any]:
    """As ccxt gives BTC/USDT:USDT with numbers as strings."""
    return {
        "id": "BTCUSDT",
        "symbol": "BTC/USDT:USDT",
        "baseId": "BTC",
        "quoteId": "USDT",
        "settleId": "USDT",
        "type": "swap",
        "swap": True,
        "linear": True,
        "active": True,
        "contractSize": "1",
        "maker": "0.0002",
        "taker": "0.0005",
        "precision": {"price": "0.10", "amount": "0.001"},
        "limits": {"amount": {"min": "0.001", "max": "1000"}, "cost": {"min": "5", "max": None}},
    } | changes


def test_an_instrument_carries_the_venue_s_own_grid_and_limits() -> None:
    """SYM-1: tick, lot, min notional, base, quote, margin asset, contract size."""
    listing = listing_of(market(), venue="paper", precision_mode=TICK_SIZE)
    found = listing.instrument
    assert (found.venue, found.symbol, found.base_asset, found.quote_asset, found.margin_asset) == (
        "paper",
        "BTCUSDT",
        "BTC",
        "USDT",
        "USDT",
    )
    assert (found.grain.tick_size, found.grain.lot_size) == ("0.10", "0.001")
    assert (found.min_notional, found.min_quantity_lots, found.max_quantity_lots) == ("5", 1, 1_000_000)
    assert found.kind == InstrumentKind.INSTRUMENT_KIND_LINEAR_PERPETUAL
    assert found.trading


def test_quantities_of_contracts_are_counted_in_base_units_and_sent_in_contracts() -> None:
    """SYM-1, ORD-7: ten contracts of 0.01 BTC are 100 lots of 0.001 when a contract step is 0.1."""
    listing = listing_of(
        market(contractSize="0.01", precision={"price": "0.1", "amount": "0.1"}), venue="x", precision_mode=TICK_SIZE
    )
    assert listing.scale.lot_size == Decimal("0.001")
    assert Decimal(listing.amount(100)) == 10


def test_precision_in_decimal_places_becomes_a_tick_size() -> None:
    """SYM-1: ccxt gives some venues' precision as a number of digits."""
    listing = listing_of(market(precision={"price": "2", "amount": "3"}), venue="x", precision_mode=DECIMAL_PLACES)
    assert (listing.scale.tick_size, listing.scale.lot_size) == (Decimal("0.01"), Decimal("0.001"))


@pytest.mark.parametrize(
    ("changes", "mode", "told"),
    [
        ({"precision": {"price": None, "amount": "0.001"}}, TICK_SIZE, "no tick size"),
        ({"precision": {"price": "0.1", "amount": None}}, TICK_SIZE, "no lot size"),
        ({"precision": {"price": "0", "amount": "1"}}, TICK_SIZE, "tick size 0 is not positive"),
        ({}, SIGNIFICANT_DIGITS, "significant digits"),
        ({"linear": False}, TICK_SIZE, "only spot and linear perpetuals"),
        ({"swap": False, "type": "future"}, TICK_SIZE, "is a future market"),
    ],
)
def test_an_instrument_whose_grid_is_not_known_is_refused(changes: dict[str, Any], mode: int, told: str) -> None:
    """SYM-1: an unknown tick size refuses to trade."""
    with pytest.raises(NotTradableError, match=told) as refused:
        listing_of(market(**changes), venue="x", precision_mode=mode)
    assert "BTCUSDT" in str(refused.value)


def test_prices_and_amounts_leave_as_plain_decimals() -> None:
    """ORD-7: neither float nor exponent reaches the venue."""
    listing = listing_of(
        market(precision={"price": "0.00000001", "amount": "1000"}), venue="x", precision_mode=TICK_SIZE
    )
    assert listing.price(1) == "0.00000001"
    assert listing.amount(5) == "5000"
