"""The proxy that misbehaves on command: each fault as a client and a server see it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from reliability.chaos.proxy import HEALTHY, FaultProxy, Faults, Kind, kind_of

USER_STREAM = b"GET /private/ws?listenKey=k HTTP/1.1\r\nHost: venue\r\nUpgrade: websocket\r\n\r\n"
MARKET_STREAM = b"GET /public/ws/0 HTTP/1.1\r\nHost: venue\r\nUpgrade: websocket\r\n\r\n"
CALL = b"POST /order?a=1 HTTP/1.1\r\n\r\n"


class Venue:
    """Answers each piece with the same bytes in capitals, and remembers what came."""

    def __init__(self) -> None:
        self.received = b""
        self.port = 0
        self.came = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while piece := await reader.read(65_536):
                self.received += piece
                self.came.set()
                writer.write(piece.upper())
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()


@pytest.fixture
async def venue() -> AsyncIterator[Venue]:
    it = Venue()
    server = await asyncio.start_server(it.serve, "127.0.0.1", 0)
    it.port = server.sockets[0].getsockname()[1]
    yield it
    server.close()


@pytest.fixture
async def proxy(venue: Venue) -> AsyncIterator[FaultProxy]:
    async with FaultProxy(venue.port) as it:
        yield it


class Client:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def say(self, text: bytes) -> None:
        self._writer.write(text)
        await self._writer.drain()

    async def hears(self, text: bytes) -> bool:
        return await asyncio.wait_for(self._reader.readexactly(len(text)), 5) == text

    async def hears_nothing(self, for_s: float = 0.2) -> bool:
        try:
            return not await asyncio.wait_for(self._reader.read(1), for_s)
        except TimeoutError:
            return True

    async def is_reset(self) -> bool:
        try:
            while await asyncio.wait_for(self._reader.read(65_536), 5):
                pass
        except ConnectionResetError:
            return True
        return False


@pytest.fixture
async def client(proxy: FaultProxy) -> AsyncIterator[Client]:
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    yield Client(reader, writer)
    writer.close()


async def test_without_a_fault_everything_passes_both_ways(client: Client, venue: Venue) -> None:
    """STREAM-1: the proxy itself changes nothing."""
    await client.say(CALL)
    assert await client.hears(CALL.upper())
    assert venue.received == CALL


async def test_latency_delays_and_keeps_the_order(client: Client, proxy: FaultProxy) -> None:
    """WF-5: each piece later than it was sent, none before another."""
    proxy.apply(Faults(latency_s=0.05, jitter_s=0.05))
    begin = time.monotonic()
    for number in range(10):
        await client.say(b"POST %d;" % number)
    assert await client.hears(b"".join(b"POST %d;" % number for number in range(10)))
    assert time.monotonic() - begin >= 0.1


async def test_a_mute_connection_takes_and_never_answers_and_stays_so(
    client: Client, proxy: FaultProxy, venue: Venue
) -> None:
    """WF-3: half open. What was said into it is lost, also when the network is well again."""
    await client.say(CALL)
    assert await client.hears(CALL.upper())
    proxy.apply(Faults(mute=True))
    await client.say(b"lost")
    assert await client.hears_nothing()
    proxy.heal()
    await client.say(b"lost too")
    assert await client.hears_nothing()
    assert venue.received == CALL


async def test_what_is_paused_arrives_when_it_is_lifted(client: Client, proxy: FaultProxy, venue: Venue) -> None:
    """WF-3: a request can reach the venue long after it was sent."""
    proxy.apply(Faults(paused=True))
    await client.say(CALL)
    assert await client.hears_nothing()
    assert venue.received == b""
    proxy.heal()
    assert await client.hears(CALL.upper())


async def test_a_request_is_cut_after_its_first_bytes(client: Client, proxy: FaultProxy, venue: Venue) -> None:
    """WF-3: reset in the middle: the venue has a part of it, the client knows of nothing."""
    proxy.apply(Faults(reset_after_up=7))
    await client.say(CALL)
    assert await client.is_reset()
    assert venue.received in (CALL[:7], b"")  # a reset may overtake what was sent before it
    assert proxy.resets == 1


async def test_a_reply_is_cut_after_its_first_bytes(client: Client, proxy: FaultProxy, venue: Venue) -> None:
    """WF-3: the venue has done it, the client is cut off within the answer. Bytes from before do not count."""
    await client.say(CALL)
    assert await client.hears(CALL.upper())
    proxy.apply(Faults(reset_after_down=5))
    await client.say(CALL)
    assert await client.is_reset()
    assert venue.received == CALL + CALL


async def test_a_held_reply_says_that_the_venue_has_done_it(client: Client, proxy: FaultProxy, venue: Venue) -> None:
    """WF-3: only the request that begins so, only its connection, and the caller is told when it is done."""
    held = proxy.hold_reply_to(b"POST /order")
    await client.say(b"GET /time;")
    assert await client.hears(b"GET /TIME;")
    await client.say(CALL)
    await asyncio.wait_for(held.wait(), 5)
    assert venue.received.endswith(CALL)
    assert await client.hears_nothing()
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    other = Client(reader, writer)
    await other.say(CALL)
    assert await other.hears(CALL.upper())
    writer.close()


async def test_faults_are_aimed_at_one_kind_of_connection(client: Client, proxy: FaultProxy) -> None:
    """STREAM-1: the user stream drops, calls go on; a refused stream is reset at once, and comes back when healed."""
    await client.say(CALL)
    assert await client.hears(CALL.upper())
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    stream = Client(reader, writer)
    await stream.say(USER_STREAM)
    assert await stream.hears(USER_STREAM.upper())
    assert (proxy.open_count(Kind.USER), proxy.open_count(Kind.REST)) == (1, 1)
    proxy.apply(Faults(refused=True), Kind.USER)
    assert proxy.drop(Kind.USER) == 1
    assert await stream.is_reset()
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    again = Client(reader, writer)
    await again.say(USER_STREAM)
    assert await again.is_reset()
    await client.say(CALL)
    assert await client.hears(CALL.upper())
    proxy.apply(HEALTHY, Kind.USER)
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    healed = Client(reader, writer)
    await healed.say(USER_STREAM)
    assert await healed.hears(USER_STREAM.upper())
    writer.close()


async def test_a_connection_that_turns_into_a_stream_is_one_from_then_on(client: Client, proxy: FaultProxy) -> None:
    """STREAM-1: HTTP clients keep connections and may upgrade one they used for calls."""
    await client.say(CALL)
    assert await client.hears(CALL.upper())
    await client.say(USER_STREAM)
    assert await client.hears(USER_STREAM.upper())
    assert (proxy.open_count(Kind.USER), proxy.open_count(Kind.REST)) == (1, 0)


@pytest.mark.parametrize(
    ("first", "kind"), [(CALL, Kind.REST), (USER_STREAM, Kind.USER), (MARKET_STREAM, Kind.MARKET), (b"x", Kind.REST)]
)
def test_how_a_request_begins_tells_its_kind(first: bytes, kind: Kind) -> None:
    """STREAM-1: REST, market stream or user stream."""
    assert kind_of(first) is kind
