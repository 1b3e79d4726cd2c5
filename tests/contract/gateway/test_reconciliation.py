"""Coming back: after a crash, after a cut stream, after the venue did things behind our back. Over both ledgers."""

import asyncio
from decimal import Decimal

import pytest

from connector.errors import ConnectorError, OrderNotFoundError, OutcomeUnknownError
from connector.gateway.errors import FencedError
from connector.gateway.gateway import Gateway
from connector.gateway.settings import RiskLimits
from tests.contract.gateway.conftest import Stage
from tests.unit.connector.gateway.given import ACCOUNT, OTHER_SYMBOL, SYMBOL, VENUE, ours, request
from tests.unit.connector.gateway.scripted_venue import Behaviour
from topics.v1.account_pb2 import AccountPosition, AccountUpdate
from topics.v1.orders_pb2 import (
    ORDER_STATUS_ACCEPTED,
    ORDER_STATUS_CANCELED,
    ORDER_STATUS_DENIED,
    ORDER_STATUS_EXPIRED,
    ORDER_STATUS_FILLED,
    ORDER_STATUS_PARTIALLY_FILLED,
    ORDER_STATUS_REJECTED,
    ORDER_STATUS_UNKNOWN,
    OWNERSHIP_FOREIGN,
    OrderUpdate,
)


async def test_a_claim_cut_off_by_a_crash_is_looked_up_and_adopted(stage: Stage) -> None:
    """WF-3: the venue has it, so it is ours; it is not sent again."""
    behaviour = Behaviour(until=asyncio.Event())
    stage.venue.script.append(behaviour)
    first = await stage.gateway()
    placing = asyncio.ensure_future(first.place(request(1)))
    await behaviour.reached.wait()
    await stage.crash(first)
    await asyncio.gather(placing, return_exceptions=True)
    second = await stage.gateway()
    assert [it.status for it in second.open_orders()] == [ORDER_STATUS_ACCEPTED]
    assert (await second.place(request(1))).existing
    assert stage.venue.placed == {ours(1): 1}


async def test_gateways_killed_before_the_second_look_up_still_settle_it_together(stage: Stage) -> None:
    """WF-3: the visibility delay goes on through restarts; a clock set back makes it whole again, never shorter."""
    long = {"visibility_delay_s": 36_000}
    stage.venue.script.append(Behaviour(raises=OutcomeUnknownError("lost")))
    gateway = await stage.gateway(settings=long)
    await gateway.place(request(1))
    await gateway._desk.group.flush()
    now_ns = stage.clock.now_ns
    for passed_s, wait_s in ((18_000, 18_001), (-1, 36_000), (36_000, 1)):
        await stage.crash(gateway)
        stage.clock.slept.clear()
        stage.clock.now_ns = lambda passed_s=passed_s: now_ns() + passed_s * 10**9  # type: ignore[method-assign, misc]
        gateway = await stage.gateway(settings=long)
        await stage.until(lambda wait_s=wait_s: any(wait_s - 10 < it <= wait_s for it in stage.clock.slept))  # type: ignore[misc]
    ended = await stage.log.until_status(ours(1), ORDER_STATUS_REJECTED)
    assert ended.reason_code == "NOT_RECEIVED"
    assert [it.status for it in stage.log.of(ours(1))] == [ORDER_STATUS_UNKNOWN, ORDER_STATUS_REJECTED]


async def test_a_claim_the_venue_never_saw_ends_after_a_crash(stage: Stage) -> None:
    """WF-3: not found twice, the second time after the visibility delay."""
    first = await stage.gateway()
    reached = Behaviour(raises=OutcomeUnknownError("lost"))
    stage.venue.script.append(reached)
    stage.venue.find_script.extend(OutcomeUnknownError("down") for _ in range(1))
    await first.place(request(1))
    await stage.crash(first)
    stage.venue.find_script.clear()
    stage.venue.history_script.extend(OutcomeUnknownError("down") for _ in range(100))
    second = await stage.gateway()
    assert [it.status for it in second.open_orders()] == [ORDER_STATUS_UNKNOWN]
    stage.venue.history_script.clear()
    ended = await stage.log.until_status(ours(1), ORDER_STATUS_REJECTED)
    assert ended.reason_code == "NOT_RECEIVED"
    assert not stage.venue.placed


async def test_what_happened_while_we_were_down_is_told(stage: Stage) -> None:
    """ORD-6: fills since the last known and ended orders, each by query; ES-3: the log converges to the venue."""
    first = await stage.gateway()
    for number in (1, 2, 3, 4):
        await first.place(request(number))
    await stage.venue.fill("1", 4)
    await first.stop()
    stage.gateways.clear()
    stage.venue.emit = None
    await stage.venue.fill("1", 6)
    await stage.venue.fill("2", 3)
    await stage.venue.end("3", ORDER_STATUS_EXPIRED)
    second = await stage.gateway()
    told = {number: stage.log.of(ours(number))[-1] for number in (1, 2, 3, 4)}
    assert {number: (it.status, it.filled_lots) for number, it in told.items()} == {
        1: (ORDER_STATUS_FILLED, 10),
        2: (ORDER_STATUS_PARTIALLY_FILLED, 3),
        3: (ORDER_STATUS_EXPIRED, 0),
        4: (ORDER_STATUS_ACCEPTED, 0),
    }
    fills = [it.fill.trade_id for it in stage.log.updates if it.HasField("fill")]
    assert sorted(fills) == ["1", "2", "3"]
    assert second.status()["positions"][SYMBOL] == 13
    assert await second.reconcile() == 0


async def test_a_cut_stream_is_made_up_for_and_a_second_look_changes_nothing(stage: Stage) -> None:
    """STREAM-1: equal to the venue after the cut; the second reconciliation makes 0 corrections."""
    gateway = await stage.gateway()
    for number in range(10):
        await gateway.place(request(number, symbol=(SYMBOL, OTHER_SYMBOL)[number % 2]))
    for number in range(10):
        if number % 3 == 0:
            await stage.venue.fill(stage.venue.of(ours(number)).venue_order_id, 10, tell=False)
        elif number % 3 == 1:
            await stage.venue.end(stage.venue.of(ours(number)).venue_order_id, ORDER_STATUS_CANCELED, tell=False)
    await gateway.on_stream_lost()
    for number in range(10):
        order = await gateway.order(ours(number))
        assert order is not None
        at_venue = stage.venue.of(ours(number))
        assert (order.status, order.filled_lots) == (at_venue.status, at_venue.filled_lots)
    assert gateway.status()["last_corrections"] > 0
    assert await gateway.reconcile() == 0


async def test_a_repeated_and_a_missing_fill_end_in_the_right_sum(stage: Stage) -> None:
    """ORD-4: fills are deduplicated by (venue, symbol, trade id); a lost one is fetched."""
    gateway = await stage.gateway()
    await gateway.place(request(1))
    await stage.venue.fill("1", 2, repeat=3)
    await stage.venue.fill("1", 3, tell=False)
    await stage.venue.fill("1", 4, repeat=2)
    await gateway.reconcile()
    said = [it for it in stage.log.of(ours(1)) if it.HasField("fill")]
    assert sorted(it.fill.trade_id for it in said) == ["1", "2", "3"]
    assert (stage.log.of(ours(1))[-1].filled_lots, gateway.status()["positions"][SYMBOL]) == (9, 9)
    assert await gateway.reconcile() == 0


async def test_an_order_the_venue_forgot_is_asked_for_twice_before_it_ends(stage: Stage) -> None:
    """ORD-6: missing in the open orders is not cancelled; unknown to the venue twice is an end with its own code."""
    gateway = await stage.gateway()
    await gateway.place(request(1))
    stage.venue.hidden.add("1")
    assert await gateway.reconcile() == 0
    assert [it.status for it in gateway.open_orders()] == [ORDER_STATUS_ACCEPTED]
    ended = await stage.log.until_status(ours(1), ORDER_STATUS_CANCELED)
    assert ended.reason_code == "VANISHED"


async def test_an_order_hidden_for_a_moment_lives_on(stage: Stage) -> None:
    """ORD-6: the venue's lists lag; one miss concludes nothing."""
    gateway = await stage.gateway()
    await gateway.place(request(1))
    stage.venue.hidden.add("1")
    await gateway.reconcile()
    stage.venue.hidden.clear()
    while gateway._lookups._watched:
        await asyncio.sleep(0)
    assert [it.status for it in gateway.open_orders()] == [ORDER_STATUS_ACCEPTED]


async def test_foreign_orders_are_told_once_and_left_alone(stage: Stage) -> None:
    """ORD-6: orders without our prefix are reported, never cancelled; their executions move the position."""
    stage.venue.accept(request(client_order_id="manual1"))
    gateway = await stage.gateway()
    await gateway.reconcile()
    await stage.venue.fill("1", 4)
    stage.venue.accept(request(client_order_id="manual2"))
    await stage.venue.fill("2", 10)
    await gateway.reconcile()
    assert await gateway.reconcile() == 0
    assert {it.ownership for it in stage.log.updates} == {OWNERSHIP_FOREIGN}
    first = stage.log.of("manual1")
    assert [(it.status, it.filled_lots) for it in first] == [
        (ORDER_STATUS_ACCEPTED, 0),
        (ORDER_STATUS_PARTIALLY_FILLED, 4),
    ]
    assert sorted(it.fill.trade_id for it in stage.log.updates if it.HasField("fill")) == ["1", "2"]
    assert gateway.status()["positions"][SYMBOL] == 14
    assert gateway.open_orders() == []
    assert not stage.venue.cancels


async def test_an_order_of_ours_the_ledger_lost_is_adopted(stage: Stage) -> None:
    """ORD-6: ours by prefix: taken into the ledger, told, and its id is used up."""
    stage.venue.accept(request(1))
    gateway = await stage.gateway()
    assert [it.client_order_id for it in gateway.open_orders()] == [ours(1)]
    assert (await gateway.place(request(1))).existing
    assert (await gateway.cancel(SYMBOL, ours(1))).status == ORDER_STATUS_CANCELED


async def test_history_before_the_first_start_is_not_retold(stage: Stage) -> None:
    """ORD-6: executions from before us are in the position already."""
    stage.venue.accept(request(client_order_id="manual1"))
    await stage.venue.fill("1", 10)
    gateway = await stage.gateway()
    assert stage.log.updates == []
    assert gateway.status()["positions"][SYMBOL] == 10


async def test_without_a_reconciliation_there_is_no_placing(stage: Stage) -> None:
    """ORD-6: start-up reconciles or refuses to trade; cancels work, and it tries again by itself."""
    before = await stage.gateway()
    await before.place(request(1))
    await before.stop()
    stage.gateways.clear()
    stage.venue.reads_fail = True
    gateway = await stage.gateway(settings={"reconcile_interval_s": 1})
    assert "503" in gateway.status()["halted"]
    denied = (await gateway.place(request(2))).order
    assert (denied.status, denied.reason_code) == (ORDER_STATUS_DENIED, "HALTED")
    assert (await gateway.cancel(SYMBOL, ours(1))).status == ORDER_STATUS_CANCELED
    stage.venue.reads_fail = False
    await gateway._reconciling.ready.wait()
    assert (await gateway.place(request(3))).order.status == ORDER_STATUS_ACCEPTED


async def test_a_denial_not_said_before_the_crash_is_said_after_it(stage: Stage) -> None:
    """ES-3: whoever waits for an answer gets one."""
    first = await stage.gateway(limits=RiskLimits(max_exposure_quote=Decimal(1)))
    silent: list[OrderUpdate] = []

    async def lost(updates: list[OrderUpdate]) -> None:
        silent.extend(updates)
        await asyncio.Event().wait()

    first._desk.journal._publish = lost
    placing = asyncio.ensure_future(first.place(request(1)))
    while not silent:
        await asyncio.sleep(0)
    await stage.crash(first)
    await asyncio.gather(placing, return_exceptions=True)
    assert stage.log.of(ours(1)) == []
    await stage.gateway()
    assert [it.status for it in stage.log.of(ours(1))] == [ORDER_STATUS_DENIED]


async def test_a_gateway_taken_over_from_sends_nothing_more(stage: Stage) -> None:
    """ORD-5: the zombie's claim fails, so nothing of it reaches the venue, and its process is told to end."""
    zombie = await stage.gateway()
    await stage.gateway()
    with pytest.raises(FencedError):
        await zombie.place(request(1))
    with pytest.raises(FencedError):
        await asyncio.wait_for(zombie.wait_failed(), 5)
    with pytest.raises(FencedError):
        await zombie.place(request(2))
    assert not stage.venue.placed
    assert zombie.status()["ok"] is False


async def test_the_venues_position_counts_until_both_agree(stage: Stage) -> None:
    """RISK-2: a reported position that differs counts at once; ours stays what executions say until it is settled."""
    gateway = await stage.gateway(limits=RiskLimits(max_exposure_quote=Decimal(1_000)))
    reported = AccountUpdate(
        venue=VENUE,
        account=ACCOUNT,
        snapshot=True,
        positions=[AccountPosition(symbol=SYMBOL, quantity_lots=95)],
    )
    await gateway.on_account(reported)
    denied = (await gateway.place(request(1))).order
    assert denied.reason_code == "EXPOSURE_LIMIT"
    await gateway.on_account(reported)
    assert gateway.status()["positions"][SYMBOL] == 0


async def test_an_execution_without_a_client_id_finds_its_order(stage: Stage) -> None:
    """ORD-4: a trade list may lack the client id; the venue's order id or a question to the venue leads to it."""
    gateway = await stage.gateway()
    hold = Behaviour(until=asyncio.Event())
    stage.venue.script.append(hold)
    placing = asyncio.ensure_future(gateway.place(request(1)))
    await hold.reached.wait()
    execution = await stage.venue.fill("1", 4, tell=False)
    nameless = type(execution)(execution.symbol, "", execution.venue_order_id, execution.side, execution.fill)
    await gateway.on_report(nameless)
    assert hold.until is not None
    hold.until.set()
    assert (await placing).order.filled_lots == 4
    assert [it.fill.trade_id for it in stage.log.of(ours(1)) if it.HasField("fill")] == ["1"]


async def test_a_gateway_that_never_started_stops_at_once(stage: Stage) -> None:
    """GRPC-3: a start that failed (no ledger) is followed by a clean stop."""
    gateway = Gateway(stage.venue, stage.new_ledger(), stage.log.publish, stage.venue.instruments, RiskLimits())
    await asyncio.wait_for(gateway.stop(), 5)
    assert gateway.status()["ok"] is False


async def test_after_the_stop_nothing_is_placed(stage: Stage) -> None:
    """GRPC-3: a call that comes too late is refused with words, not left waiting."""
    gateway = await stage.gateway()
    await gateway.stop()
    stage.gateways.clear()
    with pytest.raises(ConnectorError, match="stopping"):
        await gateway.place(request(1))
    assert not stage.venue.placed


async def test_an_order_nobody_knows_is_not_found(stage: Stage) -> None:
    """GRPC-2: get an order by client id or venue id."""
    gateway = await stage.gateway()
    placed = (await gateway.place(request(1))).order
    assert await gateway.order("nothing") is None
    found = await gateway.order(venue_order_id=placed.venue_order_id, symbol=SYMBOL)
    assert found is not None
    assert found.client_order_id == ours(1)
    with pytest.raises(OrderNotFoundError):
        await gateway.cancel(SYMBOL, "nothing")
