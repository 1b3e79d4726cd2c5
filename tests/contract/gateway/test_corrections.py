"""Positions equal the venue's, whatever its executions leave unexplained; each correction once. Over both ledgers."""

import asyncio
from dataclasses import replace

import pytest

from connector.gateway.gateway import Gateway
from connector.port import OrderRequest, VenueOrder
from tests.contract.gateway.conftest import Stage
from tests.unit.connector.gateway.given import OTHER_SYMBOL, SYMBOL, execution, ours, report, request
from tests.unit.connector.gateway.scripted_venue import ScriptedVenue
from topics.v1.orders_pb2 import (
    ORDER_STATUS_ACCEPTED,
    ORDER_STATUS_CANCELED,
    ORDER_STATUS_FILLED,
    OWNERSHIP_FOREIGN,
    OrderUpdate,
)

# Seconds of the quick clock; long enough that one comparison on a slow machine fits in.
QUICK = {"visibility_delay_s": 60}


class CountsBySymbol(ScriptedVenue):
    """Its order ids are unique within a symbol only: every order here is the first of its own."""

    async def place(self, request: OrderRequest) -> VenueOrder:
        return report(request, venue_order_id="1")


async def looks_until(stage: Stage, gateway: Gateway, code: str) -> None:
    """Reconciles again and again until the alert is out, then once more: 0 corrections."""
    async with asyncio.timeout(20):
        while code not in [it.code for it in stage.alerts]:
            await gateway.reconcile()
            await stage.clock.sleep(5)
    assert await gateway.reconcile() == 0


def fills(stage: Stage) -> list[OrderUpdate]:
    """Each execution on the log once, as a projection takes it."""
    return list({it.fill.trade_id: it for it in stage.log.updates if it.HasField("fill")}.values())


def position_on_log(stage: Stage, symbol: str = SYMBOL) -> int:
    signed = [(1 if it.side == 1 else -1, it) for it in fills(stage) if it.symbol == symbol]
    return sum(sign * (it.fill.quantity_lots - it.fill.covered_lots) for sign, it in signed)


async def restarted(stage: Stage, gateway: Gateway) -> Gateway:
    await gateway.stop()
    stage.gateways.remove(gateway)
    return await stage.gateway(settings=QUICK)


async def filled_without_execution(stage: Stage) -> Gateway:
    """The order says filled, the executions never tell; what is missing is booked by a synthetic one."""
    gateway = await stage.gateway(settings=QUICK)
    await gateway.place(request(1))
    stage.venue.unlisted.update(("1", "2"))
    await stage.venue.fill("1", 4, tell=False)
    await stage.venue.fill("1", 6, tell=False)
    await gateway.on_report(stage.venue.orders["1"])
    await looks_until(stage, gateway, "EXECUTION_MISSING")
    return gateway


async def test_an_execution_the_venue_never_lists_is_booked_by_a_synthetic_one(stage: Stage) -> None:
    """ORD-5, ORD-6: the order's filled quantity counts after the visibility delay, with a deterministic id, once."""
    gateway = await filled_without_execution(stage)
    (made,) = fills(stage)
    assert made.fill.synthetic
    assert made.fill.trade_id.startswith("R")
    assert (made.fill.quantity_lots, made.fill.price_ticks, made.fill.fee) == (10, 100_000, "0")
    assert (made.status, made.client_order_id) == (ORDER_STATUS_FILLED, ours(1))
    assert gateway.status()["positions"][SYMBOL] == position_on_log(stage) == 10
    assert gateway.status()["awaiting_fills"] == 0


async def test_true_executions_that_come_late_double_nothing(stage: Stage) -> None:
    """ORD-4, ORD-5: what the synthetic one stood in for is covered, their fees and prices are told."""
    gateway = await filled_without_execution(stage)
    stage.venue.unlisted.clear()
    await gateway.reconcile()
    told = [it.fill for it in fills(stage) if not it.fill.synthetic]
    assert [(it.trade_id, it.quantity_lots, it.covered_lots, it.fee) for it in told] == [
        ("1", 4, 4, "0.01"),
        ("2", 6, 6, "0.01"),
    ]
    assert {it.covered_price_ticks for it in told} == {100_000}
    assert gateway.status()["positions"][SYMBOL] == position_on_log(stage) == 10
    assert await gateway.reconcile() == 0


async def test_true_executions_that_come_late_after_a_restart_double_nothing(stage: Stage) -> None:
    """ORD-4, ES-3: how much was made up is in the ledger."""
    gateway = await restarted(stage, await filled_without_execution(stage))
    stage.venue.unlisted.clear()
    for made in stage.venue.executions:
        await gateway.on_report(made)
    await gateway._desk.journal.said()
    assert gateway.status()["positions"][SYMBOL] == position_on_log(stage) == 10
    gateway = await restarted(stage, gateway)
    for made in stage.venue.executions:
        await gateway.on_report(made)
    assert await gateway.reconcile() == 0
    assert gateway.status()["positions"][SYMBOL] == position_on_log(stage) == 10


async def test_only_the_part_that_was_missing_is_covered(stage: Stage) -> None:
    """ORD-5: the rest of a true execution moves the position."""
    gateway = await stage.gateway(settings=QUICK)
    await gateway.place(request(1))
    stage.venue.unlisted.update(("1", "2"))
    await stage.venue.fill("1", 3, tell=False)
    await gateway.on_report(stage.venue.orders["1"])
    await looks_until(stage, gateway, "EXECUTION_MISSING")
    assert [it.status for it in gateway.open_orders()] != []
    await stage.venue.fill("1", 5, tell=False)
    merged = stage.venue.executions[1]
    merged.fill.quantity_lots = 8  # the venue lists both as one
    await gateway.on_report(merged)
    await gateway._desk.journal.said()
    said = [(it.fill.synthetic, it.fill.quantity_lots, it.fill.covered_lots) for it in fills(stage)]
    assert said == [(True, 3, 0), (False, 8, 3)]
    assert gateway.status()["positions"][SYMBOL] == position_on_log(stage) == 8


async def test_a_correction_cut_off_by_a_crash_is_said_after_it(stage: Stage) -> None:
    """ES-3: durable before it is said, so nothing the venue tells meanwhile can contradict it."""
    gateway = await stage.gateway(settings=QUICK)
    await gateway.place(request(1))
    stage.venue.unlisted.add("1")
    await stage.venue.fill("1", 10, tell=False)
    await gateway.on_report(stage.venue.orders["1"])
    await gateway._desk.journal.said()
    cut = asyncio.Event()

    async def lost(_: list[OrderUpdate]) -> None:
        cut.set()
        await asyncio.Event().wait()

    gateway._desk.journal._publish = lost
    looking = asyncio.ensure_future(looks_until(stage, gateway, "NEVER"))
    await asyncio.wait_for(cut.wait(), 20)
    await stage.crash(gateway)
    looking.cancel()
    await asyncio.gather(looking, return_exceptions=True)
    assert position_on_log(stage) == 0
    stage.venue.unlisted.clear()
    again = await stage.gateway(settings=QUICK)
    assert again.status()["positions"][SYMBOL] == position_on_log(stage) == 10
    assert sorted(it.fill.synthetic for it in fills(stage)) == [False, True]
    assert await again.reconcile() == 0


async def test_a_position_that_no_execution_explains_is_adjusted(stage: Stage) -> None:
    """ORD-6, OBS-2: a transfer or a liquidation: one foreign adjustment that names no order, and a person is told."""
    gateway = await stage.gateway(settings=QUICK)
    await gateway.place(request(1))
    await stage.venue.fill("1", 10)
    stage.venue.positions_lots[SYMBOL] -= 7
    assert await gateway.reconcile() == 0
    assert gateway.status()["positions"][SYMBOL] == 10
    await looks_until(stage, gateway, "POSITION_ADJUSTED")
    (made,) = [it for it in fills(stage) if it.fill.synthetic]
    assert (made.client_order_id, made.venue_order_id, made.ownership) == ("", "", OWNERSHIP_FOREIGN)
    assert made.reason_code == "POSITION_ADJUSTED"
    assert gateway.status()["positions"][SYMBOL] == position_on_log(stage) == 3
    again = await restarted(stage, gateway)
    assert again.status()["positions"][SYMBOL] == 3
    assert await again.reconcile() == 0
    stage.venue.positions_lots[SYMBOL] += 7
    stage.alerts.clear()
    await looks_until(stage, again, "POSITION_ADJUSTED")
    assert again.status()["positions"][SYMBOL] == position_on_log(stage) == 10
    assert len({it.fill.trade_id for it in fills(stage) if it.fill.synthetic}) == 2


async def test_a_difference_for_a_moment_is_a_race_and_adjusts_nothing(stage: Stage) -> None:
    """ORD-6: two equal looks, the visibility delay apart, with no execution between."""
    gateway = await stage.gateway(settings=QUICK)
    await gateway.place(request(1))
    stage.venue.unlisted.add("1")
    await stage.venue.fill("1", 4, tell=False)
    for _ in range(3):
        assert await gateway.reconcile() in (0, 1)
    stage.venue.unlisted.clear()
    await gateway.reconcile()
    await stage.clock.sleep(70)
    assert await gateway.reconcile() == 0
    assert [it.fill.trade_id for it in fills(stage)] == ["1"]
    assert stage.alerts == []


async def test_what_changed_while_we_were_down_is_no_reason_to_forget_what_we_booked(stage: Stage) -> None:
    """ORD-6, ES-3: the booked position survives a restart; what no execution explains is adjusted, not taken over."""
    gateway = await stage.gateway(settings=QUICK)
    await gateway.place(request(1))
    await stage.venue.fill("1", 6)
    await gateway.stop()
    stage.gateways.clear()
    stage.venue.emit = None
    await stage.venue.fill("1", 4)
    stage.venue.positions_lots[SYMBOL] += 5
    gateway = await stage.gateway(settings=QUICK)
    assert gateway.status()["positions"][SYMBOL] == 10
    await looks_until(stage, gateway, "POSITION_ADJUSTED")
    assert gateway.status()["positions"][SYMBOL] == position_on_log(stage) == 15


@pytest.mark.parametrize("known", [True, False])
async def test_an_old_foreign_execution_told_again_after_a_restart_moves_nothing(stage: Stage, known: bool) -> None:
    """ORD-4: an old fill replayed on a later event, of an order that is at hand or long gone."""
    gateway = await stage.gateway(settings=QUICK)
    stage.venue.accept(request(client_order_id="manual1"))
    made = await stage.venue.fill("1", 10 - 3 * known)
    await gateway._desk.journal.said()
    assert gateway.status()["positions"][SYMBOL] == 10 - 3 * known
    gateway = await restarted(stage, gateway)
    await gateway.on_report(made)
    await gateway.on_report(stage.venue.orders["1"])
    assert gateway.status()["positions"][SYMBOL] == position_on_log(stage) == 10 - 3 * known
    assert await gateway.reconcile() == 0


async def test_an_execution_whose_order_shows_later_is_booked_once(stage: Stage) -> None:
    """ORD-4: fill before ack, without a client id, while the venue does not show the order yet."""
    gateway = await stage.gateway(settings=QUICK)
    await gateway.place(request(1))
    stage.venue.hidden.add("1")
    gateway._desk.orders._ids.clear()  # as if the ack were still on its way
    made = await stage.venue.fill("1", 10, tell=False)
    await gateway.on_report(type(made)(SYMBOL, "", "1", made.side, made.fill))
    assert gateway.status()["positions"][SYMBOL] == 10 or fills(stage) == []
    stage.venue.hidden.clear()
    await gateway.reconcile()
    assert gateway.status()["positions"][SYMBOL] == position_on_log(stage) == 10
    assert stage.log.of(ours(1))[-1].status == ORDER_STATUS_FILLED


async def test_an_execution_of_an_order_nobody_knows_is_told_as_foreign_after_a_while(stage: Stage) -> None:
    """ORD-6: asked for its order twice, the visibility delay apart; then on the log, once, and in the position."""
    gateway = await stage.gateway(settings=QUICK)
    stage.venue.accept(request(client_order_id="manual1"))
    await stage.venue.fill("1", 10, tell=False)
    stage.venue.hidden.add("1")
    await gateway.reconcile()
    assert fills(stage) == []
    async with asyncio.timeout(20):
        while not fills(stage):
            await stage.clock.sleep(5)
            await gateway.reconcile()
    (told,) = fills(stage)
    assert (told.ownership, told.reason_code, told.fill.synthetic) == (OWNERSHIP_FOREIGN, "ORDER_NOT_FOUND", False)
    assert gateway.status()["positions"][SYMBOL] == position_on_log(stage) == 10
    assert await gateway.reconcile() == 0
    assert stage.alerts == []


async def test_one_venue_order_id_on_two_symbols_is_two_orders(stage: Stage) -> None:
    """ORD-4: keyed by venue, symbol and id; an execution finds the order of its own symbol."""
    stage.venue = CountsBySymbol(SYMBOL, OTHER_SYMBOL)
    gateway = await stage.gateway(settings=QUICK)
    for number, symbol in ((1, SYMBOL), (2, OTHER_SYMBOL)):
        await gateway.place(request(number, symbol=symbol))
    assert {it.venue_order_id for it in gateway.open_orders()} == {"1"}
    for symbol, lots in ((SYMBOL, 10), (OTHER_SYMBOL, 4)):
        made = execution(request(1, symbol=symbol), "7", lots, venue_order_id="1")
        await gateway.on_report(replace(made, client_order_id=""))
    await gateway._desk.journal.said()
    filled = {it.client_order_id: it.filled_lots for it in stage.log.updates if it.HasField("fill")}
    assert filled == {ours(1): 10, ours(2): 4}


async def test_partly_filled_then_cancelled_while_down_is_told_whole(stage: Stage) -> None:
    """ORD-6: the quantity filled first, the end, and nothing left open."""
    gateway = await stage.gateway(settings=QUICK)
    await gateway.place(request(1))
    await gateway.stop()
    stage.gateways.clear()
    stage.venue.emit = None
    await stage.venue.fill("1", 4)
    await stage.venue.end("1", ORDER_STATUS_CANCELED)
    gateway = await stage.gateway(settings=QUICK)
    last = stage.log.of(ours(1))[-1]
    assert (last.status, last.filled_lots) == (ORDER_STATUS_CANCELED, 4)
    assert gateway.open_orders() == []
    assert gateway.status()["positions"][SYMBOL] == position_on_log(stage) == 4
    assert await gateway.reconcile() == 0


async def test_marks_survive_restarts_and_a_second_start_corrects_nothing(stage: Stage) -> None:
    """ORD-6: what was fetched is not fetched again; a start right after another one says nothing."""
    gateway = await stage.gateway(settings=QUICK)
    for number in (1, 2):
        await gateway.place(request(number))
    await stage.venue.fill("1", 10)
    for _ in range(3):
        await gateway.reconcile()
        await stage.clock.sleep(70)
    before = len(stage.log.updates)
    asked = len(stage.venue.fills_since)
    for _ in range(2):
        gateway = await restarted(stage, gateway)
        assert gateway.status()["last_corrections"] == 0
    assert len(stage.log.updates) == before
    assert {since for symbol, since in stage.venue.fills_since[asked:] if symbol == SYMBOL} == {"1"}
    assert [it.status for it in gateway.open_orders()] == [ORDER_STATUS_ACCEPTED]
