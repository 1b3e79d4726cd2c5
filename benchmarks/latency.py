"""From a market event to the intent on the log and to the order at the venue, through the whole running pipeline.

Every process is real: paper venue, ccxt, connector, Kafka, agents, Postgres. An intent that a fill caused has no market
event whose age could be told: it is measured from the order update's record on the log.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from aiokafka import AIOKafkaConsumer

from benchmarks import jumping_tape
from benchmarks.percentiles import percentile
from benchmarks.pipeline import pipeline
from benchmarks.result import Benchmark, BenchmarkError, Figure, at_most
from topics.catalogue import INTENTS, MARKET, ORDERS
from topics.codec import decode
from topics.log import LogAddress, partitions_of, reader

SYMBOLS: Final = ("BTCUSDT", "ETHUSDT")
SAMPLES: Final = 1_000
INTENT_REASON: Final = (
    "By stages of batches with outputs (p50): 5 ms until the record is at the agent, 1 ms the folds, 3 ms until the "
    "state is acknowledged, 1.5 ms until the outbox is, the rest until this consumer has it. A broker on an idle "
    "machine acknowledges in 0.6 ms: here seven processes and this one share two cores, and each hop waits for one."
)
ORDER_REASON: Final = (
    "After the intent come the gateway's read of it, the ledger's commit (1.5 ms on an idle machine) and the venue's "
    "own durable commit, on the same two cores."
)
WARM_UP_S: Final = 15.0
MOST_S: Final = 110.0
_TAPE_S: Final = 600
_MS: Final = 1e-6


@dataclass
class Stories:
    """What is known of each intent: nanoseconds of the market event, and of what followed."""

    market: dict[str, int] = field(default_factory=dict)
    visible: dict[str, float] = field(default_factory=dict)
    sent: dict[str, float] = field(default_factory=dict)
    answered: dict[str, float] = field(default_factory=dict)
    after_update: list[float] = field(default_factory=list)
    updates_ms: dict[tuple[int, int], int] = field(default_factory=dict)

    def intent(self, value: bytes, now_ns: int) -> None:

        intent = decode(INTENTS, value)
        if intent.cause.topic != MARKET.name:
            since_ms = self.updates_ms.get((intent.cause.partition, intent.cause.offset))
            if since_ms is not None:
                self.after_update.append(now_ns * _MS - since_ms)
            return
        self.market[intent.intent_id] = intent.market_received_ns
        self.visible[intent.intent_id] = (now_ns - intent.market_received_ns) * _MS

    def order(self, value: bytes) -> None:
        """An update of an order; the first that tells when it was answered counts."""
        update = decode(ORDERS, value)
        since = self.market.get(update.intent_id)
        if since is None or not update.answered_ns or update.intent_id in self.answered:
            return
        self.sent[update.intent_id] = (update.sent_ns - since) * _MS
        self.answered[update.intent_id] = (update.answered_ns - since) * _MS


async def measure() -> list[Figure]:
    with tempfile.TemporaryDirectory(prefix="tapeline-bench-") as folder:
        tapes = jumping_tape.write(Path(folder), SYMBOLS, seconds=_TAPE_S)
        chosen = [argument for path in tapes for argument in ("--tape", str(path))]
        stories = await _watched(*jumping_tape.PARAMETERS, *chosen)
    if not stories.answered:
        raise BenchmarkError("no order that a market event caused was answered; is the machine too busy to trade?")
    return _figures(stories)


async def _watched(*arguments: str) -> Stories:
    stories = Stories()
    async with pipeline(*arguments, symbols=SYMBOLS) as running:
        await asyncio.sleep(WARM_UP_S)
        address = LogAddress(running.bootstrap)
        async with reader(address, client_id="bench-latency", fetch_max_wait_ms=100) as consumer:
            partitions = partitions_of(address, [INTENTS, ORDERS])
            consumer.assign(partitions)
            await consumer.seek_to_end(*partitions)
            await _watch(consumer, stories)
    return stories


async def _watch(consumer: AIOKafkaConsumer, stories: Stories) -> None:
    until = time.monotonic() + MOST_S
    while len(stories.answered) < SAMPLES and time.monotonic() < until:
        batch = await consumer.getmany(timeout_ms=200)
        now_ns = time.time_ns()
        updates = [record for place, records in batch.items() if place.topic == ORDERS.name for record in records]
        intents = [record for place, records in batch.items() if place.topic == INTENTS.name for record in records]
        for record in updates:
            stories.updates_ms[record.partition, record.offset] = record.timestamp
        for record in intents:
            stories.intent(record.value, now_ns)
        for record in updates:
            stories.order(record.value)


def _figures(stories: Stories) -> list[Figure]:
    visible, sent, answered = (list(each.values()) for each in (stories.visible, stories.sent, stories.answered))
    return [
        Figure("market event → intent on Kafka, p50", percentile(visible, 50), "ms", at_most(3), INTENT_REASON),
        Figure("market event → intent on Kafka, p99", percentile(visible, 99), "ms", at_most(8), INTENT_REASON),
        Figure("market event → order sent, p50", percentile(sent, 50), "ms"),
        Figure("market event → order at the venue, p50", percentile(answered, 50), "ms", at_most(8), ORDER_REASON),
        Figure("market event → order at the venue, p99", percentile(answered, 99), "ms", at_most(20), ORDER_REASON),
        *_after_updates(stories),
        Figure("intents measured", len(visible), "intents"),
        Figure("orders measured", len(answered), "orders"),
    ]


def _after_updates(stories: Stories) -> list[Figure]:
    times = stories.after_update
    if not times:
        return []
    return [
        Figure("order update on Kafka → its intent on Kafka, p50", percentile(times, 50), "ms"),
        Figure("order update on Kafka → its intent on Kafka, p99", percentile(times, 99), "ms"),
        Figure("intents after an order update", len(times), "intents"),
    ]


BENCHMARK = Benchmark(
    name="latency",
    title="From a market event to an order at the venue",
    how=f"`tapeline up` at speed 1x on a made tape of {len(SYMBOLS)} instruments: a quote every "
    f"{jumping_tape.QUOTE_EVERY_MS} ms each, and every {jumping_tape.JUMP_EVERY_MS} ms a jump of "
    f"{jumping_tape.JUMP:%} there and back that leaves the grid's window (one level each side) behind, so that the "
    "quote itself makes the grid cancel and place. The venue fills, cancels and answers through ccxt and connector as "
    f"always. Watched by a Kafka consumer of this program from {WARM_UP_S:.0f} s after the start, until "
    f"{SAMPLES:,} orders or {MOST_S:.0f} s. Start: the connector's `received_ns` of the market record that was being "
    "decided; intent: when this consumer has it (its own fetch included); order: when the connector has the venue's "
    "answer. An intent that a fill led to is measured from the record of that order update (its time has "
    "milliseconds).",
    measure=measure,
    limit_s=180,
)
