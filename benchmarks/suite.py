"""Every benchmark there is, in the order of the page."""

from benchmarks import engine
from benchmarks.result import Benchmark

SUITE: tuple[Benchmark, ...] = (engine.BENCHMARK,)
