"""A log with its topics, and intents to put on it."""

from collections.abc import Iterable, Sequence

import pytest

from tests.unit.connector.gateway.given import ACCOUNT, GRAIN, VENUE, request
from topics.admin import apply
from topics.catalogue import INTENTS, ORDERS
from topics.codec import decode, encode
from topics.envelope import Envelope
from topics.log import LogAddress, LogProducer, partitions_of, read_to_end, reader
from topics.v1.common_pb2 import ORDER_TYPE_LIMIT, SIDE_BUY, TIME_IN_FORCE_GTC
from topics.v1.intents_pb2 import CancelAllOrders, CancelOrder, Intent, PlaceOrder
from topics.v1.orders_pb2 import OrderUpdate


@pytest.fixture
async def log(kafka_bootstrap: str, namespace: str) -> LogAddress:
    address = LogAddress(kafka_bootstrap, namespace)
    await apply(address)
    return address


def placing(number: int, symbol: str, *, strategy: str = "grid", **changes: object) -> Intent:
    wanted = request(number)
    intent = _intent(wanted.client_order_id, symbol, strategy)
    intent.place.CopyFrom(
        PlaceOrder(
            client_order_id=wanted.client_order_id,
            side=SIDE_BUY,
            type=ORDER_TYPE_LIMIT,
            time_in_force=TIME_IN_FORCE_GTC,
            price_ticks=wanted.price_ticks,
            quantity_lots=wanted.quantity_lots,
        )
    )
    for name, value in changes.items():
        setattr(intent.place, name, value)
    return intent


def cancelling(number: int, symbol: str) -> Intent:
    client_order_id = request(number).client_order_id
    intent = _intent(f"cancel/{client_order_id}", symbol, "grid")
    intent.cancel.CopyFrom(CancelOrder(client_order_id=client_order_id))
    return intent


def cancelling_all(symbol: str, *, strategy: str = "grid") -> Intent:
    intent = _intent(f"cancel_all/{symbol}", symbol, strategy)
    intent.cancel_all.CopyFrom(CancelAllOrders())
    return intent


def _intent(intent_id: str, symbol: str, strategy: str) -> Intent:
    return Intent(intent_id=intent_id, strategy=strategy, venue=VENUE, symbol=symbol, account=ACCOUNT, grain=GRAIN)


async def put(log: LogAddress, intents: Iterable[Intent]) -> None:
    async with LogProducer(log, client_id="strategy") as producer:
        await producer.send_all(encode(INTENTS, it, Envelope(it.intent_id, "test", 1)) for it in intents)


async def said(log: LogAddress) -> list[OrderUpdate]:
    """Every order update on the log, in order within an instrument."""
    partitions: Sequence[object] = partitions_of(log, [ORDERS])
    updates = []
    async with reader(log, client_id="test") as consumer:
        async for records in read_to_end(consumer, partitions):
            updates += [decode(ORDERS, record.value) for record in records]
    return updates
