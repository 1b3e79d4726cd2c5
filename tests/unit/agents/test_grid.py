"""The grid in steady trading: where orders stand, what a fill leads to, what never happens twice."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from agents.domain.grid_state import FILLED, FREE, LOCKED, GridParameters
from agents.domain.grid_window import interval_at, price_of
from tests.unit.agents.grid_history import (
    BUY,
    PARAMETERS,
    SELL,
    History,
    activate,
    cancelled,
    empty_grid,
    instrument,
    order,
    placed,
    quote,
    steps,
    trading,
)
from topics.v1.orders_pb2 import OrderStatus, Ownership

ACCEPTED = OrderStatus.ORDER_STATUS_ACCEPTED
PARTIALLY_FILLED = OrderStatus.ORDER_STATUS_PARTIALLY_FILLED
ORDER_CANCELED = OrderStatus.ORDER_STATUS_CANCELED
REJECTED = OrderStatus.ORDER_STATUS_REJECTED
UNKNOWN = OrderStatus.ORDER_STATUS_UNKNOWN


def test_the_first_quote_lays_buys_below_and_sells_above_one_empty_slot() -> None:
    """GRID-1: slot k stands at origin + k intervals; nearest to the market first."""
    outputs = History(instrument(), activate()).when(quote(9_999, 10_001))
    orders = placed(outputs)
    assert [(k, each.side, each.price_ticks) for k, each in orders.items()] == [
        (-1, BUY, 9_990), (-2, BUY, 9_980), (-3, BUY, 9_970),
        (1, SELL, 10_010), (2, SELL, 10_020), (3, SELL, 10_030),
    ]  # fmt: skip
    assert orders[-1].quantity_lots == 1_001  # 100 / 99.90, rounded down to lots
    assert len({each.client_order_id for each in orders.values()}) == 6
    assert [(each.from_state, each.to_state) for each in steps(outputs)] == [(FREE, LOCKED)] * 6
    assert [each.version for each in steps(outputs)] == [1, 2, 3, 4, 5, 6]


def test_a_filled_sell_makes_the_former_empty_slot_buy_and_extends_the_window() -> None:
    """GRID-1: the take-profit is the opposite order at the former center; the far slot leaves the window."""
    history = trading()
    history.when(quote(10_009, 10_011))
    outputs = history.fill(1)
    orders = placed(outputs)
    assert {k: each.side for k, each in orders.items()} == {0: BUY, 4: SELL}
    assert cancelled(outputs) == {-3}
    assert [(each.slot, each.from_state, each.to_state) for each in steps(outputs)[:2]] == [
        (1, LOCKED, FILLED),
        (1, FILLED, FREE),
    ]
    assert history.grid.position_lots == -999  # 100 / 100.10


def test_a_slot_orders_again_under_a_new_attempt_only_after_its_last_order_ended() -> None:
    """WF-1: the attempt is part of the id and grows by a terminal update alone."""
    history = trading()
    first = history.id_at(1)
    history.when(quote(10_009, 10_011))
    history.fill(1)
    history.accept_all()
    history.when(quote(9_999, 10_001))
    again = placed(history.fill(0))[1]
    assert again.attempt == 1
    assert again.side == SELL
    assert again.client_order_id != first


def test_fills_that_come_late_never_move_the_center_back() -> None:
    """ORD-4: the fill of slot 2 is reported before that of slot 1."""
    history = trading()
    history.when(quote(10_022, 10_024))
    history.fill(2, fill_time_ms=2_000)
    assert history.grid.center == 2
    outputs = history.fill(1, fill_time_ms=1_999)
    assert history.grid.center == 2
    assert placed(outputs)[1].side == BUY


def test_an_older_fill_of_the_other_side_does_not_move_the_center() -> None:
    """ORD-4: a BUY filled after a SELL, but is reported first."""
    history = trading()
    history.fill(-1, fill_time_ms=2_000)
    history.fill(1, fill_time_ms=1_500)
    assert history.grid.center == -1


def test_repeated_updates_change_nothing() -> None:
    """ORD-4: partial fills are cumulative, ends are final; repeats in any order add nothing."""
    history = trading()
    name = history.id_at(-1)
    history.when(order(name, PARTIALLY_FILLED, filled_lots=400))
    history.when(order(name, PARTIALLY_FILLED, filled_lots=400))
    assert history.grid.position_lots == 400
    history.when(order(name, PARTIALLY_FILLED, filled_lots=300))
    assert history.grid.position_lots == 400
    history.fill(-1)
    assert history.grid.position_lots == 1_001
    for status in (ACCEPTED, PARTIALLY_FILLED, OrderStatus.ORDER_STATUS_FILLED, ORDER_CANCELED):
        assert history.when(order(name, status, filled_lots=1_001)) == []
    assert history.grid.position_lots == 1_001


def test_a_fill_reported_after_the_cancel_still_counts() -> None:
    """ORD-4: the position is the sum of fills, also of those that come after the end of their order."""
    history = trading()
    name = history.id_at(-1)
    history.when(order(name, ORDER_CANCELED))
    history.when(order(name, PARTIALLY_FILLED, filled_lots=250))
    assert history.grid.position_lots == 250


def test_an_unknown_order_keeps_its_slot_locked() -> None:
    """WF-3: nobody places again before the outcome is known."""
    history = trading()
    name = history.id_at(-1)
    assert history.when(order(name, UNKNOWN)) == []
    assert history.grid.slots[-1].state == LOCKED
    assert history.id_at(-1) == name


def test_orders_of_others_change_nothing() -> None:
    """ORD-6: updates are routed by client order id; an unknown one is not ours."""
    history = trading()
    before = history.grid.position_lots
    assert history.when(order("someone-else", OrderStatus.ORDER_STATUS_FILLED, filled_lots=7)) == []
    assert history.grid.position_lots == before


def test_an_order_of_others_under_an_id_of_ours_changes_nothing() -> None:
    """ORD-6: a client id can be taken by another program; its order fills, and our slot waits for ours."""
    history = trading()
    name, before = history.id_at(-1), history.grid.position_lots
    foreign = order(name, OrderStatus.ORDER_STATUS_FILLED, filled_lots=7, ownership=Ownership.OWNERSHIP_FOREIGN)
    assert history.when(foreign) == []
    assert history.grid.position_lots == before
    assert history.grid.slots[-1].state == LOCKED


def test_no_order_is_sent_that_would_take() -> None:
    """ORD-9: a slot the market stands on waits until it does not."""
    history = trading()
    name = history.id_at(-1)
    history.when(quote(9_985, 9_988))
    assert placed(history.when(order(name, REJECTED, reason_code="POST_ONLY_WOULD_TAKE"))) == {}
    assert placed(history.when(quote(9_985, 9_990))) == {}
    assert set(placed(history.when(quote(9_985, 9_991)))) == {-1}


def test_a_post_only_rejection_is_not_retried_before_the_opposite_price_changes() -> None:
    """ORD-9: no churn while the market stands still, whatever else happens."""
    history = trading()
    name = history.id_at(-1)
    assert placed(history.when(order(name, REJECTED, reason_code="POST_ONLY_WOULD_TAKE"))) == {}
    for bid in (9_998, 9_999, 10_000):
        assert placed(history.when(quote(bid, 10_001))) == {}
    retried = placed(history.when(quote(9_999, 10_002)))
    assert retried[-1].attempt == 1


def test_other_refusals_are_retried_after_a_growing_pause_of_market_time() -> None:
    """ORD-9, ERR-1: a denied order does not come back at once; the pause doubles."""
    history = trading()
    now = 1_000
    for pause_ms in (1_000, 2_000, 4_000):
        refused = order(history.id_at(-1), OrderStatus.ORDER_STATUS_DENIED, reason_code="EXPOSURE_LIMIT")
        assert placed(history.when(refused)) == {}
        assert placed(history.when(quote(9_999, 10_001, time_ms=now + pause_ms - 1))) == {}
        now += pause_ms
        assert set(placed(history.when(quote(9_999, 10_001, time_ms=now)))) == {-1}


def test_the_inventory_limit_stops_buys_that_could_exceed_it() -> None:
    """GRID-2: position and open BUYs together stay within max_position_notional; SELLs go on."""
    limited = replace(PARAMETERS, max_position_notional=Decimal(250))
    outputs = History(instrument(), activate(limited)).when(quote(9_999, 10_001))
    assert set(placed(outputs)) == {-1, -2, 1, 2}


def test_a_slot_that_was_too_much_is_passed_over_once_the_market_has_crossed_it() -> None:
    """GRID-1, ES-5: then the next one may fit; the running grid sees it as one read from its record does."""
    history = History(instrument(), activate(replace(PARAMETERS, max_position_notional=Decimal("99.9998"))))
    assert -2 not in placed(history.when(quote(9_999, 10_001)))  # slot -1 is 99.9999 and ends the row
    assert placed(history.when(quote(9_985, 9_987)))[-2].side == BUY  # 99.9996


def test_a_market_that_ran_away_gets_a_grid_around_it() -> None:
    """GRID-2: far slots are cancelled, new ones open near the price, by limit orders alone."""
    history = trading()
    old = list(history.grid.live)
    outputs = history.when(quote(9_899, 9_901))
    assert history.grid.center == -10
    assert cancelled(outputs) == {1, 2, 3}  # the BUYs are being filled right now: their updates are on the way
    for name in old:
        history.when(order(name, ORDER_CANCELED))
    sides = {each.number: each.side for each in history.grid.live.values()}
    assert sides == {-11: BUY, -12: BUY, -13: BUY, -9: SELL, -8: SELL, -7: SELL}


def test_a_cancel_is_repeated_only_for_an_order_reported_live_after_it() -> None:
    """ORD-3: one cancel an order, and another with an id of its own where the order lives on."""
    history = trading()
    history.when(quote(10_009, 10_011))
    history.fill(1)
    far = history.grid.slots[-3]
    assert far.cancel_requested
    assert cancelled(history.when(quote(10_008, 10_011))) == set()
    again = [each for each in history.when(order(far.client_order_id, ACCEPTED)) if each.time_ms]
    assert cancelled(again) == {-3}
    assert history.grid.slots[-3].cancels == 2


def test_ten_thousand_levels_do_not_drift() -> None:
    """GRID-1: prices are integers on levels, so walking there and back ends where it began."""
    parameters = GridParameters(Decimal("0.0001"), 7, 10_000, Decimal(100), Decimal(10_000_000))
    grid = empty_grid()
    for event in (instrument(), activate(parameters), quote(999_999, 1_000_001)):
        event(grid)
    assert len(grid.live) == 20_000
    assert all(slot.price_ticks == 1_000_000 + 7 * number for number, slot in grid.slots.items())
    assert price_of(grid, 10_000) - price_of(grid, -10_000) == 140_000


def test_the_interval_follows_the_price_but_is_never_below_its_floor() -> None:
    """GRID-2: basis points of the mid price, rounded to ticks."""
    assert interval_at(10_000, PARAMETERS) == 10
    assert interval_at(100, PARAMETERS) == 1
    assert interval_at(10_000, replace(PARAMETERS, min_interval_ticks=25)) == 25
    assert interval_at(1_000_001, PARAMETERS) == 1_000


def test_a_slot_below_price_zero_stays_empty() -> None:
    """GRID-1: a cheap instrument's window may reach below zero; no order has such a price."""
    parameters = replace(PARAMETERS, interval_bps=Decimal(5_000))
    outputs = History(instrument(min_notional="0"), activate(parameters)).when(quote(99, 101))
    assert set(placed(outputs)) == {-1, 1, 2, 3}
