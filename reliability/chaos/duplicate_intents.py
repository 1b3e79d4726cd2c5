"""Intents on a real Kafka, one in ten of them repeated, through the gateway with its ledger in a real Postgres.

The venue is the matching engine in the same process, which counts what it is asked for; orders that have ended there
free their client order id, so a repeat that came through would be a second order. Repeats come in the same bytes or
made anew, soon after the first or many thousand intents and restarts of the gateway later. What is judged: the venue's
count, the ledger's rows and the updates on the log, none taken from another.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import psutil
import psycopg

from benchmarks.market import VENUE
from benchmarks.workload import ACCOUNT, instrument
from connector.gateway.gateway import Gateway
from connector.sequences import resume
from reliability.chaos.carrying_out import on_own_servers
from reliability.chaos.counting_port import CountingPort
from reliability.chaos.findings import Findings
from reliability.engine_port import MID_TICKS
from reliability.result import Result, TrialError
from reliability.unlimited_gateway import unlimited_gateway
from topics.catalogue import INTENTS, ORDERS
from topics.codec import Record, decode, encode
from topics.envelope import Envelope
from topics.identifiers import client_order_id
from topics.log import LogAddress, LogProducer, partitions_of, read_to_end, reader
from topics.v1.common_pb2 import ORDER_TYPE_LIMIT, SIDE_BUY, TIME_IN_FORCE_POST_ONLY
from topics.v1.intents_pb2 import Intent, PlaceOrder
from topics.v1.orders_pb2 import ORDER_STATUS_ACCEPTED

NAME: Final = "duplicate-intents"
TITLE: Final = "Duplicated intents on a real Kafka"
SYMBOLS: Final = ("BTCUSDT", "ETHUSDT")
STARTS: Final = 5
REPEATED: Final = 10
_AT_ONCE: Final = 2_000
_STALLED_S: Final = 60.0


@dataclass(frozen=True)
class Part:
    """What is put on the log before one start of the gateway."""

    records: list[Record]
    firsts: int
    repeats: int
    same_bytes: int


def run(intents: int) -> Result:
    return on_own_servers(NAME, TITLE, intents, trial)


async def trial(log: LogAddress, dsn: str, intents: int) -> Findings:
    """`log` with its topics and without intents; `dsn` of an empty database."""
    found = Findings(runs=intents)
    port = CountingPort(*SYMBOLS)
    firsts = repeats = same_bytes = suppressed = 0
    handling_s = 0.0
    memory: list[int] = []
    chance = random.Random(20_261_121)  # noqa: S311 - to be repeated, not to be secret
    for part in story(intents, chance):
        firsts, repeats, same_bytes = firsts + part.firsts, repeats + part.repeats, same_bytes + part.same_bytes
        async with LogProducer(log, client_id="strategy", linger_ms=5) as producer:
            for at in range(0, len(part.records), _AT_ONCE):
                await producer.send_all(part.records[at : at + _AT_ONCE])
        async with _running(log, dsn, port) as gateway:
            began = time.monotonic()
            outcomes = await _handled(gateway, len(part.records))
            handling_s += time.monotonic() - began
            suppressed += gateway.status()["duplicates_suppressed"]
        found.expect_equal(outcomes, _without_zeros(accepted=part.firsts, duplicate=part.repeats), "outcomes of a part")
        memory.append(psutil.Process().memory_info().rss)
    found.faults = repeats + STARTS - 1
    found.expect_equal(suppressed, repeats, "suppressed duplicates")
    await _judge(found, log, dsn, port, firsts)
    found.measures = {
        "intents": intents,
        "repeated": repeats,
        "of these in the same bytes": same_bytes,
        "suppressed": suppressed,
        "double orders": sum(count - 1 for count in port.placed.values()),
        "starts of the gateway": STARTS,
        "intents a second": round(intents / handling_s),
        "memory after the first part MB": round(memory[0] / 1e6),
        "memory at the end MB": round(memory[-1] / 1e6),
    }
    found.notes.append(
        "The venue is the matching engine in the gateway's process, so no network is in the rate; the memory is that "
        "of this one process and holds the venue and the judge, who remember every id."
    )
    return found


def story(intents: int, chance: random.Random) -> Iterator[Part]:
    """One part a start of the gateway: every tenth intent repeats one of before, most of them one of long before."""
    made = 0
    for size in (intents // STARTS + (number < intents % STARTS) for number in range(STARTS)):
        records, repeats, same_bytes = [], size // REPEATED, 0
        repeated_at = set(chance.sample(range(1, size), repeats))
        for place in range(size):
            if place not in repeated_at:
                records.append(_record(made))
                made += 1
                continue
            again = chance.randrange(made) if chance.random() < 0.7 else made - 1 - chance.randrange(min(made, 40))
            same = chance.random() < 0.5
            same_bytes += same
            records.append(_record(again, told="" if same else f"decided again at {place}"))
        yield Part(records, size - repeats, repeats, same_bytes)


def _record(number: int, told: str = "") -> Record:
    symbol = SYMBOLS[number % len(SYMBOLS)]
    name = client_order_id(strategy="grid", venue=VENUE, symbol=symbol, slot=number, side="BUY", epoch=0, attempt=0)
    place = PlaceOrder(
        client_order_id=name,
        side=SIDE_BUY,
        type=ORDER_TYPE_LIMIT,
        time_in_force=TIME_IN_FORCE_POST_ONLY,
        price_ticks=MID_TICKS - 1_000 - number % 1_000,
        quantity_lots=10,
        slot=number,
    )
    intent = Intent(
        intent_id=name,
        strategy="grid",
        venue=VENUE,
        symbol=symbol,
        account=ACCOUNT,
        grain=instrument(symbol).grain,
        place=place,
        reason=told,
    )
    return encode(INTENTS, intent, Envelope(name, "strategy", 1 + len(told), causation_id=told))


@asynccontextmanager
async def _running(log: LogAddress, dsn: str, port: CountingPort) -> AsyncIterator[Gateway]:
    instruments = {symbol: instrument(symbol) for symbol in SYMBOLS}
    keys = {ORDERS: [f"{VENUE}:{symbol}" for symbol in SYMBOLS]}
    sequences = await resume(log, keys)
    async with unlimited_gateway(port, log, dsn, instruments, client_id="orders", sequences=sequences) as trading:
        gateway = trading.gateway
        port.emit = gateway.on_report
        for symbol in SYMBOLS:
            gateway.on_mark_price(symbol, await port.mark_price(symbol))
        reading = asyncio.ensure_future(gateway.run_intents(log))
        try:
            yield gateway
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)


async def _handled(gateway: Gateway, count: int) -> dict[str, int]:
    """The outcomes once there are so many. Raises TrialError where none comes for a minute, or the gateway's error."""
    failing = asyncio.ensure_future(gateway.wait_failed())
    before, since = 0, time.monotonic()
    try:
        while True:
            outcomes: dict[str, int] = dict(gateway.status()["intents"])
            done = sum(outcomes.values())
            if done >= count:
                return outcomes
            if done > before:
                before, since = done, time.monotonic()
            elif time.monotonic() - since > _STALLED_S:
                raise TrialError(f"the gateway handled {done} of {count} intents and then none for {_STALLED_S:g} s")
            await asyncio.wait({failing}, timeout=0.05)
            if failing.done():
                failing.result()
    finally:
        failing.cancel()
        await asyncio.gather(failing, return_exceptions=True)


async def _judge(found: Findings, log: LogAddress, dsn: str, port: CountingPort, firsts: int) -> None:
    double = [name for name, count in port.placed.items() if count > 1]
    found.expect(not double, f"{len(double)} ids were sent to the venue more than once, first {double[:3]}")
    found.expect_equal(len(port.placed), firsts, "different orders at the venue")
    async with await psycopg.AsyncConnection.connect(dsn) as connection:
        cursor = await connection.execute("SELECT client_order_id, venue_order_id FROM ledger.orders")
        ledger: dict[str, str] = dict(await cursor.fetchall())
    found.expect(ledger.keys() == port.placed.keys(), "the ledger's ids are not those of the venue")
    found.expect_equal(len(set(ledger.values())), firsts, "different venue order ids in the ledger")
    accepted: Counter[str] = Counter()
    async with reader(log, client_id="judge") as consumer:
        async for records in read_to_end(consumer, partitions_of(log, [ORDERS])):
            updates = (decode(ORDERS, record.value) for record in records)
            accepted.update(it.client_order_id for it in updates if it.status == ORDER_STATUS_ACCEPTED)
    found.expect(accepted.keys() == port.placed.keys(), "the ids accepted on the log are not those of the venue")
    found.expect(set(accepted.values()) == {1}, "an order is accepted more than once on the log")


def _without_zeros(**counts: int) -> dict[str, int]:
    return {name: count for name, count in counts.items() if count}
