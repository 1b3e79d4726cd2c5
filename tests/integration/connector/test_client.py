"""The typed client at a real gRPC server: what it leaves behind, and what others leave."""

import asyncio
import gc
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from typing import Any

import grpc
import pytest

from connector import server as server_module
from connector.broadcast import Broadcast
from connector.client import ConnectorClient
from connector.v1 import connector_pb2 as pb
from connector.v1.connector_pb2_grpc import ConnectorServiceStub
from tests.integration.connector.light_service import SYMBOL, OnlyNames, listening, parts_of, served
from topics.v1.account_pb2 import AccountUpdate
from topics.v1.instruments_pb2 import InstrumentKind
from topics.v1.market_pb2 import MarketBatch, MarketEvent, Quote, Trade


@pytest.fixture
def no_collector() -> Iterator[None]:
    """Nothing is cleaned up by chance."""
    gc.disable()
    yield
    gc.enable()


def subscriptions(broadcast: Broadcast[Any]) -> int:
    return len(broadcast._of_all) + sum(map(len, broadcast._by_key.values()))


async def until(broadcast: Broadcast[Any], wanted: int) -> None:
    async with asyncio.timeout(10):
        while subscriptions(broadcast) != wanted:
            await asyncio.sleep(0.001)


@pytest.mark.usefixtures("no_collector")
async def test_a_stream_ends_at_the_server_when_its_reader_leaves_the_loop() -> None:
    """GRPC-6: a client that reads no more leaves no subscription, and does not wait for a garbage collector."""
    async with served() as (parts, client):
        for number in range(3):
            reading = asyncio.create_task(_first(client))
            await until(parts.publisher.market, 1)
            parts.publisher.market.publish(SYMBOL, batch(number + 1), number + 1)
            assert await reading == number + 1
            await until(parts.publisher.market, 0)


async def _first(client: ConnectorClient) -> int:
    async for batch in client.prices(SYMBOL):
        return batch.first_seq
    raise AssertionError("the stream ended")


def batch(number: int, *, size: int = 0) -> MarketBatch:
    event = MarketEvent(trade=Trade(trade_id="x" * size)) if size else MarketEvent(quote=Quote(update_id=number))
    return MarketBatch(venue="paper", symbol=SYMBOL, first_seq=number, events=[event])


@pytest.mark.usefixtures("no_collector")
async def test_a_thousand_streams_that_came_and_went_leave_no_task() -> None:
    """GRPC-6: whether they ended after a message or while they waited for one."""
    async with served() as (parts, client):
        market = parts.publisher.market
        await _cycles(client, parts.publisher.market, 10)
        tasks = len(asyncio.all_tasks())
        await _cycles(client, parts.publisher.market, 1_000)
        await until(market, 0)
        async with asyncio.timeout(10):
            while len(asyncio.all_tasks()) > tasks:
                await asyncio.sleep(0.05)


async def _cycles(client: ConnectorClient, market: Broadcast[MarketBatch], count: int) -> None:
    for number in range(count):
        reading = asyncio.ensure_future(anext(client.prices(SYMBOL)))
        await until(market, 1)
        if number % 2:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
        else:
            seq = market.newest.get(SYMBOL, 0) + 1
            market.publish(SYMBOL, batch(seq), seq)
            assert (await reading).first_seq == seq
        del reading
        await until(market, 0)


async def test_one_who_reads_nothing_is_cut_off_and_told_if_he_ever_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    """GRPC-6: his writes block for ever, so his parts are taken from him; the others go on."""
    monkeypatch.setattr(server_module, "PATIENCE_S", 0.2)
    async with served(buffer=8) as (parts, client):
        market = parts.publisher.market
        async with grpc.aio.insecure_channel(client.address) as channel:
            call = ConnectorServiceStub(channel).SubscribePrice(pb.SubscribePriceRequest(symbols=[SYMBOL]))
            responses = aiter(call)
            assert (await anext(responses)).HasField("begin")
            seq = 0
            async with asyncio.timeout(20):
                while subscriptions(market):
                    seq += 1
                    market.publish(SYMBOL, batch(seq, size=20_000), seq)
                    await _written(market)
            read: list[int] = []
            with pytest.raises(grpc.aio.AioRpcError, match="was read for") as cut:
                await _read_all(responses, read)
        assert cut.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert read == list(range(1, len(read) + 1))


async def _written(market: Broadcast[MarketBatch]) -> None:
    """Until the connector has written what waits, unless a write does not come back."""
    with suppress(TimeoutError):
        async with asyncio.timeout(0.5):
            while any(it._waiting for it in market._by_key[SYMBOL]):
                await asyncio.sleep(0.001)


async def _read_all(responses: AsyncIterator[Any], read: list[int]) -> None:
    async for response in responses:
        read.append(response.batch.first_seq)  # noqa: PERF401 - what came before the error is wanted


class SlowReads(OnlyNames):
    """A venue whose reads take for ever; tells which of them were given up."""

    def __init__(self) -> None:
        self.begun = 0
        self.cancelled = 0

    async def _for_ever(self, *_: object, **__: object) -> Any:
        self.begun += 1
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise

    candles = funding_rate = best_quote = snapshot = _for_ever


async def test_the_caller_s_deadline_ends_the_read_at_the_venue_too() -> None:
    """WF-5: nothing is read for somebody who no longer waits."""
    port = SlowReads()
    async with listening(parts_of(port)) as address, ConnectorClient(address, timeout_s=0.3) as client:
        reads = (client.candles(SYMBOL), client.funding_rate(SYMBOL), client.latest_price(SYMBOL), client.account())
        for ended in await asyncio.gather(*reads, return_exceptions=True):
            assert isinstance(ended, grpc.aio.AioRpcError)
            assert ended.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        async with asyncio.timeout(5):
            while port.cancelled < len(reads):
                await asyncio.sleep(0.01)
        assert port.begun == len(reads)


async def test_positions_are_told_by_symbol_and_a_snapshot_always() -> None:
    """GRPC-2: what a snapshot leaves out is flat."""
    async with served() as (parts, client):
        account = parts.publisher.account
        stream = client.position_updates(SYMBOL)
        first = asyncio.ensure_future(anext(stream))
        await until(account, 1)
        for seq, symbols, snapshot in ((1, ["ETHUSDT"], False), (2, ["ETHUSDT", SYMBOL], False), (3, [], True)):
            update = AccountUpdate(venue="paper", account="main", seq=seq, snapshot=snapshot)
            for symbol in symbols:
                update.positions.add(symbol=symbol)
            account.publish("main", update, seq)
        told = [await first, await anext(stream)]
        assert [(it.seq, [one.symbol for one in it.positions]) for it in told] == [(2, [SYMBOL]), (3, [])]
        await stream.aclose()


async def test_a_spot_instrument_has_no_funding_and_no_venue_is_asked_for_it() -> None:
    """FUND-1: rate 0, no next time, no prediction, the time of the call."""
    port = SlowReads()
    parts = parts_of(port)
    parts.instruments[SYMBOL].kind = InstrumentKind.INSTRUMENT_KIND_SPOT
    async with listening(parts) as address, ConnectorClient(address) as client:
        before_ms = time.time_ns() // 1_000_000
        (told,) = await client.funding_rates()
        assert (await client.funding_rate(SYMBOL)).rate == told.rate
    assert (told.rate, told.next_funding_time_ms, port.begun) == ("0", 0, 0)
    assert told.time_ms >= before_ms
    assert not told.HasField("predicted_rate")
