"""Old market data is said, and fresh data is not made to look old."""

from __future__ import annotations

from typing import Any

import pytest

from tapeline.screen import View, status_line
from tapeline.staleness import live_text, stale_text


def live(**changes: Any) -> dict[str, Any]:
    return {"venue": "binance", "connected": True, "lost": [], "age_s": {"BTCUSDT": 0.4}, **changes}


@pytest.mark.parametrize(
    ("state", "text"),
    [
        (live(), ""),
        (live(age_s={"BTCUSDT": 0.4, "ETHUSDT": 12.3}), "STALE market data: newest of ETHUSDT 12 s old"),
        (live(age_s={"BTCUSDT": None}), "STALE market data: nothing of BTCUSDT yet"),
        (live(lost=["quotes", "trades"]), "STALE market data: lost: quotes, trades"),
        ({}, ""),
    ],
)
def test_what_is_old_or_lost_is_named(state: dict[str, Any], text: str) -> None:
    """STREAM-1: staleness by instrument, and which streams are away."""
    assert stale_text(state) == text


def test_the_status_line_says_it_first() -> None:
    """OBS-1: a person sees at once that nothing moves because nothing comes."""
    line = status_line(View(venue={"live": live(lost=["quotes"])}))
    assert line.split(" | ")[1] == "STALE market data: lost: quotes"
    assert "STALE" not in status_line(View(venue={"live": live()}))
    assert live_text(live()) == "live market data of binance, orders on paper"
