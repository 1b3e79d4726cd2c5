"""Intents that can be no orders, over both ledgers: refused as events with the reason, and nothing is sent."""

import asyncio
from typing import Any

import pytest
from aiokafka import ConsumerRecord

from connector.errors import VenueUnavailableError
from connector.gateway.gateway import Gateway
from tests.contract.gateway.conftest import Stage
from tests.integration.connector.gateway.conftest import cancelling, placing
from tests.unit.connector.gateway.given import SYMBOL, ours, request
from topics.catalogue import INTENTS, Topic
from topics.log import Producer
from topics.v1.common_pb2 import Grain
from topics.v1.intents_pb2 import Intent
from topics.v1.orders_pb2 import (
    ORDER_STATUS_ACCEPTED,
    ORDER_STATUS_CANCELED,
    ORDER_STATUS_DENIED,
    OWNERSHIP_OURS,
    OrderUpdate,
)


class Letters(Producer):
    """Keeps what is buried."""

    def __init__(self) -> None:
        self.reasons: list[str] = []
        self.held: asyncio.Event | None = None
        """Set it to keep the letters from being written until it is set."""

    async def enqueue(self, record: object) -> object:  # type: ignore[override]
        raise AssertionError(f"only dead letters are expected, not {record}")

    def now_ms(self) -> int:
        return 1

    async def bury(self, topic: Topic[Any], record: ConsumerRecord, *, reader: str, reason: str) -> None:
        assert (topic, reader) == (INTENTS, "connector.gateway")
        self.reasons.append(reason)
        if self.held is not None:
            await self.held.wait()


class Desk:
    """A gateway that is handed intents as the log holds them."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.letters = Letters()
        self._offset = 0

    async def hand(self, *intents: Intent) -> dict[str, int]:
        """Gives the outcomes by count when all of them are handled."""
        for intent in intents:
            record = ConsumerRecord(
                INTENTS.name, 0, self._offset, 0, 0, b"paper:BTCUSDT", intent.SerializeToString(), None, 0, 0, ()
            )
            self._offset += 1
            await self.gateway._intents._take(record, self.letters)
        while sum(self.gateway._intents.outcomes.values()) < self._offset:
            await self.gateway._desk.clock.sleep(0.1)
        await self.gateway._desk.group.flush()
        return dict(self.gateway._intents.outcomes)

    async def next_offset(self) -> int:
        await self.gateway._desk.group.flush()
        return (await self.gateway._desk.ledger.intent_positions(INTENTS.name))[0]


@pytest.fixture
async def desk(stage: Stage) -> Desk:
    return Desk(await stage.gateway())


def changed(**fields: Any) -> Intent:
    return placing(1, SYMBOL, **fields)


def grained(tick_size: str, lot_size: str) -> Intent:
    intent = placing(1, SYMBOL)
    intent.grain.CopyFrom(Grain(tick_size=tick_size, lot_size=lot_size))
    return intent


OURS_BUT_WRONG = [
    (changed(price_ticks=0), "INVALID_PRICE"),
    (changed(price_ticks=-1), "INVALID_PRICE"),
    (changed(quantity_lots=0), "QUANTITY_TOO_SMALL"),
    (changed(quantity_lots=-10), "QUANTITY_TOO_SMALL"),
    (grained("0.01", "0.001"), "GRAIN_MISMATCH"),
    (grained("0.1", "0.01"), "GRAIN_MISMATCH"),
    (grained("", ""), "GRAIN_MISMATCH"),
    (grained("nonsense", "0.001"), "GRAIN_MISMATCH"),
    (changed(side=0), "INVALID_SIDE"),
    (changed(side=77), "INVALID_SIDE"),
    (changed(type=0), "INVALID_TYPE"),
    (changed(time_in_force=0), "INVALID_TIME_IN_FORCE"),
    (placing(1, "NOPEUSDT"), "UNKNOWN_SYMBOL"),
]


@pytest.mark.parametrize(("intent", "code"), OURS_BUT_WRONG)
async def test_an_intent_that_can_be_no_order_is_denied_under_its_id(
    stage: Stage, desk: Desk, intent: Intent, code: str
) -> None:
    """ORD-7, WF-1, GRID-1: wrong ticks, zero or negative size, unknown instrument: the slot hears of the end."""
    outcomes = await desk.hand(intent, intent, placing(2, SYMBOL))
    denied = stage.log.of(ours(1))
    assert [(it.status, it.reason_code) for it in denied] == [(ORDER_STATUS_DENIED, code)]
    assert denied[0].reason
    assert (denied[0].strategy, denied[0].intent_id, denied[0].symbol) == ("grid", ours(1), intent.symbol)
    assert outcomes == {"denied": 1, "duplicate": 1, "accepted": 1}
    assert stage.venue.placed == {ours(2): 1}
    assert await desk.next_offset() == 3
    assert desk.letters.reasons == []


@pytest.mark.parametrize(
    ("client_order_id", "code"),
    [
        ("x" * 29, "INVALID_CLIENT_ORDER_ID"),
        ("unwind_1", "INVALID_CLIENT_ORDER_ID"),
        ("with space", "INVALID_CLIENT_ORDER_ID"),
        ("ab" + "0" * 26, "FOREIGN_PREFIX"),
        ("tl1", "FOREIGN_PREFIX"),
    ],
)
async def test_an_id_that_is_not_ours_is_denied_where_it_names_no_other_order(
    stage: Stage, desk: Desk, client_order_id: str, code: str
) -> None:
    """WF-1, ORD-6: too long, other characters, foreign prefix; nothing is claimed under it."""
    assert await desk.hand(changed(client_order_id=client_order_id)) == {"denied": 1}
    (denied,) = stage.log.of(client_order_id)
    assert (denied.status, denied.reason_code) == (ORDER_STATUS_DENIED, code)
    assert await desk.gateway._desk.ledger.find(client_order_id=client_order_id) == []
    assert (stage.venue.placed, desk.letters.reasons) == ({}, [])
    assert await desk.next_offset() == 1


@pytest.mark.parametrize("why", ["somebody else's", "nobody can tell", "no id", "endless id"])
async def test_an_id_that_names_another_order_or_none_is_told_to_a_person(stage: Stage, desk: Desk, why: str) -> None:
    """ORD-6: an update would end somebody else's order: an alert and a dead letter with the reason instead."""
    client_order_id = {"no id": "", "endless id": "x" * 10_000}.get(why, "manual1")
    if why == "somebody else's":
        stage.venue.accept(request(client_order_id="manual1"))
    if why == "nobody can tell":
        stage.venue.find_script.append(VenueUnavailableError("503"))
    assert await desk.hand(changed(client_order_id=client_order_id)) == {"refused": 1}
    alert = await stage.until_alert("INTENT_REFUSED")
    (reason,) = desk.letters.reasons
    assert reason in alert.text
    assert stage.log.updates == []
    assert await desk.next_offset() == 1


@pytest.mark.parametrize(
    "contradiction",
    [
        changed(quantity_lots=11),
        changed(price_ticks=99_999),
        changed(reduce_only=True),
        changed(side=0),
        grained("0.01", "0.001"),
        placing(1, "ETHUSDT"),
    ],
)
async def test_an_intent_that_contradicts_an_earlier_one_leaves_its_order_alone(
    stage: Stage, desk: Desk, contradiction: Intent
) -> None:
    """WF-2: same id, other details: an alert and a dead letter with the reason, no update of the earlier order."""
    outcomes = await desk.hand(changed(), contradiction)
    assert outcomes == {"accepted": 1, "already_exists": 1}
    alert = await stage.until_alert("INTENT_CONTRADICTS")
    (reason,) = desk.letters.reasons
    assert reason in alert.text
    assert f"client order id {ours(1)} belongs to another order" in reason
    assert [it.status for it in stage.log.of(ours(1))] == [ORDER_STATUS_ACCEPTED]
    assert stage.venue.placed == {ours(1): 1}
    assert await desk.next_offset() == 2


@pytest.mark.parametrize("contradiction", [changed(quantity_lots=11), changed(side=0)])
@pytest.mark.parametrize("settled_in_memory", [0, 100])
async def test_a_contradicting_intent_is_done_when_a_person_was_told_not_before(
    stage: Stage, contradiction: Intent, settled_in_memory: int
) -> None:
    """WF-2, ES-3: killed before the dead letter is written, the next gateway reads it again; also where only the ledger
    knows the earlier order."""
    desk = Desk(await stage.gateway(settings={"settled_in_memory": settled_in_memory}))
    await desk.hand(changed(), cancelling(1, SYMBOL))
    desk.letters.held = asyncio.Event()
    handed = asyncio.create_task(desk.hand(contradiction))
    await stage.until(lambda: bool(desk.letters.reasons))
    assert await desk.next_offset() == 2
    desk.letters.held.set()
    assert (await handed)["already_exists"] == 1
    assert await desk.next_offset() == 3


async def test_the_earlier_order_can_still_be_cancelled(stage: Stage, desk: Desk) -> None:
    """WF-2, ORD-3: a contradiction takes nothing from the order that had the id first."""
    await desk.hand(changed(), changed(quantity_lots=11), cancelling(1, SYMBOL))
    update: OrderUpdate = stage.log.of(ours(1))[-1]
    assert update.status == ORDER_STATUS_CANCELED


async def test_an_id_of_another_system_placed_through_the_gateway_is_ours_by_the_ledger(stage: Stage) -> None:
    """WF-1, ORD-6: it reaches the venue unchanged; after a crash its executions are booked, and a cancel ends it."""
    gateway = await stage.gateway()
    await gateway.place(request(client_order_id="web1"))
    assert stage.venue.placed == {"web1": 1}
    await stage.crash(gateway)
    await stage.venue.fill(stage.venue.of("web1").venue_order_id, 4, tell=False)
    gateway = await stage.gateway()
    assert [it.client_order_id for it in gateway.open_orders()] == ["web1"]
    assert {it.ownership for it in stage.log.of("web1")} == {OWNERSHIP_OURS}
    assert stage.log.of("web1")[-1].filled_lots == 4
    cancelled = await gateway.cancel(SYMBOL, "web1")
    assert cancelled.status == ORDER_STATUS_CANCELED
