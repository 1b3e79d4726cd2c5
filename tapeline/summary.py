"""What `tapeline up` says at its end: for a person as lines, for a program as one JSON object."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from tapeline.snapshot import Counts, Snapshot, number, plain

_SHOWN = ("symbol", "quote_asset", "quantity", "average_entry", "realized", "unrealized", "fees", "funding", "net")


@dataclass(frozen=True)
class Summary:
    """`orders`, `fills` and `market_events` of this run; results over all of the data folder's life.

    Money and quantities are decimal strings. `complete` is False when the last numbers could not be read.
    """

    ended_by: str
    duration_s: float
    market_events: int
    orders: int
    orders_open: int
    fills: int
    results: list[dict[str, Any]]
    restarts: dict[str, int]
    memory_mb: dict[str, float]
    memory_total_mb: float
    records_behind: int
    complete: bool

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    def lines(self) -> list[str]:
        """For the terminal."""
        restarts = ", ".join(f"{name} {count}" for name, count in self.restarts.items() if count) or "none"
        memory = ", ".join(f"{name} {used:.0f}" for name, used in self.memory_mb.items())
        text = [
            f"ended by     {self.ended_by} after {self.duration_s:.1f} s",
            f"market       {self.market_events} events",
            f"orders       {self.orders} placed, {self.orders_open} open",
            f"fills        {self.fills}",
        ]
        text += [
            f"{row['symbol']:<12} position {row['quantity']} at {row['average_entry']}, realised {row['realized']}, "
            f"unrealised {row['unrealized']}, fees {row['fees']}, funding {row['funding']}, net {row['net']} "
            f"{row['quote_asset']}"
            for row in self.results
        ]
        text += [f"restarts     {restarts}", f"memory MB    {memory}; together {self.memory_total_mb:.0f}"]
        if not self.complete:
            text.append("the last numbers could not be read from Postgres: these may be some seconds old")
        return text


def summarise(
    *,
    ended_by: str,
    duration_s: float,
    before: Counts,
    last: Snapshot,
    processes: Mapping[str, Mapping[str, Any]],
    complete: bool,
) -> Summary:
    """From the counts at the start, the last snapshot, and the processes as they were before they were ended."""
    memory = {name: float(process["memory_mb"]) for name, process in processes.items()}
    return Summary(
        ended_by=ended_by,
        duration_s=round(duration_s, 1),
        market_events=last.counts.market_events - before.market_events,
        orders=last.counts.orders - before.orders,
        orders_open=last.counts.open_orders,
        fills=last.counts.fills - before.fills,
        results=[{name: _shown(row[name]) for name in _SHOWN} for row in last.pnl],
        restarts={name: int(process["restarts"]) for name, process in processes.items()},
        memory_mb=memory,
        memory_total_mb=round(sum(memory.values()), 1),
        records_behind=last.counts.records_behind,
        complete=complete,
    )


def _shown(value: Any) -> Any:
    return plain(value) if value is not None else number(None)
