"""What holds placements back and nothing else: the circuit breaker and the venue's Retry-After, over both ledgers."""

import asyncio

import pytest

from connector.errors import InsufficientFundsError, OutcomeUnknownError, RateLimitedError, VenueError
from connector.gateway import metrics
from connector.gateway.gateway import Gateway
from tests.contract.gateway.conftest import Stage
from tests.unit.connector.gateway.given import SYMBOL, ours, request
from tests.unit.connector.gateway.scripted_venue import Behaviour
from topics.v1.orders_pb2 import (
    ORDER_STATUS_ACCEPTED,
    ORDER_STATUS_CANCELED,
    ORDER_STATUS_REJECTED,
    ORDER_STATUS_UNKNOWN,
)

OPEN_S = 200.0
LONG_OPEN_S = 100_000.0
"""Longer than any machine takes for a test."""


def settings(open_s: float = LONG_OPEN_S) -> dict[str, object]:
    return {"breaker": {"failures": 3, "open_s": open_s, "window_s": 1_000_000.0}, "retry": {"max_retries": 0}}


async def broken(stage: Stage, error: VenueError, count: int = 3, open_s: float = LONG_OPEN_S) -> Gateway:
    gateway = await stage.gateway(settings=settings(open_s))
    await gateway.place(request(100))
    stage.venue.script.extend(Behaviour(raises=error) for _ in range(count))
    for number in range(count):
        await gateway.place(request(number))
    return gateway


async def test_sustained_failures_open_the_breaker_and_placements_end_rejected_at_once(stage: Stage) -> None:
    """WF-6: certain, never unknown, nothing sent; a person is told, once."""
    fast = metrics.FAST_REJECTIONS.labels("breaker_open")._value.get()
    gateway = await broken(stage, OutcomeUnknownError("timed out"))
    results = [(await gateway.place(request(number))).order for number in range(10, 15)]
    assert {(it.status, it.reason_code, it.sent_ns) for it in results} == {(ORDER_STATUS_REJECTED, "BREAKER_OPEN", 0)}
    assert stage.venue.placed == {ours(100): 1}
    alert = await stage.until_alert("BREAKER_OPEN")
    assert "timed out" in alert.text
    assert [it.code for it in stage.alerts].count("BREAKER_OPEN") == 1
    assert gateway.status()["breaker"] == "open"
    assert metrics.FAST_REJECTIONS.labels("breaker_open")._value.get() - fast == 5


async def test_cancels_and_look_ups_pass_an_open_breaker(stage: Stage) -> None:
    """WF-6, ORD-3: what reduces risk or finds out is never held back."""
    gateway = await broken(stage, OutcomeUnknownError("timed out"))
    assert gateway.status()["breaker"] == "open"
    assert (await gateway.cancel(SYMBOL, ours(100))).status == ORDER_STATUS_CANCELED
    for number in range(3):
        assert (await stage.log.until_status(ours(number), ORDER_STATUS_REJECTED)).reason_code == "NOT_RECEIVED"


async def test_one_placement_finds_out_whether_the_venue_serves_again(stage: Stage) -> None:
    """WF-6: half open lets one through, the others are rejected; its answer closes the breaker, and that is told."""
    gateway = await broken(stage, OutcomeUnknownError("timed out"), open_s=OPEN_S)
    await stage.clock.sleep(OPEN_S + 1)
    hold = asyncio.Event()
    probe = Behaviour(until=hold)
    stage.venue.script.append(probe)
    probing = asyncio.ensure_future(gateway.place(request(20)))
    await probe.reached.wait()
    other = (await gateway.place(request(21))).order
    assert (other.status, other.reason_code) == (ORDER_STATUS_REJECTED, "BREAKER_OPEN")
    assert gateway.status()["breaker"] == "half_open"
    hold.set()
    assert (await probing).order.status == ORDER_STATUS_ACCEPTED
    assert (await gateway.place(request(22))).order.status == ORDER_STATUS_ACCEPTED
    await stage.until_alert("BREAKER_CLOSED")
    assert gateway.status()["breaker"] == "closed"


async def test_a_failed_probe_opens_it_again(stage: Stage) -> None:
    """WF-6: the probe's own order is unknown like any other and is looked up."""
    gateway = await broken(stage, OutcomeUnknownError("timed out"), open_s=OPEN_S)
    await stage.clock.sleep(OPEN_S + 1)
    stage.venue.script.append(Behaviour(raises_after=OutcomeUnknownError("timed out")))
    assert (await gateway.place(request(20))).order.status == ORDER_STATUS_UNKNOWN
    assert (await gateway.place(request(21))).order.reason_code == "BREAKER_OPEN"
    await stage.log.until_status(ours(20), ORDER_STATUS_ACCEPTED)


async def test_refusals_by_the_venue_are_no_failures_of_the_venue(stage: Stage) -> None:
    """ERR-1, WF-6: a venue that refuses what we ask serves us."""
    gateway = await broken(stage, InsufficientFundsError("Margin is insufficient."), count=20)
    assert gateway.status()["breaker"] == "closed"
    assert (await gateway.place(request(50))).order.status == ORDER_STATUS_ACCEPTED


async def test_a_failed_batch_is_one_failure(stage: Stage) -> None:
    """WF-6, ORD-2: calls are counted, not orders."""
    gateway = await stage.gateway(settings=settings())
    stage.venue.script.extend(Behaviour(raises=OutcomeUnknownError("timed out")) for _ in range(10))
    await gateway.place_batch([request(number) for number in range(10)])
    assert gateway.status()["breaker"] == "closed"


@pytest.mark.parametrize("in_batch", [False, True])
async def test_a_retry_after_holds_every_placement_back_and_no_cancel(stage: Stage, *, in_batch: bool) -> None:
    """ORD-3, WF-4: the venue is left alone for as long as it asks, by placements; cancels go out meanwhile."""
    gateway = await stage.gateway()
    await gateway.place(request(1))
    limited = Behaviour(raises=RateLimitedError("429", retry_after_s=40))
    stage.venue.script.append(limited)
    first = asyncio.ensure_future(gateway.place(request(2)))
    await limited.reached.wait()
    begun = stage.clock.monotonic()
    more = [request(number) for number in range(10, 15)]
    held = asyncio.ensure_future(
        gateway.place_batch(more) if in_batch else asyncio.gather(*(gateway.place(it) for it in more))
    )
    assert (await gateway.cancel(SYMBOL, ours(1))).status == ORDER_STATUS_CANCELED
    assert stage.venue.placed == {ours(1): 1}
    assert not held.done()
    await asyncio.gather(first, held)
    assert stage.clock.monotonic() - begun > 30
    assert set(stage.venue.placed.values()) == {1}
    assert len(stage.venue.placed) == 7
