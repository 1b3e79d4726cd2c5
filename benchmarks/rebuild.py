"""How fast the projections are made again from offset 0, ending in the same rows."""

from __future__ import annotations

from typing import Final

from benchmarks.result import Benchmark, BenchmarkError, Figure, at_least
from benchmarks.servers import own_servers
from benchmarks.trading_log import TradingLog, write
from projections.rebuild import rebuild
from projections.runner import catch_up
from topics import admin
from topics.log import LogAddress

LOG: Final = TradingLog(
    symbols=("BTCUSDT", "ETHUSDT", "XRPUSDT", "SUSHIUSDT"), market_events=250_000, batch=32, events_an_order=100
)


async def measure() -> list[Figure]:
    async with own_servers() as servers:
        address = LogAddress(servers.bootstrap)
        await admin.apply(address)
        await write(address, LOG)
        await catch_up(address, servers.dsn)
        report = await rebuild(address, servers.dsn, verify=True)
    if not report.equal:
        raise BenchmarkError(f"the rebuild differs from the live tables in {', '.join(report.differing)}")
    return [
        Figure("events rebuilt a second", report.events / report.seconds, "events/s", at_least(100_000)),
        Figure("records a second", report.records / report.seconds, "records/s"),
        Figure("events", report.events, "events"),
        Figure("seconds", report.seconds, "s"),
    ]


BENCHMARK = Benchmark(
    name="rebuild",
    title="Rebuilding the projections",
    how=f"{LOG.market_events * len(LOG.symbols):,} market events of {len(LOG.symbols)} instruments in records of "
    f"{LOG.batch}, and for every {LOG.events_an_order} of them an order's life: 3 order updates with a fill, 3 slot "
    "steps, 1 intent. Projected once, then rebuilt from offset 0 into a schema of its own in the same Postgres; the "
    "time is that of folding and writing, and the hashes of all tables were equal.",
    measure=measure,
    limit_s=120,
)
