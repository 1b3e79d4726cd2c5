"""Placing an order, over both ledgers: what the venue answers, and what it fails to."""

import asyncio

import pytest

from connector.errors import (
    InsufficientFundsError,
    InvalidOrderError,
    NotSentError,
    OutcomeUnknownError,
    RateLimitedError,
)
from connector.gateway.errors import AlreadyExistsError, FencedError
from connector.gateway.settings import RiskLimits
from tests.contract.gateway.conftest import Stage
from tests.unit.connector.gateway.given import OTHER_SYMBOL, SYMBOL, ours, request
from tests.unit.connector.gateway.scripted_venue import Behaviour
from topics.v1.common_pb2 import SIDE_SELL
from topics.v1.orders_pb2 import (
    ORDER_STATUS_ACCEPTED,
    ORDER_STATUS_DENIED,
    ORDER_STATUS_FILLED,
    ORDER_STATUS_REJECTED,
    ORDER_STATUS_UNKNOWN,
)


async def test_an_accepted_order_is_said_on_the_log_before_the_caller_has_it(stage: Stage) -> None:
    """WF-1: the client order id reaches the venue unchanged and comes back with the venue's own."""
    gateway = await stage.gateway()
    result = await gateway.place(request(1), strategy="grid", intent_id=ours(1))
    assert (result.existing, result.order.status) == (False, ORDER_STATUS_ACCEPTED)
    assert stage.venue.placed == {ours(1): 1}
    assert [it.status for it in stage.log.of(ours(1))] == [ORDER_STATUS_ACCEPTED]
    assert result.order.strategy == "grid"
    assert result.order.venue_order_id
    assert 0 < result.order.claimed_ns <= result.order.sent_ns <= result.order.answered_ns


async def test_a_repeat_with_the_same_details_gives_the_existing_order(stage: Stage) -> None:
    """WF-2: a duplicate submission is success if the details match, also after a restart and after it ended."""
    first = await stage.gateway()
    await first.place(request(1))
    assert (await first.place(request(1))).existing
    await stage.venue.fill("1", 10)
    await first.stop()
    stage.gateways.remove(first)
    second = await stage.gateway()
    again = await second.place(request(1))
    assert (again.existing, again.order.status) == (True, ORDER_STATUS_FILLED)
    assert stage.venue.placed == {ours(1): 1}
    assert second.status()["duplicates_suppressed"] == 1


async def test_a_repeat_with_other_details_is_refused(stage: Stage) -> None:
    """WF-2: ALREADY_EXISTS where the details differ; the order at the venue stays as it is."""
    gateway = await stage.gateway()
    await gateway.place(request(1))
    with pytest.raises(AlreadyExistsError, match="belongs to another order") as refused:
        await gateway.place(request(1, quantity_lots=11))
    assert refused.value.existing.quantity_lots == 10
    assert stage.venue.placed == {ours(1): 1}


async def test_racing_repeats_reach_the_venue_once(stage: Stage) -> None:
    """WF-2: a hundred at once, one order."""
    gateway = await stage.gateway()
    results = await asyncio.gather(*(gateway.place(request(1)) for _ in range(100)))
    assert sum(not result.existing for result in results) == 1
    assert stage.venue.placed == {ours(1): 1}


async def test_a_timeout_after_the_venue_accepted_is_unknown_and_then_found(stage: Stage) -> None:
    """WF-3: an uncertain outcome is looked up by client id, never sent again."""
    stage.venue.script.append(Behaviour(raises_after=OutcomeUnknownError("timed out after 10 s")))
    gateway = await stage.gateway()
    assert (await gateway.place(request(1))).order.status == ORDER_STATUS_UNKNOWN
    await stage.log.until_status(ours(1), ORDER_STATUS_ACCEPTED)
    assert [it.status for it in stage.log.of(ours(1))] == [ORDER_STATUS_UNKNOWN, ORDER_STATUS_ACCEPTED]
    assert stage.venue.placed == {ours(1): 1}


async def test_a_lost_request_ends_as_not_received_and_is_never_sent_again(stage: Stage) -> None:
    """WF-3: what the venue does not know, asked twice, ends as rejected with NOT_RECEIVED."""
    stage.venue.script.append(Behaviour(raises=OutcomeUnknownError("connection lost")))
    gateway = await stage.gateway()
    await gateway.place(request(1))
    ended = await stage.log.until_status(ours(1), ORDER_STATUS_REJECTED)
    assert ended.reason_code == "NOT_RECEIVED"
    assert gateway._desk.settings.visibility_delay_s in stage.clock.slept
    assert (await gateway.place(request(1))).existing
    assert not stage.venue.placed


async def test_an_order_that_shows_up_after_all_is_cancelled_at_the_venue(stage: Stage) -> None:
    """ORD-5: what was concluded to have ended is not resurrected; the venue's late order is taken back."""
    stage.venue.script.append(Behaviour(raises=OutcomeUnknownError("connection lost")))
    gateway = await stage.gateway()
    await gateway.place(request(1))
    await stage.log.until_status(ours(1), ORDER_STATUS_REJECTED)
    late = stage.venue.accept(request(1))
    await gateway.on_report(late)
    while stage.venue.cancels[ours(1)] == 0:
        await asyncio.sleep(0)
    assert {it.status for it in stage.log.of(ours(1))} == {ORDER_STATUS_UNKNOWN, ORDER_STATUS_REJECTED}


async def test_a_look_up_the_venue_does_not_answer_is_asked_again(stage: Stage) -> None:
    """WF-3: unknown until the venue answers."""
    stage.venue.script.append(Behaviour(raises_after=OutcomeUnknownError("timed out")))
    stage.venue.find_script.extend([OutcomeUnknownError("again"), RuntimeError("not even an error of ours")])
    gateway = await stage.gateway()
    await gateway.place(request(1))
    await stage.log.until_status(ours(1), ORDER_STATUS_ACCEPTED)
    assert gateway.status()["unknown_orders"] == 0


@pytest.mark.parametrize("error", [RateLimitedError("429"), NotSentError("connection refused")])
async def test_what_was_certainly_not_executed_is_tried_again(stage: Stage, error: Exception) -> None:
    """WF-4: 100 ms first, factor 2; then the venue takes it."""
    stage.venue.script.extend([Behaviour(raises=error), Behaviour(raises=error)])
    gateway = await stage.gateway()
    stage.clock.slept.clear()
    assert (await gateway.place(request(1))).order.status == ORDER_STATUS_ACCEPTED
    waits = [it for it in stage.clock.slept if 0.1 <= it < 1]
    assert len(waits) == 2
    assert 0.1 <= waits[0] <= 0.12
    assert 0.2 <= waits[1] <= 0.24
    assert stage.venue.placed == {ours(1): 1}


async def test_after_three_retries_it_is_rejected_with_the_code(stage: Stage) -> None:
    """WF-4: at most three; certain not executed is a rejection, not unknown."""
    stage.venue.script.extend([Behaviour(raises=RateLimitedError("429", retry_after_s=2)) for _ in range(4)])
    gateway = await stage.gateway()
    order = (await gateway.place(request(1))).order
    assert (order.status, order.reason_code) == (ORDER_STATUS_REJECTED, "RATE_LIMITED")
    assert stage.clock.slept.count(2) == 3
    assert not stage.venue.script


async def test_a_refusal_is_certain_and_not_retried(stage: Stage) -> None:
    """WF-4: insufficient funds never are; ERR-1: told apart from a rate limit."""
    stage.venue.script.extend([Behaviour(raises=InsufficientFundsError("Margin is insufficient.")), Behaviour()])
    gateway = await stage.gateway()
    order = (await gateway.place(request(1))).order
    assert (order.status, order.reason_code, order.reason) == (
        ORDER_STATUS_REJECTED,
        "INSUFFICIENT_FUNDS",
        "Margin is insufficient.",
    )
    assert len(stage.venue.script) == 1


async def test_a_fill_before_the_acknowledgement_counts(stage: Stage) -> None:
    """ORD-4: fill and order updates may arrive in any order."""
    stage.venue.script.append(Behaviour(fills_lots=4))
    gateway = await stage.gateway()
    order = (await gateway.place(request(1))).order
    assert order.filled_lots == 4
    await stage.venue.fill(order.venue_order_id, 6)
    update = await stage.log.until_status(ours(1), ORDER_STATUS_FILLED)
    assert update.filled_lots == 10
    assert gateway.open_orders() == []


async def test_a_duplicate_at_the_venue_is_compared_before_it_is_adopted(stage: Stage) -> None:
    """WF-2: the venue's own order with our id is adopted when its details are ours, otherwise we were refused."""
    gateway = await stage.gateway()
    stage.venue.accept(request(1))
    stage.venue.accept(request(2, quantity_lots=7))
    await gateway.place(request(1))
    await gateway.place(request(2))
    await stage.log.until_status(ours(1), ORDER_STATUS_ACCEPTED)
    refused = await stage.log.until_status(ours(2), ORDER_STATUS_REJECTED)
    assert refused.reason_code == "DUPLICATE_ORDER"
    assert stage.venue.placed == {ours(1): 1, ours(2): 1}


async def test_exposure_is_held_when_a_hundred_orders_race(stage: Stage) -> None:
    """RISK-2: the total over all symbols never exceeds the limit, claims in flight included."""
    gateway = await stage.gateway(limits=RiskLimits(max_exposure_quote=1_000))
    symbols = (SYMBOL, OTHER_SYMBOL)
    results = await asyncio.gather(
        *(gateway.place(request(number, symbol=symbols[number % 2])) for number in range(100))
    )
    denied = [it.order for it in results if it.order.status == ORDER_STATUS_DENIED]
    assert sum(stage.venue.placed.values()) == 10
    assert len(denied) == 90
    assert {it.reason_code for it in denied} == {"EXPOSURE_LIMIT"}
    assert "max_exposure_quote is 1000" in denied[0].reason


async def test_a_denied_order_uses_its_id_up(stage: Stage) -> None:
    """RISK-7: a denial is an event with its numbers, and a repeat gives the same answer when there is room again."""
    gateway = await stage.gateway(limits=RiskLimits(max_exposure_quote=100))
    first = (await gateway.place(request(1))).order
    denied = (await gateway.place(request(2))).order
    assert denied.status == ORDER_STATUS_DENIED
    await gateway.cancel(SYMBOL, first.client_order_id)
    again = await gateway.place(request(2))
    assert (again.existing, again.order.status) == (True, ORDER_STATUS_DENIED)
    assert [it.status for it in stage.log.of(ours(2))] == [ORDER_STATUS_DENIED]
    assert (await gateway.place(request(3, side=SIDE_SELL))).order.status == ORDER_STATUS_ACCEPTED


async def test_an_unknown_symbol_is_denied(stage: Stage) -> None:
    """SYM-1: what has no instrument is not traded."""
    gateway = await stage.gateway()
    order = (await gateway.place(request(1, symbol="NOPE"))).order
    assert (order.status, order.reason_code) == (ORDER_STATUS_DENIED, "UNKNOWN_SYMBOL")


@pytest.mark.parametrize("client_order_id", ["", "x" * 29, "with space", "unwind_1"])
async def test_an_id_no_venue_would_take_is_refused_before_anything(stage: Stage, client_order_id: str) -> None:
    """WF-1: at most 28 characters [A-Za-z0-9]."""
    gateway = await stage.gateway()
    with pytest.raises(InvalidOrderError, match="client order id"):
        await gateway.place(request(client_order_id=client_order_id))


async def test_a_caller_that_gives_up_does_not_stop_its_order(stage: Stage) -> None:
    """WF-5: a deadline ends the call, never leaves an order half placed."""
    hold = asyncio.Event()
    behaviour = Behaviour(until=hold)
    stage.venue.script.append(behaviour)
    gateway = await stage.gateway()
    call = asyncio.ensure_future(gateway.place(request(1)))
    await behaviour.reached.wait()
    call.cancel()
    hold.set()
    await stage.log.until_status(ours(1), ORDER_STATUS_ACCEPTED)
    assert (await gateway.place(request(1))).existing


async def test_a_try_after_a_back_off_is_not_made_once_another_gateway_took_over(stage: Stage) -> None:
    """WF-3, ORD-5: the successor concludes on the order while this one waits; a late send would be a second life."""
    stage.venue.script.append(Behaviour(raises=NotSentError("connection refused")))
    first = await stage.gateway(settings={"retry": {"initial_s": 60, "jitter": 0}})
    placing = asyncio.create_task(first.place(request(1)))
    await stage.clock.until_slept(60)
    await stage.gateway()
    with pytest.raises(FencedError):
        await placing
    assert stage.venue.placed == {}
    await stage.crash(first)
