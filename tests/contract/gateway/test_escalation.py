"""Cancels that keep failing, over both ledgers: all of the symbol once, then a person; never a storm."""

import asyncio

import pytest

from connector.errors import OutcomeUnknownError, RateLimitedError
from tests.contract.gateway.conftest import Stage
from tests.unit.connector.gateway.given import OTHER_SYMBOL, SYMBOL, ours, request
from topics.v1.alerts_pb2 import SEVERITY_CRITICAL, SEVERITY_WARNING
from topics.v1.orders_pb2 import ORDER_STATUS_ACCEPTED, ORDER_STATUS_CANCELED

TRIES = 4


def failing(times: int = TRIES) -> list[Exception]:
    return [OutcomeUnknownError("timed out") for _ in range(times)]


async def test_a_cancel_that_keeps_failing_ends_all_of_its_symbol_and_tells_a_person(stage: Stage) -> None:
    """ORD-3: escalates once to cancel-all of the symbol; other symbols are not touched."""
    gateway = await stage.gateway()
    await asyncio.gather(
        gateway.place(request(1)), gateway.place(request(2)), gateway.place(request(3, symbol=OTHER_SYMBOL))
    )
    stage.venue.cancel_script.extend(failing())
    assert (await gateway.cancel(SYMBOL, ours(1))).status == ORDER_STATUS_CANCELED
    assert stage.venue.cancel_alls == {SYMBOL: 1}
    assert (await stage.log.until_status(ours(2), ORDER_STATUS_CANCELED)).symbol == SYMBOL
    assert stage.venue.of(ours(3)).status == ORDER_STATUS_ACCEPTED
    alert = await stage.until_alert("CANCEL_FAILED")
    assert (alert.severity, alert.symbol) == (SEVERITY_WARNING, SYMBOL)


async def test_cancel_all_is_tried_once_however_many_cancels_fail_and_are_repeated(stage: Stage) -> None:
    """ORD-3: one escalation and one alert for a run of failures; the wishes are repeated until they are met."""
    gateway = await stage.gateway()
    for number in (1, 2, 3):
        await gateway.place(request(number))
    stage.venue.cancel_script.extend(failing(1_000))
    stage.venue.cancel_all_script.extend(failing(10))
    for _ in range(3):
        for number in (1, 2, 3):
            with pytest.raises(OutcomeUnknownError):
                await gateway.cancel(SYMBOL, ours(number))
    alert = await stage.until_alert("CANCEL_FAILED")
    assert alert.severity == SEVERITY_CRITICAL
    assert "failed too" in alert.text
    assert [it.code for it in stage.alerts] == ["CANCEL_FAILED"]
    assert stage.venue.cancel_alls == {SYMBOL: 1}
    stage.venue.cancel_script.clear()
    await gateway.reconcile()
    for number in (1, 2, 3):
        await stage.log.until_status(ours(number), ORDER_STATUS_CANCELED)


async def test_an_escalation_leaves_orders_of_others_alone(stage: Stage) -> None:
    """ORD-6: with somebody else's order on the symbol, ours are cancelled in a batch instead."""
    manual = stage.venue.accept(request(client_order_id="manual1"))
    gateway = await stage.gateway()
    await gateway.place(request(1))
    await gateway.place(request(2))
    stage.venue.cancel_script.extend(failing())
    assert (await gateway.cancel(SYMBOL, ours(1))).status == ORDER_STATUS_CANCELED
    await stage.log.until_status(ours(2), ORDER_STATUS_CANCELED)
    assert stage.venue.orders[manual.venue_order_id].status == ORDER_STATUS_ACCEPTED
    assert not stage.venue.cancel_alls


async def test_no_retry_after_of_the_venue_holds_a_cancel_back(stage: Stage) -> None:
    """ORD-3: a cancel is tried again after its own short back-off, whatever the venue asks for."""
    gateway = await stage.gateway()
    await gateway.place(request(1))
    stage.venue.cancel_script.extend(RateLimitedError("429", retry_after_s=50) for _ in range(3))
    stage.clock.slept.clear()
    assert (await gateway.cancel(SYMBOL, ours(1))).status == ORDER_STATUS_CANCELED
    assert max(stage.clock.slept) < 1
    assert not stage.venue.cancel_alls
