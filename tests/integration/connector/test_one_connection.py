"""GRPC-1, STREAM-1: however many clients listen, the venue sees the connections of one connector."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import aiohttp

from connector.client import ConnectorClient
from connector.main import serve
from connector.settings import ConnectorSettings
from tests.integration.connector.conftest import PaperVenue
from topics.admin import apply
from topics.log import LogAddress

SYMBOL = "BTCUSDT"
WAIT_S = 30.0
MANY = 20


async def connections_at(venue: PaperVenue) -> tuple[int, dict[str, int]]:
    """Websockets the venue serves, and subscriptions by stream."""
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{venue.port}/paper/v1/state") as reply,
    ):
        state = await reply.json()
        return state["subscribers"], state["streams"]


@asynccontextmanager
async def listeners(address: str, count: int) -> AsyncIterator[None]:
    """So many clients, each with a connection of its own, that have heard prices; they listen on."""
    async with AsyncExitStack() as stack:
        for _ in range(count):
            client = await stack.enter_async_context(ConnectorClient(address))
            prices = aiter(client.prices(SYMBOL))
            async with asyncio.timeout(WAIT_S):
                await anext(prices)
        yield


async def test_twenty_clients_cost_the_venue_no_more_connections_than_one(
    paper_venue: PaperVenue, kafka_bootstrap: str, namespace: str, postgres_database: str
) -> None:
    """GRPC-1, STREAM-1: counted at the venue, websockets and subscriptions, while all of them hear prices."""
    log = LogAddress(kafka_bootstrap, namespace)
    await apply(log)
    settings = ConnectorSettings(venue=paper_venue.connection(), grpc_port=0, operations_port=0)
    stop = asyncio.Event()
    started: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(serve(settings, log, postgres_database, stop, started))
    try:
        await asyncio.wait({task, started}, return_when=asyncio.FIRST_COMPLETED)  # type: ignore[type-var]
        address = f"127.0.0.1:{started.result()}"
        async with listeners(address, 1):
            with_one = await connections_at(paper_venue)
        async with listeners(address, MANY):
            with_many = await connections_at(paper_venue)
    finally:
        stop.set()
        await asyncio.wait_for(task, WAIT_S)
    assert with_one[0] >= 1
    assert with_many == with_one
