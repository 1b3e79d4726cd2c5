"""Reads that take several pages: orders, executions, funding payments, candles, public trades. Complete or an error,
never a part."""

from collections.abc import Awaitable, Callable
from typing import Any

Fetch = Callable[[dict[str, Any]], Awaitable[list[Any]]]

PAGE = 1000
FIRST_TRADE_ID = 0
WINDOW_MS = 7 * 24 * 3600 * 1000 - 1  # the venue's longest span of one request


async def trades_after(fetch: Fetch, trade_id: int) -> list[Any]:
    """All of the account's trades of a symbol with a higher id, oldest first."""
    found: list[Any] = []
    while True:
        page = sorted(await fetch({"fromId": trade_id + 1, "limit": PAGE}), key=lambda raw: int(raw["id"]))
        page = [raw for raw in page if int(raw["id"]) > trade_id]
        found += page
        if len(page) < PAGE:
            return found
        trade_id = int(page[-1]["id"])


async def public_trades_after(fetch: Fetch, trade_id: int) -> list[Any]:
    """Everybody's trades of a symbol with a higher id, oldest first."""
    found: list[Any] = []
    while True:
        page = await fetch({"fromId": trade_id + 1, "limit": PAGE})
        fresh = sorted((raw for raw in page if int(raw["a"]) > trade_id), key=lambda raw: int(raw["a"]))
        found += fresh
        if len(page) < PAGE or not fresh:
            return found
        trade_id = int(fresh[-1]["a"])


async def trades_since(fetch: Fetch, since_ms: int, *, until_ms: int) -> list[Any]:
    """All of the account's trades of a symbol from `since_ms` on, oldest first; `until_ms` is the venue's now.

    The first one is searched in windows of a week; from it on the ids lead.
    """
    start_ms = since_ms
    while True:
        page = await fetch({"startTime": start_ms, "endTime": start_ms + WINDOW_MS, "limit": PAGE})
        if page:
            first = min(int(raw["id"]) for raw in page)
            return await trades_after(fetch, first - 1)
        start_ms += WINDOW_MS + 1
        if start_ms > until_ms:
            return []


async def orders_since(fetch: Fetch, since_ms: int, *, until_ms: int) -> list[Any]:
    """All of the account's orders of a symbol made in [since_ms, until_ms], oldest first.

    In windows of a week; a full page holds the newest of its window, so what is older is asked for until none is left.
    """
    found: dict[int, Any] = {}
    for start_ms in range(since_ms, until_ms + 1, WINDOW_MS + 1):
        end_ms = min(start_ms + WINDOW_MS, until_ms)
        while True:
            page = await fetch({"startTime": start_ms, "endTime": end_ms, "limit": PAGE})
            found |= {int(raw["orderId"]): raw for raw in page}
            oldest_ms = min((int(raw["time"]) for raw in page), default=end_ms)
            if len(page) < PAGE or oldest_ms == end_ms:
                break
            end_ms = oldest_ms
    return [found[number] for number in sorted(found)]


async def incomes_since(fetch: Fetch, since_ms: int) -> list[Any]:
    """All entries from `since_ms` on (0: as far back as the venue gives by itself), oldest first, each once."""
    found: dict[str, Any] = {}
    start_ms = since_ms
    while True:
        request = {"limit": PAGE} | ({"startTime": start_ms} if start_ms else {})
        page = await fetch(request)
        fresh = {f"{raw['tranId']}:{raw['symbol']}": raw for raw in page}
        news = fresh.keys() - found.keys()
        found |= fresh
        if len(page) < PAGE or not news:
            return sorted(found.values(), key=lambda raw: int(raw["time"]))
        start_ms = max(int(raw["time"]) for raw in page)


async def candles_between(fetch: Fetch, start_ms: int, until_ms: int, *, interval_ms: int) -> list[Any]:
    """Candles with open times in [start_ms, until_ms), oldest first."""
    found: list[Any] = []
    while start_ms < until_ms:
        page = await fetch({"startTime": start_ms, "endTime": until_ms - 1, "limit": PAGE})
        page = [raw for raw in page if start_ms <= int(raw[0]) < until_ms]
        found += page
        if not page:
            return found
        start_ms = int(page[-1][0]) + interval_ms
    return found
