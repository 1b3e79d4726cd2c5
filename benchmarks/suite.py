"""Every benchmark there is, in the order of the page."""

from benchmarks import engine, gateway, latency, memory, rebuild
from benchmarks.result import Benchmark

SUITE: tuple[Benchmark, ...] = (
    latency.BENCHMARK,
    gateway.BENCHMARK,
    rebuild.BENCHMARK,
    memory.BENCHMARK,
    engine.BENCHMARK,
)
