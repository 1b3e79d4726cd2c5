"""Market events a second through one agent worker, beside bare Faust that only decodes and Quix Streams doing the same.

Every worker reads the same topic in the same run, in a process of its own, one after the other.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aiokafka import AIOKafkaConsumer

from benchmarks.market import START_MS, VENUE, Recording, record
from benchmarks.result import Benchmark, BenchmarkError, Figure, at_least
from benchmarks.servers import own_servers
from benchmarks.workload import ACCOUNT, PARAMETERS, instrument
from tapeline.activation import activate
from topics import admin
from topics.catalogue import GRID_STATE, INSTRUMENTS, INTENTS
from topics.codec import decode
from topics.envelope import Envelope
from topics.log import LogAddress, LogProducer, partitions_of, reader

SYMBOLS: Final = ("BTCUSDT", "ETHUSDT", "XRPUSDT", "SUSHIUSDT")
SIZES: Final = {32: 160_000, 8: 160_000, 1: 40_000}
"""Events a record, and how many events of each symbol: fewer where each record costs as much as a batch."""
REPOSITORY: Final = Path(__file__).resolve().parent.parent
WORK: Final = (
    "By samples of a running worker its main thread is in the event loop about half of the time: waiting for fetches"
    " and for the ack of each batch's states, or in the loop's own code. Of the rest the two folds of each event (grid"
    " and volatility) are the largest part."
)
QUIX: Final = "Quix Streams reads through librdkafka in C and writes one record of state a key and commit, not a batch."
_WORKER_S: Final = 90.0


@dataclass
class Span:
    """From the first to the last state a worker wrote: broker record times in milliseconds, events contained."""

    first_ms: int = 0
    last_ms: int = 0
    first_events: int = 0

    def rate(self, total: int) -> float:
        if self.last_ms <= self.first_ms:
            raise BenchmarkError("the worker wrote all states at once; give it more events to measure a rate")
        return (total - self.first_events) / (self.last_ms - self.first_ms) * 1_000


async def measure() -> list[Figure]:
    figures: list[Figure] = []
    rates: dict[tuple[str, int], float] = {}
    async with own_servers(postgres=False) as servers:
        for size, events in SIZES.items():
            address = LogAddress(servers.bootstrap, f"bench-{size}.")
            recording = Recording(SYMBOLS, events)
            await _prepare(address, recording, size)
            rates["bare", size] = await _peer("bare_faust", address, recording.total)
            rates["quix", size] = await _peer("quix_grid", address, recording.total)
            # Last, because its intents and states are on topics that the others only share with it from here on.
            rates["ours", size] = await _agents(address, recording)
            figures += _figures(rates, size)
    against_single = rates["ours", 32] / rates["quix", 1]
    return [*figures, Figure("agent worker at 32 events a record ÷ Quix Streams at 1", against_single, "times")]


def _figures(rates: dict[tuple[str, int], float], size: int) -> list[Figure]:
    ours, bare, quix = (rates[who, size] for who in ("ours", "bare", "quix"))
    hot = size == max(SIZES)
    at = f"{size} events a record" if size > 1 else "1 event a record"
    return [
        Figure(f"agent worker, {at}", ours, "events/s", at_least(100_000) if hot else None, WORK),
        Figure(f"Faust, only decoding, {at}", bare, "events/s"),
        Figure(f"Quix Streams, same grid, {at}", quix, "events/s"),
        Figure(
            f"agent worker ÷ Quix Streams, {at}",
            ours / quix,
            "times",
            at_least(2) if hot else None,
            f"{WORK} {QUIX}",
        ),
    ]


async def _prepare(address: LogAddress, recording: Recording, size: int) -> None:
    await admin.apply(address)
    async with LogProducer(address, client_id="bench-recorder") as producer:
        for symbol in recording.symbols:
            envelope = Envelope(id=f"instruments/{symbol}", source="connector", time_ms=START_MS)
            await producer.send(INSTRUMENTS, instrument(symbol), envelope)
    await activate(address, venue=VENUE, account=ACCOUNT, symbols=recording.symbols, parameters=PARAMETERS)
    await record(address, recording, size)


async def _peer(name: str, address: LogAddress, total: int) -> float:
    """Events a second as the peer tells them."""
    arguments = ("-m", f"benchmarks.peers.{name}", address.bootstrap, address.namespace, str(total))
    with tempfile.TemporaryDirectory(prefix="tapeline-bench-", ignore_cleanup_errors=True) as folder:
        async with _process(arguments, Path(folder)) as process:
            try:
                output, _ = await asyncio.wait_for(process.communicate(), _WORKER_S)
            except TimeoutError as error:
                raise BenchmarkError(f"{name} did not read {total:,} events within {_WORKER_S:.0f} s") from error
    told = [line for line in output.decode(errors="replace").splitlines() if line.startswith("{")]
    if not told:
        raise BenchmarkError(f"{name} ended with {process.returncode} and without a result")
    result = json.loads(told[-1])
    return float(result["events"] / result["seconds"])


async def _agents(address: LogAddress, recording: Recording) -> float:
    """Events a second of `tapeline agents`, by the records of its state topic."""
    with tempfile.TemporaryDirectory(prefix="tapeline-bench-", ignore_cleanup_errors=True) as folder:
        async with (
            _process(("-m", "tapeline", "agents"), Path(folder), address),
            reader(address, client_id="bench-states") as consumer,
        ):
            span = await _states(consumer, address, recording)
            await _require_intents(consumer, address)
    return span.rate(recording.total)


async def _states(consumer: AIOKafkaConsumer, address: LogAddress, recording: Recording) -> Span:
    consumer.assign(partitions_of(address, [GRID_STATE]))
    contained = dict.fromkeys(recording.symbols, 0)
    span = Span()
    until = time.monotonic() + _WORKER_S
    while sum(contained.values()) < recording.total:
        if time.monotonic() > until:
            done = sum(contained.values())
            raise BenchmarkError(f"the agents decided {done:,} of {recording.total:,} events within {_WORKER_S:.0f} s")
        for records in (await consumer.getmany(timeout_ms=200)).values():
            for each in records:
                state = decode(GRID_STATE, each.value)
                contained[state.symbol] = state.market_seq
                span.last_ms = max(span.last_ms, each.timestamp)
                if state.market_seq and not span.first_ms:
                    span.first_ms, span.first_events = each.timestamp, state.market_seq
    return span


async def _require_intents(consumer: AIOKafkaConsumer, address: LogAddress) -> None:
    """A worker that decides nothing is fast, but not what is measured."""
    partitions = partitions_of(address, [INTENTS])
    if not sum((await consumer.end_offsets(partitions)).values()):
        raise BenchmarkError("the agents asked for no order; were the symbols activated?")


@asynccontextmanager
async def _process(
    arguments: tuple[str, ...], folder: Path, address: LogAddress | None = None
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A Python process of ours; gone when the block ends."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *arguments,
        env=_environment(folder, address),
        cwd=folder,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE if address is None else asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def _environment(folder: Path, address: LogAddress | None) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TAPELINE_")}
    kept |= {"PYTHONPATH": str(REPOSITORY), "TMPDIR": str(folder), "TAPELINE_HOME": str(folder)}
    if address is None:
        return kept
    return kept | {
        "TAPELINE_KAFKA__BOOTSTRAP": address.bootstrap,
        "TAPELINE_KAFKA__TOPIC_PREFIX": address.namespace,
        "TAPELINE_AGENTS__OPERATIONS_PORT": "0",
    }


BENCHMARK = Benchmark(
    name="agent_throughput",
    title="Market events through one agent worker",
    how=f"The same synthetic events of {len(SYMBOLS)} instruments (half quotes, half trades) on one market topic in "
    "records of 32, 8 and 1 events. Ours: `tapeline agents` as in production (grid, volatility and exposure "
    "agents), grids active, states with their outboxes and intents written and acknowledged; from the first to "
    "the last state on the log. Beside it, each in a process of its own on the same topic in the same run: a "
    "Faust agent that only decodes; and Quix Streams with the same pure grid rule, state in its store (RocksDB "
    "with a changelog), intents produced, timed until its last record was processed, commits not counted, no risk "
    "agents. Orders are not answered, so intents are those of the first window.",
    measure=measure,
    limit_s=330,
)
