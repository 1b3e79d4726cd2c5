"""The whole connector on real parts: paper venue, Kafka, Postgres, gRPC."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from pydantic import SecretStr

from connector.client import ConnectorClient, ConnectorUnreachableError
from connector.errors import ConnectorError
from connector.grpc_errors import CODE_KEY
from connector.main import serve
from connector.server import SERVICE_NAME
from connector.settings import ConnectorSettings
from connector.v1.connector_pb2 import VERDICT_ACCEPTED, VERDICT_REJECTED, PlaceOrderRequest
from tests.integration.connector.conftest import PaperVenue
from tests.integration.connector.log_contents import everything
from topics.catalogue import ACCOUNT, FUNDING, INSTRUMENTS, MARKET, ORDERS, Topic
from topics.codec import decode
from topics.log import LogAddress, partitions_of, reader
from topics.scale import Scale
from topics.v1.common_pb2 import OrderType, Side, TimeInForce
from topics.v1.market_pb2 import MarketBatch
from topics.v1.orders_pb2 import OrderStatus

SYMBOL = "BTCUSDT"
WAIT_S = 30.0


@dataclass
class Running:
    client: ConnectorClient
    address: str
    task: "asyncio.Task[None]"
    stop: asyncio.Event


@asynccontextmanager
async def running(paper_venue: PaperVenue, log: LogAddress, dsn: str, **changes: Any) -> AsyncIterator[Running]:
    settings = ConnectorSettings(venue=paper_venue.connection(), grpc_port=0, operations_port=0, **changes)
    stop = asyncio.Event()
    started: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(serve(settings, log, dsn, stop, started))
    await asyncio.wait({task, started}, return_when=asyncio.FIRST_COMPLETED)  # type: ignore[type-var]
    if task.done():
        await task
    address = f"127.0.0.1:{started.result()}"
    async with ConnectorClient(address) as client:
        try:
            yield Running(client, address, task, stop)
        finally:
            stop.set()
            await asyncio.wait_for(task, WAIT_S)


async def first_of(log: LogAddress, topic: Topic[Any]) -> Any:
    """Waits for the topic's first message."""
    async with asyncio.timeout(WAIT_S), reader(log, client_id="test") as consumer:
        partitions = partitions_of(log, [topic])
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        return decode(topic, (await consumer.getone()).value)


async def order_request(client: ConnectorClient, number: int, **changes: Any) -> PlaceOrderRequest:
    """A post-only buy a tenth below the last quote."""
    scale = Scale.of((await client.instrument(SYMBOL)).grain)
    async for batch in client.prices(SYMBOL):
        quotes = [event.quote for event in batch.events if event.HasField("quote")]
        if quotes:
            price = scale.price(quotes[-1].bid_ticks * 9 // 10)
            break
    values: dict[str, Any] = {
        "symbol": SYMBOL,
        "client_order_id": f"tl{number:026d}",
        "side": Side.SIDE_BUY,
        "type": OrderType.ORDER_TYPE_LIMIT,
        "time_in_force": TimeInForce.TIME_IN_FORCE_POST_ONLY,
        "price": f"{price:f}",
        "quantity": "0.010",
    }
    return PlaceOrderRequest(**(values | changes))


async def test_an_order_through_grpc_is_placed_once_told_and_cancelled(
    paper_venue: PaperVenue, log: LogAddress, postgres_database: str
) -> None:
    """GRPC-2, WF-1, WF-2: place, repeat, contradict, look up, list, cancel; each change is on the log."""
    async with running(paper_venue, log, postgres_database) as connector:
        client = connector.client
        request = await order_request(client, 1)
        placed = await client.place_order(request)
        assert (placed.order.status, placed.existing) == (OrderStatus.ORDER_STATUS_ACCEPTED, False)
        again = await client.place_order(request)
        assert (again.order.venue_order_id, again.existing) == (placed.order.venue_order_id, True)
        request.quantity = "0.011"
        with pytest.raises(grpc.aio.AioRpcError) as contradicted:
            await client.place_order(request)
        assert contradicted.value.code() is grpc.StatusCode.ALREADY_EXISTS
        ids = {"client_order_id": request.client_order_id}, {"venue_order_id": placed.order.venue_order_id}
        for one_id in ids:
            assert (await client.order(SYMBOL, **one_id)).client_order_id == request.client_order_id
        assert [order.client_order_id for order in await client.open_orders()] == [request.client_order_id]
        cancelled = await client.cancel_order(SYMBOL, client_order_id=request.client_order_id)
        assert cancelled.status == OrderStatus.ORDER_STATUS_CANCELED
        assert await client.open_orders(SYMBOL) == []
    told = [update.status for update in await everything(log, ORDERS)]
    assert told[-1] == OrderStatus.ORDER_STATUS_CANCELED
    assert OrderStatus.ORDER_STATUS_ACCEPTED in told


async def test_batches_and_cancel_all_through_grpc(
    paper_venue: PaperVenue, log: LogAddress, postgres_database: str
) -> None:
    """GRPC-2, ORD-1, ORD-2: twelve orders in one call, some cancelled in one call, the rest by cancel-all."""
    async with running(paper_venue, log, postgres_database) as connector:
        client = connector.client
        requests = [await order_request(client, 1)]
        for number in range(2, 13):
            other = PlaceOrderRequest()
            other.CopyFrom(requests[0])
            other.client_order_id = f"tl{number:026d}"
            requests.append(other)
        requests[4].price = "0.00005"
        placed = await client.place_orders(requests)
        assert [one.client_order_id for one in placed] == [request.client_order_id for request in requests]
        assert [one.verdict for one in placed] == [VERDICT_ACCEPTED] * 4 + [VERDICT_REJECTED] + [VERDICT_ACCEPTED] * 7
        assert placed[4].error.grpc_code == "INVALID_ARGUMENT"
        again = await client.place_orders(requests[:2])
        assert [one.existing for one in again] == [True, True]
        ended = await client.cancel_orders(
            SYMBOL, client_order_ids=[placed[0].client_order_id], venue_order_ids=[placed[1].venue_order_id]
        )
        assert [one.order.client_order_id for one in ended] == [it.client_order_id for it in placed[:2]]
        rest = await client.cancel_all_orders(SYMBOL)
        assert {one.verdict for one in (*ended, *rest)} == {VERDICT_ACCEPTED}
        assert len(rest) == 9
        assert await client.open_orders(SYMBOL) == []


async def test_refusals_leave_with_the_code_that_says_what_to_do(
    paper_venue: PaperVenue, log: LogAddress, postgres_database: str
) -> None:
    """ERR-1: the field that is wrong is named; what will never work is told from what may come later."""
    async with running(paper_venue, log, postgres_database) as connector:
        client = connector.client
        good = await order_request(client, 2)
        for field, value, code in (
            ("symbol", "DOGEUSDT", grpc.StatusCode.INVALID_ARGUMENT),
            ("client_order_id", "with spaces", grpc.StatusCode.INVALID_ARGUMENT),
            ("price", "43000.123", grpc.StatusCode.INVALID_ARGUMENT),
            ("price", "abc", grpc.StatusCode.INVALID_ARGUMENT),
            ("quantity", "-1", grpc.StatusCode.INVALID_ARGUMENT),
            ("side", Side.SIDE_UNSPECIFIED, grpc.StatusCode.INVALID_ARGUMENT),
        ):
            wrong = PlaceOrderRequest()
            wrong.CopyFrom(good)
            setattr(wrong, field, value)
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await client.place_order(wrong)
            assert refused.value.code() is code
            assert (refused.value.details() or "").startswith(f"{field}: ")
        with pytest.raises(grpc.aio.AioRpcError) as missing:
            await client.order(SYMBOL, client_order_id="tl" + "9" * 26)
        assert missing.value.code() is grpc.StatusCode.NOT_FOUND
        assert dict(missing.value.trailing_metadata())[CODE_KEY] == "ORDER_NOT_FOUND"
        assert await everything(log, ORDERS) == []


async def test_account_positions_and_instruments_are_answered(
    paper_venue: PaperVenue, log: LogAddress, postgres_database: str
) -> None:
    """GRPC-2, SYM-1: what the venue says, over gRPC and on the log."""
    async with running(paper_venue, log, postgres_database) as connector:
        client = connector.client
        account = await client.account()
        assert [(balance.asset, Decimal(balance.wallet_balance)) for balance in account.balances] == [
            ("USDT", Decimal(10_000))
        ]
        assert [position.symbol for position in await client.positions()] == [SYMBOL]
        market = await order_request(
            client, 3, type=OrderType.ORDER_TYPE_MARKET, price="", time_in_force=TimeInForce.TIME_IN_FORCE_UNSPECIFIED
        )
        filled = await client.place_order(market)
        assert filled.order.status == OrderStatus.ORDER_STATUS_FILLED
        (position,) = await client.positions(SYMBOL)
        assert position.quantity_lots == 10
        instruments = await client.instruments()
    published = await everything(log, INSTRUMENTS)
    assert [it.symbol for it in published] == [it.symbol for it in instruments] == [SYMBOL]
    assert published[0].seq == 1
    assert any(update.snapshot for update in await everything(log, ACCOUNT))
    fills = [update.fill for update in await everything(log, ORDERS) if update.HasField("fill")]
    assert {fill.trade_id for fill in fills}
    assert all(fill.fee_asset == "USDT" for fill in fills)


async def test_health_reflection_and_pages_are_served(
    paper_venue: PaperVenue, log: LogAddress, postgres_database: str
) -> None:
    """GRPC-3, OBS-4: health overall and by service, reflection names the service."""
    async with (
        running(paper_venue, log, postgres_database) as connector,
        grpc.aio.insecure_channel(connector.address) as channel,
    ):
        health = health_pb2_grpc.HealthStub(channel)
        for service in ("", SERVICE_NAME):
            answer = await health.Check(health_pb2.HealthCheckRequest(service=service))
            assert answer.status == health_pb2.HealthCheckResponse.SERVING
        stub = reflection_pb2_grpc.ServerReflectionStub(channel)
        asked = reflection_pb2.ServerReflectionRequest(list_services="")
        async for answer in stub.ServerReflectionInfo(iter([asked])):
            assert SERVICE_NAME in [it.name for it in answer.list_services_response.service]


async def test_the_numbers_of_what_is_published_have_no_gap_over_a_restart(
    paper_venue: PaperVenue, log: LogAddress, postgres_database: str
) -> None:
    """Decision 2, STREAM-1: after a restart every sequence goes on from the newest record on the log."""
    for time_around in range(2):
        async with running(paper_venue, log, postgres_database) as connector:
            async for batch in connector.client.prices():
                if batch.first_seq >= 1:
                    break
            await connector.client.place_order(await order_request(connector.client, 40 + time_around))
            await first_of(log, FUNDING)
    numbers: list[int] = []
    for batch in sorted(await everything(log, MARKET), key=lambda it: it.first_seq):
        numbers += range(batch.first_seq, batch.first_seq + len(batch.events))
    assert numbers == list(range(1, len(numbers) + 1))
    for topic in (FUNDING, ORDERS, ACCOUNT):
        found = [message.seq for message in await everything(log, topic)]
        assert found == list(range(1, len(found) + 1))
        assert found
    assert len(await everything(log, INSTRUMENTS)) == 1, "an unchanged instrument is not published again"


async def test_subscribers_get_the_log_s_own_messages(
    paper_venue: PaperVenue, log: LogAddress, postgres_database: str
) -> None:
    """GRPC-2: what streams carry is what the log holds, numbers included."""
    received: list[MarketBatch] = []
    async with running(paper_venue, log, postgres_database) as connector:
        async for batch in connector.client.prices(SYMBOL):
            received.append(batch)
            if len(received) == 5:
                break
    logged = {batch.first_seq: batch for batch in await everything(log, MARKET)}
    assert all(logged[batch.first_seq] == batch for batch in received)


async def test_a_wrong_key_ends_the_start_with_one_clear_message(
    paper_venue: PaperVenue, log: LogAddress, postgres_database: str
) -> None:
    """GRPC-4: the venue's words, the account, what to do; never the key."""
    wrong = paper_venue.connection(secret=SecretStr("not-the-right-secret"))
    settings = ConnectorSettings(venue=wrong, grpc_port=0, operations_port=0)
    with pytest.raises(ConnectorError, match=r"refuses the API key of account main.*Signature") as refused:
        await serve(settings, log, postgres_database, asyncio.Event())
    assert refused.value.exit_code == 1
    assert "paper-key" not in str(refused.value)
    assert "not-the-right-secret" not in str(refused.value)


async def test_a_taken_port_is_named(paper_venue: PaperVenue, log: LogAddress, postgres_database: str) -> None:
    """GRPC-3: the port, what it is for, what to do."""
    with socket.create_server(("127.0.0.1", 0)) as other_program:
        taken = other_program.getsockname()[1]
        settings = ConnectorSettings(venue=paper_venue.connection(), grpc_port=taken, operations_port=0)
        with pytest.raises(ConnectorError, match=rf"port {taken} on 127\.0\.0\.1 \(gRPC\)"):
            await serve(settings, log, postgres_database, asyncio.Event())


async def test_a_client_without_a_connector_gives_up_with_address_and_attempts() -> None:
    """GRPC-5: it fails fast, and says where and how often it tried."""
    client = ConnectorClient("127.0.0.1:9", attempts=3, connect_timeout_s=0.1, first_wait_s=0.01)
    with pytest.raises(ConnectorUnreachableError, match=r"127\.0\.0\.1:9 after 3 attempts"):
        await client.connect()
