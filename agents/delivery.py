"""Faust's consumer with a shorter way from a fetched record to its stream. It decides nothing about ownership or acks.

Faust makes two tasks and a wait for each record, to be able to give up on a stream that takes nothing more, and stops
fetching partitions of a full stream, which it notices up to a second after the stream has room again. Here the first is
done only where a record could have to wait, and a full stream makes the reading wait until it has room.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from aiokafka.protocol.group import HeartbeatRequest, SyncGroupRequest
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, Consumer

FETCH_TIMEOUT_S = 1.0
RECORDS_AT_A_STRETCH = 100
FETCH_MAX_WAIT_MS = 100


class Lease:
    """Until when the group cannot have given this member's partitions away: its session counts from the newest request
    the coordinator answered well, here from before that was sent. Written by the consumer's thread, read by all."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._proven_s = clock()

    def age_s(self) -> float:
        return self._clock() - self._proven_s

    def watch(self, coordinator: Any) -> None:
        """Every request of the group's coordination goes by from now on."""
        send = coordinator._send_req  # noqa: SLF001 - aiokafka tells of its heartbeats nowhere else

        async def noted(request: Any) -> Any:
            sent_s = self._clock()
            answer = await send(request)
            if isinstance(request, HeartbeatRequest | SyncGroupRequest) and not answer.error_code:
                self._proven_s = sent_s
            return answer

        coordinator._send_req = noted  # noqa: SLF001 - as above


class DirectConsumerThread(AIOKafkaConsumerThread):  # type: ignore[misc] # faust has no types
    """What is fetched again only after an empty fetch of other partitions waits for that fetch's end: not 1.5 s."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.lease = Lease()

    async def on_start(self) -> None:
        await super().on_start()
        self.lease.watch(self._ensure_consumer()._coordinator)  # noqa: SLF001 - as in Lease

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        consumer._fetch_max_wait_ms = FETCH_MAX_WAIT_MS  # noqa: SLF001 - Faust has no setting for it
        return consumer


class DirectConsumer(Consumer):  # type: ignore[misc] # faust has no types
    """One more thing than Faust's: nothing is scheduled for a record that need not wait."""

    def _new_consumer_thread(self) -> DirectConsumerThread:
        return DirectConsumerThread(self, loop=self.loop, beacon=self.beacon)

    def lease_age_s(self) -> float:
        """Since when the group is not known to count this worker as a member."""
        age_s: float = self._thread.lease.age_s()
        return age_s

    def on_buffer_full(self, tp: Any) -> None:
        """Nothing is paused: `_drain_messages` waits for the stream, and the fetcher behind it has its own bounds."""

    def on_buffer_drop(self, tp: Any) -> None:
        """Nothing was paused."""

    async def _drain_messages(self, fetcher: Any) -> None:
        """Hands records over until consumer or fetcher stop. Faust's fetcher calls it, and cancels it to stop."""
        try:
            while not (self._stopped.is_set() or fetcher.should_stop):
                await asyncio.sleep(0)
                await self._drain_once()
        except (*self.consumer_stopped_errors, asyncio.CancelledError):
            if not self.app.should_stop:
                raise

    async def _drain_once(self) -> None:
        handed_over = 0
        async for place, message in self.getmany(timeout=FETCH_TIMEOUT_S):
            handed_over += 1
            if handed_over % RECORDS_AT_A_STRETCH == 0:
                await asyncio.sleep(0)
            before = self._read_offset[place]
            if before is not None and message.offset < before:
                continue  # read again after a seek back
            if before and message.offset - before > 1 and self.app.topics.acks_enabled_for(message.topic):
                await self._add_gap(place, before + 1, message.offset)
            if self._way_is_free():
                await self.callback(message)
            else:
                await self.wait_first(self.callback(message), self.suspend_flow.wait())
            self._read_offset[place] = message.offset

    def _way_is_free(self) -> bool:
        """Whether a record reaches its streams without waiting: asked right before, with nothing in between."""
        app = self.app
        return (
            not self.suspend_flow.is_set()
            and app.flow_control.is_active()
            and not app.topics._tp_to_callback_lock.locked()  # noqa: SLF001 - Faust has no other way to ask
            and not any(channel.queue.full() for channel in app.topics)
        )
