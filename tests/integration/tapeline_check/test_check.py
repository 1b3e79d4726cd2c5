"""The check on real witnesses: the venue's SQLite file, a real log, the gateway's own ledger, the projector."""

import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from connector.gateway.ledger import Batch
from connector.gateway.lifecycle import Order
from connector.gateway.postgres_ledger import PostgresLedger
from connector.port import OrderRequest, VenueFill
from tapeline.check.run import check
from tapeline.check.venue_witness import PaperVenue
from topics import catalogue
from topics.admin import apply
from topics.catalogue import Topic
from topics.envelope import Envelope
from topics.identifiers import client_order_id
from topics.log import LogAddress, LogProducer
from topics.v1.common_pb2 import ORDER_TYPE_LIMIT, SIDE_BUY, TIME_IN_FORCE_POST_ONLY, Grain
from topics.v1.intents_pb2 import Intent, PlaceOrder
from topics.v1.orders_pb2 import (
    ORDER_STATUS_ACCEPTED,
    ORDER_STATUS_FILLED,
    OWNERSHIP_OURS,
    Fill,
    OrderStatus,
    OrderUpdate,
)
from topics.v1.slots_pb2 import SLOT_STATE_FREE, SLOT_STATE_LOCKED, SlotChanged, SlotState
from topics.v1.state_pb2 import AgentState
from venue.ledger_schema import FILE_NAME, SCHEMA

VENUE, ACCOUNT, SYMBOL = "paper", "main", "BTCUSDT"
GRAIN = Grain(tick_size="0.10", lot_size="0.001")


def name_of(slot: int) -> str:
    return client_order_id(strategy="grid", venue=VENUE, symbol=SYMBOL, slot=slot, side="BUY", epoch=0, attempt=0)


FILLED, WORKING = name_of(-1), name_of(-2)


@dataclass
class Pipeline:
    """What a short run leaves behind: one order filled, one working, all told everywhere."""

    log: LogAddress
    dsn: str
    folder: Path

    @property
    def venue(self) -> PaperVenue:
        return PaperVenue(self.folder, VENUE)

    def at_venue(self, statement: str, *values: object) -> None:
        with closing(sqlite3.connect(self.folder / FILE_NAME)) as connection, connection:
            connection.execute(statement, values)

    async def in_postgres(self, statement: str, *values: object) -> None:
        async with await psycopg.AsyncConnection.connect(self.dsn, autocommit=True) as connection:
            await connection.execute(statement.encode(), values)

    async def say(self, topic: Topic[Any], *messages: Any) -> None:
        async with LogProducer(self.log, client_id="tests-check") as producer:
            for message in messages:
                await producer.send(topic, message, Envelope(id="test", source="tests", time_ms=1))

    async def checked(self) -> dict[str, Any]:
        return (await check(self.venue, self.log, self.dsn)).as_json()


@pytest.fixture
async def pipeline(kafka_bootstrap: str, namespace: str, postgres_database: str, tmp_path: Path) -> Pipeline:
    made = Pipeline(LogAddress(kafka_bootstrap, namespace), postgres_database, tmp_path / "venue")
    await apply(made.log)
    made.folder.mkdir()
    with closing(sqlite3.connect(made.folder / FILE_NAME)) as connection, connection:
        connection.executescript(SCHEMA)
    order(made, 1, FILLED, "FILLED", executed="0.005")
    order(made, 2, WORKING, "NEW")
    trade(made, 1, FILLED)
    made.at_venue("INSERT INTO positions VALUES (?, '0.005', '40000', '0', 1)", SYMBOL)
    for slot, name in ((-1, FILLED), (-2, WORKING)):
        await made.say(catalogue.INTENTS, intent(slot, name))
        await made.say(catalogue.SLOTS, step(-slot, slot, SLOT_STATE_LOCKED, name))
    await made.say(
        catalogue.ORDERS,
        update(FILLED, "1", ORDER_STATUS_ACCEPTED, 1),
        update(WORKING, "2", ORDER_STATUS_ACCEPTED, 2),
        update(FILLED, "1", ORDER_STATUS_FILLED, 3, Fill(trade_id="1", price_ticks=400_000, quantity_lots=5)),
    )
    await made.say(catalogue.SLOTS, step(3, -1, SLOT_STATE_FREE, FILLED))
    await made.say(catalogue.GRID_STATE, state())
    await ledger(made)
    return made


def order(made: Pipeline, number: int, name: str, status: str, executed: str = "0") -> None:
    made.at_venue(
        "INSERT INTO orders VALUES (?, ?, ?, 'BUY', 'LIMIT', 'GTX', 0, '40000', '0.005', ?, '0', ?, 1, 1)",
        number, name, SYMBOL, executed, status,
    )  # fmt: skip


def trade(made: Pipeline, number: int, name: str) -> None:
    made.at_venue(
        "INSERT INTO trades VALUES (?, 1, ?, ?, 'BUY', '40000', '0.005', '200', '0', 'USDT', '0', 1, 1)",
        number, name, SYMBOL,
    )  # fmt: skip


def intent(slot: int, name: str) -> Intent:
    place = PlaceOrder(client_order_id=name, side=SIDE_BUY, price_ticks=400_000, quantity_lots=5, slot=slot)
    return Intent(
        intent_id=name, strategy="grid", venue=VENUE, symbol=SYMBOL, account=ACCOUNT, grain=GRAIN, place=place
    )


def step(version: int, slot: int, to_state: SlotState.ValueType, name: str) -> SlotChanged:
    return SlotChanged(
        strategy="grid", venue=VENUE, symbol=SYMBOL, version=version, slot=slot, to_state=to_state, grain=GRAIN,
        side=SIDE_BUY, client_order_id=name,
    )  # fmt: skip


def update(name: str, number: str, status: OrderStatus.ValueType, seq: int, fill: Fill | None = None) -> OrderUpdate:
    return OrderUpdate(
        venue=VENUE, symbol=SYMBOL, account=ACCOUNT, seq=seq, client_order_id=name, venue_order_id=number,
        side=SIDE_BUY, type=ORDER_TYPE_LIMIT, grain=GRAIN, price_ticks=400_000, quantity_lots=5,
        filled_lots=5 if fill else 0, status=status, fill=fill, ownership=OWNERSHIP_OURS, strategy="grid",
    )  # fmt: skip


def state() -> AgentState:
    return AgentState(agent="grid", venue=VENUE, symbol=SYMBOL, version=1, contains={catalogue.ORDERS.name: 2})


def row(name: str, number: str, status: OrderStatus.ValueType, filled: int) -> Order:
    request = OrderRequest(SYMBOL, name, SIDE_BUY, ORDER_TYPE_LIMIT, TIME_IN_FORCE_POST_ONLY, 400_000, 5)
    return Order(
        VENUE, ACCOUNT, request, GRAIN.tick_size, GRAIN.lot_size, strategy="grid", status=status,
        venue_order_id=number, filled_lots=filled, booked_lots=filled,
    )  # fmt: skip


async def ledger(made: Pipeline, mark: str = "1") -> None:
    book = PostgresLedger(made.dsn)
    await book.start(VENUE, ACCOUNT, "tests")
    rows = [row(FILLED, "1", ORDER_STATUS_FILLED, 5), row(WORKING, "2", ORDER_STATUS_ACCEPTED, 0)]
    execution = VenueFill(SYMBOL, FILLED, "1", SIDE_BUY, Fill(trade_id="1", price_ticks=400_000, quantity_lots=5))
    topic = catalogue.INTENTS.physical_name(made.log.namespace)
    read = {(topic, number): 2 for number in range(catalogue.INTENTS.partitions)}
    await book.commit(Batch(claims=rows))
    await book.commit(
        Batch(changes={one.id: one for one in rows}, fills=[execution], positions=read, marks={SYMBOL: mark})
    )
    await book.close()


async def test_a_run_told_everywhere_is_well(pipeline: Pipeline) -> None:
    """ES-3, ORD-5: venue, log and Postgres agree; the projections are brought up to the log's end by the check."""
    told = await pipeline.checked()
    assert told["ok"], told["details"]
    assert told["details"] == []
    assert told["orders_at_venue"] == told["orders_in_ledger"] == 2
    assert told["fills_at_venue"] == told["fills_in_log"] == told["fills_in_ledger"] == told["fills_in_postgres"] == 1
    assert told["projection_lag"] == 0


async def duplicated_order(made: Pipeline) -> None:
    order(made, 3, WORKING, "NEW")


async def lost_fill(made: Pipeline) -> None:
    trade(made, 2, WORKING)
    made.at_venue("UPDATE positions SET quantity = '0.010'")
    await made.in_postgres("UPDATE ledger.fill_marks SET trade_id = '2'")


async def lost_order(made: Pipeline) -> None:
    made.at_venue("DELETE FROM orders WHERE client_order_id = ?", WORKING)


async def forgotten_order(made: Pipeline) -> None:
    await made.in_postgres("DELETE FROM ledger.orders WHERE client_order_id = %s", WORKING)


async def orphan_slot(made: Pipeline) -> None:
    await made.say(catalogue.SLOTS, step(4, -1, SLOT_STATE_LOCKED, FILLED))


async def position_difference_at_the_venue(made: Pipeline) -> None:
    made.at_venue("UPDATE positions SET quantity = '0.006'")


async def position_difference_in_postgres(made: Pipeline) -> None:
    await made.checked()
    await made.in_postgres("UPDATE projections.positions SET quantity = quantity + 0.001")


async def fill_missing_in_postgres(made: Pipeline) -> None:
    await made.checked()
    await made.in_postgres("DELETE FROM projections.fills")


@pytest.mark.parametrize(
    ("defect", "field"),
    [
        (duplicated_order, "duplicate_orders"),
        (lost_fill, "lost_orders"),
        (lost_order, "lost_orders"),
        (forgotten_order, "lost_orders"),
        (orphan_slot, "orphan_locked_slots"),
        (position_difference_at_the_venue, "position_mismatches"),
        (position_difference_in_postgres, "position_mismatches"),
        (fill_missing_in_postgres, "lost_orders"),
    ],
)
async def test_a_defect_in_a_real_store_turns_the_check_red(
    pipeline: Pipeline, defect: Callable[[Pipeline], Awaitable[None]], field: str
) -> None:
    """ORD-5, GRID-1: each seeded in the store of the witness it concerns, each found."""
    await defect(pipeline)
    told = await pipeline.checked()
    assert not told["ok"]
    assert told[field] >= 1, told["details"]


async def test_a_fill_the_connector_has_not_fetched_is_under_way_and_then_lost_when_it_says_it_has(
    pipeline: Pipeline,
) -> None:
    """ORD-4, ORD-6: what a kill right after a fill leaves; the exemption ends with the gateway's own mark."""
    trade(pipeline, 2, WORKING)
    pipeline.at_venue("UPDATE positions SET quantity = '0.010'")
    pipeline.at_venue("UPDATE orders SET status = 'FILLED', executed_quantity = '0.005' WHERE order_id = 2")
    told = await pipeline.checked()
    assert told["ok"], told["details"]
    assert told["in_flight"] >= 1
    await pipeline.in_postgres("UPDATE ledger.fill_marks SET trade_id = '2'")
    assert not (await pipeline.checked())["ok"]
