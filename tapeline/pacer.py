"""Keeps the tape of the paper venue no further ahead than the agents: for `--speed max`.

Reads the agents' state topics and tells the venue the newest market event every agent has decided; while a placement
still waits for the gateway's first word, it tells nothing, and the venue holds the tape. A state holds the placements
it decided (its outbox), so none can be missed between the two. It must not decide anything else: losing it only slows
the tape down.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, ConsumerRecord
from aiokafka.errors import KafkaError

from observability.logs import get_logger
from topics.catalogue import GRID_STATE, INTENTS, ORDERS, VOLATILITY_STATE
from topics.codec import decode
from topics.errors import MalformedRecordError
from topics.log import LogAddress, partitions_of, reader
from topics.v1.intents_pb2 import Intent
from topics.v1.orders_pb2 import OrderUpdate
from topics.v1.state_pb2 import AgentState

_FORGET_S: Final = 3.0
_REMEMBERED: Final = 10_000
_TOPICS: Final = (GRID_STATE, VOLATILITY_STATE, ORDERS)
_AGAIN_S: Final = 0.2

log = get_logger("pacer")


class Progress:
    """What is decided and what is unanswered. Pure: the clock is an argument (seconds)."""

    def __init__(self) -> None:
        self._decided: dict[str, dict[str, int]] = {}
        self._waiting: OrderedDict[str, float] = OrderedDict()
        self._answered: OrderedDict[str, None] = OrderedDict()

    def decided(self, state: AgentState, now: float) -> None:
        """An agent has decided the market of its symbol up to an update id, and asks for what is in its outbox."""
        if state.symbol and state.market_update_id:
            by_agent = self._decided.setdefault(state.symbol, {})
            by_agent[state.agent] = max(by_agent.get(state.agent, 0), state.market_update_id)
        for outgoing in state.outbox:
            if outgoing.topic == INTENTS.name:
                self.asked(decode(INTENTS, outgoing.value), now)

    def asked(self, intent: Intent, now: float) -> None:
        """A placement went out; a repeat of one that was answered is no news."""
        if intent.HasField("place") and intent.place.client_order_id not in self._answered:
            self._waiting.setdefault(intent.place.client_order_id, now)

    def answered(self, update: OrderUpdate) -> None:
        self._waiting.pop(update.client_order_id, None)
        self._answered[update.client_order_id] = None
        while len(self._answered) > _REMEMBERED:
            self._answered.popitem(last=False)

    def holds_back(self, now: float) -> bool:
        """Whether a placement waits for its first update. None is waited for longer than 3 s."""
        while self._waiting and now - next(iter(self._waiting.values())) > _FORGET_S:
            self._waiting.popitem(last=False)
        return bool(self._waiting)

    def by_symbol(self) -> dict[str, int]:
        """The newest update id that every agent seen so far has decided."""
        return {symbol: min(by_agent.values()) for symbol, by_agent in self._decided.items()}


async def pace(log_address: LogAddress, post: Callable[[dict[str, Any]], Awaitable[bool]]) -> None:
    """Follow the log and post progress until cancelled. `post` sends one `{"symbol", "update_id"}` to the venue."""
    progress = Progress()
    while True:
        try:
            await _follow(log_address, progress, post)
        except (KafkaError, OSError) as error:
            log.warning("pacing waits for the log", error=type(error).__name__)
            await asyncio.sleep(0.5)


async def _follow(
    log_address: LogAddress, progress: Progress, post: Callable[[dict[str, Any]], Awaitable[bool]]
) -> None:
    async with reader(log_address, client_id="tapeline-pacer", fetch_max_wait_ms=50) as consumer:
        partitions = partitions_of(log_address, _TOPICS)
        consumer.assign(partitions)
        await consumer.seek_to_end(*partitions)
        told: dict[str, int] = {}
        told_at = 0.0
        while True:
            note(progress, await _records(consumer), log_address.namespace)
            now = time.monotonic()
            if progress.holds_back(now):
                continue
            repeat = now - told_at > _AGAIN_S  # the venue may have been started again
            for symbol, update_id in progress.by_symbol().items():
                if (repeat or told.get(symbol) != update_id) and await post({"symbol": symbol, "update_id": update_id}):
                    told[symbol] = update_id
                    told_at = now


async def _records(consumer: AIOKafkaConsumer) -> Iterable[ConsumerRecord]:
    fetched = await consumer.getmany(timeout_ms=50)
    return [record for records in fetched.values() for record in records]


def note(progress: Progress, records: Iterable[ConsumerRecord], namespace: str = "") -> None:
    """Take these records in; an unreadable one is its readers' business, not the pacer's."""
    states = {
        GRID_STATE.physical_name(namespace): GRID_STATE,
        VOLATILITY_STATE.physical_name(namespace): VOLATILITY_STATE,
    }
    orders = ORDERS.physical_name(namespace)
    now = time.monotonic()
    for record in records:
        try:
            if record.topic in states and record.value is not None:
                progress.decided(decode(states[record.topic], record.value), now)
            elif record.topic == orders:
                progress.answered(decode(ORDERS, record.value))
        except MalformedRecordError:
            continue
