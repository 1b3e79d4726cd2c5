"""Spot orders: what is locked, what a trade exchanges, what is refused and in which words."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.venue.spot_spec import SpotMarket

RICH = {"USDT": "100000", "BTC": "2"}
INSUFFICIENT = (-2010, "Account has insufficient balance for requested action.")


def test_a_resting_buy_locks_its_whole_cost_and_a_cancel_frees_it() -> None:
    """ORD-1: the quote currency at the order's own price."""
    market = SpotMarket(RICH).quote("43000.00", "43001.00").buy("0.5", "42000.00", client_id="a")
    assert market.holds("USDT") == ("79000.00000000", "21000.00000000")
    market.cancel("a")
    assert market.holds("USDT") == ("100000.00000000", "0.00000000")
    assert market.statuses == ["CANCELED"]


def test_a_resting_sell_locks_the_base_asset() -> None:
    """ORD-1: what is offered."""
    market = SpotMarket(RICH).quote("43000.00", "43001.00").sell("0.5", "44000.00")
    assert market.holds("BTC") == ("1.50000000", "0.50000000")


def test_a_market_buy_pays_quote_and_its_fee_in_base() -> None:
    """VEN-1: 0.1 % of what is received, in the received asset, exact to the last digit."""
    market = SpotMarket(RICH).quote("43000.00", "43001.00").buy("0.01234")
    assert market.holds("USDT") == ("99469.36766000", "0.00000000")
    assert market.holds("BTC") == ("2.01232766", "0.00000000")
    assert market.statuses == ["NEW", "FILLED"]


def test_a_market_sell_pays_its_fee_in_quote() -> None:
    """VEN-1: received 530.62, of it 0.53062 for the venue."""
    market = SpotMarket(RICH).quote("43000.00", "43001.00").sell("0.01234")
    assert market.holds("BTC") == ("1.98766000", "0.00000000")
    assert market.holds("USDT") == ("100530.08938000", "0.00000000")


def test_a_limit_buy_that_trades_cheaper_gets_the_difference_back() -> None:
    """ORD-1: it locked 43100 a coin and paid 43001."""
    market = SpotMarket(RICH).quote("43000.00", "43001.00").buy("0.5", "43100.00")
    assert market.statuses == ["NEW", "FILLED"]
    assert market.holds("USDT") == ("78499.50000000", "0.00000000")


def test_partial_fills_release_what_they_used_and_no_more() -> None:
    """ORD-1: maker fills at its own price; the rest stays locked until it is cancelled."""
    market = SpotMarket(RICH).quote("43000.00", "43001.00").buy("0.5", "42000.00", client_id="a")
    market.quote("41998.00", "41999.00", ask_size="0.2")
    assert market.statuses == ["PARTIALLY_FILLED"]
    assert market.holds("USDT") == ("79000.00000000", "12600.00000000")
    assert market.holds("BTC") == ("2.19980000", "0.00000000")
    market.quote("42500.00", "42501.00").cancel("a")
    assert market.holds("USDT") == ("91600.00000000", "0.00000000")


@pytest.mark.parametrize(
    ("balances", "order"),
    [
        ({"USDT": "4300.09"}, {"side": "BUY", "quantity": "0.1"}),
        ({"USDT": "4299.99"}, {"side": "BUY", "quantity": "0.1", "price": "43000.00"}),
        ({"BTC": "0.09999"}, {"side": "SELL", "quantity": "0.1", "price": "43000.00"}),
        ({"USDT": "100000"}, {"side": "SELL", "quantity": "0.1"}),
    ],
)
def test_more_than_is_free_is_refused_and_nothing_changes(balances: dict[str, str], order: dict[str, str]) -> None:
    """ERR-1: the venue's own code and words."""
    market = SpotMarket(balances).quote("43000.00", "43001.00").place(**order)
    assert market.refusal == INSUFFICIENT
    assert {asset: market.holds(asset)[1] for asset in balances} == dict.fromkeys(balances, "0.00000000")


def test_what_is_locked_cannot_be_spent_twice() -> None:
    """ORD-1: 10 coins' worth for one order each."""
    market = SpotMarket({"USDT": "10000"}).quote("43000.00", "43001.00").buy("0.2", "42000.00").buy("0.2", "42000.00")
    assert market.refusal == INSUFFICIENT


@pytest.mark.parametrize(
    ("order", "refusal"),
    [
        ({"quantity": "0.0001", "price": "43000.00"}, (-1013, "Filter failure: NOTIONAL")),
        ({"quantity": "0.0001"}, (-1013, "Filter failure: NOTIONAL")),
        ({"quantity": "9000.00001", "price": "43000.00"}, (-1013, "Filter failure: LOT_SIZE")),
        ({"quantity": "0"}, (-1013, "Invalid quantity.")),
        ({"quantity": "1", "price": "300000.00"}, (-1013, "Filter failure: PERCENT_PRICE")),
        ({"quantity": "1", "price": "1000000.01"}, (-1013, "Filter failure: PRICE_FILTER")),
        ({"quantity": "0.1", "price": "43001.00", "tif": "GTX"}, (-2010, "Order would immediately match and take.")),
        ({"quantity": "0.1", "price": "42000.00", "client_id": "first"}, (-2010, "Duplicate order sent.")),
    ],
)
def test_filters_and_rules_refuse_in_the_venues_words(order: dict[str, Any], refusal: tuple[int, str]) -> None:
    """SYM-1, ORD-9, WF-1."""
    market = SpotMarket(RICH).quote("43000.00", "43001.00").buy("0.01", "42000.00", client_id="first").buy(**order)
    assert market.refusal == refusal


def test_a_client_id_that_no_forbidden_sign_may_be_in() -> None:
    """WF-1: named with what is allowed."""
    market = SpotMarket(RICH).quote("43000.00", "43001.00").buy("0.1", "42000.00", client_id="no space")
    assert market.refusal is not None
    assert market.refusal[0] == -1100
    assert "legal range" in market.refusal[1]


def test_immediate_or_cancel_takes_what_there_is_and_frees_the_rest() -> None:
    """ORD-9: only the displayed coin at this price; the next level is dearer."""
    market = SpotMarket(RICH).quote("43000.00", "43001.00").buy("1.5", "43001.00", tif="IOC")
    assert market.statuses == ["NEW", "PARTIALLY_FILLED", "EXPIRED"]
    assert market.holds("USDT") == ("56999.00000000", "0.00000000")


def test_fill_or_kill_that_cannot_fill_changes_no_balance() -> None:
    """ORD-9."""
    market = SpotMarket(RICH).quote("43000.00", "43001.00").buy("1.5", "43001.00", tif="FOK")
    assert market.statuses == ["NEW", "EXPIRED"]
    assert market.holds("USDT") == ("100000.00000000", "0.00000000")


def test_an_arriving_order_expires_our_own_in_its_way_and_frees_what_it_locked() -> None:
    """ORD-1: we never trade with ourselves."""
    market = SpotMarket(RICH).quote("43000.00", "43005.00").sell("1", "43003.00").buy("0.5", "43004.00")
    assert market.statuses == ["NEW", "EXPIRED_IN_MATCH"]
    assert market.holds("BTC") == ("2.00000000", "0.00000000")
