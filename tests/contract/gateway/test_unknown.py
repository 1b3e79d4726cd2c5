"""Orders nobody answered for, and an account that cannot be compared with the venue. Over both ledgers."""

from connector.errors import OutcomeUnknownError, VenueUnavailableError
from tests.contract.gateway.conftest import Stage
from tests.unit.connector.gateway.given import SYMBOL, ours, request
from tests.unit.connector.gateway.scripted_venue import Behaviour
from topics.v1.orders_pb2 import (
    ORDER_STATUS_ACCEPTED,
    ORDER_STATUS_CANCELED,
    ORDER_STATUS_DENIED,
    ORDER_STATUS_REJECTED,
    ORDER_STATUS_UNKNOWN,
)

LOST = OutcomeUnknownError("timed out")
DOWN = VenueUnavailableError("503 Service Unavailable")


async def test_an_order_only_the_history_lists_is_adopted(stage: Stage) -> None:
    """WF-3: asked for by id the venue denies it, its order history has it: the second witness decides."""
    gateway = await stage.gateway()
    stage.venue.script.append(Behaviour(raises_after=LOST))
    stage.venue.only_in_history.add("1")
    assert (await gateway.place(request(1))).order.status == ORDER_STATUS_UNKNOWN
    found = await stage.log.until_status(ours(1), ORDER_STATUS_ACCEPTED)
    assert (found.reason_code, found.venue_order_id) == ("ADOPTED", "1")
    assert "order history" in found.reason
    assert stage.venue.placed == {ours(1): 1}
    stage.venue.only_in_history.clear()
    assert await gateway.reconcile() == 0


async def test_without_a_second_witness_an_order_stays_unknown_and_a_person_is_told_once(stage: Stage) -> None:
    """WF-3, OBS-2: bounded time, then an alert; its id stays taken, look-ups go on, and the venue's word ends it."""
    gateway = await stage.gateway(settings={"lookup_retry_cap_s": 4})
    stage.venue.script.append(Behaviour(raises=LOST))
    stage.venue.history_script.extend([DOWN] * 1_000)
    await gateway.place(request(1))
    await stage.until(lambda: bool(stage.alerts))
    asked = len(stage.venue.history_script)
    await stage.until(lambda: len(stage.venue.history_script) < asked - 3)
    assert [(it.code, it.symbol) for it in stage.alerts] == [("ORDER_UNKNOWN", SYMBOL)]
    assert ours(1) in stage.alerts[0].alert_id
    assert [it.status for it in gateway.open_orders()] == [ORDER_STATUS_UNKNOWN]
    assert gateway.status()["unknown_oldest_s"] > 0
    again = await gateway.place(request(1))
    assert (again.existing, again.order.status) == (True, ORDER_STATUS_UNKNOWN)
    stage.venue.history_script.clear()
    assert (await stage.log.until_status(ours(1), ORDER_STATUS_REJECTED)).reason_code == "NOT_RECEIVED"
    assert gateway.status()["unknown_oldest_s"] == 0
    assert not stage.venue.placed


async def test_witnesses_that_contradict_each_other_conclude_nothing(stage: Stage) -> None:
    """WF-3: by id there is none, the history has another one under this id: unknown, until the venue is of one mind."""
    gateway = await stage.gateway(settings={"lookup_retry_cap_s": 4})
    stage.venue.accept(request(1, quantity_lots=7))
    stage.venue.only_in_history.add("1")
    stage.venue.script.append(Behaviour(raises=LOST))
    await gateway.place(request(1))
    await stage.until(lambda: bool(stage.alerts))
    assert [it.status for it in gateway.open_orders()] == [ORDER_STATUS_UNKNOWN]
    assert "another order" in stage.alerts[0].text
    stage.venue.only_in_history.clear()
    ended = await stage.log.until_status(ours(1), ORDER_STATUS_REJECTED)
    assert ended.reason_code == "DUPLICATE_ORDER"


async def test_an_order_alive_in_the_history_alone_has_not_vanished(stage: Stage) -> None:
    """ORD-6: two looks by id that find nothing are not enough to end an order that was once accepted."""
    gateway = await stage.gateway()
    await gateway.place(request(1))
    stage.venue.only_in_history.add("1")
    await gateway.reconcile()
    await stage.until(lambda: not gateway._lookups._watched)
    assert [it.status for it in gateway.open_orders()] == [ORDER_STATUS_ACCEPTED]
    stage.venue.only_in_history.clear()
    await stage.venue.end("1", ORDER_STATUS_CANCELED, tell=False)
    await gateway.reconcile()
    assert stage.log.of(ours(1))[-1].status == ORDER_STATUS_CANCELED


async def test_an_execution_proves_an_order_that_no_look_up_finds(stage: Stage) -> None:
    """WF-3, ORD-4: it filled while nobody knew of it; the list of executions leads to it."""
    gateway = await stage.gateway()
    stage.venue.script.append(Behaviour(raises_after=LOST))
    stage.venue.hidden.add("1")
    await gateway.place(request(1))
    made = await stage.venue.fill("1", 10, tell=False)
    assert made.client_order_id == ours(1)
    await stage.until(lambda: not gateway._lookups._watched)
    assert [it.fill.trade_id for it in stage.log.of(ours(1)) if it.HasField("fill")] == ["1"]
    assert gateway.status()["positions"][SYMBOL] == 10


async def test_what_cannot_be_compared_any_more_is_not_traded(stage: Stage) -> None:
    """ORD-6: failing for longer than allowed: denied with the reason, told once, cancels go on; a success ends it."""
    gateway = await stage.gateway(settings={"reconcile_interval_s": 5})
    await gateway.place(request(1))
    stage.venue.reads_fail = True
    await stage.until(lambda: bool(stage.alerts))
    assert "503" in gateway.status()["halted"]
    denied = (await gateway.place(request(2))).order
    assert (denied.status, denied.reason_code) == (ORDER_STATUS_DENIED, "HALTED")
    assert (await gateway.cancel(SYMBOL, ours(1))).status == ORDER_STATUS_CANCELED
    stage.venue.reads_fail = False
    await stage.until(lambda: len(stage.alerts) == 2)
    assert [it.code for it in stage.alerts] == ["RECONCILIATION_FAILED", "RECONCILED"]
    assert (await gateway.place(request(3))).order.status == ORDER_STATUS_ACCEPTED


async def test_a_short_outage_halts_nothing(stage: Stage) -> None:
    """ORD-6: one failed comparison is repeated soon and no reason to stop."""
    gateway = await stage.gateway()
    stage.venue.reads_fail = True
    assert not await gateway._reconciling.now()
    assert (await gateway.place(request(1))).order.status == ORDER_STATUS_ACCEPTED
    assert gateway.status()["reconciliation_failures"] >= 1
    assert stage.alerts == []


async def test_a_start_without_the_venue_answers_intents_in_the_end(stage: Stage) -> None:
    """ORD-6: intents wait for the first comparison, and are answered HALTED when it takes too long."""
    stage.venue.reads_fail = True
    gateway = await stage.gateway(settings={"reconcile_interval_s": 5})
    assert not gateway._reconciling.decided.is_set()
    await stage.until(gateway._reconciling.decided.is_set)
    await stage.until(lambda: bool(stage.alerts))
    assert [it.code for it in stage.alerts] == ["RECONCILIATION_FAILED"]
    assert not gateway._reconciling.ready.is_set()


async def test_foreign_orders_are_cancelled_where_a_person_has_set_it(stage: Stage) -> None:
    """ORD-6: the setting is the configuration the requirement speaks of."""
    stage.venue.accept(request(client_order_id="manual1"))
    gateway = await stage.gateway(settings={"cancel_foreign_orders": True})
    assert stage.venue.cancels == {"manual1": 1}
    assert stage.log.of("manual1")[-1].status == ORDER_STATUS_CANCELED
    assert await gateway.reconcile() == 0


async def test_an_execution_listed_late_is_booked_though_newer_ones_were_listed_before(stage: Stage) -> None:
    """ORD-4: the mark follows the newest execution by the visibility delay, however often somebody looks."""
    gateway = await stage.gateway()
    await gateway.place(request(1))
    await stage.venue.fill("1", 2, tell=False)
    stage.venue.unlisted.add("1")
    await stage.venue.fill("1", 3, tell=False)
    for _ in range(4):
        await gateway.reconcile()
    stage.venue.unlisted.clear()
    await gateway.reconcile()
    said = [it.fill.trade_id for it in stage.log.of(ours(1)) if it.HasField("fill")]
    assert sorted(said) == ["1", "2"]
    assert gateway.status()["positions"][SYMBOL] == 5
    assert await gateway.reconcile() == 0
