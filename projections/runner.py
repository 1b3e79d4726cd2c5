"""The projector as it runs: follows the log for ever, or catches up to its end once.

Crash-only: when Kafka or Postgres is away it begins anew from the stored offsets, for a while, and then ends with a
message; the path after a failure is the path after every start. A projector that was replaced ends at once (ES-2).
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import psycopg
from aiokafka.errors import KafkaError
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_exponential
from tenacity.stop import stop_base

from observability.logs import get_logger
from projections.errors import ProjectionError
from projections.feed import Feed, open_feed
from projections.folds import TOPICS, Unreadable
from projections.projector import Counts, Projector
from projections.settings import ProjectionsSettings
from projections.store import ALIVE_LOCK, LIVE_SCHEMA, Partition, Store, connect, migrate
from projections.tables import Tables
from topics.log import LogAddress, LogProducer

CLIENT_ID = "tapeline-projections"
AWAY = (psycopg.OperationalError, psycopg.InterfaceError, KafkaError, OSError, TimeoutError)
_LOG_TIMEOUT_S = 10.0
_log = get_logger("projections.runner")


@dataclass
class Progress:
    """What others may know of a running projector. `behind`: records still to read, by topic."""

    behind: dict[str, int] = field(default_factory=dict)
    counts: Counts = field(default_factory=Counts)
    tables: Tables | None = None
    epoch: int = 0
    problem: str = ""
    last_progress: float = field(default_factory=time.monotonic)

    def heard(self, offsets: Mapping[Partition, int], ends: Mapping[Partition, int]) -> None:
        self.behind = dict.fromkeys((topic.name for topic in TOPICS), 0)
        for partition, end in ends.items():
            self.behind[partition[0]] += max(0, end - offsets[partition])
        self.problem = ""
        self.last_progress = time.monotonic()


async def follow(
    settings: ProjectionsSettings,
    log: LogAddress,
    dsn: str,
    stop: asyncio.Event,
    progress: Progress,
    on_batch: Callable[[], None] = lambda: None,
) -> None:
    """Keeps the live tables up with the log until `stop`. `on_batch` is called after each commit.

    Raises ProjectionError when fenced, when the log was made anew, or when Kafka or Postgres stay away too long.
    """
    patience = _Patience(progress, settings.give_up_after_s)
    try:
        async for attempt in AsyncRetrying(
            retry=retry_if_exception_type(AWAY),
            wait=wait_exponential(multiplier=0.1, max=2.0),
            stop=patience,
            before_sleep=lambda state: _tell(state, progress),
            reraise=True,
        ):
            with attempt:
                await _session(settings, log, dsn, stop, progress, on_batch)
    except AWAY as error:
        raise ProjectionError(
            f"Kafka ({log.bootstrap}) or Postgres did not answer for {settings.give_up_after_s:.0f} s, last: {error}; "
            "see that both run, then start the projections again: they go on where they stopped"
        ) from error


async def catch_up(log: LogAddress, dsn: str, *, batch_records: int = 20_000) -> dict[Partition, int]:
    """Folds up to the log's end as it is now, then returns how many records each partition is behind (none, when well).

    Takes the tables over: only for when no projector runs (`projector_runs`).
    """
    async with _opened(log, dsn) as (projector, feed):
        ends = await feed.ends()
        open_partitions = {partition for partition, end in ends.items() if projector.offsets[partition] < end}
        while open_partitions:
            batch = await feed.batch(batch_records, 200, only=tuple(open_partitions))
            if batch:
                await projector.apply(batch, ends)
            open_partitions = {at for at in open_partitions if await feed.position(at) < ends[at]}
        return {partition: end - await feed.position(partition) for partition, end in ends.items()}


async def projector_runs(dsn: str) -> bool:
    """Whether a living projector holds the live tables."""
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
        cursor = await connection.execute("SELECT pg_try_advisory_lock(%s)", [ALIVE_LOCK])
        row = await cursor.fetchone()
        return not (row and row[0])


class _Patience(stop_base):
    """Stops retrying when nothing has gone on for too long, however many attempts that were."""

    def __init__(self, progress: Progress, seconds: float) -> None:
        self._progress = progress
        self._seconds = seconds

    def __call__(self, retry_state: RetryCallState) -> bool:
        if time.monotonic() - self._progress.last_progress > self._seconds:
            return True
        if self._progress.problem == "":  # it worked in between: begin with the shortest wait again
            retry_state.attempt_number = 1
        return False


def _tell(state: RetryCallState, progress: Progress) -> None:
    error = state.outcome.exception() if state.outcome else None
    progress.problem = str(error) or type(error).__name__
    _log.warning("the projector begins anew from the stored offsets", error=progress.problem)


async def _session(
    settings: ProjectionsSettings,
    log: LogAddress,
    dsn: str,
    stop: asyncio.Event,
    progress: Progress,
    on_batch: Callable[[], None],
) -> None:
    async with _opened(log, dsn) as (projector, feed):
        projector.counts = progress.counts
        progress.tables, progress.epoch = projector.tables, projector.epoch
        progress.heard(projector.offsets, await feed.ends())
        _log.info("the projector follows the log", epoch=projector.epoch, behind=sum(progress.behind.values()))
        on_batch()
        while not stop.is_set():
            began = time.monotonic()
            batch = await feed.batch(settings.batch_records, settings.flush_ms)
            if batch:
                ends = feed.known_ends()
                await projector.apply(batch, ends)
                progress.heard(projector.offsets, ends)
                on_batch()
            elif time.monotonic() - progress.last_progress > settings.log_check_s:
                async with asyncio.timeout(_LOG_TIMEOUT_S):
                    progress.heard(projector.offsets, await feed.ends())
                on_batch()
            if sum(map(len, batch.values())) < settings.batch_records:
                await _wait(stop, settings.flush_ms / 1000 - (time.monotonic() - began))


@asynccontextmanager
async def _opened(log: LogAddress, dsn: str) -> AsyncIterator[tuple[Projector, Feed]]:
    """A projector that owns the live tables, and the log at its offsets."""
    async with (
        await connect(dsn) as connection,  # first: a consumer stopped in the moment of its start raises CancelledError
        LogProducer(log, client_id=CLIENT_ID) as producer,
        open_feed(log, TOPICS, client_id=CLIENT_ID) as feed,
    ):

        async def bury(letter: Unreadable) -> None:
            _log.warning(
                "poison record put with the dead letters",
                topic=letter.topic.name,
                partition=letter.record.partition,
                offset=letter.record.offset,
                reason=letter.reason,
            )
            await producer.bury(letter.topic, letter.record, reader="projections", reason=letter.reason)

        await migrate(connection, LIVE_SCHEMA)
        await connection.execute("SELECT pg_advisory_lock_shared(%s)", [ALIVE_LOCK])
        projector = await Projector.open(await Store.take(connection), bury)
        for partition, begins in (await feed.seek(projector.offsets)).items():
            if projector.offsets[partition]:
                _log.warning("records were deleted before they were projected", partition=partition, oldest_kept=begins)
        yield projector, feed


async def _wait(stop: asyncio.Event, seconds: float) -> None:
    if seconds <= 0:
        return
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return
