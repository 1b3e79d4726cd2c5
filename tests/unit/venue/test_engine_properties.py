"""Whatever happens in whatever order, the books balance: properties of the matching engine (ORD-5, ORD-7)."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.venue.spec import SYMBOL, Market, changes, fills, fundings
from venue.orders import OrderType, PlaceOrder, Side, TimeInForce

PRICES = st.integers(min_value=4_299_000, max_value=4_301_000)
LOTS = st.integers(min_value=1, max_value=40)
SIDES = st.sampled_from(Side)

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("quote"), PRICES, LOTS, LOTS, st.integers(1, 200)),
        st.tuples(st.just("trade"), PRICES, LOTS, SIDES),
        st.tuples(st.just("limit"), SIDES, PRICES, LOTS, st.sampled_from(TimeInForce), st.booleans()),
        st.tuples(st.just("market"), SIDES, LOTS, st.booleans()),
        st.tuples(st.just("cancel"), st.integers(0, 5)),
        st.tuples(st.just("funding"), st.sampled_from(["0.0001", "-0.0022"])),
    ),
    min_size=1,
    max_size=60,
)


def play(steps: list[tuple[object, ...]]) -> Market:
    market = Market()
    engine = market.engine
    market.quote("43000.00", "43001.00")
    for number, step in enumerate(steps):
        time_ms = market.time_ms
        match step:
            case ("quote", int(bid), int(bid_size), int(ask_size), int(spread)):
                events = engine.quote(SYMBOL, time_ms, bid, bid_size, bid + spread, ask_size)
            case ("trade", int(price), int(lots), Side() as side):
                events = engine.trade(SYMBOL, time_ms, price, lots, side)
            case ("limit", Side() as side, int(price), int(lots), TimeInForce() as tif, bool(reduce)):
                command = PlaceOrder(SYMBOL, side, OrderType.LIMIT, lots, price, tif, reduce, f"o{number}")
                events = engine.place(command, time_ms)
            case ("market", Side() as side, int(lots), bool(reduce)):
                command = PlaceOrder(
                    SYMBOL, side, OrderType.MARKET, lots, reduce_only=reduce, client_order_id=f"o{number}"
                )
                events = engine.place(command, time_ms)
            case ("cancel", int(which)) if engine.open_by_id:
                ids = sorted(engine.open_by_id)
                events = engine.cancel(ids[which % len(ids)], time_ms)
            case ("funding", str(rate)):
                events = engine.funding(SYMBOL, time_ms, Decimal(rate))
            case _:
                events = ()
        market._happened(events)
        check_invariants(market)
    return market


def check_invariants(market: Market) -> None:
    engine, book = market.engine, market.engine.books[SYMBOL]
    signed = sum(fill.quantity * (1 if fill.side is Side.BUY else -1) for fill in fills(market.history))
    assert engine.account.position(SYMBOL).lots == signed, "position is the sum of the fills"
    booked = sum((fill.realized_pnl - fill.fee for fill in fills(market.history)), Decimal(0))
    paid = sum((one.amount for one in fundings(market.history)), Decimal(0))
    assert engine.account.wallet_balance == Decimal(10_000) + booked + paid, "the wallet is what was booked"
    for order in engine.open_by_id.values():
        assert 0 <= order.filled < order.quantity
        assert order.is_open
        assert not (order.reduce_only and not engine.perpetuals.allowed(order)), "nothing left to reduce, yet open"
    assert sorted(engine.open_by_id) == [order.order_id for order in book.open_orders()]
    assert book.best_own_bid == (book.bids[0].price if book.bids else 0)
    assert [-o.price for o in book.bids] == sorted(-o.price for o in book.bids)
    assert [o.price for o in book.asks] == sorted(o.price for o in book.asks)
    assert book.open_bid_value == sum(order.price * order.remaining for order in book.bids)
    assert book.open_ask_lots == sum(order.remaining for order in book.asks)
    if book.bids and book.asks:
        assert book.bids[0].price < book.asks[0].price, "our own orders never cross"


@settings(max_examples=150, deadline=None)
@given(STEPS)
def test_position_wallet_and_orders_always_agree_with_the_fills(steps: list[tuple[object, ...]]) -> None:
    """ORD-5, ORD-7: position = sum of fills, wallet = initial + PnL - fees + funding, filled ≤ quantity."""
    market = play(steps)
    ids = [fill.trade_id for fill in fills(market.history)]
    assert ids == sorted(set(ids)), "trade ids grow and never repeat"


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_the_same_inputs_give_the_same_events(steps: list[tuple[object, ...]]) -> None:
    """ORD-8: deterministic, ids included."""
    first, second = play(steps), play(steps)
    assert [fills(first.history), changes(first.history)] == [fills(second.history), changes(second.history)]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(PRICES.filter(lambda price: price < 4_300_000), LOTS), min_size=2, max_size=12),
    st.integers(1, 200),
)
def test_a_sweep_fills_resting_bids_in_price_time_order(orders: list[tuple[int, int]], swept: int) -> None:
    """ORD-1: best price first, equal prices by arrival, never more than was sold."""
    market = Market("1000000").quote("43000.00", "43001.00")
    for number, (price, lots) in enumerate(orders):
        command = PlaceOrder(SYMBOL, Side.BUY, OrderType.LIMIT, lots, price, client_order_id=f"o{number}")
        market._happened(market.engine.place(command, 0))
    events = market.engine.trade(SYMBOL, 1, 4_200_000, swept, Side.SELL)

    expected = [index for index, _ in sorted(enumerate(orders), key=lambda one: (-one[1][0], one[0]))]
    filled = [int(fill.client_order_id[1:]) for fill in fills(events)]
    assert filled == expected[: len(filled)]
    assert sum(fill.quantity for fill in fills(events)) == min(swept, sum(lots for _, lots in orders))
