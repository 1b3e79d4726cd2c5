"""kill -9 of the venue with orders in flight: whatever it confirmed is in the ledger, and it goes on from there."""

from __future__ import annotations

import asyncio
import random
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest

from tests.integration.venue import process as process_module
from tests.integration.venue.paper_venue import API_KEY, signed
from venue.ledger_reader import LedgerReader

HEADERS = {"X-MBX-APIKEY": API_KEY}
REPOSITORY = Path(__file__).resolve().parents[3]
REFUSED_ANSWERS = (aiohttp.ClientError, ConnectionError)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def started(data_dir: Path, port: int, **settings: Any) -> AsyncIterator[asyncio.subprocess.Process]:
    """A venue process that listens; killed in the end, whatever happens."""
    venue = await asyncio.create_subprocess_exec(
        sys.executable, "-m", process_module.__name__, str(data_dir), str(port), orjson.dumps(settings).decode(),
        cwd=REPOSITORY, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        assert venue.stderr is not None
        while b"paper venue on" not in (line := await venue.stderr.readline()):
            assert line, "the venue ended before it listened"
        yield venue
    finally:
        if venue.returncode is None:
            venue.kill()
        await venue.wait()


async def place_until_it_dies(
    session: aiohttp.ClientSession, address: str, run: int, worker: int
) -> list[dict[str, Any]]:
    """Place orders near the market one after another; returns those the venue confirmed."""
    confirmed: list[dict[str, Any]] = []
    try:
        async with session.get(f"{address}/fapi/v1/ticker/bookTicker?symbol=BTCUSDT") as answer:
            bid = Decimal((await answer.json())["bidPrice"])
        for number in range(10_000):
            away = bid * (number % 7 - 3) / 10_000
            body = signed(
                symbol="BTCUSDT", side=("BUY", "SELL")[number % 2], type="LIMIT", timeInForce="GTC", quantity="0.002",
                price=f"{bid + away:.2f}", newClientOrderId=f"k{run}w{worker}n{number}",
            )  # fmt: skip
            async with session.post(f"{address}/fapi/v1/order", data=body) as answer:
                order = await answer.json()
            if answer.status == 200:
                confirmed.append(order)
            if number % 5 == 4 and confirmed:
                query = signed(symbol="BTCUSDT", orderId=confirmed[-1]["orderId"])
                async with session.delete(f"{address}/fapi/v1/order?{query}") as answer:
                    cancelled = await answer.json()
                if answer.status == 200:
                    confirmed[-1] = cancelled
    except REFUSED_ANSWERS:
        return confirmed
    raise AssertionError("the venue outlived the test's kill")


def check_ledger(data_dir: Path, confirmed: dict[int, dict[str, Any]]) -> None:
    reader = LedgerReader(data_dir)
    orders = {order.order_id: order for order in reader.orders()}
    trades = reader.trades()
    for order_id, answer in confirmed.items():
        kept = orders[order_id]
        assert kept.client_order_id == answer["clientOrderId"]
        assert kept.executed_quantity >= Decimal(answer["executedQty"])
        if answer["status"] in ("CANCELED", "FILLED", "EXPIRED"):
            assert kept.status == answer["status"]
    for order in orders.values():
        assert sum((one.quantity for one in trades if one.order_id == order.order_id), Decimal(0)) == (
            order.executed_quantity
        )
    held = sum((one.quantity if one.side == "BUY" else -one.quantity for one in trades), Decimal(0))
    assert held == sum((one.quantity for one in reader.positions()), Decimal(0))
    income = sum((one.amount for one in reader.income()), Decimal(0))
    assert reader.balances()[0].wallet_balance == reader.initial_balance() + income


@pytest.mark.parametrize("seed", [1, 2])
async def test_a_killed_venue_keeps_every_order_it_confirmed(tmp_path: Path, seed: int) -> None:
    """ORD-6, ES-3: three kills at random moments; orders, fills, position and wallet agree, ids never repeat."""
    drawn, port, data_dir = random.Random(seed), free_port(), tmp_path / "venue"
    confirmed: dict[int, dict[str, Any]] = {}
    address = f"http://127.0.0.1:{port}"
    for run in range(3):
        async with (
            started(data_dir, port, wait_for_subscriber=False, speed=20) as venue,
            aiohttp.ClientSession(headers=HEADERS) as session,
        ):
            working = [asyncio.create_task(place_until_it_dies(session, address, run, worker)) for worker in range(3)]
            await asyncio.sleep(drawn.uniform(0.3, 1.2))
            venue.kill()
            await venue.wait()
            for answers in await asyncio.gather(*working):
                for answer in answers:
                    assert answer["orderId"] not in confirmed, "an order id was used twice"
                    confirmed[answer["orderId"]] = answer
        check_ledger(data_dir, confirmed)
    assert len(confirmed) > 30
    assert LedgerReader(data_dir).trades(), "the kills hit a venue that traded"
