"""Ends that only we know of, said by a gateway that dies around the saying. Over both ledgers."""

from collections.abc import Iterator

import pytest

from connector.errors import (
    InsufficientFundsError,
    NotSentError,
    OutcomeUnknownError,
    VenueError,
    VenueUnavailableError,
)
from connector.gateway import crash_points
from tests.contract.gateway.conftest import Stage
from tests.unit.connector.gateway.given import ours, request
from tests.unit.connector.gateway.scripted_venue import Behaviour
from topics.v1.orders_pb2 import ORDER_STATUS_CANCELED, ORDER_STATUS_REJECTED, ORDER_STATUS_UNKNOWN

AROUND_THE_LOG = ("before_log", "after_log_before_ledger")


class _DiedError(Exception):
    pass


@pytest.fixture(autouse=True)
def _disarmed() -> Iterator[None]:
    yield
    crash_points.install(None)


def die_at(point: str) -> None:
    def hook(name: str) -> None:
        if name == point:
            raise _DiedError(name)

    crash_points.install(hook)


async def crash(stage: Stage) -> None:
    await stage.crash(stage.gateways[0])
    crash_points.install(None)


@pytest.mark.parametrize("error", [NotSentError("connection refused"), InsufficientFundsError("no margin")])
async def test_a_refused_order_stays_refused(stage: Stage, error: VenueError) -> None:
    """ORD-5, WF-3: the venue keeps no such order, so the successor says what was concluded, and nothing else."""
    gateway = await stage.gateway()
    stage.venue.script.extend([Behaviour(raises=error)] * 20)
    die_at("after_log_before_ledger")
    with pytest.raises(_DiedError):
        await gateway.place(request(1))
    await crash(stage)
    again = await stage.gateway()
    await again.reconcile()
    said = stage.log.of(ours(1))
    assert {(it.status, it.reason_code) for it in said} == {(ORDER_STATUS_REJECTED, error.code)}
    await again.stop()
    stage.gateways.remove(again)
    await stage.gateway()
    assert stage.log.of(ours(1)) == said


@pytest.mark.parametrize("point", AROUND_THE_LOG)
async def test_an_order_cancelled_before_it_was_sent_stays_cancelled(stage: Stage, point: str) -> None:
    """ORD-5, RISK-8: the kill switch held it back; never sent, it is not said to be unknown or rejected later."""
    gateway = await stage.gateway()
    flight = gateway._placing._begin(gateway._placing._admit(request(1), "", "", None), None)
    gateway.kill(by="a person", reason="a test")
    die_at(point)
    with pytest.raises(_DiedError):
        await flight
    await crash(stage)
    again = await stage.gateway()
    await again.reconcile()
    said = stage.log.of(ours(1))
    assert {(it.status, it.reason_code) for it in said} == {(ORDER_STATUS_CANCELED, "CANCELED_BEFORE_SENT")}


@pytest.mark.parametrize("point", AROUND_THE_LOG)
async def test_an_order_that_was_never_received_is_not_asked_for_again(stage: Stage, point: str) -> None:
    """ORD-5, WF-3: UNKNOWN once, then the verdict, which no successor takes back."""
    gateway = await stage.gateway()
    stage.venue.script.append(Behaviour(raises=OutcomeUnknownError("timed out")))
    assert (await gateway.place(request(1))).order.status == ORDER_STATUS_UNKNOWN
    die_at(point)
    with pytest.raises(_DiedError):
        await gateway.wait_failed()
    await crash(stage)
    stage.venue.find_script.append(VenueUnavailableError("503 Service Unavailable"))
    await stage.gateway()
    await stage.log.until_status(ours(1), ORDER_STATUS_REJECTED)
    assert stage.venue.find_script, "it was asked for once more"
    unknown, *ends = stage.log.of(ours(1))
    assert unknown.status == ORDER_STATUS_UNKNOWN
    assert {(it.status, it.reason_code) for it in ends} == {(ORDER_STATUS_REJECTED, "NOT_RECEIVED")}
