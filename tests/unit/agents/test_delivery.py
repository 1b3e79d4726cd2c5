"""How records get from the fetcher into a stream: in order, not more than fit, and never in the way of a rebalance."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import faust
import pytest
from faust.types import TP, Message

from agents.delivery import DirectConsumer
from agents.main import STREAM_RECORDS, make_app
from agents.settings import AgentsSettings
from topics.log import LogAddress

PLACE = TP("market", 0)


class Fetched(DirectConsumer):
    """The consumer with records that are fetched already; everything from there on is real."""

    count = 0

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, Message]]:
        for offset in range(self.count):
            yield PLACE, Message(*PLACE, offset, 0.0, 0, [], b"key", b"value", None, tp=PLACE)


@pytest.fixture
async def app(tmp_path: Path) -> AsyncIterator[faust.App]:
    app = make_app(AgentsSettings(data_dir=tmp_path), LogAddress("127.0.0.1:1"))
    assert app.transport.Consumer is DirectConsumer
    app.transport.Consumer = Fetched
    yield app
    app.consumer._thread.thread_loop.close()  # its thread was never started


async def stream_of(app: faust.App) -> Any:
    channel = app.topic(PLACE.topic, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")
    channel = aiter(channel)
    await app.topics.on_partitions_assigned({PLACE})
    app.flow_control.resume()
    return channel.queue


def offsets(queue: Any) -> list[int]:
    return [queue.get_nowait().message.offset for _ in range(queue.qsize())]


async def until_full(queue: Any) -> None:
    while not queue.full():
        await asyncio.sleep(0)


async def test_records_with_room_are_in_the_stream_at_once(app: faust.App) -> None:
    """ES-3: all of them, in order."""
    queue = await stream_of(app)
    app.consumer.count = STREAM_RECORDS
    await app.consumer._drain_once()
    assert offsets(queue) == list(range(STREAM_RECORDS))
    assert app.consumer._read_offset[PLACE] == STREAM_RECORDS - 1


async def test_a_full_stream_makes_the_rest_wait_and_loses_none(app: faust.App) -> None:
    """ES-3: what found no room follows in order once there is."""
    queue = await stream_of(app)
    app.consumer.count = STREAM_RECORDS + 3
    handing_over = asyncio.ensure_future(app.consumer._drain_once())
    await asyncio.wait_for(until_full(queue), 5)
    assert not handing_over.done()
    taken = [queue.get_nowait().message.offset for _ in range(10)]
    await asyncio.wait_for(handing_over, 5)
    assert [*taken, *offsets(queue)] == list(range(STREAM_RECORDS + 3))


async def test_a_record_that_waits_for_room_does_not_hold_up_a_rebalance(app: faust.App) -> None:
    """ORCH-1: when the flow is suspended, the hand-over ends although nobody takes from the stream."""
    queue = await stream_of(app)
    app.consumer.count = STREAM_RECORDS + 1
    handing_over = asyncio.ensure_future(app.consumer._drain_once())
    await asyncio.wait_for(until_full(queue), 5)
    assert not handing_over.done()
    app.consumer.stop_flow()
    await asyncio.wait_for(handing_over, 5)
    assert offsets(queue) == list(range(STREAM_RECORDS))


async def test_a_record_before_the_place_read_to_is_not_handed_over_again(app: faust.App) -> None:
    """ES-3: after a seek the fetcher may still hold older records."""
    queue = await stream_of(app)
    app.consumer.count = 5
    app.consumer._read_offset[PLACE] = 3
    await app.consumer._drain_once()
    assert offsets(queue) == [3, 4]
