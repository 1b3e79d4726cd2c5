"""Streams: bounded buffers, slow clients cut off, the player can wait until all is written."""

from __future__ import annotations

import asyncio

import orjson

from venue.streams import Streams, Subscriber


class Wire:
    """What a client received; holds every message back until `open` is set."""

    def __init__(self) -> None:
        self.received: list[bytes] = []
        self.open = asyncio.Event()

    async def send(self, message: bytes) -> None:
        await self.open.wait()
        self.received.append(message)


async def ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_message_reaches_who_listens_to_its_stream_and_nobody_else() -> None:
    """GRPC-6's rule at the venue: plain and combined forms, in order."""
    streams, plain, combined, other = Streams(), Wire(), Wire(), Wire()
    tasks = []
    for wire, is_combined, name in ((plain, False, "a@trade"), (combined, True, "a@trade"), (other, False, "b@trade")):
        subscriber = Subscriber(wire.send, combined=is_combined, limit=10)
        streams.add(subscriber)
        streams.subscribe(subscriber, [name])
        wire.open.set()
        tasks.append(asyncio.create_task(subscriber.write()))

    assert streams.publish("a@trade", {"n": 1}) == 2
    assert streams.publish("nobody@trade", {}) == 0
    await streams.drained(0)

    assert [orjson.loads(one) for one in plain.received] == [{"n": 1}]
    assert [orjson.loads(one) for one in combined.received] == [{"stream": "a@trade", "data": {"n": 1}}]
    assert not other.received
    for task in tasks:
        await ended(task)


async def test_a_client_that_does_not_read_is_cut_off_and_the_others_are_not() -> None:
    """GRPC-6: a bounded buffer; the slow one's writer ends, memory stays bounded."""
    streams, slow, quick = Streams(), Wire(), Wire()
    quick.open.set()
    subscribers = [Subscriber(wire.send, combined=False, limit=5) for wire in (slow, quick)]
    writers = [asyncio.create_task(one.write()) for one in subscribers]
    for one in subscribers:
        streams.add(one)
        streams.subscribe(one, ["a@trade"])
    for number in range(8):
        streams.publish("a@trade", number)
        await asyncio.sleep(0)
    slow.open.set()
    await asyncio.wait_for(writers[0], 1)

    assert subscribers[0].cut_off
    assert subscribers[0].backlog <= 5
    assert not subscribers[1].cut_off
    assert len(quick.received) == 8
    await ended(writers[1])


async def test_drained_waits_for_the_slowest_and_ends_when_it_goes_away() -> None:
    """RISK-1: at speed max nobody falls behind; a client that leaves holds nothing up."""
    streams, wire = Streams(), Wire()
    subscriber = Subscriber(wire.send, combined=False, limit=10)
    streams.add(subscriber)
    streams.subscribe(subscriber, ["a@trade"])
    streams.publish("a@trade", 1)
    waiting = asyncio.create_task(streams.drained(0))
    await asyncio.sleep(0)
    assert not waiting.done()
    streams.remove(subscriber)
    await asyncio.wait_for(waiting, 1)
    assert streams.names == {}


def test_only_market_data_counts_as_an_audience() -> None:
    """RISK-1: a candle or mark price listener alone does not start the tape."""

    async def unused(message: bytes) -> None:
        raise AssertionError(message)

    streams, subscriber = Streams(), Subscriber(unused, combined=False, limit=1)
    streams.subscribe(subscriber, ["btcusdt@kline_1m", "btcusdt@markPrice@1s"])
    assert not streams.has_market_data("BTCUSDT")
    before = streams.generation
    streams.subscribe(subscriber, ["btcusdt@bookTicker"])
    assert streams.has_market_data("BTCUSDT")
    assert not streams.has_market_data("ETHUSDT")
    assert streams.generation == before + 1
