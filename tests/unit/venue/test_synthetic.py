"""The synthetic market: the same for the same seed, lively, and open about what it is."""

from __future__ import annotations

from itertools import islice

from tests.unit.venue.spec import Market, fills
from venue.instruments import LISTED
from venue.orders import OrderType, PlaceOrder, Side
from venue.synthetic import FUNDING_EVERY_MS, SyntheticFunding, SyntheticMarket
from venue.tape import FundingRate, Quote, Tape, Trade

BTC = LISTED["BTCUSDT"]


def test_the_same_seed_and_index_give_the_same_events() -> None:
    """ORD-8: from any position on, without playing the ones before."""
    whole = list(islice(SyntheticMarket(BTC, 7, 1_000).play(0), 200))

    for position in (0, 1, 2, 99, 150):
        assert list(islice(SyntheticMarket(BTC, 7, 1_000).play(position), 200 - position)) == whole[position:]
    assert list(islice(SyntheticMarket(BTC, 8, 1_000).play(0), 200)) != whole


def test_every_quote_has_a_spread_sizes_and_ten_of_them_a_second() -> None:
    """ORD-7: on the grid, for every listed instrument."""
    for instrument in LISTED.values():
        events = list(islice(SyntheticMarket(instrument, 1, 0).play(0), 400))
        quotes = [one for one in events if isinstance(one, Quote)]
        assert all(one.ask > one.bid > 0 < min(one.bid_size, one.ask_size) for one in quotes)
        assert all(one.quantity > 0 < one.price for one in events if isinstance(one, Trade))
        assert quotes[-1].time_ms - quotes[0].time_ms == 100 * (len(quotes) - 1)


def test_a_grid_spaced_five_basis_points_trades_within_seconds() -> None:
    """GRID-2: on the default market, started at any minute of its first hour."""
    for minute in range(0, 60, 7):
        market = Market("1000000")
        source = SyntheticMarket(BTC, 1, 0).play(minute * 1_200)
        first = next(one for one in source if isinstance(one, Quote))
        market.engine.quote(*first)
        for level in range(1, 6):
            away = first.bid * level * 5 // 10_000
            for side, price in ((Side.BUY, first.bid - away), (Side.SELL, first.ask + away)):
                command = PlaceOrder(
                    "BTCUSDT", side, OrderType.LIMIT, 10, price, client_order_id=f"{side.value}{level}"
                )
                market._happened(market.engine.place(command, 0))
        for event in islice(source, 15 * 20):
            match event:
                case Quote():
                    market._happened(market.engine.quote(*event))
                case Trade(time_ms=time_ms, price=price, quantity=lots, taker_side=side):
                    market._happened(market.engine.trade("BTCUSDT", time_ms, price, lots, side))
        assert fills(market.history), f"no fill in 15 seconds from minute {minute}"


def test_funding_comes_every_eight_hours_with_rates_of_both_signs() -> None:
    """FUND-1: at 00, 08 and 16 UTC of tape time; each settlement announces the next."""
    events = list(islice(SyntheticFunding("BTCUSDT", 1, 5).play(0), 60))

    assert all(isinstance(one, FundingRate) and one.time_ms % FUNDING_EVERY_MS == 0 for one in events)
    rates = [one.rate for one in events if isinstance(one, FundingRate)]
    assert min(rates) < 0 < max(rates)
    assert [one.next_time_ms for one in events[:-1] if isinstance(one, FundingRate)] == [
        one.time_ms for one in events[1:]
    ]


def test_symbols_keep_their_place_when_another_is_added() -> None:
    """ORCH-2: each instrument has a position of its own."""
    xrp = LISTED["XRPUSDT"]
    alone = Tape([SyntheticMarket(BTC, 1, 0)], {})
    for _ in range(11):
        alone.next()
    both = Tape([SyntheticMarket(BTC, 1, 0), SyntheticMarket(xrp, 1, 0)], alone.positions)
    events = [both.next() for _ in range(40)]

    first = next(one for one in events if one.symbol == "BTCUSDT")
    assert first == alone.next()
    assert next(one for one in events if one.symbol == "XRPUSDT") == SyntheticMarket(xrp, 1, 0).step(0)[0]
