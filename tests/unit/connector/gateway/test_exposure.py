"""Which orders the limits forbid. Pure arithmetic; the symbol trades at 10,000, a lot is 0.001: 10 quote a lot."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.gateway.exposure import SymbolExposure, check_order, total_exposure
from connector.gateway.settings import RiskLimits
from connector.port import OrderRequest
from tests.unit.connector.gateway.given import OTHER_SYMBOL, SYMBOL, instrument, request
from topics.v1.common_pb2 import ORDER_TYPE_MARKET, SIDE_BUY, SIDE_SELL
from topics.v1.instruments_pb2 import Instrument

LOT = Decimal("0.001")
PRICE = Decimal(10_000)
LIMITS = RiskLimits(max_exposure_quote=Decimal(1_000), max_order_notional=Decimal(500), max_open_orders_per_symbol=5)


def exposure(position: int = 0, *, reported: int | None = None, mark: Decimal | None = PRICE) -> SymbolExposure:
    return SymbolExposure(LOT, mark, position, position if reported is None else reported)


def code(
    wanted: OrderRequest,
    mine: SymbolExposure | None = None,
    *,
    other: SymbolExposure | None = None,
    traded: Instrument | None = None,
    open_orders: int = 0,
) -> str:
    denial = check_order(
        wanted,
        instrument=traded or instrument(),
        limits=LIMITS,
        exposures={SYMBOL: mine or exposure(), OTHER_SYMBOL: other or exposure()},
        open_orders=open_orders,
    )
    return denial.code if denial else ""


def test_a_mark_price_of_zero_is_none_at_all() -> None:
    """RISK-2: before a market begins nothing can be judged; an exposure is never computed on 0."""
    fresh = exposure(mark=None)
    fresh.mark(Decimal(0))
    assert code(request(quantity_lots=50), fresh) == "NO_MARK_PRICE"
    fresh.mark(PRICE)
    assert code(request(quantity_lots=50), fresh) == ""


def test_an_order_within_every_limit_passes() -> None:
    """RISK-2: nothing to say."""
    assert code(request(quantity_lots=50)) == ""


def test_the_limit_is_over_all_symbols() -> None:
    """RISK-2: 950 elsewhere leave room for 50, not for 60; exactly the limit passes."""
    assert code(request(quantity_lots=5), other=exposure(95)) == ""
    assert code(request(quantity_lots=6), other=exposure(-95)) == "EXPOSURE_LIMIT"


def test_the_worse_side_counts() -> None:
    """RISK-2: open buys and sells do not cancel each other out."""
    mine = exposure()
    mine.change_open(request(quantity_lots=90), 90)
    mine.change_open(request(quantity_lots=90, side=SIDE_SELL), 90)
    assert total_exposure({SYMBOL: mine}) == 900
    assert code(request(quantity_lots=11), mine) == "EXPOSURE_LIMIT"
    assert code(request(quantity_lots=10), mine) == ""


def test_over_the_limit_what_reduces_still_passes() -> None:
    """RISK-2: reduce-only, and an order that does not make the worse side worse."""
    mine = exposure(200)
    assert code(request(quantity_lots=10), mine) == "EXPOSURE_LIMIT"
    assert code(request(quantity_lots=50, side=SIDE_SELL), mine) == ""
    assert code(request(quantity_lots=10, reduce_only=True), mine) == ""


def test_reduce_only_orders_count_no_further_than_the_position() -> None:
    """RISK-2: they can close it and nothing more; then other sells go on below zero."""
    mine = exposure(30)
    mine.change_open(request(quantity_lots=100, side=SIDE_SELL, reduce_only=True), 100)
    assert mine.worst_lots() == 30
    assert mine.side_lots(SIDE_SELL, more=50) == 50


def test_reduce_only_orders_count_whole_while_an_execution_is_unheard_of() -> None:
    """RISK-2: it may be theirs, from when the position was short; of that one only the venue's position tells."""
    mine = exposure(9, reported=10)
    mine.change_open(request(quantity_lots=3, reduce_only=True), 3)
    mine.change_open(request(quantity_lots=70), 70)
    assert mine.side_lots(SIDE_BUY) == 83
    mine.book(SIDE_BUY, 1)
    assert mine.side_lots(SIDE_BUY) == 80


def test_a_worse_side_above_the_limit_hides_nothing_of_the_other() -> None:
    """RISK-2: orders that only reduce make room for those beside them; the other side is judged by itself all the same.

    Short 40, 100 to buy, 40 more to buy that only reduce: 100 long at worst. Sells may bring 60 more, not 61.
    """
    mine = exposure(-40)
    mine.change_open(request(quantity_lots=100), 100)
    mine.change_open(request(quantity_lots=80, reduce_only=True), 80)
    mine.mark(PRICE + PRICE / 5)
    assert mine.worst_lots() == 100
    assert code(request(quantity_lots=43, side=SIDE_SELL), mine) == ""
    assert code(request(quantity_lots=44, side=SIDE_SELL), mine) == "EXPOSURE_LIMIT"


def test_two_words_on_the_position_count_as_the_worse_one() -> None:
    """RISK-2: while fills and the account stream disagree, the limit holds for both."""
    assert exposure(10, reported=80).worst_lots() == 80
    assert exposure(-90, reported=80).worst_lots() == 90


def test_without_a_mark_price_nothing_can_be_judged() -> None:
    """RISK-2: not for the symbol itself, nor for another one with something at stake."""
    assert code(request(), exposure(mark=None)) == "NO_MARK_PRICE"
    assert code(request(), other=exposure(5, mark=None)) == "NO_MARK_PRICE"
    assert code(request(), other=exposure(0, mark=None)) == ""
    assert code(request(type=ORDER_TYPE_MARKET, price_ticks=0), exposure(mark=None)) == "NO_MARK_PRICE"


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (request(quantity_lots=51), "ORDER_NOTIONAL_LIMIT"),
        (request(quantity_lots=60, type=ORDER_TYPE_MARKET, price_ticks=0), "ORDER_NOTIONAL_LIMIT"),
        (request(quantity_lots=1, price_ticks=49_000), "NOTIONAL_TOO_SMALL"),
        (request(quantity_lots=0), "QUANTITY_TOO_SMALL"),
        (request(quantity_lots=-5), "QUANTITY_TOO_SMALL"),
        (request(quantity_lots=1_000_001), "QUANTITY_TOO_LARGE"),
        (request(price_ticks=0), "INVALID_PRICE"),
    ],
)
def test_what_the_venue_or_we_would_never_take_is_denied(wanted: OrderRequest, expected: str) -> None:
    """RISK-2: the venue's filters and our limit on one order, each with its code."""
    assert code(wanted, traded=instrument(min_notional="5")) == expected


def test_a_small_rest_may_be_closed() -> None:
    """RISK-2: the venue's least notional does not hold for reduce-only."""
    assert code(request(quantity_lots=1, price_ticks=40_000, reduce_only=True), exposure(-1)) == ""


def test_halted_instruments_and_full_books_are_denied() -> None:
    """RISK-2: max_open_orders_per_symbol counts claims in flight."""
    assert code(request(), traded=instrument(trading=False)) == "NOT_TRADING"
    assert code(request(), open_orders=4) == ""
    assert code(request(), open_orders=5) == "OPEN_ORDERS_LIMIT"


@given(
    st.lists(
        st.tuples(st.sampled_from([SIDE_BUY, SIDE_SELL]), st.integers(1, 50), st.booleans()), min_size=1, max_size=30
    ),
    st.data(),
)
def test_no_sequence_of_orders_and_fills_exceeds_the_limit(
    orders: list[tuple[int, int, bool]], data: st.DataObject
) -> None:
    """RISK-2: whichever of the admitted orders fill, in whatever order, the position stays within the limit."""
    mine = exposure()
    working: list[OrderRequest] = []
    for side, lots, fills in orders:
        wanted = request(quantity_lots=lots, side=side)
        if code(wanted, mine) == "":
            mine.change_open(wanted, lots)
            working.append(wanted)
        if fills and working:
            filled = working.pop(data.draw(st.integers(0, len(working) - 1)))
            mine.change_open(filled, -filled.quantity_lots)
            mine.book(filled.side, filled.quantity_lots)
            mine.reported_lots = mine.position_lots
        assert mine.worst_lots() * LOT * PRICE <= LIMITS.max_exposure_quote
