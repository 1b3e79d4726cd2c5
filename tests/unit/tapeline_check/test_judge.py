"""What the check calls wrong, what it calls under way: every defect a real part could cause turns it red (ORD-5)."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest

from tapeline.check.facts import Execution, LedgerOrder, LogFill, LogOrder, VenueFacts
from tapeline.check.judge import judge
from tests.unit.tapeline_check.world import INSTRUMENT, LOT, SYMBOL, VENUE, World, lived, name_of

FIELDS = {
    "ok", "orders_at_venue", "orders_in_ledger", "duplicate_orders", "lost_orders", "orphan_locked_slots",
    "unknown_orders", "fills_at_venue", "fills_in_log", "fills_in_postgres", "position_mismatches", "projection_lag",
    "details",
}  # fmt: skip


def test_witnesses_that_agree_are_well() -> None:
    """ORD-5: no finding at all, and the numbers are those of the world."""
    verdict = judge(lived().heard())
    told = verdict.as_json()
    assert told.keys() >= FIELDS
    assert verdict.ok
    assert verdict.settled
    assert told["details"] == []
    assert (told["orders_at_venue"], told["orders_in_ledger"]) == (5, 5)
    assert told["fills_at_venue"] == told["fills_in_log"] == told["fills_in_ledger"] == told["fills_in_postgres"] == 3


def test_an_empty_world_is_well() -> None:
    """ES-3: before the first order there is nothing to be wrong."""
    assert judge(World().heard()).settled


def duplicated_at_the_venue(world: World) -> None:
    world.at_venue(name_of(-4), number="99")


def duplicated_on_the_log(world: World) -> None:
    world.log.orders[name_of(-4)].venue_order_ids.add("99")


def two_live_orders_of_one_slot(world: World) -> None:
    world.working(-4, attempt=1)


def order_without_a_claim(world: World) -> None:
    del world.ledger.orders[name_of(-4)]


def accepted_order_unknown_to_the_venue(world: World) -> None:
    world.venue_orders = [order for order in world.venue_orders if order.client_order_id != name_of(-4)]


def order_never_told_on_the_log(world: World) -> None:
    del world.log.orders[name_of(-4)]


def order_forgotten_while_live(world: World) -> None:
    world.in_ledger(name_of(-4), "CANCELED", settled=True)


def settled_with_another_quantity(world: World) -> None:
    world.in_ledger(name_of(-1), "FILLED", filled=4, settled=True)


def fill_missing_on_the_log(world: World) -> None:
    del world.log.fills[VENUE, SYMBOL, "2"]


def fill_missing_in_the_ledger(world: World) -> None:
    del world.ledger.fills[VENUE, SYMBOL, "2"]


def fill_missing_in_the_projections(world: World) -> None:
    world.projections.fills.discard((VENUE, SYMBOL, "3"))


def fill_that_never_was(world: World) -> None:
    ghost = Execution(VENUE, SYMBOL, "77", name_of(-1), LOT)
    world.log.fills[ghost.key] = LogFill(ghost, *world.appended("orders"))


def slot_locked_after_the_agent_read_the_end(world: World) -> None:
    world.step(-1, "LOCKED", name_of(-1))


def slot_locked_by_an_order_nobody_asked_for(world: World) -> None:
    world.step(-9, "LOCKED", name_of(-9))


def slot_locked_by_a_consumed_intent_without_order(world: World) -> None:
    world.asked(-9)


def slot_locked_by_an_order_whose_end_was_never_told(world: World) -> None:
    world.step(-1, "LOCKED", name_of(-1))
    world.log.orders[name_of(-1)] = LogOrder({"1"}, "ACCEPTED", None)


def venue_position_apart_from_its_fills(world: World) -> None:
    world.venue_positions[INSTRUMENT] += LOT


def projected_position_apart_from_the_log(world: World) -> None:
    world.projections.positions[INSTRUMENT] -= LOT


def projected_slot_behind(world: World) -> None:
    world.projections.slots["grid", VENUE, SYMBOL, -4] = (1, "FREE")


def order_the_kill_switch_denied(world: World) -> None:
    name = world.asked(-5)
    world.at_venue(name, live=False)
    world.told(name, "CANCELED")
    world.ledger.orders[name] = LedgerOrder(
        VENUE, SYMBOL, name, "", "DENIED", Decimal(0), settled=True, reason_code="KILLED"
    )


def order_alive_after_the_kill_was_verified(world: World) -> None:
    world.turned(killed=True, at_ms=1, verified=True)


def order_claimed_while_killed(world: World) -> None:
    name = world.working(-5)
    world.ledger.orders[name] = replace(world.ledger.orders[name], claimed_ms=20_000)
    world.turned(killed=True, at_ms=10_000, verified=True)
    world.turned(killed=False, at_ms=30_000)


@pytest.mark.parametrize(
    ("defect", "field"),
    [
        (order_the_kill_switch_denied, "orders_after_kill"),
        (order_alive_after_the_kill_was_verified, "orders_after_kill"),
        (order_claimed_while_killed, "orders_after_kill"),
        (duplicated_at_the_venue, "duplicate_orders"),
        (duplicated_on_the_log, "duplicate_orders"),
        (two_live_orders_of_one_slot, "duplicate_orders"),
        (order_without_a_claim, "lost_orders"),
        (accepted_order_unknown_to_the_venue, "lost_orders"),
        (order_never_told_on_the_log, "lost_orders"),
        (order_forgotten_while_live, "lost_orders"),
        (settled_with_another_quantity, "lost_orders"),
        (fill_missing_on_the_log, "lost_orders"),
        (fill_missing_in_the_ledger, "lost_orders"),
        (fill_missing_in_the_projections, "lost_orders"),
        (fill_that_never_was, "phantom_fills"),
        (slot_locked_after_the_agent_read_the_end, "orphan_locked_slots"),
        (slot_locked_by_an_order_nobody_asked_for, "orphan_locked_slots"),
        (slot_locked_by_a_consumed_intent_without_order, "orphan_locked_slots"),
        (slot_locked_by_an_order_whose_end_was_never_told, "orphan_locked_slots"),
        (venue_position_apart_from_its_fills, "position_mismatches"),
        (projected_position_apart_from_the_log, "position_mismatches"),
        (projected_slot_behind, "slot_mismatches"),
    ],
)
def test_each_defect_turns_the_check_red(defect: Callable[[World], None], field: str) -> None:
    """ORD-5, GRID-1, ES-3: a seeded defect is found, under the field it belongs to."""
    world = lived()
    defect(world)
    verdict = judge(world.heard())
    assert not verdict.ok
    assert verdict.as_json()[field] >= 1, verdict.as_json()["details"]


def sent_and_unanswered(world: World) -> None:
    name = world.asked(-9)
    world.claimed(name)
    world.at_venue(name)


def claimed_and_not_sent(world: World) -> None:
    world.claimed(world.asked(-9), "CLAIMED")


def filled_after_the_last_fetch(world: World) -> None:
    world.filled_at_venue(name_of(-4), 5)


def cancelled_at_the_venue_alone(world: World) -> None:
    world.venue_orders[3] = replace(world.venue_orders[3], live=False, status="CANCELED")


def end_told_but_not_read_by_the_agent(world: World) -> None:
    name = world.working(-9)
    world.filled(name, -9)
    world.step(-9, "LOCKED", name)
    world.log.agents_read_orders[INSTRUMENT] -= 1


def intent_in_the_outbox(world: World) -> None:
    world.asked(-9, said=False)


def intent_not_consumed(world: World) -> None:
    world.asked(-9, consumed=False)


def denied_and_not_told(world: World) -> None:
    world.claimed(world.asked(-9), "DENIED")


def fill_told_and_not_booked(world: World) -> None:
    del world.ledger.fills[VENUE, SYMBOL, "3"]


@pytest.mark.parametrize(
    "moment",
    [
        sent_and_unanswered,
        claimed_and_not_sent,
        filled_after_the_last_fetch,
        cancelled_at_the_venue_alone,
        end_told_but_not_read_by_the_agent,
        intent_in_the_outbox,
        intent_not_consumed,
        denied_and_not_told,
        fill_told_and_not_booked,
    ],
)
def test_what_a_kill_leaves_under_way_is_listed_and_is_no_defect(moment: Callable[[World], None]) -> None:
    """ORD-6, ES-3: each is settled by the next start, from what its party durably recorded not to have done."""
    world = lived()
    moment(world)
    verdict = judge(world.heard())
    assert verdict.ok, verdict.as_json()["details"]
    assert not verdict.settled
    assert verdict.as_json()["in_flight"] >= 1


def test_a_fill_under_way_becomes_a_loss_once_the_gateway_says_it_fetched_it() -> None:
    """ORD-4: the exemption ends where the gateway's own mark passes the fill."""
    world = lived()
    world.filled_at_venue(name_of(-4), 5)
    assert judge(world.heard()).ok
    world.fetched_up_to("4")
    verdict = judge(world.heard())
    assert verdict.as_json()["lost_orders"] >= 1
    assert verdict.as_json()["position_mismatches"] >= 1


def test_a_double_order_is_found_even_while_all_else_is_under_way() -> None:
    """WF-3: nothing that is under way can hide it."""
    world = lived()
    sent_and_unanswered(world)
    world.at_venue(name_of(-9), number="99")
    assert judge(world.heard()).as_json()["duplicate_orders"] == 1


def test_a_double_order_of_another_system_placed_through_the_gateway_is_found() -> None:
    """WF-1, WF-3: it is ours by the ledger, whatever its id."""
    world = lived()
    world.at_venue("web1")
    assert judge(world.heard()).as_json()["orders_at_venue"] == 5
    world.told("web1", "ACCEPTED")
    world.in_ledger("web1", "ACCEPTED")
    assert judge(world.heard()).as_json()["orders_at_venue"] == 6
    world.at_venue("web1", number="99")
    assert judge(world.heard()).as_json()["duplicate_orders"] == 1


def test_what_stays_under_way_through_the_whole_wait_is_a_defect_of_a_running_pipeline() -> None:
    """ORD-5: convergence, not only absence of contradiction."""
    world = lived()
    filled_after_the_last_fetch(world)
    verdict = judge(world.heard())
    always = {(one.kind, one.name) for one in verdict.findings.in_flight}
    stuck = verdict.stuck(always)
    assert not stuck.ok
    assert stuck.as_json()["stuck"] == len(always)
    assert verdict.stuck(set()).ok


def test_what_happens_between_the_looks_is_not_held_against_anyone() -> None:
    """ORD-5: the venue is read first and last, so a running pipeline is judged without a stop."""
    world = lived()
    before = world.heard().venue_before
    world.filled(world.working(-9), -9)
    heard = replace(world.heard(), venue_before=before)
    assert judge(heard).ok, judge(heard).as_json()["details"]
    gone = VenueFacts(before.orders, before.fills, before.positions)
    assert not judge(replace(heard, venue_after=gone)).ok


def test_foreign_fills_from_before_the_first_start_are_the_position_we_began_with() -> None:
    """ORD-6: an account with a history of somebody else's is no defect."""
    world = World()
    world.venue_fills.append(Execution(VENUE, SYMBOL, "1", "somebody", Decimal(2)))
    world.venue_positions[INSTRUMENT] = Decimal(2)
    world.fetched_up_to("1")
    assert judge(world.heard()).settled
    world.filled(world.working(-1), -1)
    world.fetched_up_to("2")
    assert judge(world.heard()).settled, judge(world.heard()).as_json()["details"]


def test_records_not_yet_projected_are_lag_and_no_loss() -> None:
    """OBS-1: rows are compared up to exactly the offset they contain."""
    world = lived()
    world.filled(world.working(-9), -9)
    world.projections.fills.discard((VENUE, SYMBOL, "4"))
    world.projections.positions[INSTRUMENT] -= 5 * LOT
    world.projections.next_offset["orders", 0] -= 1
    verdict = judge(world.heard())
    assert verdict.ok, verdict.as_json()["details"]
    assert verdict.projection_lag == 1


def test_orders_of_before_a_kill_and_after_its_release_are_no_violation() -> None:
    """RISK-8: claimed before it and cancelled since, not verified yet, or claimed after the release."""
    world = lived()
    working = [order.client_order_id for order in world.venue_orders if order.live]
    world.turned(killed=True, at_ms=10_000)
    world.ledger.orders[working[0]] = replace(world.ledger.orders[working[0]], claimed_ms=9_000)
    assert judge(world.heard()).ok
    world.turned(killed=False, at_ms=30_000)
    world.ledger.orders[working[1]] = replace(world.ledger.orders[working[1]], claimed_ms=31_000)
    assert judge(world.heard()).ok


def test_a_synthetic_fill_stands_for_what_the_venue_did_not_list() -> None:
    """ORD-6: no phantom, no lost fill and the position right; counted, so that a person sees it."""
    world = lived()
    true = world.filled(world.working(-7), -7)
    withheld = Execution(VENUE, SYMBOL, "R1", true.client_order_id, true.signed_quantity, synthetic=True)
    for fills in (world.log.fills, world.ledger.fills):
        del fills[true.key]
    world.log.fills[withheld.key] = LogFill(withheld, 0, world.offsets["orders"] - 1)
    world.ledger.fills[withheld.key] = withheld
    world.projections.fills.discard(true.key)
    world.projections.fills.add(withheld.key)
    world.fetched_up_to(true.trade_id)
    verdict = judge(world.heard())
    assert (verdict.as_json()["details"], verdict.synthetic_fills) == ([], 1)
    assert verdict.settled


def test_a_true_fill_told_after_its_synthetic_one_moves_nothing_twice() -> None:
    """ORD-6: what was covered is no part of the sum."""
    world = lived()
    true = world.filled(world.working(-7), -7)
    synthetic = Execution(VENUE, SYMBOL, "R1", true.client_order_id, true.signed_quantity, synthetic=True)
    late = replace(true, signed_quantity=Decimal(0), covered=true.signed_quantity)
    world.log.fills[synthetic.key] = LogFill(synthetic, 0, world.offsets["orders"] - 1)
    world.log.fills[true.key] = LogFill(late, *world.appended("orders"))
    world.ledger.fills[synthetic.key] = synthetic
    world.projections.fills.add(synthetic.key)
    verdict = judge(world.heard())
    assert verdict.as_json()["details"] == []
    assert verdict.ok
