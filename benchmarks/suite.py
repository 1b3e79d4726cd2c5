"""Every benchmark there is, in the order of the page."""

from benchmarks import (
    agent_throughput,
    engine,
    gateway,
    gateway_ccxt,
    grpc_calls,
    grpc_cycles,
    grpc_restarts,
    grpc_streams,
    latency,
    memory,
    rebuild,
)
from benchmarks.result import Benchmark

SUITE: tuple[Benchmark, ...] = (
    agent_throughput.BENCHMARK,
    latency.BENCHMARK,
    gateway.BENCHMARK,
    gateway_ccxt.BENCHMARK,
    grpc_calls.BENCHMARK,
    grpc_streams.BENCHMARK,
    grpc_cycles.BENCHMARK,
    grpc_restarts.BENCHMARK,
    rebuild.BENCHMARK,
    memory.BENCHMARK,
    engine.BENCHMARK,
)
