"""How many quotes a second the paper venue's matching engine takes with a grid of 20 orders resting in it."""

from __future__ import annotations

import time

from benchmarks.result import Benchmark, Figure
from venue.engine import Engine, EngineSettings
from venue.instruments import LISTED
from venue.orders import OrderType, PlaceOrder, Side, TimeInForce
from venue.synthetic import SyntheticMarket

QUOTES = 300_000
RESTING = 20
SYMBOL = "BTCUSDT"


async def measure() -> list[Figure]:
    engine = Engine([LISTED[SYMBOL]], EngineSettings())
    market = SyntheticMarket(LISTED[SYMBOL], seed=1, start_ms=0)
    quotes = [market.step(step)[1] for step in range(20_000)]
    first = quotes[0]
    engine.quote(SYMBOL, 0, first.bid, first.bid_size, first.ask, first.ask_size)
    _rest_a_grid(engine, min(quote.bid for quote in quotes), max(quote.ask for quote in quotes))
    started = time.perf_counter()
    for _ in range(QUOTES // len(quotes)):
        for _, time_ms, bid, bid_size, ask, ask_size in quotes:
            engine.quote(SYMBOL, time_ms, bid, bid_size, ask, ask_size)
    seconds = time.perf_counter() - started
    return [Figure("quotes matched", QUOTES / seconds, "quotes/s")]


def _rest_a_grid(engine: Engine, low: int, high: int) -> None:
    """Post-only orders just outside of the range the quotes move in, so that they stay."""
    apart = high // 100_000
    for level in range(RESTING):
        buying = level % 2 == 0
        price = low - apart * (level + 1) if buying else high + apart * (level + 1)
        side = Side.BUY if buying else Side.SELL
        engine.place(
            PlaceOrder(SYMBOL, side, OrderType.LIMIT, 1, price, TimeInForce.GTX, client_order_id=f"{level}"), 0
        )
    if len(engine.open_by_id) != RESTING:
        raise RuntimeError(f"only {len(engine.open_by_id)} of {RESTING} orders rest in the book")


BENCHMARK = Benchmark(
    name="engine",
    title="Matching engine",
    how=f"{QUOTES:,} quotes of the synthetic market through `venue.engine` in one process with {RESTING} own orders "
    "resting near the market, none of them reached. For orientation: it bounds the paper venue and backtests.",
    measure=measure,
    limit_s=30,
)
