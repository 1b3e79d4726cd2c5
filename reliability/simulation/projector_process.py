"""The projector's process in the simulator: the product's feed, folds and projector over the twins of log and database.

A commit that was under way when the process ended happened whole or not at all.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import psycopg

from projections.errors import FencedError
from projections.feed import open_feed
from projections.folds import TOPICS, Unreadable
from projections.memory_store import MemoryRows, MemoryStore, Partition
from projections.projector import Projector
from projections.rows import Key, Table
from projections.tables import Tables
from reliability.simulation.loop import Process, VirtualLoop
from reliability.simulation.weather import Weather, quick_s
from topics.catalogue import Topic
from topics.log import Log

ResultT = TypeVar("ResultT")
_FLUSH_S = 0.5
_MOST_RECORDS = 500


class SimulatedStore:
    """See `projections.projector.Store`: rows in memory behind a connection that takes time. `on_commit` hears whose
    commit has come through."""

    def __init__(
        self,
        database: MemoryRows,
        loop: VirtualLoop,
        weather: Weather,
        process: Process,
        *,
        on_commit: Callable[[str], None],
    ) -> None:
        self._store = MemoryStore(database)
        self._loop = loop
        self._weather = weather
        self._process = process
        self._on_commit = on_commit
        self._random = weather.stream(f"store/{process.name}")
        self.epoch = self._store.epoch

    async def offsets(self, topics: Sequence[Topic[Any]]) -> dict[Partition, int]:
        return await self._store.offsets(topics)

    async def load(self) -> Tables:
        await asyncio.sleep(quick_s(self._random, 0.002))
        return await self._store.load()

    async def look_up(self, tables: Tables, needs: Mapping[Table[Any], Iterable[Key]]) -> None:
        await asyncio.sleep(quick_s(self._random, 0.001))
        await self._store.look_up(tables, needs)

    async def write(self, tables: Tables, offsets: Mapping[Partition, int], ends: Mapping[Partition, int]) -> None:
        future: asyncio.Future[None] = self._loop.create_future()
        way_s = quick_s(self._random, 0.002)
        self._loop.outside_later(way_s, self._arrive, lambda: self._store.write(tables, offsets, ends), future)
        await future

    def _arrive(self, work: Callable[[], Coroutine[Any, Any, None]], future: asyncio.Future[None]) -> None:
        fails = self._weather.strikes(self._random, self._weather.rates.ledger_failure, "projections' commit failed")
        happens = self._random.random() < 0.5 if fails or self._process.ended else True
        error: Exception | None = psycopg.OperationalError("server closed the connection unexpectedly")
        if happens:
            done = _run(work())
            error = error if fails else done
            if done is None:
                self._on_commit(self._process.name)
        self._loop.outside_later(quick_s(self._random, 0.001), _deliver, future, error)


class ProjectorProcess:
    """See `projections.runner`. `make_store` takes the tables over."""

    def __init__(self, log: Log, make_store: Callable[[], SimulatedStore], *, on_ready: Callable[[], None]) -> None:
        self.stopping = asyncio.Event()
        self.projector: Projector | None = None
        self._log = log
        self._make_store = make_store
        self._on_ready = on_ready

    async def serve(self) -> None:
        async with (
            self._log.producer(client_id="projections") as producer,
            open_feed(self._log, TOPICS, client_id="projections") as feed,
        ):

            async def bury(letter: Unreadable) -> None:
                await producer.bury(letter.topic, letter.record, reader="projections", reason=letter.reason)

            projector = self.projector = await Projector.open(self._make_store(), bury)
            await feed.seek(projector.offsets)
            self._on_ready()
            while not self.stopping.is_set():
                batch = await feed.batch(_MOST_RECORDS, 5_000)
                if batch:
                    await projector.apply(batch, feed.known_ends())
                await asyncio.sleep(_FLUSH_S)


def _run(work: Coroutine[Any, Any, None]) -> Exception | None:
    """The rows in memory never wait, so their coroutine ends at the first step."""
    try:
        work.send(None)
    except StopIteration:
        return None
    except FencedError as error:
        return error
    raise RuntimeError("the store in memory waited for something")


def _deliver(future: asyncio.Future[None], error: Exception | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(None)
    else:
        future.set_exception(error)
