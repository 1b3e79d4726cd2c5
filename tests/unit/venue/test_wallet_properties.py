"""Whatever happens in whatever order, assets are conserved up to fees and interest (VEN-1, ARB-2, ORD-7)."""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.venue.spec import fills
from tests.unit.venue.spot_spec import HOUR_MS, SpotMarket, flows
from venue.account import money
from venue.errors import Refusal
from venue.events import FlowKind
from venue.instruments import Product
from venue.orders import OrderType, PlaceOrder, Side, SideEffect, TimeInForce
from venue.spot.clearing import paid_asset, reserved

BEGINNING = {Product.SPOT: {"USDT": "5000", "BTC": "0.1"}, Product.MARGIN: {"USDT": "5000", "BTC": "0.02"}}
PRICES = st.integers(min_value=4_280_000, max_value=4_320_000)
LOTS = st.integers(min_value=20, max_value=30_000)
SIDES = st.sampled_from(Side)
EFFECTS = st.sampled_from(SideEffect)

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("quote"), PRICES, LOTS, LOTS, st.integers(1, 200)),
        st.tuples(st.just("trade"), PRICES, LOTS, SIDES),
        st.tuples(st.just("limit"), SIDES, PRICES, LOTS, st.sampled_from(TimeInForce), EFFECTS, st.booleans()),
        st.tuples(st.just("market"), SIDES, LOTS, EFFECTS),
        st.tuples(st.just("cancel"), st.integers(0, 5)),
        st.tuples(st.just("hours"), st.integers(1, 30)),
        st.tuples(st.just("borrow"), st.sampled_from(["BTC", "USDT"]), st.integers(1, 10**9)),
        st.tuples(st.just("repay"), st.sampled_from(["BTC", "USDT"]), st.integers(1, 10**9)),
    ),
    min_size=1,
    max_size=50,
)


def play(product: Product, steps: list[tuple[object, ...]]) -> SpotMarket:
    market = SpotMarket(BEGINNING[product], product).quote("43000.00", "43001.00")
    engine, margin = market.engine, product is Product.MARGIN
    for number, step in enumerate(steps):
        at = market.time_ms
        match step:
            case ("quote", int(bid), int(bid_size), int(ask_size), int(spread)):
                market.happened(engine.quote(market.symbol, at, bid, bid_size, bid + spread, ask_size))
            case ("trade", int(price), int(lots), Side() as side):
                market.happened(engine.trade(market.symbol, at, price, lots, side))
            case (
                "limit",
                Side() as side,
                int(price),
                int(lots),
                TimeInForce() as tif,
                SideEffect() as effect,
                bool(b),
            ):
                command = PlaceOrder(
                    market.symbol, side, OrderType.LIMIT, lots, price, tif, client_order_id=f"o{number}",
                    side_effect=effect if margin else SideEffect.NONE, repay_at_cancel=b,
                )  # fmt: skip
                market.happened(engine.place(command, at))
            case ("market", Side() as side, int(lots), SideEffect() as effect):
                command = PlaceOrder(
                    market.symbol, side, OrderType.MARKET, lots, client_order_id=f"o{number}",
                    side_effect=effect if margin else SideEffect.NONE,
                )  # fmt: skip
                market.happened(engine.place(command, at))
            case ("cancel", int(which)) if engine.open_by_id:
                ids = sorted(engine.open_by_id)
                market.happened(engine.cancel(ids[which % len(ids)], at))
            case ("hours", int(hours)):
                market.time_ms += hours * HOUR_MS
                market.happened(market.accounts.charge_hours(at, market.time_ms))
            case ("borrow" | "repay" as what, str(asset), int(amount)) if margin:
                act = market.accounts.borrow if what == "borrow" else market.accounts.repay
                with suppress(Refusal):
                    market.happened(act(asset, Decimal(amount).scaleb(-8), at))
        check_invariants(market)
    return market


def check_invariants(market: SpotMarket) -> None:
    instrument, wallet = market.instrument, market.wallet
    base = quote = Decimal(0)
    for fill in fills(market.history):
        sign = 1 if fill.side is Side.BUY else -1
        base += sign * instrument.quantity(fill.quantity)
        quote -= sign * money(fill.price * fill.quantity * instrument.lot_value)
    for asset, traded in (("BTC", base), ("USDT", quote)):
        held = wallet.asset(asset)
        fees = sum((fill.fee for fill in fills(market.history) if fill.fee_asset == asset), Decimal(0))
        told = [one for one in flows(market.history) if one.asset == asset]
        interest = sum((one.owed for one in told if one.kind is FlowKind.INTEREST), Decimal(0))
        begun = Decimal(BEGINNING[market.product][asset])
        assert held.net == begun + traded - fees - interest, "conserved up to fees and interest"
        assert held.total == begun + sum(one.amount for one in told), "the flows say why"
        assert held.debt == sum(one.owed for one in told)
        assert min(held.free, held.locked, held.borrowed, held.interest) >= 0
        locked = [
            reserved(order, order.remaining, instrument)
            for order in market.engine.open_by_id.values()
            if paid_asset(instrument, order.side) == asset
        ]
        assert held.locked == sum(locked, Decimal(0)), "locked is what open orders reserve"


@settings(max_examples=150, deadline=None)
@given(STEPS)
def test_spot_assets_are_conserved_up_to_fees(steps: list[tuple[object, ...]]) -> None:
    """VEN-1, ORD-7: exact to the last digit after every step."""
    market = play(Product.SPOT, steps)
    assert all(one.debt == 0 for one in market.wallet.assets.values()), "spot owes nothing"


@settings(max_examples=150, deadline=None)
@given(STEPS)
def test_margin_assets_are_conserved_up_to_fees_and_interest(steps: list[tuple[object, ...]]) -> None:
    """ARB-2, ORD-7: loans, repayments and interest included."""
    market = play(Product.MARGIN, steps)
    assert set(market.accounts.margin.notes) <= set(market.engine.open_by_id), "no note outlives its order"


@settings(max_examples=50, deadline=None)
@given(STEPS)
def test_the_same_inputs_give_the_same_wallet(steps: list[tuple[object, ...]]) -> None:
    """ORD-8: deterministic, to the flow."""
    first, second = play(Product.MARGIN, steps), play(Product.MARGIN, steps)
    assert flows(first.history) == flows(second.history)
