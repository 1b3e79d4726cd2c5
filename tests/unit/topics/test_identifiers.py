"""The same decision makes the same id."""

from hypothesis import given
from hypothesis import strategies as st

from topics.identifiers import client_order_id, is_ours


def order_id(
    *,
    strategy: str = "grid",
    venue: str = "paper",
    symbol: str = "BTCUSDT",
    slot: int = 3,
    side: str = "BUY",
    epoch: int = 1,
    attempt: int = 0,
) -> str:
    return client_order_id(
        strategy=strategy, venue=venue, symbol=symbol, slot=slot, side=side, epoch=epoch, attempt=attempt
    )


def test_an_id_is_the_same_for_ever() -> None:
    """WF-1: deterministic; a change of the recipe would orphan every order of every user, so it is pinned here."""
    assert order_id() == "tlZUCK4JZK4YONSUXMYEBDEU5RHX"


@given(slot=st.integers(-10_000, 10_000), attempt=st.integers(0, 10_000), epoch=st.integers(0, 100))
def test_an_id_fits_every_venue(slot: int, attempt: int, epoch: int) -> None:
    """WF-1: at most 28 characters [A-Za-z0-9], whatever it is made of."""
    made = order_id(slot=slot, attempt=attempt, epoch=epoch)
    assert len(made) == 28
    assert made.isascii()
    assert made.isalnum()
    assert is_ours(made)


def test_each_part_of_the_identity_makes_another_id() -> None:
    """ORD-5: a second legitimate order (next attempt) is not swallowed, another slot is never mistaken."""
    ids = {
        order_id(), order_id(slot=4), order_id(slot=-3), order_id(side="SELL"), order_id(attempt=1),
        order_id(epoch=2), order_id(symbol="ETHUSDT"), order_id(venue="binance"), order_id(strategy="mm"),
    }  # fmt: skip
    assert len(ids) == 9


def test_foreign_orders_are_not_taken_for_ours() -> None:
    """ORD-6: an order without our prefix or shape is foreign."""
    assert not is_ours("web_x1y2z3")
    assert not is_ours("tl-short")
    assert not is_ours("")
