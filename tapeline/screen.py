"""What `tapeline up` shows: a live page on a terminal, plain lines elsewhere.

Rendering is pure: rows in, text out. It must not read the log, the database or the processes itself.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from tapeline.snapshot import Row, Snapshot, killed_text, number
from tapeline.staleness import live_text, stale_text

_STATE_STYLE: Final = {"ready": "green", "starting": "yellow", "waiting": "red", "stopped": "dim"}
_LEVEL_STYLE: Final = {"warning": "yellow", "error": "red", "critical": "bold red"}
_NOTICES: Final = 6


@dataclass(frozen=True)
class View:
    """Everything on the page at one moment."""

    snapshot: Snapshot = field(default_factory=Snapshot)
    processes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    venue: Mapping[str, Any] = field(default_factory=dict)
    elapsed_s: float = 0.0
    database_answers: bool = True


class Screen:
    """`step` and `notice` print at once; `show` draws the page or, elsewhere, a status line and each new fill."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live: Live | None = None
        self._notices: deque[Text] = deque(maxlen=_NOTICES)
        self._seen_fills: set[tuple[str, str]] | None = None
        self._last_notice = ""
        self._repeated = 0

    def start(self) -> None:
        if self._console.is_terminal:
            self._live = Live(console=self._console, auto_refresh=False, transient=False, screen=False)
            self._live.start()

    def stop(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def step(self, text: str) -> None:
        self._console.print(f"[dim]{_clock()}[/dim] {text}", highlight=False)

    def notice(self, record: Mapping[str, Any]) -> None:
        """A warning or an error of a process; the same one many times is shown once."""
        level = str(record["level"])
        said = f"{record.get('process', '')}: {record['event']}"
        if said == self._last_notice:
            self._repeated += 1
            return
        self._last_notice, self._repeated = said, 0
        text = Text(f"{_clock()} {level.upper()} {said}"[:400], style=_LEVEL_STYLE.get(level, ""))
        if self._live is None:
            self._console.print(text, soft_wrap=True)
        else:
            self._notices.append(text)

    def show(self, view: View) -> None:
        if self._live is not None:
            self._live.update(page(view, list(self._notices)), refresh=True)
            return
        for line in self._new_fills(view.snapshot.fills):
            self._console.print(line, soft_wrap=True, highlight=False)
        self._console.print(status_line(view), soft_wrap=True, highlight=False)

    def _new_fills(self, fills: Sequence[Row]) -> list[str]:
        keys = [(row["symbol"], row["trade_id"]) for row in fills]
        seen, self._seen_fills = self._seen_fills, {*(self._seen_fills or ()), *keys}
        if seen is None:  # those of earlier runs
            return []
        return [fill_line(row) for row, key in zip(reversed(fills), reversed(keys), strict=True) if key not in seen]


def status_line(view: View) -> str:
    """One line that says how it goes."""
    counts = view.snapshot.counts
    feed = " ".join(f"{row['symbol']} {number(row['bid'])}/{number(row['ask'])}" for row in view.snapshot.feed)
    result = " ".join(
        f"position {number(row['quantity'])} realised {_money(row['realized'])} unrealised {_money(row['unrealized'])} "
        f"{row['quote_asset']}"
        for row in view.snapshot.pnl
    )
    troubled = [name for name, process in view.processes.items() if process["state"] != "ready"]
    parts = [
        f"{_clock()} {view.elapsed_s:6.0f} s",
        stale_text(view.venue.get("live") or {}),
        *map(killed_text, view.snapshot.killed),
        feed or "waiting for the first quote",
        f"orders {counts.open_orders} open {counts.orders} in all",
        f"fills {counts.fills}",
        result,
        f"lag {counts.records_behind}",
        "" if view.database_answers else "the database does not answer",
        f"not ready: {', '.join(troubled)}" if troubled else "",
    ]
    return " | ".join(part for part in parts if part)


def fill_line(row: Row) -> str:
    """One fill as a line."""
    return (
        f"{_time(row['time_ms'])} fill {row['symbol']} {_side(row['side'])} {number(row['quantity'])} @ "
        f"{number(row['price'])} {'maker' if row['maker'] else 'taker'} fee {number(row['fee'])} {row['fee_asset']}"
    )


def page(view: View, notices: Iterable[Text]) -> RenderableType:
    """The whole page."""
    columns = Table.grid(padding=(0, 3))
    columns.add_row(_slots(view.snapshot.slots), _fills(view.snapshot.fills))
    killed = [Text(killed_text(row), style="bold white on red") for row in view.snapshot.killed]
    return Group(_headline(view), *killed, _results(view.snapshot), columns, _processes(view.processes), *notices)


def _headline(view: View) -> Text:
    counts = view.snapshot.counts
    text = Text()
    text.append(" Tapeline ", style="bold reverse")
    text.append(f"  {view.elapsed_s:.0f} s  ")
    for row in view.snapshot.feed:
        text.append(f"{row['symbol']} ", style="bold")
        text.append(f"{number(row['bid'])} / {number(row['ask'])}  ", style="cyan")
        text.append(f"{_time(row['time_ms'])}  ", style="dim")
    played = _played(view.venue)
    if played:
        text.append(f"{played}  ", style="dim")
    text.append(f"lag {counts.records_behind} records", style="dim" if counts.records_behind < 1_000 else "yellow")
    if stale := stale_text(view.venue.get("live") or {}):
        text.append(f"  {stale}", style="bold red")
    if not view.database_answers:
        text.append("  the database does not answer", style="red")
    return text


def _played(venue: Mapping[str, Any]) -> str:
    if not venue:
        return ""
    if venue.get("live"):
        return live_text(venue["live"])
    if venue.get("synthetic"):
        return "synthetic market"
    total = venue.get("total") or 0
    return f"tape {100 * venue.get('position', 0) / total:.0f} %" if total else ""


def _results(snapshot: Snapshot) -> Table:
    table = _table("symbol", "position", "entry", "realised", "unrealised", "fees", "net", "volume", "fills", "open")
    for row in snapshot.pnl:
        net = row["net"] or Decimal(0)
        table.add_row(
            row["symbol"],
            number(row["quantity"]),
            _money(row["average_entry"]),
            _money(row["realized"]),
            _money(row["unrealized"]),
            _money(row["fees"]),
            Text(f"{_money(net)} {row['quote_asset']}", style="green" if net >= 0 else "red"),
            _money(row["volume"]),
            str(row["fills"]),
            str(sum(1 for order in snapshot.orders if order["symbol"] == row["symbol"])),
        )
    return table


def _slots(slots: Sequence[Row]) -> Table:
    table = _table("slot", "side", "price", "quantity", "state", title="slots")
    for row in slots[:24]:
        side = _side(row["side"])
        table.add_row(
            str(row["slot"]),
            Text(side, style="green" if side == "BUY" else "red"),
            number(row["price"]),
            number(row["quantity"]),
            str(row["state"]).removeprefix("SLOT_STATE_"),
        )
    return table


def _fills(fills: Sequence[Row]) -> Table:
    table = _table("time", "side", "price", "quantity", "", title="last fills")
    for row in fills:
        side = _side(row["side"])
        table.add_row(
            _time(row["time_ms"]),
            Text(side, style="green" if side == "BUY" else "red"),
            number(row["price"]),
            number(row["quantity"]),
            "maker" if row["maker"] else "taker",
        )
    return table


def _processes(processes: Mapping[str, Mapping[str, Any]]) -> Table:
    table = _table("process", "state", "pid", "memory", "restarts")
    for name, process in processes.items():
        state = str(process["state"])
        table.add_row(
            name,
            Text(state, style=_STATE_STYLE.get(state, "")),
            str(process["pid"] or "-"),
            f"{process['memory_mb']:.0f} MB",
            str(process["restarts"]),
        )
    total = sum(float(process["memory_mb"]) for process in processes.values())
    table.add_row("", "", "", f"{total:.0f} MB", "", style="dim")
    return table


def _table(*columns: str, title: str | None = None) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim", title=title, title_justify="left", title_style="bold")
    for column in columns:
        table.add_column(column, no_wrap=True)
    return table


def _side(side: str) -> str:
    return side.removeprefix("SIDE_")


def _money(value: Decimal | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _clock() -> str:
    return datetime.now(UTC).strftime("%H:%M:%S")


def _time(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms / 1_000, UTC).strftime("%Y-%m-%d %H:%M:%S")
