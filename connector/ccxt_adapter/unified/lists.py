"""Lists that take several requests, whichever end of a span a venue gives first: complete or an error, never a part.

Pure apart from `fetch`, which makes one request.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from connector.errors import VenueUnavailableError

Fetch = Callable[[int, int], Awaitable[list[Any]]]
"""The entries of [start_ms, end_ms], both included, in any order, at most a page of them."""


async def span(fetch: Fetch, start_ms: int, end_ms: int, *, page: int, finest_ms: int = 1) -> list[Any]:
    """A full page may hide more: it is asked for again in halves. Raises VenueUnavailableError where a page is full of
    one instant."""
    found = await fetch(start_ms, end_ms)
    if len(found) < page:
        return found
    if end_ms - start_ms < finest_ms:
        raise VenueUnavailableError(f"the venue lists {len(found)} entries at {start_ms} ms and may have more")
    middle_ms = start_ms + (end_ms - start_ms + 1) // 2
    middle_ms = max(middle_ms - middle_ms % finest_ms, start_ms + finest_ms)
    older = await span(fetch, start_ms, middle_ms - 1, page=page, finest_ms=finest_ms)
    newer = await span(fetch, middle_ms, end_ms, page=page, finest_ms=finest_ms)
    return [*older, *newer]


async def since(
    fetch: Fetch, start_ms: int, end_ms: int, *, window_ms: int, page: int, finest_ms: int = 1
) -> list[Any]:
    """All entries of [start_ms, end_ms], each once, oldest first, in spans the venue allows."""
    found: list[Any] = []
    begin_ms = start_ms - start_ms % finest_ms
    while begin_ms <= end_ms:
        until_ms = min(begin_ms + window_ms, end_ms)
        found += await span(fetch, begin_ms, until_ms, page=page, finest_ms=finest_ms)
        begin_ms = until_ms + 1
    return oldest_first(found)


async def after(
    fetch: Fetch, entry_id: str, *, now_ms: int, reach_ms: int, window_ms: int, page: int, finest_ms: int = 1
) -> list[Any]:
    """What is newer than this entry, found by going back from now until it is met; all there is where it is not.

    Entries of its own instant are among them: ids need not grow.
    """
    found: list[Any] = []
    end_ms, oldest_ms = now_ms, now_ms - reach_ms
    while end_ms > oldest_ms:
        start_ms = max(end_ms - window_ms, oldest_ms)
        found += await span(fetch, start_ms, end_ms, page=page, finest_ms=finest_ms)
        if any(entry["id"] == entry_id for entry in found):
            break
        end_ms = start_ms - 1
    ordered = oldest_first(found)
    mark_ms = next((entry["timestamp"] for entry in ordered if entry["id"] == entry_id), 0)
    return [entry for entry in ordered if entry["timestamp"] >= mark_ms and entry["id"] != entry_id]


def oldest_first(entries: list[Any]) -> list[Any]:
    """Each once, by time and, within an instant, by id."""
    once = {entry["id"]: entry for entry in entries}
    return sorted(once.values(), key=lambda entry: (entry["timestamp"] or 0, len(entry["id"]), entry["id"]))
