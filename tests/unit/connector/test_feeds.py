"""A subscription that fails is tried again, later each time, and at once at the first delay after it worked."""

import asyncio
from collections.abc import Iterator

from structlog.testing import capture_logs

from connector.ccxt_adapter.feeds import Feed, Feeds
from connector.settings import VenueConnection

DELAYS_S = (0.001, 0.002, 0.003)
FAILS, WORKS = False, True


async def delays_of(outcomes: list[bool]) -> list[float]:
    """How long it waits after each failure of a subscription that goes so."""
    ended = asyncio.Event()
    left: Iterator[bool] = iter(outcomes)

    async def watch() -> None:
        works = next(left, None)
        if works is None:
            ended.set()
            await asyncio.Event().wait()
        if not works:
            raise ConnectionError("cut")

    feed = Feed("trades of a test", [watch])
    feeds = Feeds([feed], DELAYS_S)
    with capture_logs() as logs:
        feeds.start(feed)
        feeds.start(feed)
        await asyncio.wait_for(ended.wait(), 10)
    await feeds.close()
    return [line["again_in_s"] for line in logs if line["event"] == "venue_stream_lost"]


async def test_the_delays_grow_to_the_last_and_begin_anew_after_it_worked() -> None:
    """STREAM-1: 3, 5, 10, 30 s at most."""
    assert await delays_of([FAILS] * 5) == [0.001, 0.002, 0.003, 0.003, 0.003]
    assert await delays_of([FAILS, FAILS, WORKS, FAILS]) == [0.001, 0.002, 0.001]
    assert VenueConnection().reconnect_delays_s == (3.0, 5.0, 10.0, 30.0)


async def test_a_feed_that_is_refused_for_good_is_not_tried_again() -> None:
    tries: list[int] = []

    async def watch() -> None:
        tries.append(1)
        raise ConnectionError("login refused")

    feed = Feed("orders of a test", [watch], refused=lambda _feed, _error: True)
    feeds = Feeds([feed], DELAYS_S)
    feeds.start(feed)
    await asyncio.sleep(0.02)
    assert len(tries) == 1
    assert feeds.status() == {"orders of a test": {"ok": False, "silence_s": None}}
    await feeds.close()
