"""The projector's metrics (OBS-1): lag, events, and what the rows say of money. Labels: venue, symbol, topic.

`…_total` of profit and volume are gauges: they are read from the tables, so a restart does not set them to zero, and
profit may fall. The float here is the metric's, never used for anything else.
"""

from collections import defaultdict
from decimal import Decimal

from prometheus_client import CollectorRegistry, Counter, Gauge

from projections.funding import MARKS
from projections.market import LAST_QUOTES
from projections.positions import POSITIONS
from projections.runner import Progress
from projections.tables import Tables

Instrument = tuple[str, str]


class Gauges:
    """Call `show` after each batch."""

    def __init__(self, registry: CollectorRegistry) -> None:
        by = ("venue", "symbol")
        self._lag = Gauge(
            "projection_lag_records", "Records on the log not yet projected.", ("topic",), registry=registry
        )
        self._events = Counter("projection_events", "Events projected since the start.", registry=registry)
        self._poison = Counter("projection_poison_records", "Records put with the dead letters.", registry=registry)
        self._realized = Gauge(
            "market_maker_pnl_realized_total", "Realised profit as the venue reports it, quote currency.", by,
            registry=registry,
        )  # fmt: skip
        self._unrealized = Gauge(
            "market_maker_pnl_unrealized", "Unrealised profit at the newest price, quote currency.", by,
            registry=registry,
        )  # fmt: skip
        self._position = Gauge("market_maker_position_size", "Signed position, base units.", by, registry=registry)
        self._volume = Gauge("market_maker_volume_total", "Traded value, quote currency.", by, registry=registry)
        self._shown_events = 0
        self._shown_poison = 0

    def show(self, progress: Progress) -> None:
        for topic, behind in progress.behind.items():
            self._lag.labels(topic).set(behind)
        self._events.inc(progress.counts.events - self._shown_events)
        self._poison.inc(progress.counts.poisoned - self._shown_poison)
        self._shown_events, self._shown_poison = progress.counts.events, progress.counts.poisoned
        if progress.tables is not None:
            self._show_money(progress.tables)

    def _show_money(self, tables: Tables) -> None:
        prices = newest_prices(tables)
        sums: dict[Instrument, list[Decimal]] = defaultdict(lambda: [Decimal(0)] * 4)
        for row in tables[POSITIONS].values():
            key = (row.venue, row.symbol)
            value = row.quantity * prices.get(key, row.average_entry)
            unrealized = row.cash_flow + value - row.realized_pnl
            added = (row.realized_pnl, unrealized, row.quantity, row.volume)
            sums[key] = [before + more for before, more in zip(sums[key], added, strict=True)]
        for key, numbers in sums.items():
            gauges = (self._realized, self._unrealized, self._position, self._volume)
            for gauge, number in zip(gauges, numbers, strict=True):
                gauge.labels(*key).set(float(number))


def newest_prices(tables: Tables) -> dict[Instrument, Decimal]:
    """The mark or the middle of the last quote of each instrument, whichever is newer."""
    prices: dict[Instrument, Decimal] = {}
    times: dict[Instrument, int] = {}
    for mark in tables[MARKS].values():
        prices[mark.venue, mark.symbol], times[mark.venue, mark.symbol] = mark.mark_price, mark.time_ms
    for quote in tables[LAST_QUOTES].values():
        key = (quote.venue, quote.symbol)
        if quote.time_ms > times.get(key, -1):
            prices[key] = (quote.bid_ticks + quote.ask_ticks) * quote.tick_size / 2
    return prices
