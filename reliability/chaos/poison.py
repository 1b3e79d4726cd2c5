"""Malformed records thrown into every input topic of a pipeline that trades: nothing stops, all are buried (ES-6).

Whoever reads a topic and cannot read the record puts it with the topic's dead letters, with the reason. In the end a
record that is no message stands at the end of every topic and the connector is killed: it must come back.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Final

from benchmarks.market import batches, market_events
from reliability.chaos.carrying_out import BUSY, NO_BACK_OFF, in_folder
from reliability.chaos.findings import Findings
from reliability.chaos.pipeline import Run, wait_for
from reliability.chaos.poison_records import INPUTS, KINDS, SYMBOL, Poison, any_poison, poison
from reliability.chaos.trading_pipeline import judge, trading_pipeline
from reliability.result import Result, TrialError
from tapeline.embedded.kafka import EmbeddedKafka
from topics.catalogue import MARKET
from topics.codec import Record, encode
from topics.envelope import Envelope
from topics.log import LogAddress, LogProducer, partitions_of, read_to_end, reader
from topics.v1.dead_letter_pb2 import DeadLetter

NAME: Final = "poison"
TITLE: Final = "Poison on every input topic"
ONE_IN: Final = 100
OTHERS: Final = ("SUSHIUSDT", "CTKUSDT", "AKROUSDT", "KEEPUSDT")
_TURN_S: Final = 0.2
_A_TURN: Final = 160
_BATCH: Final = 4
_STALLED_S: Final = 60.0
Place = tuple[str, int, int]
Letters = dict[tuple[Place, str], DeadLetter]


def run(records: int) -> Result:
    return in_folder(NAME, TITLE, records, trial)


async def trial(folder: Path, records: int) -> Findings:
    """One poison record for every hundred others, until the log has grown by `records`."""
    home = folder / "home"
    found = Findings(runs=records)
    async with trading_pipeline(home, *BUSY, settings=NO_BACK_OFF) as run:
        log = LogAddress(EmbeddedKafka.address(run.ports()["kafka"]))
        before = run.pids()
        poisoned = await _inject(run, log, records)
        await _letters_of_all(log, poisoned)
        await run.trading(more=5)
        found.expect_equal({name for name, pid in run.pids().items() if before.get(name) != pid}, set(), "restarted")
        status = await run.page("agents", "/status")
        found.expect(status.get("ok"), f"the agents are not well: {status}")
        poisoned |= await _put(log, [poison(KINDS[number % 2], topic) for number, topic in enumerate(INPUTS)])
        await _letters_of_all(log, poisoned)
        await run.restarted("connector", run.kill("connector"))
        await run.trading(more=5)
        letters = await _letters_of_all(log, poisoned)
        summary = await run.end()
    found.faults = len(poisoned)
    found.expect_equal(
        {name: count for name, count in summary["restarts"].items() if count},
        {"connector": 1},
        "restarts, ours included",
    )
    _judge_letters(found, poisoned, letters)
    checked = await judge(home, found)
    found.measures = {
        "records": records,
        "poison records": len(poisoned),
        "dead letters": len(letters),
        "dead letters by reader": ", ".join(f"{name} {count}" for name, count in _by_reader(letters).items()),
        "orders checked": checked["orders_at_venue"],
        "fills checked": checked["fills_at_venue"],
    }
    return found


async def _inject(run: Run, log: LogAddress, records: int) -> dict[Place, Poison]:
    """Market data of other instruments fills up what the pipeline writes by itself. Raises TrialError where it ends."""
    chance = random.Random(20_261_006)  # noqa: S311 - to be repeated, not to be secret
    poisoned: dict[Place, Poison] = {}
    market = _market(records)
    async with reader(log, client_id="trial-ends") as consumer, LogProducer(log, client_id="trial-market") as producer:
        partitions = partitions_of(log, INPUTS)
        start = sum((await consumer.end_offsets(partitions)).values())
        grown = 0
        while grown < records:
            await asyncio.sleep(_TURN_S)
            run.must_live()
            await producer.send_all(islice(market, _A_TURN))
            grown = sum((await consumer.end_offsets(partitions)).values()) - start
            due = min(grown, records) // ONE_IN - len(poisoned)
            poisoned |= await _put(log, [any_poison(chance, (SYMBOL, *OTHERS)) for _ in range(due)])
    return poisoned


def _market(records: int) -> Iterator[Record]:
    """The instruments take turns."""
    events = _BATCH * (1 + records // len(OTHERS))
    streams = [batches(symbol, market_events(symbol, events), _BATCH) for symbol in OTHERS]
    for turn in zip(*streams, strict=True):
        for batch in turn:
            yield encode(MARKET, batch, Envelope(f"market/{batch.symbol}/{batch.first_seq}", "trial", 1))


async def _put(log: LogAddress, poisons: Iterable[Poison]) -> dict[Place, Poison]:
    """Where each of them stands now."""
    async with LogProducer(log, client_id="trial-poison") as producer:
        acks = [(each, await producer.enqueue(each.record)) for each in poisons]
        placed = [(each, await ack) for each, ack in acks]
    return {(each.topic.name, ack.partition, ack.offset): each for each, ack in placed}


async def _letters_of_all(log: LogAddress, poisoned: dict[Place, Poison]) -> Letters:
    """Waits a while for every letter that must come; returns what is there then, for the judge."""
    wanted = {(place, name) for place, each in poisoned.items() for name in each.readers}
    letters: Letters = {}

    async def all_there() -> bool:
        letters.update(await _letters(log))
        return wanted <= letters.keys()

    with suppress(TrialError):
        await wait_for("the dead letters", all_there, _STALLED_S)
    return letters


async def _letters(log: LogAddress) -> Letters:
    found: Letters = {}
    topics = [topic.dead_letters for topic in INPUTS]
    async with reader(log, client_id="trial-letters") as consumer:
        async for records in read_to_end(consumer, partitions_of(log, topics)):
            for record in records:
                letter = DeadLetter.FromString(record.value or b"")
                at = letter.position
                found[(at.topic, at.partition, at.offset), letter.reader] = letter
    return found


def _judge_letters(found: Findings, poisoned: dict[Place, Poison], letters: Letters) -> None:
    wanted = {(place, name) for place, each in poisoned.items() for name in each.readers}
    for place, name in sorted(wanted - letters.keys()):
        found.violations.append(f"{name} did not bury {place}: {poisoned[place].record.value!r}")
    for (place, name), letter in letters.items():
        if place not in poisoned:
            found.violations.append(f"{name} buried {place}, which was well: {letter.reason}")
        else:
            found.expect(letter.reason, f"{name} gave no reason for {place}")
            found.expect(letter.value == poisoned[place].record.value, f"{name} changed the bytes of {place}")


def _by_reader(letters: Letters) -> dict[str, int]:
    return dict(sorted(Counter(name for _, name in letters).items()))
