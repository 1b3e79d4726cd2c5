"""Whatever a connector wrote, with a wrong key and with the right one, holds no key, secret or token (GRPC-4)."""

from pathlib import Path
from typing import Any

import aiohttp
import grpc
import psycopg
import pytest
from psycopg import sql
from pydantic import SecretStr

from benchmarks.connector_process import RunningConnector
from benchmarks.result import BenchmarkError
from connector import ConnectorClient
from connector.v1.connector_pb2 import PlaceOrderRequest
from tests.integration.connector.conftest import KEY, SECRET, PaperVenue, told
from topics.catalogue import TOPICS
from topics.log import LogAddress, partitions_of, read_to_end, reader
from topics.v1.common_pb2 import OrderType, Side, TimeInForce

SYMBOL = "BTCUSDT"
WRONG = SecretStr("another-secret-than-the-venue-has")
TOKEN = "a-token-of-this-test-long-enough-to-be-one"
HIDDEN = (*(it.get_secret_value() for it in (KEY, SECRET, WRONG)), TOKEN)


@pytest.mark.timeout(300)
async def test_no_key_in_logs_events_rows_errors_or_pages(
    paper_venue: PaperVenue, log: LogAddress, postgres_database: str, tmp_path: Path
) -> None:
    """GRPC-4: a wrong secret ends it at once with the venue's words; then it runs, is called, refuses and stops."""
    with_token = {"TAPELINE_CONNECTOR__GRPC_TOKEN": TOKEN}
    refused = RunningConnector(tmp_path, told(paper_venue, log, postgres_database, secret=WRONG) | with_token)
    refused.spawn()
    with pytest.raises(BenchmarkError, match=r"refuses the API key of account main.*Signature"):
        await refused.ready()
    running = RunningConnector(tmp_path, told(paper_venue, log, postgres_database) | with_token)
    running.spawn()
    written: dict[str, list[str]] = {}
    try:
        await running.ready()
        written["answers"] = await _called(running.address)
        written["pages"] = await _pages(running)
    finally:
        running.end()
    written["logs"] = _logs(tmp_path)
    written["events"] = [str(value) for value in await _on_the_log(log)]
    written["rows"] = await _rows(postgres_database)
    for source, texts in written.items():
        assert any(SYMBOL in text for text in texts), f"{source} were looked through"
        assert {name: shown for name in HIDDEN if (shown := [text for text in texts if name in text])} == {}


def _logs(folder: Path) -> list[str]:
    return [file.read_text(errors="replace") for file in folder.glob("**/*.log")]


async def _called(address: str) -> list[str]:
    """What callers are told: an order, refusals, and no token."""
    order = PlaceOrderRequest(
        symbol=SYMBOL,
        client_order_id="tl" + "1" * 26,
        side=Side.SIDE_BUY,
        type=OrderType.ORDER_TYPE_LIMIT,
        time_in_force=TimeInForce.TIME_IN_FORCE_GTC,
        price="1000.00",
        quantity="0.010",
    )
    async with ConnectorClient(address, token=TOKEN) as client:
        found: list[Any] = [await client.place_order(order), await client.account(), await client.latest_price(SYMBOL)]
        for wrong in (client.order(SYMBOL, client_order_id="tl9"), client.candles(SYMBOL, interval_ms=7)):
            with pytest.raises(grpc.aio.AioRpcError) as said:
                await wrong
            found.append(said.value)
    async with ConnectorClient(address, token=WRONG.get_secret_value()) as stranger:
        with pytest.raises(grpc.aio.AioRpcError) as shut_out:
            await stranger.account()
    return [repr(it) for it in (*found, shut_out.value)]


async def _pages(running: RunningConnector) -> list[str]:
    async with aiohttp.ClientSession() as session:
        addresses = [running.metrics_url.replace("metrics", page) for page in ("metrics", "status", "health")]
        return [await (await session.get(address)).text() for address in addresses]


async def _on_the_log(log: LogAddress) -> list[bytes]:
    found: list[bytes] = []
    async with reader(log, client_id="test") as consumer:
        async for records in read_to_end(consumer, partitions_of(log, TOPICS)):
            found += [b"%b %b %b" % (it.key or b"", it.value or b"", repr(it.headers).encode()) for it in records]
    return found


async def _rows(dsn: str) -> list[str]:
    async with await psycopg.AsyncConnection.connect(dsn) as connection:
        tables = await connection.execute(
            "SELECT schemaname, tablename FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        )
        found = []
        for names in await tables.fetchall():
            rows = await connection.execute(sql.SQL("SELECT t::text FROM {} t").format(sql.Identifier(*names)))
            found += [str(row) for row in await rows.fetchall()]
        return found
