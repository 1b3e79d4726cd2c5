"""kill -9 of the gateway while intents flow: every client order id at most once at the venue, none lost.

The kill is placed by the venue: right before or right after it executes a request chosen by a seed, so that it falls
into claims, sends, replies, look-ups, cancels and start-up alike.
"""

import asyncio
import os
import random
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psycopg

from tests.integration.connector.gateway.conftest import cancelling, placing, put, said
from tests.integration.connector.gateway.venue_server import VenueServer
from tests.unit.connector.gateway.given import OTHER_SYMBOL, SYMBOL, ours
from tests.unit.connector.gateway.scripted_venue import LIVE, ScriptedVenue
from topics.log import LogAddress
from topics.v1.intents_pb2 import Intent
from topics.v1.orders_pb2 import (
    ORDER_STATUS_CANCELED,
    ORDER_STATUS_REJECTED,
    ORDER_STATUS_UNKNOWN,
    OrderUpdate,
)

KILLS = 14
ORDERS = 1_200
REPOSITORY = Path(__file__).resolve().parents[4]


class Reaper:
    """Counts the venue's requests and kills the gateway at the chosen one.

    Half of the orders are filled whole as soon as they are placed: from then on the venue, like Binance, would take
    another order with the same client id.
    """

    def __init__(self, chance: random.Random, venue: ScriptedVenue) -> None:
        self._chance = chance
        self._venue = venue
        self._requests = 0
        self._kill_at: tuple[int, str] | None = None
        self.process: asyncio.subprocess.Process | None = None
        self.killed_in: list[str] = []
        self.struck = asyncio.Event()

    def aim(self) -> None:
        """At a request of the next process: among its first ones (it starts up and reconciles) or much later."""
        ahead = self._chance.choice([self._chance.randint(1, 20), self._chance.randint(20, 150)])
        self._kill_at = (self._requests + ahead, self._chance.choice(["before", "after"]))
        self.struck = asyncio.Event()

    async def around(self, name: str, phase: str) -> None:
        if phase == "before":
            self._requests += 1
        if self._kill_at and self._requests >= self._kill_at[0] and phase == self._kill_at[1] and self.process:
            self._kill_at = None
            os.kill(self.process.pid, signal.SIGKILL)
            self.killed_in.append(name)
            self.struck.set()
        if name == "place" and phase == "after" and self._chance.random() < 0.5:
            order = next(reversed(self._venue.orders.values()))
            if order.status in LIVE and order.filled_lots == 0:
                await self._venue.fill(order.venue_order_id, order.quantity_lots)
        await asyncio.sleep(self._chance.random() * 0.01)


@asynccontextmanager
async def gateway_process(log: LogAddress, dsn: str, venue_port: int) -> AsyncIterator[asyncio.subprocess.Process]:
    module = "tests.integration.connector.gateway.gateway_process"
    arguments = (sys.executable, "-m", module, log.bootstrap, log.namespace, dsn, str(venue_port))
    process = await asyncio.create_subprocess_exec(*arguments, cwd=REPOSITORY)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def story() -> tuple[list[Intent], set[str]]:
    """Placements, one in ten repeated a while later, one in five cancelled; and the ids that are to end cancelled."""
    intents: list[Intent] = []
    cancelled = set()
    for number in range(ORDERS):
        intents.append(placing(number, (SYMBOL, OTHER_SYMBOL)[number % 2]))
        if number % 10 == 9:
            intents.append(placing(number - 7, (SYMBOL, OTHER_SYMBOL)[(number - 7) % 2]))
        if number % 5 == 4:
            intents.append(cancelling(number - 2, (SYMBOL, OTHER_SYMBOL)[(number - 2) % 2]))
            cancelled.add(ours(number - 2))
    return intents, cancelled


async def all_told(log: LogAddress, cancelled: set[str]) -> dict[str, OrderUpdate]:
    """Waits until the log knows every order's fate; gives the last word on each."""
    async with asyncio.timeout(90):
        while True:
            last = {update.client_order_id: update for update in await said(log)}
            open_cancels = [it for it in cancelled if it not in last or last[it].status in LIVE]
            unknown = [it for it in last.values() if it.status == ORDER_STATUS_UNKNOWN]
            if len(last) == ORDERS and not unknown and not open_cancels:
                return last


async def test_killed_at_random_moments_nothing_is_double_and_nothing_lost(
    log: LogAddress, postgres_database: str
) -> None:
    """WF-3, ORD-5, ES-3: at most one order a client id over kills, repeats and restarts, and each has an answer."""
    chance = random.Random(20_260_101)
    venue = ScriptedVenue(SYMBOL, OTHER_SYMBOL)
    reaper = Reaper(chance, venue)
    intents, cancelled = story()
    async with VenueServer(venue, reaper.around) as server:
        await put(log, intents)
        while len(reaper.killed_in) < KILLS:
            async with gateway_process(log, postgres_database, server.port) as process:
                reaper.process = process
                reaper.aim()
                async with asyncio.timeout(60):
                    await reaper.struck.wait()
                assert await process.wait() == -signal.SIGKILL
            for order in list(venue.orders.values()):
                if order.status in LIVE and chance.random() < 0.05:
                    await venue.fill(order.venue_order_id, 1)
        async with gateway_process(log, postgres_database, server.port) as last_process:
            reaper.process = None
            last = await all_told(log, cancelled)
            assert last_process.returncode is None
    assert set(venue.placed.values()) == {1}
    assert "place" in reaper.killed_in
    _check_log(last, venue, cancelled)
    _check_fills(await said(log), venue)
    _check_ledger(postgres_database, last, venue)


def _check_log(last: dict[str, OrderUpdate], venue: ScriptedVenue, cancelled: set[str]) -> None:
    for client_order_id, update in last.items():
        if client_order_id not in venue.placed:
            never_sent = (update.status, update.reason_code)
            assert never_sent in {
                (ORDER_STATUS_REJECTED, "NOT_RECEIVED"),
                (ORDER_STATUS_CANCELED, "CANCELED_BEFORE_SENT"),
            }
            continue
        at_venue = venue.of(client_order_id)
        assert (update.status, update.filled_lots) == (at_venue.status, at_venue.filled_lots), client_order_id
        assert (at_venue.status not in LIVE) or client_order_id not in cancelled


def _check_fills(updates: list[OrderUpdate], venue: ScriptedVenue) -> None:
    told = {(it.symbol, it.fill.trade_id): it.fill.quantity_lots for it in updates if it.HasField("fill")}
    at_venue = {(it.symbol, it.fill.trade_id): it.fill.quantity_lots for it in venue.executions}
    assert told == at_venue
    assert at_venue


def _check_ledger(dsn: str, last: dict[str, OrderUpdate], venue: ScriptedVenue) -> None:
    with psycopg.connect(dsn) as connection:
        rows = connection.execute("SELECT client_order_id, venue_order_id FROM ledger.orders").fetchall()
        fills = connection.execute("SELECT count(*) FROM ledger.fills").fetchone()
    assert {row[0] for row in rows} == set(last)
    assert fills is not None
    assert fills[0] <= len(venue.executions)
