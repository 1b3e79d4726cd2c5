"""Intents from a real log through the gateway with its real ledger to a venue in the process."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from connector.gateway import metrics
from connector.gateway.gateway import Gateway
from connector.gateway.postgres_ledger import PostgresLedger
from connector.gateway.settings import GatewaySettings
from reliability.chaos import duplicate_intents
from tests.integration.connector.gateway.conftest import cancelling, cancelling_all, placing, put
from tests.integration.connector.gateway.gateway_process import LIMITS
from tests.unit.connector.gateway.given import OTHER_SYMBOL, SYMBOL, ours
from tests.unit.connector.gateway.scripted_venue import Behaviour, ScriptedVenue
from topics.catalogue import INTENTS
from topics.codec import Record, decode
from topics.log import LogAddress, LogProducer, partitions_of, read_to_end, reader
from topics.v1.intents_pb2 import Intent
from topics.v1.orders_pb2 import ORDER_STATUS_ACCEPTED, ORDER_STATUS_CANCELED, ORDER_STATUS_DENIED, OrderUpdate


class Running:
    """A gateway that reads intents; `until` waits for a published update or a look each hundredth of a second."""

    def __init__(self, gateway: Gateway, updates: list[OrderUpdate], task: "asyncio.Future[None]") -> None:
        self.gateway = gateway
        self.updates = updates
        self._task = task

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(120):
            while not holds():
                done, _ = await asyncio.wait({self._task}, timeout=0.01)
                for task in done:
                    task.result()

    async def until_handled(self, count: int) -> dict[str, int]:
        await self.until(lambda: sum(self.gateway.status()["intents"].values()) >= count)
        outcomes: dict[str, int] = self.gateway.status()["intents"]
        return outcomes


@asynccontextmanager
async def running(log: LogAddress, dsn: str, venue: ScriptedVenue) -> AsyncIterator[Running]:
    updates: list[OrderUpdate] = []

    async def publish(batch: list[OrderUpdate]) -> None:
        updates.extend(batch)

    settings = GatewaySettings(reconcile_interval_s=1e6)
    gateway = Gateway(venue, PostgresLedger(dsn), publish, venue.instruments, LIMITS, settings=settings)
    venue.emit = gateway.on_report
    await gateway.start()
    task = asyncio.ensure_future(gateway.run_intents(log))
    try:
        yield Running(gateway, updates, task)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await gateway.stop()


async def test_ten_thousand_intents_with_repeats_make_no_double_order(log: LogAddress, postgres_database: str) -> None:
    """WF-1, WF-2: one in ten repeated: 0 double orders, the count of suppressed ones is exact, also over restarts."""
    counted = metrics.DUPLICATES_SUPPRESSED._value.get()
    found = await duplicate_intents.trial(log, postgres_database, 10_000)
    assert found.violations == []
    assert found.measures["suppressed"] == found.measures["repeated"] == 1_000
    assert metrics.DUPLICATES_SUPPRESSED._value.get() - counted == 1_000


async def test_a_cancel_right_behind_its_placement_finds_it(log: LogAddress, postgres_database: str) -> None:
    """ORD-3: in order within one symbol, though placements run side by side."""
    intents: list[Intent] = []
    for number in range(100):
        intents += [placing(number, SYMBOL), cancelling(number, SYMBOL)]
    venue = ScriptedVenue(SYMBOL)
    await put(log, intents)
    async with running(log, postgres_database, venue) as it:
        outcomes = await it.until_handled(200)
    placed = {status: count for status, count in outcomes.items() if status != "cancel"}
    assert outcomes["cancel"] == 100
    assert sum(placed.values()) == 100
    last = {update.client_order_id: update.status for update in it.updates}
    assert len(last) == 100
    assert set(last.values()) == {ORDER_STATUS_CANCELED}


async def test_cancel_all_ends_what_was_placed_before_it_and_nothing_after(
    log: LogAddress, postgres_database: str
) -> None:
    """ORD-1, ORCH-1: one strategy's orders of one symbol, at this place of the log."""
    before = [placing(number, SYMBOL) for number in range(5)]
    others = [placing(5, SYMBOL, strategy="other"), placing(6, OTHER_SYMBOL)]
    after = [placing(number, SYMBOL) for number in range(7, 12)]
    venue = ScriptedVenue(SYMBOL, OTHER_SYMBOL)
    await put(log, [*before, *others, cancelling_all(SYMBOL), *after])
    async with running(log, postgres_database, venue) as it:
        await it.until_handled(13)
    cancelled = {order.client_order_id for order in venue.orders.values() if order.status == ORDER_STATUS_CANCELED}
    never_sent = {update.client_order_id for update in it.updates if update.reason_code == "CANCELED_BEFORE_SENT"}
    assert cancelled | never_sent == {ours(number) for number in range(5)}
    living = {order.client_order_id for order in venue.orders.values() if order.status == ORDER_STATUS_ACCEPTED}
    assert living == {ours(number) for number in (5, 6, 7, 8, 9, 10, 11)}


async def test_cancels_pass_placements_that_wait(log: LogAddress, postgres_database: str) -> None:
    """ORD-3: with every placement lane taken by a slow venue, a cancel of another order still goes through."""
    venue = ScriptedVenue(SYMBOL)
    async with running(log, postgres_database, venue) as it:
        await put(log, [placing(0, SYMBOL)])
        await it.until_handled(1)
        hold = asyncio.Event()
        venue.script.extend(Behaviour(until=hold) for _ in range(60))
        await put(log, [*(placing(number, SYMBOL) for number in range(1, 61)), cancelling(0, SYMBOL)])
        await it.until(lambda: venue.cancels[ours(0)] == 1)
        hold.set()
        await it.until_handled(62)


async def test_a_stop_leaves_what_it_has_not_begun_to_the_next_start(log: LogAddress, postgres_database: str) -> None:
    """ES-3: intents read and waiting for a lane are neither denied nor lost when the gateway ends in peace."""
    venue = ScriptedVenue(SYMBOL)
    hold = asyncio.Event()
    behaviours = [Behaviour(until=hold) for _ in range(32)]
    venue.script.extend(behaviours)
    await put(log, [placing(number, SYMBOL) for number in range(100)])
    async with running(log, postgres_database, venue) as it:
        await it.until(lambda: all(behaviour.reached.is_set() for behaviour in behaviours))
        hold.set()
    begun = len(venue.placed)
    async with running(log, postgres_database, venue) as again:
        await again.until(lambda: len(venue.placed) == 100)
    assert begun < 100
    assert set(venue.placed.values()) == {1}
    assert {update.status for update in [*it.updates, *again.updates]} == {ORDER_STATUS_ACCEPTED}


async def test_what_cannot_be_read_is_buried_and_stops_nothing(log: LogAddress, postgres_database: str) -> None:
    """ES-6, WF-1, WF-2: no intent: a dead letter; no order: denied; a contradiction: a dead letter too."""
    empty, nameless = placing(1, SYMBOL), placing(2, SYMBOL, client_order_id="not allowed!")
    empty.ClearField("action")
    async with LogProducer(log, client_id="strategy") as producer:
        key = INTENTS.key_of(empty).encode()
        await producer.send_all([Record(INTENTS.name, key, b"\xff\xff nonsense", [])])
    elsewhere, coarse = placing(3, SYMBOL), placing(4, SYMBOL)
    elsewhere.account = "another"
    coarse.grain.lot_size = "0.01"
    other = placing(5, SYMBOL, quantity_lots=11)
    await put(log, [empty, nameless, elsewhere, coarse, cancelling(77, SYMBOL), placing(5, SYMBOL), other])
    venue = ScriptedVenue(SYMBOL)
    async with running(log, postgres_database, venue) as it:
        outcomes = await it.until_handled(8)
    assert outcomes == {
        "malformed": 2,
        "not_ours": 1,
        "denied": 2,
        "cancel_unknown": 1,
        "accepted": 1,
        "already_exists": 1,
    }
    assert venue.placed == {ours(5): 1}
    denied = {update.client_order_id: update for update in it.updates if update.status == ORDER_STATUS_DENIED}
    assert {key: update.reason_code for key, update in denied.items()} == {
        ours(4): "GRAIN_MISMATCH",
        "not allowed!": "INVALID_CLIENT_ORDER_ID",
    }
    letters = INTENTS.dead_letters
    reasons = []
    async with reader(log, client_id="test") as consumer:
        async for records in read_to_end(consumer, partitions_of(log, [letters])):
            reasons += [decode(letters, record.value).reason for record in records]
    assert len(reasons) == 3
    assert sum(f"client order id {ours(5)} belongs to another order" in reason for reason in reasons) == 1
    async with running(log, postgres_database, venue) as again:
        await put(log, [placing(6, SYMBOL)])
        assert await again.until_handled(1) == {"accepted": 1}
