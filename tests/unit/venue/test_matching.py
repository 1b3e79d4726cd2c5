"""The matching engine, rule by rule: given a market, when something happens, then these orders traded."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.unit.venue.spec import Market, changes, executions, fills, fundings
from venue.errors import Refusal
from venue.events import Execution


def test_a_resting_order_fills_at_its_own_price_when_a_trade_passes_it() -> None:
    """ORD-1: the tape traded below our bid, so our bid was hit, at our price and as maker."""
    market = Market().quote("43000.00", "43001.00").buy("0.010", "42990.00").trade("SELL", "1", "42980.00")

    assert market.fills == [("order-1", "42990.00", "0.010")]
    assert market.outcomes == [("order-1", "FILLED")]
    assert fills(market.last)[0].maker


def test_better_prices_fill_first_and_equal_prices_in_order_of_arrival() -> None:
    """ORD-1: price-time order, and no more than the tape's quantity."""
    market = Market().quote("43000.00", "43001.00")
    market.buy("0.010", "42990.00", client_id="first").buy("0.010", "42990.00", client_id="second")
    market.buy("0.010", "42995.00", client_id="better").trade("SELL", "0.015", "42990.00")

    assert market.fills == [("better", "42995.00", "0.010"), ("first", "42990.00", "0.005")]
    assert market.outcomes == [("better", "FILLED"), ("first", "PARTIALLY_FILLED")]
    assert market.open_ids == ["first", "second"]


def test_a_trade_at_a_worse_price_or_of_the_other_side_fills_nothing() -> None:
    """ORD-1: buyers on the tape do not hit our bids."""
    market = Market().quote("43000.00", "43001.00").buy("0.010", "42990.00")

    assert not market.trade("SELL", "1", "42990.01").fills
    assert not market.trade("BUY", "1", "42980.00").fills


def test_a_quote_through_a_resting_order_fills_up_to_its_displayed_size() -> None:
    """ORD-1: an ask below our bid sells to us what it shows, at our price."""
    market = Market().quote("43000.00", "43001.00").buy("0.010", "42990.00")
    market.quote("42970.00", "42980.00", ask_size="0.004")

    assert market.fills == [("order-1", "42990.00", "0.004")]
    assert market.quote("42970.00", "42980.00", ask_size="0.004").fills == [("order-1", "42990.00", "0.004")]
    assert market.quote("42970.00", "42980.00", ask_size="1").fills == [("order-1", "42990.00", "0.002")]


def test_what_a_quote_gave_to_a_resting_order_a_taker_cannot_take_again() -> None:
    """ORD-1: displayed size is sold once."""
    market = Market().quote("43000.00", "43001.00").buy("0.010", "42990.00")
    market.quote("42970.00", "42980.00", ask_size="0.015").buy("0.010", "42980.00", tif="IOC")

    assert market.fills == [("order-2", "42980.00", "0.005")]
    assert market.outcomes[-1] == ("order-2", "EXPIRED")


def test_an_arriving_order_takes_the_best_price_then_the_stated_depth() -> None:
    """ORD-1: below the displayed 0.005 stand levels one basis point apart of at least 50,000 USDT."""
    market = Market().quote("43000.00", "43001.00", ask_size="0.005").buy("0.010", "43010.00")

    assert market.fills == [("order-1", "43001.00", "0.005"), ("order-1", "43005.30", "0.005")]
    assert not any(fill.maker for fill in fills(market.last))


def test_a_limit_order_never_trades_beyond_its_limit_and_rests_with_the_remainder() -> None:
    """ORD-1: the part that cannot trade at the limit waits."""
    market = Market().quote("43000.00", "43001.00", ask_size="0.005").buy("0.010", "43001.00")

    assert market.fills == [("order-1", "43001.00", "0.005")]
    assert market.open_ids == ["order-1"]


def test_fok_fills_completely_or_not_at_all() -> None:
    """ORD-1: fill or kill."""
    market = Market().quote("43000.00", "43001.00", ask_size="0.005")

    assert market.buy("0.010", "43001.00", tif="FOK").outcomes == [("order-1", "NEW"), ("order-1", "EXPIRED")]
    assert market.buy("0.005", "43001.00", tif="FOK").outcomes[-1] == ("order-2", "FILLED")


def test_a_market_order_expires_with_what_the_whole_depth_cannot_fill() -> None:
    """ORD-1: 0.001 displayed and ten levels of 1.162 BTC are 11.621 BTC."""
    market = Market("10000000").quote("43000.00", "43001.00", ask_size="0.001").buy("20")

    assert market.outcomes[-1] == ("order-1", "EXPIRED")
    assert market.position == Decimal("11.621")


def test_post_only_that_would_trade_is_refused_and_leaves_no_trace() -> None:
    """ORD-9: no taker fill, no order, whatever the side."""
    market = Market().quote("43000.00", "43001.00")

    assert market.buy("0.010", "43001.00", tif="GTX").refusal == -5022
    assert market.sell("0.010", "43000.00", tif="GTX").refusal == -5022
    assert market.buy("0.010", "43000.99", tif="GTX").outcomes == [("order-3", "NEW")]
    assert market.sell("0.010", "43000.99", tif="GTX").refusal == -5022, "it would trade with our own bid"
    assert market.open_ids == ["order-3"]


def test_our_own_resting_order_in_the_way_expires_instead_of_trading_with_us() -> None:
    """ORD-5: no self-trade; the resting order's end is reported before the fill."""
    market = Market().quote("43000.00", "43010.00").sell("0.010", "43005.00", client_id="own")
    market.buy("0.010", "43010.00", client_id="taker")

    assert market.outcomes == [("taker", "NEW"), ("own", "EXPIRED_IN_MATCH"), ("taker", "FILLED")]
    assert market.fills == [("taker", "43010.00", "0.010")]


def test_own_order_behind_the_market_is_left_alone() -> None:
    """ORD-5: only an order actually in the way expires."""
    market = Market().quote("43000.00", "43001.00").sell("0.010", "43005.00", client_id="own")
    market.buy("0.010", "43010.00", client_id="taker")

    assert market.fills == [("taker", "43001.00", "0.010")]
    assert market.open_ids == ["own"]


def test_cancelled_orders_never_trade_again() -> None:
    """ORD-4: a cancel is final, and cancelling twice is refused as unknown."""
    market = Market().quote("43000.00", "43001.00").buy("0.010", "42990.00").cancel("order-1")

    assert market.outcomes == [("order-1", "CANCELED")]
    assert not market.trade("SELL", "1", "42000.00").fills
    with pytest.raises(Refusal, match="-2011"):
        market.engine.cancel(1, 0)


def test_cancel_all_closes_every_order_of_the_symbol() -> None:
    """ORD-1: oldest first, each with its own update."""
    market = Market().quote("43000.00", "43001.00").buy("0.010", "42990.00").sell("0.010", "43020.00")
    events = market.engine.cancel_all("BTCUSDT", 1)

    assert executions(events) == [Execution.CANCELED, Execution.CANCELED]
    assert not market.open_ids


def test_a_client_order_id_is_unique_among_open_orders_only() -> None:
    """WF-2: the venue remembers no more; the gateway's ledger must."""
    market = Market().quote("43000.00", "43001.00").buy("0.010", "42990.00", client_id="same")

    assert market.buy("0.020", "42980.00", client_id="same").refusal == -4116
    market.trade("SELL", "1", "42000.00")
    assert market.buy("0.010", "42990.00", client_id="same").outcomes == [("same", "NEW")]


def test_reduce_only_never_opens_or_flips_a_position() -> None:
    """ORD-1: refused with nothing to reduce, filled no further than to flat, expired when flat."""
    market = Market().quote("43000.00", "43001.00")
    assert market.sell("0.010", "43010.00", reduce_only=True).refusal == -2022

    market.buy("0.010").sell("0.030", "43010.00", reduce_only=True, client_id="exit")
    market.trade("BUY", "1", "43020.00")

    assert market.fills == [("exit", "43010.00", "0.010")]
    assert market.outcomes == [("exit", "PARTIALLY_FILLED"), ("exit", "EXPIRED")]
    assert market.position == 0


def test_a_resting_reduce_only_order_expires_when_another_closes_the_position() -> None:
    """ORD-4: the venue clears it, and says so."""
    market = Market().quote("43000.00", "43001.00").buy("0.010")
    market.sell("0.010", "43010.00", reduce_only=True, client_id="exit").sell("0.010", client_id="other")

    assert ("exit", "EXPIRED") in market.outcomes
    assert not market.open_ids


def test_fees_and_realised_pnl_are_exact_to_eight_places() -> None:
    """ORD-7: bought 0.010 as taker at 43001, sold as maker at 43010."""
    market = Market().quote("43000.00", "43001.00").buy("0.010")
    assert changes(market.last)[0].wallet_balance == Decimal("10000") - Decimal("0.17200400")

    market.sell("0.010", "43010.00").trade("BUY", "1", "43010.00")
    fill = fills(market.last)[0]
    assert (fill.fee, fill.realized_pnl) == (Decimal("0.08602000"), Decimal("0.09000000"))
    assert market.wallet == Decimal("9999.83197600")


def test_entry_price_is_the_average_and_starts_anew_when_the_position_flips() -> None:
    """ORD-7: 1 at 43000 and 3 at 42900 average 42925; selling 6 leaves 2 short from the sale's price."""
    market = Market("100000").quote("43000.00", "43001.00")
    market.buy("0.001", "43000.00").buy("0.003", "42900.00").trade("SELL", "1", "42900.00")
    position = market.engine.account.position("BTCUSDT")
    assert position.entry_price == Decimal("42925")

    market.sell("0.006", "43100.00").trade("BUY", "1", "43100.00")
    assert (position.lots, position.entry_price) == (-2, Decimal("43100"))
    assert position.realized_pnl == Decimal("0.70000000")


@pytest.mark.parametrize(
    ("side", "rate", "amount"),
    [
        ("BUY", "0.0001", "-0.04300050"),
        ("SELL", "0.0001", "0.04300050"),
        ("BUY", "-0.0022", "0.94601100"),
        ("SELL", "-0.0022", "-0.94601100"),
    ],
)
def test_a_long_pays_positive_funding_and_a_short_receives_it(side: str, rate: str, amount: str) -> None:
    """FUND-1: position times mark (the middle of the quote) times rate, both signs of both."""
    market = Market().quote("43000.00", "43001.00").place(side, "0.010")
    before = market.wallet
    market.funding(rate)

    assert fundings(market.last)[0].amount == Decimal(amount)
    assert market.wallet - before == Decimal(amount)


def test_without_a_position_funding_changes_nothing() -> None:
    """FUND-1: nothing held, nothing paid."""
    assert not Market().quote("43000.00", "43001.00").funding("0.0001").last


def test_the_tapes_mark_price_moves_with_the_market_until_the_next_one() -> None:
    """FUND-1: funding is on the mark price, not on the middle of the quote."""
    market = Market().quote("43000.00", "43001.00")
    market.engine.mark("BTCUSDT", 1, Decimal("43010.50"))
    market.quote("43100.00", "43101.00")

    assert market.engine.books["BTCUSDT"].mark == Decimal("43110.50")
