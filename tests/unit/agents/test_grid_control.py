"""Operators, instruments and risk rules: what starts, stops and restarts a grid."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from tests.unit.agents.grid_history import (
    BUY,
    PARAMETERS,
    SELL,
    History,
    activate,
    cancelled,
    deactivate,
    instrument,
    kill,
    notices,
    order,
    pause,
    placed,
    quote,
    release,
    resume,
    risk,
    trading,
)
from topics.v1.common_pb2 import Grain
from topics.v1.orders_pb2 import OrderStatus
from topics.v1.risk_pb2 import RiskAction, RiskState

STOP_BUYS = RiskAction.RISK_ACTION_STOP_BUYS
REDUCE_ONLY = RiskAction.RISK_ACTION_REDUCE_ONLY
HALT = RiskAction.RISK_ACTION_HALT
TRIPPED = RiskState.RISK_STATE_TRIPPED
RELEASED = RiskState.RISK_STATE_RELEASED
EVERY_SLOT = {-3, -2, -1, 1, 2, 3}


def test_nothing_is_ordered_before_the_instrument_is_known() -> None:
    """SYM-1: without tick size there is no grid; the first quote after the instrument starts it."""
    history = History(activate(), quote(9_999, 10_001))
    assert placed(history.when(quote(9_998, 10_000))) == {}
    assert placed(history.when(instrument())) == {}
    assert set(placed(history.when(quote(9_999, 10_001)))) == EVERY_SLOT


def test_the_same_activation_again_changes_nothing() -> None:
    """ORCH-2: `tapeline up` activates at every start."""
    history = trading()
    assert history.when(activate()) == []
    assert history.grid.epoch == 0


def test_other_parameters_end_the_grid_and_start_a_new_epoch() -> None:
    """ORCH-2: all orders are cancelled; once they have ended the next quote lays the new grid under new ids."""
    history = trading()
    before = {slot.client_order_id for slot in history.grid.live.values()}
    wider = replace(PARAMETERS, interval_bps=Decimal(20))
    assert cancelled(history.when(activate(wider))) == EVERY_SLOT
    assert placed(history.when(quote(9_999, 10_001))) == {}
    history.end_all()
    orders = {each.number: each for each in history.grid.live.values()}
    assert history.grid.epoch == 1
    assert orders[1].price_ticks == 10_020
    assert before.isdisjoint(each.client_order_id for each in orders.values())


def test_a_restart_waits_for_an_order_whose_outcome_is_unknown() -> None:
    """WF-3: the new grid begins when the last old order has ended, not before."""
    history = trading()
    name = history.id_at(1)
    history.when(order(name, OrderStatus.ORDER_STATUS_UNKNOWN))
    history.when(activate(replace(PARAMETERS, levels=2)))
    for each in [each for each in history.grid.live if each != name]:
        history.when(order(each, OrderStatus.ORDER_STATUS_CANCELED))
    assert placed(history.when(quote(9_990, 10_002))) == {}
    assert set(placed(history.when(order(name, OrderStatus.ORDER_STATUS_CANCELED)))) == {-2, -1, 1, 2}


def test_pausing_cancels_everything_and_resuming_orders_again() -> None:
    """ORCH-2: paused is remembered; the same slots come back with their next attempt."""
    history = trading()
    assert cancelled(history.when(pause())) == EVERY_SLOT
    history.end_all()
    assert placed(history.when(quote(9_990, 10_002))) == {}
    orders = placed(history.when(resume()))
    assert set(orders) == EVERY_SLOT
    assert {each.attempt for each in orders.values()} == {1}


def test_killed_it_asks_for_nothing_and_released_it_orders_at_once() -> None:
    """RISK-8: its orders were cancelled past it; no slot waits out the refusals it met meanwhile."""
    history = trading()
    for name in [slot.client_order_id for slot in history.grid.live.values()]:
        history.when(order(name, OrderStatus.ORDER_STATUS_CANCELED))
    assert cancelled(history.when(kill())) == set()
    assert placed(history.when(quote(9_990, 10_002, time_ms=1_000_000))) == {}
    assert set(placed(history.when(release()))) == EVERY_SLOT


def test_killed_while_its_orders_are_open_it_cancels_them_too() -> None:
    """RISK-8: a second hand on the same switch; a repeat changes nothing."""
    history = trading()
    assert cancelled(history.when(kill())) == EVERY_SLOT
    assert cancelled(history.when(kill())) == set()
    history.end_all()
    assert placed(history.when(resume())) == {}


def test_deactivating_cancels_everything_and_activating_starts_anew() -> None:
    """ORCH-2: a symbol taken out and put back gets a fresh grid around the price of then."""
    history = trading()
    assert cancelled(history.when(deactivate())) == EVERY_SLOT
    history.end_all()
    assert placed(history.when(quote(19_999, 20_001))) == {}
    history.when(activate())
    assert history.grid.epoch == 1
    assert history.grid.origin_ticks == 20_000
    assert set(history.grid.slots) == EVERY_SLOT


def test_orders_too_small_for_the_venue_refuse_the_activation_with_the_numbers() -> None:
    """RISK-4, SYM-1: nothing is rounded up behind the operator's back."""
    history = History(instrument(min_notional="150"), activate())
    outputs = history.when(quote(9_999, 10_001))
    (notice,) = notices(outputs)
    assert placed(outputs) == {}
    assert notice.code == "GRID_REFUSED"
    assert all(number in notice.text for number in ("order_notional 100", "150", "1.505"))
    assert not history.grid.active
    assert history.when(quote(9_999, 10_001)) == []


def test_a_halted_instrument_gets_no_new_orders() -> None:
    """SYM-1: while the venue has trading halted the grid waits."""
    history = History(instrument(trading=False), activate())
    assert placed(history.when(quote(9_999, 10_001))) == {}
    assert set(placed(history.when(instrument()))) == EVERY_SLOT


def test_a_new_tick_size_ends_the_grid_before_its_numbers_mean_other_prices() -> None:
    """SYM-1, ORD-7: quotes of the other grain are not read until the orders have ended; the position is converted."""
    history = trading()
    history.fill(-1)
    assert history.grid.position_lots == 1_001
    grain = Grain(tick_size="0.001", lot_size="0.0001")
    live = {slot.number for slot in history.grid.live.values() if not slot.cancel_requested}
    assert cancelled(history.when(instrument(grain=grain))) == live
    assert history.when(quote(99_990, 100_010, grain=grain)) == []
    history.end_all()
    assert history.grid.position_lots == 10_010
    outputs = history.when(quote(99_990, 100_010, grain=grain))
    assert placed(outputs)[1].price_ticks == 100_100


def test_stop_buys_cancels_buys_and_lets_sells_go_on() -> None:
    """GRID-3: no new BUY, active BUYs cancelled, SELLs stay and follow the market."""
    history = trading()
    outputs = history.when(risk("volatility", STOP_BUYS, TRIPPED))
    assert cancelled(outputs) == {-1, -2, -3}
    history.when(quote(10_009, 10_011))
    outputs = history.fill(1)
    assert {each.side for each in placed(outputs).values()} == {SELL}


def test_buys_return_when_no_rule_is_tripped_any_more() -> None:
    """GRID-3: rules are independent; the last release frees the grid."""
    history = trading(risk("volatility", STOP_BUYS, TRIPPED), risk("exposure", STOP_BUYS, TRIPPED))
    for each in [each for each in history.grid.live.values() if each.side == BUY]:
        history.when(order(each.client_order_id, OrderStatus.ORDER_STATUS_CANCELED))
    assert placed(history.when(risk("volatility", STOP_BUYS, RELEASED, version=2))) == {}
    assert set(placed(history.when(risk("exposure", STOP_BUYS, RELEASED, version=2)))) == {-1, -2, -3}


def test_a_repeated_trip_after_its_release_changes_nothing() -> None:
    """GRID-3: the version says which event of a rule is the newest."""
    history = trading(risk("volatility", STOP_BUYS, TRIPPED), risk("volatility", STOP_BUYS, RELEASED, version=2))
    assert cancelled(history.when(risk("volatility", STOP_BUYS, TRIPPED, version=1))) == set()
    assert history.grid.tripped == {}


@pytest.mark.parametrize("filled_slot", [-1, 1])
def test_reduce_only_keeps_only_what_shrinks_the_position(filled_slot: int) -> None:
    """GRID-3, RISK-2: with one order's worth of position, one order against it stays open."""
    history = trading()
    history.fill(filled_slot)
    history.accept_all()
    kept = {each.number: each for each in history.grid.live.values()}
    outputs = history.when(risk("exposure", REDUCE_ONLY, TRIPPED))
    left = {number: each for number, each in kept.items() if number not in cancelled(outputs) and not each.cancels}
    reducing = SELL if filled_slot == -1 else BUY
    assert {each.side for each in left.values()} <= {reducing}
    assert sum(each.open_lots for each in left.values()) <= abs(history.grid.position_lots)


def test_a_halt_cancels_both_sides() -> None:
    """GRID-3: no order at all while HALT is tripped."""
    history = trading()
    assert cancelled(history.when(risk("kill", HALT, TRIPPED))) == EVERY_SLOT
    history.end_all()
    assert placed(history.when(quote(9_998, 10_002))) == {}
