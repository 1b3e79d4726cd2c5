"""The kill switch of a whole gateway, over both ledgers: halts, cancels, verifies, holds, and beats what goes wrong."""

import asyncio
from collections.abc import Callable

import pytest

from connector.errors import ConnectorError, NotSentError, OutcomeUnknownError, RateLimitedError, VenueUnavailableError
from connector.gateway.gateway import Gateway
from connector.gateway.kill_state import KILLED
from connector.gateway.kill_switch import KillReport
from connector.gateway.ledger import Ledger
from tests.contract.gateway.conftest import Stage
from tests.unit.connector.gateway.given import OTHER_SYMBOL, SYMBOL, ours, request
from tests.unit.connector.gateway.scripted_venue import LIVE, Behaviour
from topics.v1.orders_pb2 import (
    ORDER_STATUS_ACCEPTED,
    ORDER_STATUS_CANCELED,
    ORDER_STATUS_DENIED,
    ORDER_STATUS_REJECTED,
    ORDER_STATUS_UNKNOWN,
)

pytestmark = pytest.mark.timeout(60)


async def until(gateway: Gateway, holds: Callable[[KillReport], bool]) -> KillReport:
    async with asyncio.timeout(20):
        async for report in gateway.kill_reports():
            if holds(report):
                return report
    raise AssertionError("the kill switch tells no more")


async def killed(gateway: Gateway, *, everything: bool = False) -> KillReport:
    """Turned, durable and verified."""
    gateway.kill(by="Ann", reason="drill", everything=everything)
    return await until(gateway, lambda report: report.done)


def alive(stage: Stage) -> list[str]:
    return [it.client_order_id for it in stage.venue.orders.values() if it.status in LIVE]


async def test_a_kill_leaves_nothing_of_ours_alive_on_any_symbol(stage: Stage) -> None:
    """RISK-8: all is cancelled, asked for twice, durable, and each order's end is told."""
    gateway = await stage.gateway()
    for number, symbol in enumerate((SYMBOL, SYMBOL, OTHER_SYMBOL)):
        await gateway.place(request(number, symbol=symbol))
    report = await killed(gateway)
    assert (report.found, report.cancelled, report.left, report.unresolved) == (3, 3, 0, 0)
    assert alive(stage) == []
    assert gateway.open_orders() == []
    for number in range(3):
        await stage.log.until_status(ours(number), ORDER_STATUS_CANCELED)
    assert (await gateway._desk.ledger.kill_state()).verified_ms
    assert "drill" in gateway.status()["killed"]


async def test_while_killed_nothing_is_placed_and_a_release_lets_it_trade_again(stage: Stage) -> None:
    """RISK-8: denied with the code KILLED and told on the log; the same id stays used, the next one is placed."""
    gateway = await stage.gateway()
    await killed(gateway)
    denied = (await gateway.place(request(1))).order
    assert (denied.status, denied.reason_code) == (ORDER_STATUS_DENIED, KILLED)
    assert "Ann: drill" in denied.reason
    await stage.log.until_status(ours(1), ORDER_STATUS_DENIED)
    assert not (await gateway.release(by="Ann", reason="over")).killed
    assert (await gateway.place(request(1))).existing
    assert (await gateway.place(request(2))).order.status == ORDER_STATUS_ACCEPTED
    assert not stage.venue.placed[ours(1)]


async def test_it_holds_over_a_crash_and_goes_on_cancelling(stage: Stage) -> None:
    """RISK-8: the next gateway reads the row before anything is placed, and finishes what the first one could not."""
    first = await stage.gateway()
    await first.place(request(1))
    stage.venue.cancel_script.extend(OutcomeUnknownError("timed out") for _ in range(1_000))
    first.kill(by="Ann", reason="drill")
    await until(first, lambda report: report.durable and report.left == 1)
    await stage.crash(first)
    stage.venue.cancel_script.clear()
    second = await stage.gateway()
    assert (await second.place(request(2))).order.reason_code == KILLED
    await until(second, lambda report: report.verified)
    assert alive(stage) == []
    await stage.log.until_status(ours(1), ORDER_STATUS_CANCELED)
    await stage.crash(second)
    third = await stage.gateway()
    await third.release(by="Ann", reason="over")
    assert (await third.place(request(3))).order.status == ORDER_STATUS_ACCEPTED


async def test_a_placement_under_way_is_cancelled_once_it_is_answered(stage: Stage) -> None:
    """RISK-8: it was sent before the kill and is answered after it; verified is not said before."""
    hold = Behaviour(until=asyncio.Event())
    stage.venue.script.append(hold)
    gateway = await stage.gateway()
    placing = asyncio.ensure_future(gateway.place(request(1)))
    await hold.reached.wait()
    stage.venue.hidden.add("1")
    gateway.kill(by="Ann", reason="drill")
    report = await until(gateway, lambda report: report.durable and report.unresolved == 1)
    assert not report.verified
    stage.venue.hidden.clear()
    assert hold.until is not None
    hold.until.set()
    await placing
    await until(gateway, lambda report: report.verified)
    assert alive(stage) == []


async def test_a_placement_that_waits_to_be_tried_again_is_not_sent_after_a_kill_or_its_release(stage: Stage) -> None:
    """RISK-8, WF-4: claimed before the kill, it ends unsent, at once, and stays so where the switch is off again."""
    refusal = Behaviour(raises=RateLimitedError("429", retry_after_s=30))
    stage.venue.script.append(refusal)
    gateway = await stage.gateway()
    stage.clock.endless.add(30)
    placing = asyncio.ensure_future(gateway.place(request(1)))
    await refusal.reached.wait()
    gateway.kill(by="Ann", reason="drill")
    await until(gateway, lambda report: report.done)
    await gateway.release(by="Ann", reason="over")
    order = (await placing).order
    assert (order.status, order.reason_code) == (ORDER_STATUS_CANCELED, "CANCELED_BEFORE_SENT")
    assert not stage.venue.placed


async def test_a_kill_by_somebody_else_is_known_with_the_claim(stage: Stage) -> None:
    """RISK-8: the row was written past this gateway (`tapeline kill` without a connector): its next claim is denied."""
    stranger = await _stranger(stage)
    gateway = await stage.gateway()
    await gateway.place(request(1))
    await _turn(stranger)
    denied = (await gateway.place(request(2))).order
    assert (denied.status, denied.reason_code) == (ORDER_STATUS_DENIED, KILLED)
    assert not stage.venue.placed[ours(2)]


async def test_a_kill_by_somebody_else_is_found_by_looking(stage: Stage) -> None:
    """RISK-8: no claim is needed for the gateway to learn of the row and to cancel."""
    stranger = await _stranger(stage)
    gateway = await stage.gateway(settings={"kill_poll_s": 1.0})
    await gateway.place(request(1))
    await _turn(stranger)
    await until(gateway, lambda report: report.verified)
    assert alive(stage) == []


async def test_an_unknown_order_is_cancelled_as_soon_as_it_is_found(stage: Stage) -> None:
    """RISK-8, WF-3: the venue took it, said nothing, and shows it late; until then nothing is called verified."""
    stage.venue.script.append(Behaviour(raises_after=OutcomeUnknownError("timed out")))
    gateway = await stage.gateway()
    assert (await gateway.place(request(1))).order.status == ORDER_STATUS_UNKNOWN
    stage.venue.hidden.add("1")
    gateway.kill(by="Ann", reason="drill")
    assert not (await until(gateway, lambda report: report.unresolved == 1)).verified
    stage.venue.hidden.clear()
    await until(gateway, lambda report: report.verified)
    assert alive(stage) == []
    await stage.log.until_status(ours(1), ORDER_STATUS_CANCELED)


async def test_an_order_that_never_arrived_lets_it_be_verified(stage: Stage) -> None:
    """RISK-8, WF-3: the look-ups conclude, then the switch does."""
    stage.venue.script.append(Behaviour(raises=OutcomeUnknownError("timed out")))
    gateway = await stage.gateway()
    await gateway.place(request(1))
    assert (await killed(gateway)).cancelled == 0
    await stage.log.until_status(ours(1), ORDER_STATUS_REJECTED)


@pytest.mark.parametrize("error", [OutcomeUnknownError("timed out"), NotSentError("refused"), RateLimitedError("429")])
async def test_cancels_that_fail_are_repeated_until_the_venue_shows_none(stage: Stage, error: Exception) -> None:
    """RISK-8: what is left is told meanwhile."""
    gateway = await stage.gateway()
    for number in range(3):
        await gateway.place(request(number))
    stage.venue.cancel_script.extend(error for _ in range(7))
    gateway.kill(by="Ann", reason="drill")
    assert (await until(gateway, lambda report: report.left > 0)).problem
    report = await until(gateway, lambda report: report.done)
    assert (report.cancelled, report.left, report.problem) == (3, 0, "")
    assert alive(stage) == []


async def test_a_venue_that_is_away_delays_only_what_needs_it(stage: Stage) -> None:
    """RISK-8: halted and durable at once; cancelled and verified when the venue is back."""
    gateway = await stage.gateway()
    await gateway.place(request(1))
    stage.venue.reads_fail = True
    stage.venue.cancel_script.extend(VenueUnavailableError("503") for _ in range(100_000))
    gateway.kill(by="Ann", reason="drill")
    report = await until(gateway, lambda report: report.durable)
    assert not report.verified
    assert (await gateway.place(request(2))).order.reason_code == KILLED
    stage.venue.reads_fail = False
    stage.venue.cancel_script.clear()
    await until(gateway, lambda report: report.verified)
    assert alive(stage) == []


async def test_an_order_the_venue_does_not_list_yet_is_cancelled_by_its_id(stage: Stage) -> None:
    """RISK-8: accepted a moment ago and not among the open orders yet."""
    gateway = await stage.gateway()
    await gateway.place(request(1))
    stage.venue.late_in_lists.add("1")
    report = await killed(gateway)
    assert report.cancelled == 1
    assert alive(stage) == []


async def test_orders_of_others_live_on_unless_all_is_asked_for(stage: Stage) -> None:
    """RISK-8, ORD-6: ours by default; a second, wider kill takes the rest, and an order of an earlier life of ours."""
    stage.venue.accept(request(client_order_id="manual1"))
    gateway = await stage.gateway()
    stage.venue.accept(request(7))
    assert (await killed(gateway)).cancelled == 1
    assert alive(stage) == ["manual1"]
    assert (await killed(gateway, everything=True)).cancelled == 1
    assert alive(stage) == []
    await stage.log.until_status(ours(7), ORDER_STATUS_CANCELED)


async def test_what_appears_while_it_is_killed_is_cancelled_too(stage: Stage) -> None:
    """RISK-8: a zombie's order that arrives after all was verified: heard of on the stream, or found by looking."""
    gateway = await stage.gateway(settings={"kill_watch_s": 5.0})
    await killed(gateway)
    late = stage.venue.accept(request(1))
    await gateway.on_report(late)
    await stage.log.until_status(ours(1), ORDER_STATUS_CANCELED)
    stage.venue.accept(request(2))
    await stage.log.until_status(ours(2), ORDER_STATUS_CANCELED)
    await until(gateway, lambda report: report.verified)
    assert alive(stage) == []


async def test_a_zombie_cannot_place_after_the_kill(stage: Stage) -> None:
    """RISK-8, ORD-5: it was taken over from, knows nothing of the kill, and its claim is refused."""
    zombie = await stage.gateway()
    await zombie.place(request(1))
    successor = await stage.gateway()
    await killed(successor)
    with pytest.raises(ConnectorError, match="is over"):
        await zombie.place(request(2))
    assert not stage.venue.placed[ours(2)]
    assert alive(stage) == []


async def test_kill_and_release_side_by_side_end_as_the_later_one(stage: Stage) -> None:
    """RISK-8: a kill that comes while a release is being written stands."""
    gateway = await stage.gateway()
    await killed(gateway)
    releasing = asyncio.ensure_future(gateway.release(by="Ann", reason="over"))
    await asyncio.sleep(0)
    gateway.kill(by="Bob", reason="no")
    await releasing
    await until(gateway, lambda report: report.done)
    assert (await gateway.place(request(1))).order.reason_code == KILLED


async def _stranger(stage: Stage) -> Ledger:
    """One who reaches the database and not the gateway; the next start takes the account from it."""
    ledger = stage.new_ledger()
    await ledger.start("paper", "main", "test")
    return ledger


async def _turn(ledger: Ledger) -> None:
    await ledger.set_kill(killed=True, by="Ann", reason="drill", everything=False, time_ms=1)
    await ledger.close()
