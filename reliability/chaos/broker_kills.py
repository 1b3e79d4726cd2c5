"""kill -9 of Kafka under load: what was acknowledged is there, in order, and readers and writers go on by themselves.

First the log alone: the product's producer and reader on an embedded Kafka that is killed and started again as the
supervisor does it, numbered messages under many keys, about 5,000 a second. Then a pipeline that trades, with its
broker killed as often, judged by `tapeline check` and a rebuild.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

from aiokafka import ConsumerRecord
from aiokafka.errors import KafkaError

from reliability.chaos.carrying_out import BUSY, NO_BACK_OFF, in_folder
from reliability.chaos.findings import Findings
from reliability.chaos.pipeline import Run, wait_for
from reliability.chaos.trading_pipeline import judge, trading_pipeline
from reliability.result import Result
from tapeline.embedded.kafka import EmbeddedKafka
from topics.admin import apply
from topics.catalogue import MARKET
from topics.codec import Record
from topics.log import LogAddress, LogProducer, partitions_of, read_to_end, reader

NAME: Final = "broker-kills"
TITLE: Final = "Kafka killed under load"
MESSAGES: Final = 20_000
RESUME_S: Final = 30.0
_KEYS: Final = 32
_A_TURN: Final = 50
_TURN_S: Final = 0.01
_UNDER_WAY: Final = 2_000
_BETWEEN_S: Final = 5.0
_NEW_ORDERS: Final = 3
_GIVEN_UP_S: Final = 180.0


def run(kills: int) -> Result:
    return in_folder(NAME, TITLE, kills, trial)


async def trial(folder: Path, kills: int) -> Findings:
    found = await log_trial(folder / "log", kills, MESSAGES * kills)
    await _pipeline_trial(folder / "pipeline" / "home", kills, found)
    return found


@dataclass
class _Traffic:
    """What the writer was told and the reader saw. Numbers are global and grow; their key is the number modulo keys."""

    address: LogAddress
    messages: int
    sent: int = 0
    acknowledged: dict[int, float] = field(default_factory=dict)
    failed: int = 0
    producers: int = 0
    seen: list[tuple[int, int, int]] = field(default_factory=list)
    seen_at: dict[int, float] = field(default_factory=dict)

    async def write(self) -> None:
        """Until all messages are sent and answered; a producer that gives up is made anew, as its process would be."""
        while self.sent < self.messages:
            self.producers += 1
            try:
                async with LogProducer(self.address, client_id="trial-writer") as producer:
                    await self._write_with(producer)
            except (KafkaError, OSError):
                await asyncio.sleep(0.2)

    async def _write_with(self, producer: LogProducer) -> None:
        under_way: set[asyncio.Future[Any]] = set()
        while self.sent < self.messages:
            for _ in range(min(_A_TURN, self.messages - self.sent)):
                number = self.sent
                self.sent += 1
                ack = await producer.enqueue(Record(MARKET.name, b"key-%d" % (number % _KEYS), b"%d" % number, []))
                under_way.add(ack)
                ack.add_done_callback(partial(self._answered, number))
            under_way = {future for future in under_way if not future.done()}
            while len(under_way) > _UNDER_WAY:
                _, under_way = await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.sleep(_TURN_S)
        await asyncio.gather(*under_way, return_exceptions=True)

    def _answered(self, number: int, future: asyncio.Future[Any]) -> None:
        if future.cancelled() or future.exception() is not None:
            self.failed += 1
        else:
            self.acknowledged[number] = time.monotonic()

    async def read(self) -> None:
        """For ever: one reader for the whole trial."""
        partitions = partitions_of(self.address, [MARKET])
        async with reader(self.address, client_id="trial-reader") as consumer:
            consumer.assign(partitions)
            await consumer.seek_to_beginning(*partitions)
            while True:
                for records in (await consumer.getmany(timeout_ms=200)).values():
                    now = time.monotonic()
                    for record in records:
                        self.seen.append(_place(record))
                        self.seen_at.setdefault(int(record.value), now)


async def log_trial(home: Path, kills: int, messages: int) -> Findings:
    """A Kafka of its own in `home`, killed `kills` times while `messages` are written."""
    found = Findings(runs=messages, faults=kills)
    async with _own_kafka(home) as kafka:
        traffic = _Traffic(LogAddress(kafka.bootstrap), messages)
        await apply(traffic.address)
        reading = asyncio.create_task(traffic.read())
        writing = asyncio.create_task(traffic.write())
        killed_at: list[float] = []
        for number in range(kills):
            await _until(
                lambda number=number: len(traffic.acknowledged) >= messages * (number + 1) // (kills + 1), writing
            )
            killed_at.append(time.monotonic())
            await asyncio.to_thread(kafka.kill)
            kafka.spawn(await asyncio.to_thread(kafka.prepare))
            await kafka.wait_ready()
        await writing
        log = await _whole_log(traffic.address)
        await _until(lambda: len(traffic.seen) >= len(log), reading)
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
    _judge(found, traffic, log, killed_at)
    return found


def _judge(found: Findings, traffic: _Traffic, log: list[tuple[int, int, int]], killed_at: list[float]) -> None:
    places: dict[int, list[int]] = defaultdict(list)
    for place, (_, _, number) in enumerate(log):
        places[number].append(place)
    lost = [number for number in traffic.acknowledged if number not in places]
    twice = [number for number, found_at in places.items() if len(found_at) > 1]
    found.expect(not lost, f"{len(lost)} acknowledged messages are not on the log, first {lost[:3]}")
    found.expect(not twice, f"{len(twice)} messages are on the log twice, first {twice[:3]}")
    disorder = _out_of_order(log)
    found.expect(not disorder, f"{disorder} messages stand before an earlier one of their key")
    found.expect(sorted(traffic.seen) == sorted(log), "the reader did not see each record once")
    resumed_writing = [_first_after(traffic.acknowledged.values(), at) for at in killed_at]
    resumed_reading = [_first_after(traffic.seen_at.values(), at) for at in killed_at]
    for what, waits in (("an acknowledgement", resumed_writing), ("a record read", resumed_reading)):
        found.expect(max(waits, default=0) <= RESUME_S, f"{what} came {max(waits, default=0):.1f} s after a kill")
    found.measures |= {
        "messages": traffic.messages,
        "acknowledged": len(traffic.acknowledged),
        "acknowledged and lost": len(lost),
        "not acknowledged": traffic.failed,
        "producers made anew": traffic.producers - 1,
        "first acknowledgement after a kill s, longest": round(max(resumed_writing, default=0), 1),
        "first record read after a kill s, longest": round(max(resumed_reading, default=0), 1),
    }


def _out_of_order(log: list[tuple[int, int, int]]) -> int:
    """`log`: partition, offset, number, in order within a partition."""
    newest: dict[int, int] = {}
    wrong = 0
    for _, _, number in log:
        wrong += number < newest.get(number % _KEYS, -1)
        newest[number % _KEYS] = max(number, newest.get(number % _KEYS, -1))
    return wrong


async def _pipeline_trial(home: Path, kills: int, found: Findings) -> None:
    """`tapeline up`, its broker killed; how long until new orders reach the venue, which needs the log both ways."""
    waits = []
    async with trading_pipeline(home, *BUSY, settings=NO_BACK_OFF) as run:
        for _ in range(kills):
            before, at = run.kill("kafka"), time.monotonic()
            await run.restarted("kafka", before)
            placed = await run.orders() + _NEW_ORDERS
            await wait_for("new orders at the venue", partial(_placed, run, placed), _GIVEN_UP_S)
            waits.append(time.monotonic() - at)
            await asyncio.sleep(_BETWEEN_S)
        await run.end()
    found.faults += kills
    checked = await judge(home, found)
    found.measures |= {
        "kills under a pipeline that trades": kills,
        "new orders at the venue after a kill s, longest": round(max(waits), 1),
        "orders checked": checked["orders_at_venue"],
    }


async def _placed(run: Run, orders: int) -> bool:
    run.must_live()
    return await run.orders() >= orders


@asynccontextmanager
async def _own_kafka(home: Path) -> AsyncIterator[EmbeddedKafka]:
    kafka = EmbeddedKafka(home)
    kafka.spawn(await asyncio.to_thread(kafka.prepare))
    try:
        await kafka.wait_ready()
        yield kafka
    finally:
        await asyncio.to_thread(kafka.stop)


async def _until(holds: Any, working: asyncio.Task[None]) -> None:
    """Raises what the task raises."""
    while not holds():
        done, _ = await asyncio.wait({working}, timeout=0.02)
        for task in done:
            task.result()
            return


async def _whole_log(address: LogAddress) -> list[tuple[int, int, int]]:
    async with reader(address, client_id="trial-judge") as consumer:
        found = [
            _place(record)
            async for batch in read_to_end(consumer, partitions_of(address, [MARKET]))
            for record in batch
        ]
    return sorted(found)


def _place(record: ConsumerRecord) -> tuple[int, int, int]:
    return record.partition, record.offset, int(record.value)


def _first_after(times: Any, at: float) -> float:
    """Seconds; only what came later than the moments it takes to die counts. Infinite where nothing came."""
    later = [moment - at for moment in times if moment > at + 0.5]
    return min(later, default=float("inf"))
