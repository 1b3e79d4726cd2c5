"""Subscriptions that come back by themselves (STREAM-1): one task each, the same delays and the same words for all.

Knows no venue and no message: what is watched, and what becomes of it, is the caller's.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from connector import metrics
from observability.logs import get_logger, redact_text

_log = get_logger(__name__)
Watch = Callable[[], Awaitable[Any]]


@dataclass(slots=True, eq=False)
class Feed:
    """One kind of stream. Each of `watches` subscribes, may return, is then called again, and fails when the
    connection is lost; `forget` is called then. `refused` may keep an error from being answered by another try."""

    name: str
    watches: Sequence[Watch]
    forget: Callable[[], None] = lambda: None
    refused: Callable[["Feed", Exception], bool] = lambda _feed, _error: False
    seen_ns: int = 0
    up: bool = False

    def seen(self) -> None:
        self.seen_ns = time.time_ns()
        self.up = True


class Feeds:
    """Keeps feeds alive until `close`."""

    def __init__(self, feeds: Sequence[Feed], delays_s: Sequence[float]) -> None:
        self._feeds = feeds
        self._delays_s = delays_s
        self._tasks: dict[asyncio.Task[None], Feed] = {}
        for feed in feeds:
            metrics.LAST_FRAME.labels(feed.name).set_function(partial(_seen_s, feed))

    def start(self, feed: Feed) -> None:
        """May be called again, to no effect."""
        if feed not in self._tasks.values():
            for watch in feed.watches:
                self._tasks[asyncio.create_task(self._keep(feed, watch), name=f"venue-{feed.name}")] = feed

    def of_this_task(self) -> Feed | None:
        """The feed whose task is running."""
        task = asyncio.current_task()
        return None if task is None else self._tasks.get(task)

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()

    def status(self) -> dict[str, dict[str, Any]]:
        """By feed: whether it is up, and seconds since its newest frame (None: never one)."""
        now = time.time_ns()
        return {
            feed.name: {
                "ok": feed.up,
                "silence_s": round((now - feed.seen_ns) / 1e9, 3) if feed.seen_ns else None,
            }
            for feed in self._feeds
        }

    async def _keep(self, feed: Feed, watch: Watch) -> None:
        failures = 0
        while True:
            begun_ns = time.time_ns()
            try:
                await watch()
                failures = 0
            except Exception as error:  # noqa: BLE001 - whatever ended the connection, the answer is to connect again
                if feed.refused(feed, error):
                    return
                if feed.up and feed.seen_ns > begun_ns:
                    failures = 0
                feed.up = False
                delay_s = self._delays_s[min(failures, len(self._delays_s) - 1)]
                failures += 1
                metrics.RECONNECTS.labels(feed.name).inc()
                _log.warning("venue_stream_lost", feed=feed.name, reason=redact_text(str(error)), again_in_s=delay_s)
                feed.forget()
                await asyncio.sleep(delay_s)


def _seen_s(feed: Feed) -> float:
    return feed.seen_ns / 1e9
