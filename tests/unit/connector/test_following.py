"""A subscriber that comes back gets what it missed from the log and then what happens, each number once (GRPC-5)."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from connector.broadcast import SlowSubscriberError, StreamEndedError
from connector.following import FEW, Begin, Channel, Following
from connector.grpc_errors import InvalidFieldError
from connector.publisher import Publisher
from connector.replay import PAGE, MissedError, Missing, Replays
from connector.sequences import by_partition, resume
from topics.catalogue import MARKET, ORDERS
from topics.codec import Record
from topics.memory_broker import MemoryBroker
from topics.memory_log import MemoryLog
from topics.v1.common_pb2 import Grain
from topics.v1.instruments_pb2 import Instrument
from topics.v1.market_pb2 import MarketBatch, MarketEvent, Quote
from topics.v1.orders_pb2 import OrderUpdate

A, B = "AAAUSDT", "BBBUSDT"
WAIT_S = 10.0


@dataclass
class Process:
    """A connector's publisher and what subscribers ask, on a log that outlives it."""

    log: MemoryLog
    publisher: Publisher
    following: Following

    async def tell(self, *symbols: str) -> None:
        await self.publisher.publish_orders([OrderUpdate(venue="paper", symbol=symbol) for symbol in symbols])

    def orders(self, *symbols: str, after_seq: Mapping[str, int] | None = None) -> Any:
        channel: Channel[Any] = Channel(ORDERS, self.publisher.orders, "paper", lambda it: it.symbol, (A, B))
        return self.following.follow(channel, symbols, after_seq or {})

    def market(self, after_seq: Mapping[str, int]) -> Any:
        channel: Channel[Any] = Channel(MARKET, self.publisher.market, "paper", lambda it: it.symbol, (A, B))
        return self.following.follow(channel, (A,), after_seq)


@asynccontextmanager
async def process(broker: MemoryBroker, *, resume_limit: int = 100_000, buffer: int = 1024) -> AsyncIterator[Process]:
    log = MemoryLog(broker)
    keys = [f"paper:{symbol}" for symbol in (A, B)]
    sequences = await resume(log, {ORDERS: keys, MARKET: keys})
    async with log.producer(client_id="test") as producer:
        publisher = Publisher(producer, sequences, subscriber_buffer=buffer)
        yield Process(log, publisher, Following(Replays(log), resume_limit=resume_limit))


async def some(stream: Any, count: int) -> list[Any]:
    async with asyncio.timeout(WAIT_S):
        return [await anext(stream) for _ in range(count)]


def seqs(messages: Iterable[Any], symbol: str) -> list[int]:
    return [it.seq for it in messages if not isinstance(it, Begin) and it.symbol == symbol]


async def test_a_new_subscriber_begins_now_and_knows_where() -> None:
    """Who is cut off before its first message can say after what to go on."""
    async with process(MemoryBroker()) as it:
        await it.tell(A, A, B)
        async with aclosing(it.orders()) as stream:
            assert await anext(stream) == Begin({A: 2, B: 1})
            await it.tell(A, B)
            assert [(one.symbol, one.seq) for one in await some(stream, 2)] == [(A, 3), (B, 2)]


@pytest.mark.parametrize("missed", [1, FEW, FEW + 1, PAGE + 10])
async def test_what_was_missed_over_a_restart_comes_before_what_happens(missed: int) -> None:
    """GRPC-5: no number is left out and none comes twice, however much it was and whatever is said meanwhile."""
    broker = MemoryBroker()
    async with process(broker) as before:
        await before.tell(A, B)
        await before.tell(*[A, B] * missed)
    async with process(broker) as after, aclosing(after.orders(A, B, after_seq={A: 1, B: 1})) as stream:
        assert await anext(stream) == Begin({A: 1, B: 1})
        first = await some(stream, 1)
        await after.tell(A, B)
        rest = await some(stream, 2 * missed + 1)
        for symbol in (A, B):
            assert seqs([*first, *rest], symbol) == list(range(2, missed + 3))


async def test_symbols_not_named_begin_at_once_also_while_others_catch_up() -> None:
    """B is told from the beginning of the stream on, although A is read from the log first."""
    broker = MemoryBroker()
    async with process(broker) as it:
        await it.tell(*[A] * (FEW * 2), B)
        async with aclosing(it.orders(after_seq={A: 0})) as stream:
            assert await anext(stream) == Begin({A: 0, B: 1})
            await it.tell(B)
            told = await some(stream, FEW * 2 + 1)
        assert seqs(told, A) == list(range(1, FEW * 2 + 1))
        assert seqs(told, B) == [2]


async def test_a_batch_that_was_read_in_part_is_told_for_the_rest() -> None:
    """Each event has its number."""
    instrument = Instrument(venue="paper", symbol=A, grain=Grain(tick_size="1", lot_size="1"))
    async with process(MemoryBroker()) as it:
        await it.publisher.publish_instruments([instrument])
        for number in range(5):
            it.publisher.offer_market(A, MarketEvent(quote=Quote(update_id=number + 1)), 1)
        running = asyncio.create_task(it.publisher.run())
        async with asyncio.timeout(WAIT_S):
            while it.publisher.market.newest.get(A, 0) < 5:
                await asyncio.sleep(0)
        async with aclosing(it.market({A: 3})) as stream:
            _, batch = await some(stream, 2)
        running.cancel()
        assert batch.first_seq == 4
        assert [event.quote.update_id for event in batch.events] == [4, 5]


async def test_records_that_are_not_ours_are_passed_over() -> None:
    """ES-6: poison between two messages hides neither of them."""
    broker = MemoryBroker()
    async with process(broker) as it:
        await it.tell(A)
        for value in (b"", b"\xff\xff", OrderUpdate(venue="paper", symbol=B, seq=9).SerializeToString()):
            broker.append(Record(ORDERS.name, f"paper:{A}".encode(), value, []))
        await it.tell(A)
        async with aclosing(it.orders(A, after_seq={A: 0})) as stream:
            assert seqs(await some(stream, 3), A) == [1, 2]


@pytest.mark.parametrize(
    ("after_seq", "words"),
    [
        ({A: 7}, "AAAUSDT is at seq 3, not yet at 7"),
        ({A: 0}, "3 messages were missed, more than resume_limit 2"),
    ],
)
async def test_what_cannot_be_resumed_is_said(after_seq: dict[str, int], words: str) -> None:
    async with process(MemoryBroker(), resume_limit=2) as it:
        await it.tell(A, A, A)
        with pytest.raises(MissedError, match=words):
            await anext(it.orders(after_seq=after_seq))
        with pytest.raises(InvalidFieldError, match="after_seq: names 'CCCUSDT'"):
            await anext(it.orders(after_seq={"CCCUSDT": 1}))


async def test_what_the_log_no_longer_keeps_is_an_error_not_a_hole() -> None:
    broker = MemoryBroker()
    async with process(broker) as it:
        await it.tell(*[A] * 5)
        for partition in range(ORDERS.partitions):
            broker.compact(ORDERS.name, partition)
        async with aclosing(it.orders(A, after_seq={A: 1})) as stream:
            assert await anext(stream) == Begin({A: 1})
            with pytest.raises(MissedError, match="after 1 of paper:AAAUSDT the log goes on at 5 only"):
                await anext(stream)


async def test_a_subscriber_that_was_cut_off_comes_back_without_a_hole() -> None:
    """GRPC-6: what did not fit into its buffer is on the log."""
    async with process(MemoryBroker(), buffer=4) as it:
        got: list[Any] = []
        async with aclosing(it.orders(A)) as stream:
            assert await anext(stream) == Begin({A: 0})
            await it.tell(*[A] * 20)
            with pytest.raises(SlowSubscriberError):
                got += [update async for update in stream]
        reached = got[-1].seq if got else 0
        async with aclosing(it.orders(A, after_seq={A: reached})) as stream:
            got += await some(stream, 21 - reached)
        assert seqs(got, A) == list(range(1, 21))


async def test_a_connector_that_stops_ends_those_that_come_too() -> None:
    async with process(MemoryBroker()) as it:
        it.publisher.end_streams()
        async with aclosing(it.orders(A)) as stream:
            assert await anext(stream) == Begin({A: 0})
            with pytest.raises(StreamEndedError):
                await anext(stream)


async def test_nobody_hears_of_a_number_before_the_log_has_it() -> None:
    """GRPC-5: a number told and then lost in a crash would be given to another message; and nothing overtakes."""
    broker = MemoryBroker()
    async with process(broker) as it:
        broker.go_down()
        telling = [asyncio.create_task(it.tell(A)), asyncio.create_task(it.tell(A, B))]
        async with aclosing(it.orders()) as stream:
            assert await anext(stream) == Begin({A: 0, B: 0})
            waiting = asyncio.ensure_future(anext(stream))
            await asyncio.sleep(0.05)
            assert not waiting.done()
            broker.come_up()
            told = [await waiting, *await some(stream, 2)]
        await asyncio.gather(*telling)
        assert (seqs(told, A), seqs(told, B)) == ([1, 2], [1])


async def test_many_that_come_back_at_once_all_get_what_they_missed() -> None:
    """A restart brings every subscriber back at the same time."""
    broker = MemoryBroker()
    async with process(broker) as it:
        await it.tell(*[A] * 10)
        streams = [it.orders(A, after_seq={A: 0}) for _ in range(50)]
        told = await asyncio.gather(*(some(stream, 11) for stream in streams))
        for stream in streams:
            await stream.aclose()
        assert all(seqs(one, A) == list(range(1, 11)) for one in told)


async def test_what_waited_for_a_busy_subscriber_comes_together() -> None:
    """GRPC-5, NFR: a burst costs few gRPC messages; every number comes once, in its order."""
    async with process(MemoryBroker()) as it, aclosing(it.market({})) as stream:
        assert await anext(stream) == Begin({A: 0})
        reading = asyncio.create_task(anext(stream))
        await asyncio.sleep(0)
        for number in range(1, 101):
            event = MarketEvent(quote=Quote(update_id=number))
            it.publisher.market.publish(A, MarketBatch(symbol=A, first_seq=number, events=[event]), number)
        together = await asyncio.wait_for(reading, WAIT_S)
        assert (together.first_seq, [event.quote.update_id for event in together.events]) == (1, list(range(1, 101)))


async def test_a_key_that_is_missed_later_is_found_before_where_the_last_page_ended() -> None:
    """GRPC-5: a page goes on where the last one ended, unless another key's messages lie further back."""
    symbols = (f"S{number}" for number in range(100))
    one, other = [it for it in symbols if len(by_partition(ORDERS, "", [f"paper:{A}", f"paper:{it}"])) == 1][:2]
    async with process(MemoryBroker()) as it:
        await it.tell(one, other, one)
        replay = Replays(it.log).of(ORDERS)
        assert seqs(await replay.page({f"paper:{one}": Missing(0, 2)}), one) == [1, 2]
        await it.tell(one)
        missing = {f"paper:{one}": Missing(2, 3), f"paper:{other}": Missing(0, 1)}
        found = await replay.page(missing)
        assert (seqs(found, one), seqs(found, other)) == ([3], [1])
