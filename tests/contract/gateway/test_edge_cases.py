"""What venues really do to orders, as gateways before us got it wrong. Over both ledgers."""

import asyncio
from dataclasses import replace
from decimal import Decimal

from tests.contract.gateway.conftest import Stage
from tests.unit.connector.gateway.given import SYMBOL, ours, report, request
from tests.unit.connector.gateway.scripted_venue import Behaviour
from topics.v1.orders_pb2 import (
    ORDER_STATUS_ACCEPTED,
    ORDER_STATUS_CANCELED,
    ORDER_STATUS_FILLED,
    ORDER_STATUS_REJECTED,
)


async def test_a_rejection_after_the_acknowledgement_clears_the_order(stage: Stage) -> None:
    """ORD-4: rejected updates always clear it, and its room in the limits is free again."""
    gateway = await stage.gateway()
    await gateway.place(request(1))
    refused = replace(report(request(1), ORDER_STATUS_REJECTED, venue_order_id="1"), reason_code="INSUFFICIENT_FUNDS")
    await stage.venue.end("1", ORDER_STATUS_REJECTED, tell=False)
    await gateway.on_report(refused)
    await gateway.on_report(report(request(1), venue_order_id="1"))
    last = await stage.log.until_status(ours(1), ORDER_STATUS_REJECTED)
    assert last.reason_code == "INSUFFICIENT_FUNDS"
    assert gateway.open_orders() == []
    assert Decimal(gateway.status()["exposure_quote"]) == 0
    assert await gateway.reconcile() == 0
    assert stage.log.of(ours(1))[-1].status == ORDER_STATUS_REJECTED


async def test_a_fill_and_the_end_before_the_acknowledgement_are_kept_by_it(stage: Stage) -> None:
    """ORD-4: the stream is faster than the reply; the late reply of a new order takes nothing back."""
    gateway = await stage.gateway()
    hold = Behaviour(until=asyncio.Event())
    stage.venue.script.append(hold)
    placing = asyncio.ensure_future(gateway.place(request(1)))
    await hold.reached.wait()
    await stage.venue.fill("1", 4)
    await stage.venue.end("1", ORDER_STATUS_CANCELED)
    assert hold.until is not None
    hold.until.set()
    answered = (await placing).order
    assert (answered.status, answered.filled_lots) == (ORDER_STATUS_CANCELED, 4)
    assert gateway.status()["positions"][SYMBOL] == 4
    assert await gateway.reconcile() == 0


async def test_an_old_fill_of_ours_replayed_on_a_later_event_moves_nothing(stage: Stage) -> None:
    """ORD-4: of an order long settled and no longer at hand; the ledger remembers its trade ids for ever."""
    gateway = await stage.gateway(settings={"settled_in_memory": 1})
    made = []
    for number, lots in ((1, 10), (2, 10), (3, 3)):
        await gateway.place(request(number))
        made.append(await stage.venue.fill(str(number), lots))
        await gateway._desk.journal.said()
        await gateway._desk.group.flush()
    assert gateway._desk.orders.get(ours(1)) is None
    for replayed in (made[0], made[2], made[0]):
        await gateway.on_report(replayed)
    await gateway._desk.journal.said()
    assert [it.fill.trade_id for it in stage.log.updates if it.HasField("fill")] == ["1", "2", "3"]
    assert gateway.status()["positions"][SYMBOL] == 23
    assert await gateway.reconcile() == 0


async def test_what_happens_between_the_snapshot_and_the_stream_is_not_lost(stage: Stage) -> None:
    """STREAM-1, ORD-6: reconciled, then executed before the stream is up: the stream's first word fetches it."""
    gateway = await stage.gateway()
    for number in (1, 2):
        await gateway.place(request(number))
    await gateway.reconcile()
    await stage.venue.fill("1", 10, tell=False)
    await stage.venue.end("2", ORDER_STATUS_CANCELED, tell=False)
    await gateway.on_stream_lost()
    assert {it.client_order_id: it.status for it in stage.log.updates} == {
        ours(1): ORDER_STATUS_FILLED,
        ours(2): ORDER_STATUS_CANCELED,
    }
    assert gateway.status()["positions"][SYMBOL] == 10
    assert await gateway.reconcile() == 0


async def test_an_order_of_ours_that_comes_back_to_life_is_cancelled(stage: Stage) -> None:
    """RISK-5: a ghost at the venue: concluded never received, its slot is free, so it may not live."""
    gateway = await stage.gateway()
    stage.venue.script.append(Behaviour(raises_after=TimeoutError("lost")))
    stage.venue.hidden.add("1")
    await gateway.place(request(1))
    ended = await stage.log.until_status(ours(1), ORDER_STATUS_REJECTED)
    assert ended.reason_code == "NOT_RECEIVED"
    stage.venue.hidden.clear()
    await gateway.reconcile()
    await stage.until(lambda: stage.venue.orders["1"].status == ORDER_STATUS_CANCELED)
    assert gateway.open_orders() == []
    assert await gateway.reconcile() == 0


async def test_both_sides_differ_at_once_and_one_look_settles_them(stage: Stage) -> None:
    """RISK-5: missing at the venue, unknown to us, foreign, filled further: each by its rule; then 0 corrections."""
    gateway = await stage.gateway()
    for number in (1, 2, 3):
        await gateway.place(request(number))
    await stage.venue.end("1", ORDER_STATUS_CANCELED, tell=False)
    await stage.venue.fill("2", 4, tell=False)
    stage.venue.accept(request(9))
    stage.venue.accept(request(client_order_id="manual1"))
    assert await gateway.reconcile() > 0
    told = {it.client_order_id: (it.status, it.filled_lots) for it in stage.log.updates}
    assert told[ours(1)] == (ORDER_STATUS_CANCELED, 0)
    assert told[ours(2)][1] == 4
    assert told[ours(9)] == told["manual1"] == (ORDER_STATUS_ACCEPTED, 0)
    assert stage.log.of(ours(9))[0].reason_code == "ADOPTED"
    assert sorted(it.client_order_id for it in gateway.open_orders()) == [ours(2), ours(3), ours(9)]
    assert await gateway.reconcile() == 0
    assert not stage.venue.cancels
