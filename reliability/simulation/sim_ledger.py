"""The ledger as one process reaches it: over a connection that takes time and may break around a commit.

What it keeps are the product's own in-memory rows; what was committed when is noted for the checkers. A statement that
was under way when its process ended was carried out or was not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, TypeVar

import psycopg

from connector.gateway.errors import ClaimsTakenError, FencedError
from connector.gateway.kill_state import KillState
from connector.gateway.ledger import Batch
from connector.gateway.lifecycle import Order
from connector.gateway.memory_ledger import MemoryDatabase, MemoryLedger
from reliability.simulation.history import LedgerBooks, LedgerChange
from reliability.simulation.loop import Process, VirtualLoop, deliver
from reliability.simulation.weather import Weather, quick_s
from topics.v1.orders_pb2 import OrderUpdate

ResultT = TypeVar("ResultT")


class Database:
    """What all ledgers share: the rows, whether the server is up, and the notes of what was committed."""

    def __init__(self) -> None:
        self.rows = MemoryDatabase()
        self.available = True
        self.books = LedgerBooks()


class SimulatedLedger:
    """See `connector.gateway.ledger.Ledger`. A broken connection raises psycopg.OperationalError, as Postgres' does."""

    def __init__(self, database: Database, loop: VirtualLoop, weather: Weather, process: Process) -> None:
        self._database = database
        self._rows = MemoryLedger(database.rows)
        self._loop = loop
        self._weather = weather
        self._process = process
        self._random = weather.stream(f"ledger/{process.name}")
        self._epoch = 0

    @property
    def kill(self) -> KillState:
        return self._rows.kill

    async def start(self, venue: str, account: str, holder: str) -> int:
        self._epoch = await self._call(lambda: self._rows.start(venue, account, holder))
        return self._epoch

    async def close(self) -> None:
        await self._rows.close()

    async def commit(self, batch: Batch) -> Mapping[str, Order]:
        return await self._call(lambda: self._commit(batch), changes=True)

    async def find(self, *, client_order_id: str = "", symbol: str = "", venue_order_id: str = "") -> list[Order]:
        return await self._call(
            lambda: self._rows.find(client_order_id=client_order_id, symbol=symbol, venue_order_id=venue_order_id)
        )

    async def unsettled(self) -> list[Order]:
        return await self._call(self._rows.unsettled)

    async def intent_positions(self, topic: str) -> dict[int, int]:
        return await self._call(lambda: self._rows.intent_positions(topic))

    async def fill_marks(self) -> dict[str, str]:
        return await self._call(self._rows.fill_marks)

    async def booked_positions(self) -> dict[str, int]:
        return await self._call(self._rows.booked_positions)

    async def known_trades(self, symbol: str, trade_ids: Sequence[str]) -> set[str]:
        return await self._call(lambda: self._rows.known_trades(symbol, trade_ids))

    async def unsaid_corrections(self) -> list[OrderUpdate]:
        return await self._call(self._rows.unsaid_corrections)

    async def adjustments(self) -> dict[str, int]:
        return await self._call(self._rows.adjustments)

    async def kill_state(self) -> KillState:
        return await self._call(self._rows.kill_state)

    async def set_kill(self, *, killed: bool, by: str, reason: str, everything: bool, time_ms: int) -> KillState:
        async def turn() -> KillState:
            state = await self._rows.set_kill(
                killed=killed, by=by, reason=reason, everything=everything, time_ms=time_ms
            )
            self._note_kill(state)
            return state

        return await self._call(turn, changes=True)

    async def turn_kill(self, owner: str, *, killed: bool, by: str, reason: str, time_ms: int) -> KillState:
        """The row as `tapeline kill` writes it without a connector: no epoch is taken."""

        async def turn() -> KillState:
            state = self._database.rows.turn_kill(
                owner, killed=killed, by=by, reason=reason, everything=False, time_ms=time_ms
            )
            self._note_kill(state)
            return state

        return await self._call(turn, changes=True)

    async def kill_of(self, owner: str) -> KillState:
        async def read() -> KillState:
            return self._database.rows.kill_of(owner)

        return await self._call(read)

    async def note_verified(self, version: int, time_ms: int) -> None:
        await self._call(lambda: self._rows.note_verified(version, time_ms), changes=True)

    def _note_kill(self, state: KillState) -> None:
        self._database.books.kills.append((self._loop.time(), state.killed))

    async def _commit(self, batch: Batch) -> Mapping[str, Order]:
        now_s, books = self._loop.time(), self._database.books

        def note(kind: str, client_order_id: str, order: Order | None) -> None:
            books.changes.append(LedgerChange(now_s, self._epoch, kind, client_order_id, order))

        try:
            killed = await self._rows.commit(batch)
        except FencedError:
            books.refused.append((now_s, self._epoch))
            raise
        except ClaimsTakenError as error:
            for client_order_id, order in error.orders.items():
                note("taken", client_order_id, order)
            raise
        for order in batch.claims:
            denied = killed.get(order.id)
            note("claim" if denied is None else "taken", order.id, denied or order)
        for client_order_id in batch.cancels:
            note("cancel", client_order_id, None)
        for client_order_id, order in batch.changes.items():
            note("change", client_order_id, order)
        for order in batch.concluded:
            note("change", order.id, order)
        return killed

    async def _call(self, work: Callable[[], Coroutine[Any, Any, ResultT]], *, changes: bool = False) -> ResultT:
        if not self._database.available:
            await asyncio.sleep(quick_s(self._random, 0.005))
            raise psycopg.OperationalError("connection refused: the server is not running")
        future: asyncio.Future[ResultT] = self._loop.create_future()
        slow = self._weather.strikes(self._random, self._weather.rates.ledger_slow, "ledger slow")
        way_s = self._random.uniform(0.05, 3.0) if slow else quick_s(self._random, 0.0008)
        self._loop.outside_later(way_s, self._arrive, work, future, changes)
        return await future

    def _arrive(self, work: Callable[[], Coroutine[Any, Any, Any]], future: asyncio.Future[Any], changes: bool) -> None:
        fails = changes and self._weather.strikes(self._random, self._weather.rates.ledger_failure, "ledger failure")
        happens = self._random.random() < 0.5 if fails or self._process.ended else True
        if not self._database.available:
            fails, happens = True, False
        answer: Any = psycopg.OperationalError("server closed the connection unexpectedly")
        if happens:
            done = _run(work())
            answer = answer if fails else done
        self._loop.outside_later(quick_s(self._random, 0.0008), deliver, future, answer)


def _run(work: Coroutine[Any, Any, Any]) -> Any:
    """The rows in memory never wait, so their coroutines end at the first step. Returns the result or the error."""
    try:
        work.send(None)
    except StopIteration as end:
        return end.value
    except (FencedError, ClaimsTakenError) as error:
        return error
    raise RuntimeError("the ledger in memory waited for something")
