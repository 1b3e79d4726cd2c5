"""What the venue refuses, with Binance's codes: filters, margin and parameters."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.unit.venue.spec import INSTRUMENT, Market
from venue.errors import Refusal
from venue.orders import OrderType, PlaceOrder, Side


@pytest.mark.parametrize(
    ("quantity", "price", "code"),
    [
        ("0.000", "42990.00", -4003),
        ("1000.001", "42990.00", -4005),
        ("0.010", "500.00", -4013),
        ("0.010", "1000000.01", -4002),
        ("0.010", "50000.00", -4016),
        ("0.001", "4999.99", -4164),
        ("20.000", "42990.00", -2019),
    ],
)
def test_a_buy_outside_the_filters_is_refused(quantity: str, price: str, code: int) -> None:
    """SYM-1: quantity, price range, percent price, minimum notional, margin; nothing rests."""
    market = Market().quote("43000.00", "43001.00").buy(quantity, price)

    assert market.refusal == code
    assert not market.open_ids


def test_a_sell_far_below_the_mark_is_refused() -> None:
    """SYM-1: percent price, lower bound."""
    assert Market().quote("43000.00", "43001.00").sell("0.010", "36000.00").refusal == -4024


def test_reduce_only_is_free_of_the_minimum_notional() -> None:
    """SYM-1: a small rest of a position can always be closed."""
    market = Market().quote("4300.00", "4300.01").buy("0.002").sell("0.001", "4301.00", reduce_only=True)

    assert market.refusal is None
    assert market.sell("0.001", "4301.00").refusal == -4164


@pytest.mark.parametrize(("price", "code"), [("42990.001", -1111), ("NaN", -1111), ("1E-9", -1111)])
def test_a_price_off_the_grid_is_never_rounded_for_the_client(price: str, code: int) -> None:
    """ORD-7: the edge converts exactly or refuses."""
    with pytest.raises(Refusal) as refused:
        INSTRUMENT.ticks(Decimal(price))
    assert refused.value.code == code


def test_a_price_within_precision_but_off_the_tick_is_refused() -> None:
    """SYM-1: KEEP has four decimals, SUSHI four decimals but a tick of 0.001."""
    from dataclasses import replace

    coarse = replace(INSTRUMENT, tick_size=Decimal("0.1"), price_precision=2)
    with pytest.raises(Refusal) as refused:
        coarse.ticks(Decimal("42990.05"))
    assert refused.value.code == -4014


def test_the_201st_open_order_is_refused() -> None:
    """SYM-1: MAX_NUM_ORDERS."""
    market = Market("1000000").quote("43000.00", "43001.00")
    for number in range(200):
        assert market.buy("0.001", "42000.00").refusal is None, number

    assert market.buy("0.001", "42000.00").refusal == -2025


def test_margin_counts_position_and_open_orders_of_the_worse_side() -> None:
    """ORD-1: 10,000 USDT at leverage 20 carry 200,000: 4.6 BTC rest, 0.1 more does not, the other side does."""
    market = Market().quote("43000.00", "43001.00").buy("4.600", "42990.00")
    assert market.refusal is None

    assert market.buy("0.100", "42990.00").refusal == -2019
    assert market.sell("4.600", "43010.00").refusal is None


@pytest.mark.parametrize("client_id", ["", "a" * 37, "with space", "ünicode"])
def test_a_malformed_client_order_id_is_refused(client_id: str) -> None:
    """WF-1: what the venue takes is 1 to 36 of [.A-Za-z:/0-9_-]."""
    market = Market().quote("43000.00", "43001.00").buy("0.010", "42990.00", client_id=client_id)

    assert market.refusal == -4015


def test_an_unknown_symbol_is_refused() -> None:
    """SYM-1: -1121, and the engine is unharmed."""
    command = PlaceOrder("NOPEUSDT", Side.BUY, OrderType.LIMIT, 10, 10, client_order_id="x")
    events = Market().engine.place(command, 0)

    assert [getattr(one, "code", None) for one in events] == [-1121]
