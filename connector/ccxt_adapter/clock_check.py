"""Whether this machine's clock and the venue's agree: requests are dated by ours and refused beyond the window."""

from collections.abc import Awaitable, Callable
from typing import Any

from connector.ccxt_adapter.client import RECV_WINDOW_MS
from connector.errors import ClockSkewError

MOST_AHEAD_MS = 1_000
"""Binance takes no request from further in the future; what is late has the whole window."""
Read = Callable[[str, Awaitable[Any]], Awaitable[Any]]


async def check_clock(exchange: Any, read: Read, *, venue: str) -> None:
    """Raises ClockSkewError with the difference in ms. Half a round trip is nobody's fault."""
    asked_ms = exchange.milliseconds()
    told_ms = int(await read("reading the venue's clock", exchange.fetch_time()))
    answered_ms = exchange.milliseconds()
    ahead_ms = (asked_ms + answered_ms) // 2 - told_ms
    slack_ms = (answered_ms - asked_ms) // 2
    if -RECV_WINDOW_MS // 2 - slack_ms <= ahead_ms <= MOST_AHEAD_MS + slack_ms:
        return
    way = "ahead of" if ahead_ms > 0 else "behind"
    raise ClockSkewError(
        f"this machine's clock is {abs(ahead_ms)} ms {way} {venue}'s, which refuses requests dated so far off. "
        "Set the clock (for example: timedatectl set-ntp true) and start again"
    )
