"""Taking orders back, over both ledgers."""

import asyncio

import pytest

from connector.errors import NotSentError, OrderNotFoundError, OutcomeUnknownError, RateLimitedError, VenueError
from tests.contract.gateway.conftest import Stage
from tests.unit.connector.gateway.given import OTHER_SYMBOL, SYMBOL, ours, request
from tests.unit.connector.gateway.scripted_venue import Behaviour
from topics.v1.orders_pb2 import (
    ORDER_STATUS_ACCEPTED,
    ORDER_STATUS_CANCELED,
    ORDER_STATUS_FILLED,
    ORDER_STATUS_UNKNOWN,
)


async def test_an_open_order_is_cancelled_by_either_id(stage: Stage) -> None:
    """ORD-1: cancel one."""
    gateway = await stage.gateway()
    await gateway.place(request(1))
    placed = (await gateway.place(request(2))).order
    assert (await gateway.cancel(SYMBOL, ours(1))).status == ORDER_STATUS_CANCELED
    by_venue_id = await gateway.cancel(SYMBOL, venue_order_id=placed.venue_order_id)
    assert (by_venue_id.client_order_id, by_venue_id.status) == (ours(2), ORDER_STATUS_CANCELED)
    assert gateway.open_orders() == []


async def test_an_ended_order_is_returned_as_it_is(stage: Stage) -> None:
    """ORD-5: a cancel after a fill resurrects nothing and does not trouble the venue."""
    gateway = await stage.gateway()
    await gateway.place(request(1))
    await stage.venue.fill("1", 10)
    assert (await gateway.cancel(SYMBOL, ours(1))).status == ORDER_STATUS_FILLED
    assert not stage.venue.cancels


async def test_an_order_that_fills_while_it_is_cancelled_is_filled(stage: Stage) -> None:
    """ORD-4: the cancel-fill race; the venue's refusal to cancel is looked into, not believed to be an end."""
    gateway = await stage.gateway()
    await gateway.place(request(1))
    await stage.venue.fill("1", 10, tell=False)
    assert (await gateway.cancel(SYMBOL, ours(1))).status == ORDER_STATUS_FILLED
    assert gateway.status()["awaiting_fills"] == 1
    await gateway.reconcile()
    assert gateway.status()["awaiting_fills"] == 0
    assert [it.fill.quantity_lots for it in stage.log.of(ours(1)) if it.HasField("fill")] == [10]


async def test_a_partly_filled_order_keeps_its_fill_when_cancelled(stage: Stage) -> None:
    """ORD-4: partial then cancel, and the fill that comes late is booked without making the order live."""
    gateway = await stage.gateway()
    await gateway.place(request(1))
    late = await stage.venue.fill("1", 4, tell=False)
    cancelled = await gateway.cancel(SYMBOL, ours(1))
    assert (cancelled.status, cancelled.filled_lots) == (ORDER_STATUS_CANCELED, 4)
    await gateway.on_report(late)
    await gateway.on_report(late)
    await gateway.reconcile()
    last = stage.log.of(ours(1))[-1]
    assert (last.status, last.filled_lots, last.fill.trade_id) == (ORDER_STATUS_CANCELED, 4, late.fill.trade_id)
    assert len(stage.log.of(ours(1))) == 3


@pytest.mark.parametrize("found", ["by the stream", "too late"])
async def test_a_cancel_goes_out_once_the_venue_has_the_order_whatever_its_placement_waits_for(
    stage: Stage, found: str
) -> None:
    """ORD-3: the reply to the placement hangs, the user stream tells of the order. A late reply resurrects nothing."""
    hold = asyncio.Event()
    behaviour = Behaviour(until=hold, raises_after=OutcomeUnknownError("lost") if found == "too late" else None)
    stage.venue.script.append(behaviour)
    gateway = await stage.gateway()
    placing = asyncio.ensure_future(gateway.place(request(1)))
    await behaviour.reached.wait()
    cancelling = asyncio.ensure_future(gateway.cancel(SYMBOL, ours(1)))
    await asyncio.sleep(0.05)
    assert not cancelling.done()
    await gateway.on_report(stage.venue.of(ours(1)))
    async with asyncio.timeout(5):
        assert (await cancelling).status == ORDER_STATUS_CANCELED
    assert not placing.done()
    hold.set()
    assert (await placing).order.status == ORDER_STATUS_CANCELED
    assert stage.log.of(ours(1))[-1].status == ORDER_STATUS_CANCELED


async def test_a_cancel_waits_for_the_reply_to_its_own_placement_only(stage: Stage) -> None:
    """ORD-3: cancels have their own lane and are never behind placements of other orders."""
    holds = [asyncio.Event(), asyncio.Event()]
    behaviours = [Behaviour(until=hold) for hold in holds]
    gateway = await stage.gateway()
    await gateway.place(request(1))
    stage.venue.script.extend(behaviours)
    second = asyncio.ensure_future(gateway.place(request(2)))
    third = asyncio.ensure_future(gateway.place(request(3)))
    for behaviour in behaviours:
        await behaviour.reached.wait()
    of_second = asyncio.ensure_future(gateway.cancel(SYMBOL, ours(2)))
    assert (await gateway.cancel(SYMBOL, ours(1))).status == ORDER_STATUS_CANCELED
    assert not of_second.done()
    holds[0].set()
    assert (await of_second).status == ORDER_STATUS_CANCELED
    assert not third.done()
    holds[1].set()
    await asyncio.gather(second, third)


async def test_a_cancel_during_back_off_ends_the_order_unsent(stage: Stage) -> None:
    """ORD-3: a placement that waits to be tried again is not sent any more once somebody wants it cancelled."""
    refusals = [Behaviour(raises=RateLimitedError("429", retry_after_s=20)) for _ in range(2)]
    stage.venue.script.extend(refusals)
    gateway = await stage.gateway()
    placing = asyncio.ensure_future(gateway.place(request(1)))
    await refusals[0].reached.wait()
    cancelled = await gateway.cancel(SYMBOL, ours(1))
    assert (cancelled.status, cancelled.reason_code) == (ORDER_STATUS_CANCELED, "CANCELED_BEFORE_SENT")
    assert (await placing).order.status == ORDER_STATUS_CANCELED
    assert len(stage.venue.script) == 1


@pytest.mark.parametrize("error", [OutcomeUnknownError("timed out"), NotSentError("refused"), RateLimitedError("429")])
async def test_a_failed_cancel_is_sent_again(stage: Stage, error: VenueError) -> None:
    """WF-4: cancels are retried on their own; they can only ever end an order once."""
    stage.venue.cancel_script.extend([error, error])
    gateway = await stage.gateway()
    await gateway.place(request(1))
    assert (await gateway.cancel(SYMBOL, ours(1))).status == ORDER_STATUS_CANCELED


async def test_a_cancel_that_keeps_failing_stays_wanted(stage: Stage) -> None:
    """ORD-3: the caller hears of it, and every reconciliation asks again."""
    stage.venue.cancel_script.extend(OutcomeUnknownError("timed out") for _ in range(4))
    stage.venue.cancel_all_script.append(OutcomeUnknownError("timed out"))
    gateway = await stage.gateway()
    await gateway.place(request(1))
    with pytest.raises(OutcomeUnknownError):
        await gateway.cancel(SYMBOL, ours(1))
    await gateway.reconcile()
    await stage.log.until_status(ours(1), ORDER_STATUS_CANCELED)


async def test_a_cancel_asked_for_before_a_crash_is_carried_out_after_it(stage: Stage) -> None:
    """ORD-3: the wish is durable before it is sent."""
    stage.venue.cancel_script.extend(OutcomeUnknownError("timed out") for _ in range(4))
    stage.venue.cancel_all_script.append(OutcomeUnknownError("timed out"))
    first = await stage.gateway()
    await first.place(request(1))
    with pytest.raises(OutcomeUnknownError):
        await first.cancel(SYMBOL, ours(1))
    await stage.crash(first)
    await stage.gateway()
    await stage.log.until_status(ours(1), ORDER_STATUS_CANCELED)


async def test_an_unknown_order_found_alive_is_cancelled_when_that_was_asked(stage: Stage) -> None:
    """WF-3: the cancel does not find it at first, because the venue shows it late."""
    stage.venue.script.append(Behaviour(raises_after=OutcomeUnknownError("timed out")))
    gateway = await stage.gateway()
    stage.venue.cancel_script.append(OrderNotFoundError("Unknown order sent."))
    await gateway.place(request(1))
    stage.venue.hidden.add("1")
    assert (await gateway.cancel(SYMBOL, ours(1))).status == ORDER_STATUS_UNKNOWN
    stage.venue.hidden.clear()
    await stage.log.until_status(ours(1), ORDER_STATUS_CANCELED)


async def test_orders_of_others_are_never_touched(stage: Stage) -> None:
    """ORD-6: a foreign order, an unknown id, and an order of ours under another symbol are refused."""
    foreign = stage.venue.accept(request(client_order_id="manual1"))
    gateway = await stage.gateway()
    await gateway.place(request(1))
    for symbol, by in (
        (SYMBOL, {"client_order_id": "manual1"}),
        (SYMBOL, {"venue_order_id": foreign.venue_order_id}),
        (OTHER_SYMBOL, {"client_order_id": ours(1)}),
    ):
        with pytest.raises(OrderNotFoundError, match="no order of ours"):
            await gateway.cancel(symbol, **by)
    assert stage.venue.of("manual1").status == ORDER_STATUS_ACCEPTED
    assert not stage.venue.cancels
