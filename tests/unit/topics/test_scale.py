"""Money crosses the edge exactly or not at all."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topics.errors import OffGridError
from topics.scale import Scale
from topics.v1.common_pb2 import Grain

SCALE = Scale(Decimal("0.10"), Decimal("0.001"))


@given(ticks=st.integers(0, 10**12), lots=st.integers(-(10**12), 10**12))
def test_ticks_and_lots_survive_the_way_to_decimal_and_back(ticks: int, lots: int) -> None:
    """ORD-7: integers inside, Decimal at the edges, nothing lost between."""
    assert SCALE.ticks(SCALE.price(ticks)) == ticks
    assert SCALE.lots(SCALE.quantity(lots)) == lots


@given(levels=st.integers(1, 10_000))
def test_ten_thousand_levels_do_not_drift(levels: int) -> None:
    """GRID-1: the price of a level is a whole number of ticks from the first, however far away."""
    origin, interval = SCALE.ticks("46319.0"), 7
    assert SCALE.price(origin + levels * interval) - SCALE.price(origin) == levels * interval * Decimal("0.10")


@pytest.mark.parametrize("price", ["46319.05", "0.01", "NaN", "Infinity"])
def test_a_price_off_the_grid_is_refused_with_its_value(price: str) -> None:
    """ORD-7: explicit tick sizes; what does not fit is an error, never rounded in silence."""
    with pytest.raises(OffGridError, match=price):
        SCALE.ticks(price)


def test_a_record_without_a_grain_is_refused() -> None:
    """SYM-1: an unknown tick size cannot be traded."""
    with pytest.raises(OffGridError, match="no grain"):
        Scale.of(Grain())


@pytest.mark.parametrize(("tick", "lot"), [("0", "0.001"), ("0.1", "-1"), ("NaN", "1")])
def test_a_scale_needs_positive_sizes(tick: str, lot: str) -> None:
    """SYM-1: a tick or lot size that is not positive refuses to trade."""
    with pytest.raises(OffGridError, match="not a positive number"):
        Scale(Decimal(tick), Decimal(lot))


def test_rounding_is_named_by_its_direction() -> None:
    """ORD-7: a caller says which way an off-grid price goes."""
    assert (SCALE.ticks_down("100.19"), SCALE.ticks_up("100.11"), SCALE.lots_down("0.0019")) == (1001, 1002, 1)


def test_notional_is_exact() -> None:
    """ORD-7: no float anywhere in money."""
    assert SCALE.notional(SCALE.ticks("46319.1"), SCALE.lots("0.003")) == Decimal("138.9573")
