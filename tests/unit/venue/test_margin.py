"""Cross margin: what an order borrows and repays, what a loan costs, how far it may go (ARB-2)."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.unit.venue.spot_spec import SpotMarket
from venue.errors import Refusal
from venue.instruments import Product
from venue.orders import SideEffect
from venue.spot.margin import MarginTerms

BORROW, REPAY, BOTH = SideEffect.BORROW, SideEffect.REPAY, SideEffect.BORROW_AND_REPAY
NOTHING = ("0.00000000", "0.00000000")


def margin(**balances: str) -> SpotMarket:
    """Quoted at 40000.00 / 40000.01; 0.001 % an hour; debts up to twice what the account is worth."""
    held = SpotMarket(balances, Product.MARGIN, terms=MarginTerms(3, Decimal("0.00001")))
    return held.quote("40000.00", "40000.01", "5", "5")


def test_a_short_sale_borrows_what_it_sells_and_costs_its_first_hour() -> None:
    """ARB-2: short spot by margin."""
    market = margin(USDT="50000").sell("0.5", effect=BORROW)
    assert market.statuses == ["NEW", "FILLED"]
    assert market.owes("BTC") == ("0.50000000", "0.00000500")
    assert market.holds("BTC") == NOTHING
    assert market.holds("USDT") == ("69980.00000000", "0.00000000")


def test_only_what_is_lacking_is_borrowed() -> None:
    """A fifth of a coin was there."""
    market = margin(USDT="50000", BTC="0.2").sell("0.5", effect=BOTH)
    assert market.owes("BTC") == ("0.30000000", "0.00000300")


def test_without_side_effect_nothing_is_borrowed() -> None:
    """ERR-1: the words of spot."""
    market = margin(USDT="50000").sell("0.5")
    assert market.refusal == (-2010, "Account has insufficient balance for requested action.")
    assert market.owes("BTC") == NOTHING


def test_an_order_above_the_limit_is_refused_and_borrows_nothing() -> None:
    """Debts may be twice what the account is worth: 2.5 coins on 50000."""
    market = margin(USDT="50000").sell("2.51", effect=BORROW)
    assert market.refusal == (-3006, "Your borrow amount has exceed maximum borrow amount.")
    assert market.owes("BTC") == NOTHING
    assert market.sell("2.49", effect=BORROW).statuses == ["NEW", "FILLED"]


def test_buying_back_repays_interest_first_and_keeps_the_rest() -> None:
    """ARB-2: 0.6 bought, 0.0006 of it fee; 0.500005 owed; the remainder is ours."""
    market = margin(USDT="50000").sell("0.5", effect=BORROW).buy("0.6", effect=REPAY)
    assert market.owes("BTC") == NOTHING
    assert market.holds("BTC") == ("0.09939500", "0.00000000")


def test_buying_back_a_part_repays_a_part() -> None:
    """The interest of 0.000005 first."""
    market = margin(USDT="50000").sell("0.5", effect=BORROW).buy("0.1", effect=REPAY)
    assert market.owes("BTC") == ("0.40010500", "0.00000000")
    assert market.holds("BTC") == NOTHING


def test_a_resting_order_that_is_cancelled_gives_its_loan_back_but_not_the_hour() -> None:
    """autoRepayAtCancel: true unless it is said otherwise."""
    market = margin(USDT="50000").sell("0.5", "41000.00", effect=BORROW, client_id="a")
    assert market.holds("BTC") == ("0.00000000", "0.50000000")
    market.cancel("a")
    assert market.owes("BTC") == ("0.00000000", "0.00000500")
    assert market.holds("BTC") == NOTHING
    market.sell("0.5", "41000.00", effect=BORROW, repay_at_cancel=False, client_id="b").cancel("b")
    assert market.owes("BTC")[0] == "0.50000000"
    assert market.holds("BTC") == ("0.50000000", "0.00000000")


def test_a_resting_order_repays_with_each_of_its_fills() -> None:
    """ORD-4: two fills as maker."""
    market = margin(USDT="50000").sell("0.5", effect=BORROW).buy("0.4", "39000.00", effect=REPAY)
    market.quote("38998.00", "38999.00", ask_size="0.1")
    assert market.owes("BTC")[0] == "0.40010500"
    market.quote("38998.00", "38999.00", ask_size="1")
    assert market.owes("BTC")[0] == "0.10040500"


def test_each_full_hour_costs_the_rate_on_the_principal() -> None:
    """No interest on interest; paid-back principal costs no more."""
    market = margin(USDT="50000").sell("0.5", effect=BORROW).hours_pass(3)
    assert market.owes("BTC") == ("0.50000000", "0.00002000")
    market.buy("0.6", effect=REPAY).hours_pass(5)
    assert market.owes("BTC") == NOTHING


def test_margin_level_is_assets_over_debts() -> None:
    """None without debts; the market's middle values a coin."""
    market = margin(USDT="50000")
    assert market.accounts.margin.margin_level() is None
    market.sell("0.5", effect=BORROW)
    level = market.accounts.margin.margin_level()
    assert level is not None
    assert round(level, 4) == Decimal("3.4990")
    market.quote("60000.00", "60000.01")
    assert (market.accounts.margin.margin_level() or 0) < level


def test_borrowing_and_repaying_by_hand() -> None:
    """ARB-2: -3006 above the limit, -3015 above the debt, -3041 above what is free."""
    market = margin(USDT="50000")
    accounts = market.accounts
    most = accounts.margin.max_borrowable("BTC")
    assert most == Decimal("2.49999968")
    with pytest.raises(Refusal, match="-3006"):
        accounts.borrow("BTC", most + Decimal("0.00000001"), 1)
    accounts.borrow("BTC", Decimal(1), 1)
    assert market.holds("BTC") == ("1.00000000", "0.00000000")
    with pytest.raises(Refusal, match="-3015"):
        accounts.repay("BTC", Decimal("1.1"), 2)
    market.sell("0.5")
    with pytest.raises(Refusal, match="-3041"):
        accounts.repay("BTC", Decimal("0.6"), 3)
    accounts.repay("BTC", Decimal("0.5"), 4)
    assert market.owes("BTC") == ("0.50001000", "0.00000000")
    assert accounts.margin.max_borrowable("DOGE") == 0, "an asset without a market cannot be borrowed"


def test_a_transfer_out_leaves_the_margin_level_at_two() -> None:
    """-3020 for what is free but needed."""
    market = margin(USDT="50000").sell("0.5", effect=BORROW)
    accounts, perpetuals = market.accounts, market.engine.perpetuals
    with pytest.raises(Refusal, match="-3020"):
        accounts.transfer(Product.MARGIN, Product.SPOT, "USDT", Decimal(30_000), perpetuals, "USDT", 1)
    accounts.transfer(Product.MARGIN, Product.SPOT, "USDT", Decimal(29_900), perpetuals, "USDT", 1)
    assert (accounts.margin.margin_level() or 0) >= 2
    assert accounts.spot.wallet.free("USDT") == 29_900
