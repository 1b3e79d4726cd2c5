"""How fresh live market data is, in words. Pure: what the paper venue says of its feed in, text out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

STALE_S: Final = 5.0
"""A market that told neither a quote nor a trade for longer is called stale."""


def live_text(live: Mapping[str, Any]) -> str:
    """Whose data it is, and where orders are."""
    return f"live market data of {live.get('venue')}, orders on paper"


def stale_text(live: Mapping[str, Any]) -> str:
    """What is wrong with the data; empty when nothing is."""
    old = [
        f"newest of {symbol} {age_s:.0f} s old" if age_s is not None else f"nothing of {symbol} yet"
        for symbol, age_s in live.get("age_s", {}).items()
        if age_s is None or age_s > STALE_S
    ]
    lost = f"lost: {', '.join(live['lost'])}" if live.get("lost") else ""
    found = "; ".join(part for part in (*old, lost) if part)
    return f"STALE market data: {found}" if found else ""
