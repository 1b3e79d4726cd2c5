"""Subscribers have bounded buffers; the slow one is cut off and nobody waits for it."""

import gc
import tracemalloc

import pytest

from connector.broadcast import Broadcast, SlowSubscriberError, StreamEndedError


async def test_a_subscriber_gets_its_keys_only_in_order() -> None:
    """GRPC-2: SubscribePrice of one symbol carries that symbol."""
    broadcast: Broadcast[int] = Broadcast("test", 10)
    with broadcast.subscribe(["A"]) as some, broadcast.subscribe() as every:
        for number in range(4):
            broadcast.publish("A" if number % 2 else "B", number, number)
        assert [await anext(aiter(some)) for _ in range(2)] == [1, 3]
        assert [await anext(aiter(every)) for _ in range(4)] == [0, 1, 2, 3]


async def test_a_slow_subscriber_is_cut_off_and_the_others_are_not() -> None:
    """GRPC-6: RESOURCE_EXHAUSTED for the one that lags, after what was in its buffer."""
    broadcast: Broadcast[int] = Broadcast("test", 3)
    with broadcast.subscribe() as slow, broadcast.subscribe() as fast:
        quick = aiter(fast)
        for number in range(5):
            broadcast.publish("A", number, number)
            assert await anext(quick) == number
        lagging = aiter(slow)
        assert [await anext(lagging) for _ in range(3)] == [0, 1, 2]
        with pytest.raises(SlowSubscriberError, match="more than 3 messages behind"):
            await anext(lagging)


async def test_the_end_of_the_connector_ends_every_stream() -> None:
    """GRPC-3: nobody hangs on a stream of a process that stops."""
    broadcast: Broadcast[int] = Broadcast("test", 3)
    with broadcast.subscribe(["A"]) as subscription:
        broadcast.publish("A", 1, 1)
        broadcast.end()
        stream = aiter(subscription)
        assert await anext(stream) == 1
        with pytest.raises(StreamEndedError):
            await anext(stream)


async def test_a_thousand_subscribers_that_came_and_went_leave_nothing() -> None:
    """GRPC-6: 1,000 cycles leave no subscription and next to no memory."""
    broadcast: Broadcast[int] = Broadcast("test", 100)

    def cycle() -> None:
        with broadcast.subscribe(["A", "B"]):
            broadcast.publish("A", 1, 1)

    cycle()
    gc.collect()
    tracemalloc.start()
    for _ in range(1000):
        cycle()
    gc.collect()
    left, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert left < 100_000
    assert not broadcast._of_all
    assert not any(broadcast._by_key.values())
