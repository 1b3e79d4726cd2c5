"""What `tapeline up` prints."""

from __future__ import annotations

import io
from decimal import Decimal
from typing import Any

from rich.console import Console

from tapeline.screen import Screen, View, page, status_line
from tapeline.snapshot import Counts, Snapshot, number
from tapeline.summary import summarise

PROCESSES: dict[str, dict[str, Any]] = {
    "kafka": {"state": "ready", "pid": 11, "restarts": 0, "memory_mb": 180.4},
    "agents": {"state": "waiting", "pid": None, "restarts": 2, "memory_mb": 0.0},
}


def fill(trade_id: str, price: str = "42000.10") -> dict[str, Any]:
    return {
        "symbol": "BTCUSDT", "trade_id": trade_id, "side": "BUY", "price": Decimal(price),
        "quantity": Decimal("0.0020"), "fee": Decimal("0.0168"), "fee_asset": "USDT", "realized_pnl": Decimal(0),
        "maker": True, "time_ms": 1_641_000_000_000, "client_order_id": "tl1",
    }  # fmt: skip


def snapshot(*fills: dict[str, Any]) -> Snapshot:
    return Snapshot(
        feed=[{"symbol": "BTCUSDT", "bid": Decimal("42000.00"), "ask": Decimal("42000.10"), "time_ms": 0}],
        pnl=[
            {
                "symbol": "BTCUSDT", "quote_asset": "USDT", "quantity": Decimal("0.0040"),
                "average_entry": Decimal("41990"), "price": Decimal("42000"), "realized": Decimal("1.239"),
                "unrealized": Decimal("-0.04"), "fees": Decimal("0.3"), "funding": Decimal(0),
                "net": Decimal("0.899"), "volume": Decimal(1000), "fills": 2,
            }
        ],
        slots=[
            {
                "symbol": "BTCUSDT", "slot": -1, "side": "BUY", "price": Decimal("41979"),
                "quantity": Decimal("0.002"), "state": "LOCKED", "filled": Decimal(0),
            }
        ],
        fills=fills,
        orders=[],
        counts=Counts(orders=30, open_orders=20, fills=2, market_events=500, records_behind=3),
    )  # fmt: skip


def test_plain_output_has_a_status_line_and_each_new_fill_once() -> None:
    """OPS-1: plain lines when not a terminal."""
    out = io.StringIO()
    screen = Screen(Console(file=out, width=80))
    screen.start()
    screen.show(View(snapshot(fill("1")), PROCESSES, {}, 2.0))
    screen.show(View(snapshot(fill("3", "42000.30"), fill("2", "42000.20"), fill("1")), PROCESSES, {}, 4.0))
    screen.show(View(snapshot(fill("3", "42000.30"), fill("2", "42000.20")), PROCESSES, {}, 6.0))
    screen.stop()
    lines = out.getvalue().splitlines()
    fills = [line for line in lines if " fill " in line]
    assert [line.split(" @ ")[1].split()[0] for line in fills] == ["42000.2", "42000.3"]
    assert sum("orders 20 open 30 in all" in line for line in lines) == 3
    assert len(lines) == 5


def test_the_status_line_says_what_is_not_ready_and_that_the_database_is_away() -> None:
    """OBS-4: trouble is seen at a glance."""
    line = status_line(View(snapshot(), PROCESSES, {}, 2.0, database_answers=False))
    assert "BTCUSDT 42000/42000.1" in line
    assert "position 0.004 realised 1.24 unrealised -0.04 USDT" in line
    assert "not ready: agents" in line
    assert "the database does not answer" in line


def test_the_page_shows_feed_slots_fills_results_and_processes() -> None:
    """LIVE-6 in the terminal: feed, slots, fills, PnL, processes with memory and restarts."""
    out = io.StringIO()
    venue = {"synthetic": False, "position": 25, "total": 100}
    Console(file=out, width=140).print(page(View(snapshot(fill("1")), PROCESSES, venue, 7.0), []))
    text = out.getvalue()
    for shown in ("42000 / 42000.1", "LOCKED", "maker", "0.90 USDT", "180 MB", "waiting", "tape 25 %", "lag 3 records"):
        assert shown in text


def test_the_same_warning_many_times_is_shown_once() -> None:
    """OBS-4: a process in trouble does not flood the terminal."""
    out = io.StringIO()
    screen = Screen(Console(file=out, width=80))
    for _ in range(5):
        screen.notice({"level": "error", "process": "agents", "event": "the log is away"})
    screen.notice({"level": "warning", "process": "venue", "event": "slow"})
    assert out.getvalue().count("the log is away") == 1
    assert "WARNING venue: slow" in out.getvalue()


def test_the_summary_counts_this_run_and_keeps_money_exact() -> None:
    """ORD-7: no float in money, also at the end."""
    summary = summarise(
        ended_by="Ctrl-C", duration_s=12.34, before=Counts(orders=10, fills=1, market_events=100),
        last=snapshot(), processes=PROCESSES, complete=True,
    )  # fmt: skip
    found = summary.as_dict()
    assert (found["orders"], found["fills"], found["market_events"]) == (20, 1, 400)
    assert found["results"][0]["net"] == "0.899"
    assert found["results"][0]["quantity"] == "0.004"
    assert found["restarts"] == {"kafka": 0, "agents": 2}
    assert found["memory_total_mb"] == 180.4
    assert any("agents 2" in line for line in summary.lines())


def test_numbers_are_written_as_people_do() -> None:
    """ORD-7: exact, without exponents or trailing zeros."""
    shown = [number(Decimal(text)) for text in ("1E+3", "0.00000010", "-0.0", "42000.10", "100")]
    assert shown == ["1000", "0.0000001", "0", "42000.1", "100"]
    assert number(None) == "-"
