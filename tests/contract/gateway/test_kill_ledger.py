"""What both ledgers promise about the kill switch: durable, in one order with the claims, asked of nobody's epoch."""

import asyncio

import pytest

from connector.gateway.errors import ClaimsTakenError
from connector.gateway.kill_state import KILLED, KillState, denied
from connector.gateway.ledger import Batch, Ledger
from tests.contract.gateway.conftest import NewLedger
from tests.unit.connector.gateway.given import ACCOUNT, VENUE, after, order, ours, report, request
from topics.v1.orders_pb2 import ORDER_STATUS_DENIED, ORDER_STATUS_SENT


async def started(new_ledger: NewLedger, account: str = ACCOUNT) -> Ledger:
    ledger = new_ledger()
    await ledger.start(VENUE, account, "test")
    return ledger


async def kill(ledger: Ledger, *, everything: bool = False, reason: str = "drill", time_ms: int = 5) -> KillState:
    return await ledger.set_kill(killed=True, by="Ann", reason=reason, everything=everything, time_ms=time_ms)


async def release(ledger: Ledger) -> KillState:
    return await ledger.set_kill(killed=False, by="Ann", reason="over", everything=False, time_ms=9)


async def test_a_kill_outlives_the_gateway_until_it_is_released(new_ledger: NewLedger) -> None:
    """RISK-8: each start finds the switch as it was left; each turn has the next version."""
    ledger = await started(new_ledger)
    assert ledger.kill == KillState()
    killed = await kill(ledger)
    assert killed == ledger.kill == KillState(1, killed=True, time_ms=5, by="Ann", reason="drill")
    await ledger.close()
    again = await started(new_ledger)
    assert again.kill == killed
    assert (await release(again)).version == 2
    assert not again.kill.killed
    await again.close()


async def test_to_kill_twice_changes_nothing_but_to_widen_it(new_ledger: NewLedger) -> None:
    """RISK-8: since when and why stay; `everything` is added and never taken away by a second kill."""
    ledger = await started(new_ledger)
    first = await kill(ledger)
    assert await kill(ledger, reason="again", time_ms=7) == first
    wider = await kill(ledger, everything=True, time_ms=8)
    assert (wider.version, wider.everything, wider.reason, wider.time_ms) == (2, True, "drill", 5)
    assert await kill(ledger, time_ms=9) == wider
    await release(ledger)
    assert await release(ledger) == ledger.kill
    assert ledger.kill.version == 3
    await ledger.close()


async def test_a_claim_after_a_kill_is_denied_durably(new_ledger: NewLedger) -> None:
    """RISK-8, WF-2: its id is used up, a start tells of it; after the release new claims are taken again."""
    ledger = await started(new_ledger)
    state = await kill(ledger)
    refused = denied(order(1), state.text)
    assert await ledger.commit(Batch(claims=[order(1)])) == {ours(1): refused}
    assert (refused.status, refused.reason_code) == (ORDER_STATUS_DENIED, KILLED)
    assert await ledger.find(client_order_id=ours(1)) == [refused]
    assert await ledger.unsettled() == [refused]
    await release(ledger)
    with pytest.raises(ClaimsTakenError) as again:
        await ledger.commit(Batch(claims=[order(1), order(2)]))
    assert again.value.orders == {ours(1): refused}
    assert await ledger.commit(Batch(claims=[order(2)])) == {}
    await ledger.close()


async def test_only_what_is_yet_to_be_sent_is_denied(new_ledger: NewLedger) -> None:
    """RISK-8, ORD-6: an order found at the venue, and one denied already, are written as they are; changes go on."""
    ledger = await started(new_ledger)
    await ledger.commit(Batch(claims=[order(1)]))
    await kill(ledger)
    found = order(2, status=ORDER_STATUS_SENT)
    limit = order(3, status=ORDER_STATUS_DENIED, reason_code="EXPOSURE")
    live, _ = after(order(1), report(request(1)))
    assert await ledger.commit(Batch(claims=[found, limit], changes={live.id: live}, cancels=[live.id])) == {}
    assert await ledger.find(client_order_id=ours(2)) == [found]
    assert await ledger.find(client_order_id=ours(3)) == [limit]
    assert (await ledger.find(client_order_id=ours(1)))[0].cancel_requested
    await ledger.close()


async def test_a_commit_learns_of_a_kill_by_somebody_else(new_ledger: NewLedger) -> None:
    """RISK-8: one who may not take the account over can kill it, and the running gateway's next commit says so."""
    stranger = await started(new_ledger)
    running = await started(new_ledger)
    await kill(stranger)
    assert not running.kill.killed
    await running.commit(Batch())
    assert running.kill == stranger.kill
    await stranger.close()
    await running.close()


async def test_accounts_are_killed_one_by_one(new_ledger: NewLedger) -> None:
    """RISK-8: the switch is the account's own."""
    one, two = await started(new_ledger, "one"), await started(new_ledger, "two")
    await kill(one)
    assert await two.commit(Batch(claims=[order(1, account="two")])) == {}
    assert not two.kill.killed
    await one.close()
    await two.close()


async def test_verified_belongs_to_its_turn(new_ledger: NewLedger) -> None:
    """RISK-8: a later kill is not verified by what was seen before it."""
    ledger = await started(new_ledger)
    await kill(ledger)
    await ledger.note_verified(1, 11)
    assert (await ledger.kill_state()).verified_ms == ledger.kill.verified_ms == 11
    await release(ledger)
    await kill(ledger)
    assert (await ledger.kill_state()).verified_ms == 0
    await ledger.close()


async def test_no_claim_is_durable_after_a_kill_that_races_with_it(new_ledger: NewLedger) -> None:
    """RISK-8: of many claims side by side with a kill, those committed before it are taken, all others are denied."""
    stranger = await started(new_ledger)
    ledger = await started(new_ledger)
    denials: list[bool] = []
    begun_when_killed: list[int] = []

    async def claims() -> None:
        for number in range(150):
            denials.append(ours(number) in await ledger.commit(Batch(claims=[order(number)])))
            await asyncio.sleep(0)

    async def killing() -> None:
        while len(denials) < 50:
            await asyncio.sleep(0)
        await kill(stranger)
        begun_when_killed.append(len(denials) + 1)

    await asyncio.gather(claims(), killing())
    assert denials == sorted(denials)
    assert not any(denials[:50])
    assert all(denials[begun_when_killed[0] :])
    await stranger.close()
    await ledger.close()
