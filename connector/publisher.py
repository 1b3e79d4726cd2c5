"""Puts on the log what the venue says: the only writer of instruments, market, funding, orders and account.

Stamps `seq`, gathers market events while the last record of their instrument is on its way, and hands the same
messages to gRPC subscribers once the log has them. It must not change, drop or reorder anything, save quotes replaced
by newer ones when the log is far behind. A record the log does not take ends the process.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from connector import metrics
from connector.broadcast import Broadcast
from connector.sequences import Sequences, last_seq
from topics.catalogue import ACCOUNT, ALERTS, FUNDING, INSTRUMENTS, MARKET, ORDERS, MessageT, Topic
from topics.codec import encode
from topics.envelope import Envelope
from topics.identifiers import event_id
from topics.log import Producer
from topics.v1.account_pb2 import AccountUpdate
from topics.v1.alerts_pb2 import Alert
from topics.v1.funding_pb2 import FundingUpdate
from topics.v1.instruments_pb2 import Instrument
from topics.v1.market_pb2 import MarketBatch, MarketEvent
from topics.v1.orders_pb2 import OrderUpdate

SOURCE = "connector"
MOST_EVENTS = 64
MOST_ON_THEIR_WAY = 32
CONFLATE_ABOVE = 1024
FUNDING_INTERVAL_S = 1.0


@dataclass(slots=True)
class _MarketLane:
    """What waits for one instrument: events with the time each was received."""

    instrument: Instrument
    waiting: list[tuple[MarketEvent, int]] = field(default_factory=list)
    filled: asyncio.Event = field(default_factory=asyncio.Event)

    def add(self, event: MarketEvent, received_ns: int) -> None:
        if len(self.waiting) >= CONFLATE_ABOVE and event.HasField("quote"):
            self._drop_newest_quote()
        self.waiting.append((event, received_ns))
        self.filled.set()

    def _drop_newest_quote(self) -> None:
        for place in range(len(self.waiting) - 1, -1, -1):
            if self.waiting[place][0].HasField("quote"):
                del self.waiting[place]
                metrics.QUOTES_CONFLATED.labels(self.instrument.symbol).inc()
                return


@dataclass(frozen=True, slots=True)
class _Sent:
    """A market record the log has not acknowledged yet."""

    symbol: str
    events: int
    sent_ns: int
    future: "asyncio.Future[Any]"

    async def acknowledged(self) -> None:
        await self.future
        metrics.LOG_ACK.labels(MARKET.name).observe((time.time_ns() - self.sent_ns) / 1e9)
        metrics.MARKET_BATCHES.labels(self.symbol).inc()
        metrics.MARKET_EVENTS.labels(self.symbol).inc(self.events)


@dataclass(slots=True)
class _FundingLane:
    newest: FundingUpdate | None = None
    filled: asyncio.Event = field(default_factory=asyncio.Event)


class Publisher:
    """`run` sends market and funding until cancelled or the log fails; the other calls return when acked.

    A producer has one request under way: with a `market_producer` of their own, prices do not wait for orders.
    `now_ns` is the wall clock.
    """

    def __init__(
        self,
        producer: Producer,
        sequences: Sequences,
        *,
        subscriber_buffer: int,
        market_producer: Producer | None = None,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self.market: Broadcast[MarketBatch] = Broadcast("price", subscriber_buffer)
        self.orders: Broadcast[OrderUpdate] = Broadcast("orders", subscriber_buffer)
        self.account: Broadcast[AccountUpdate] = Broadcast("account", subscriber_buffer)
        self.funding: Broadcast[FundingUpdate] = Broadcast("funding", subscriber_buffer)
        self._told_on: dict[str, Broadcast[Any]] = {
            MARKET.name: self.market, ORDERS.name: self.orders, ACCOUNT.name: self.account, FUNDING.name: self.funding
        }  # fmt: skip
        for (topic, _), message in sequences.newest.items():
            if topic in self._told_on:
                self._told_on[topic].newest[_name(message)] = last_seq(message)
        self._producer = producer
        self._market_producer = market_producer or producer
        self._sequences = sequences
        self._now_ns = now_ns
        self._in_turn = asyncio.Lock()
        self._market_lanes: dict[str, _MarketLane] = {}
        self._funding_lanes: dict[str, _FundingLane] = {}

    async def publish_instruments(self, instruments: Iterable[Instrument]) -> list[Instrument]:
        """Publishes what is new or differs from the log, and makes their lanes; returns what it published."""
        changed = []
        for instrument in instruments:
            self._market_lanes[instrument.symbol] = _MarketLane(instrument)
            self._funding_lanes[instrument.symbol] = _FundingLane()
            place = (INSTRUMENTS.name, INSTRUMENTS.key_of(instrument))
            if not _same_instrument(self._sequences.newest.get(place), instrument):
                stamped = Instrument()
                stamped.CopyFrom(instrument)
                stamped.time_ms = self._now_ns() // 1_000_000
                self._sequences.newest[place] = stamped
                changed.append(stamped)
        await self._send(INSTRUMENTS, changed)
        return changed

    def offer_market(self, symbol: str, event: MarketEvent, received_ns: int) -> None:
        """Puts the event in line; never waits."""
        self._market_lanes[symbol].add(event, received_ns)

    def offer_funding(self, update: FundingUpdate) -> None:
        """The newest of a symbol is sent, at most once a second."""
        lane = self._funding_lanes[update.symbol]
        lane.newest = update
        lane.filled.set()

    async def publish_orders(self, updates: Sequence[OrderUpdate]) -> None:
        """Stamps `seq` on the updates, in order; returns when the log has all of them."""
        await self._send(ORDERS, updates)

    async def publish_account(self, update: AccountUpdate) -> None:
        await self._send(ACCOUNT, [update])

    async def publish_alerts(self, alerts: Sequence[Alert]) -> None:
        """Each is named by its id; alerts have no seq, for any process may write them."""
        acknowledgements = []
        for alert in alerts:
            envelope = Envelope(id=alert.alert_id, source=SOURCE, time_ms=alert.time_ms)
            acknowledgements.append(await self._producer.enqueue(encode(ALERTS, alert, envelope)))
        await asyncio.gather(*acknowledgements)

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for lane in self._market_lanes.values():
                group.create_task(self._send_market(lane), name=f"publish-market-{lane.instrument.symbol}")
            for symbol, funding_lane in self._funding_lanes.items():
                group.create_task(self._send_funding(funding_lane), name=f"publish-funding-{symbol}")

    def end_streams(self) -> None:
        """Nobody is told any more: the connector stops."""
        for broadcast in self._told_on.values():
            broadcast.end()

    def backlog(self) -> dict[str, int]:
        """Market events that wait, by symbol."""
        return {symbol: len(lane.waiting) for symbol, lane in self._market_lanes.items()}

    async def _send_market(self, lane: _MarketLane) -> None:
        """One record at a time while events are few; full ones follow each other without waiting."""
        on_their_way: deque[_Sent] = deque()
        while True:
            await lane.filled.wait()
            lane.filled.clear()
            while lane.waiting or on_their_way:
                if on_their_way and (len(lane.waiting) < MOST_EVENTS or len(on_their_way) >= MOST_ON_THEIR_WAY):
                    await on_their_way.popleft().acknowledged()
                    continue
                taken = lane.waiting[:MOST_EVENTS]
                del lane.waiting[:MOST_EVENTS]
                on_their_way.append(await self._send_batch(lane.instrument, taken))

    async def _send_batch(self, instrument: Instrument, taken: list[tuple[MarketEvent, int]]) -> "_Sent":
        received_ns = taken[-1][1]
        batch = MarketBatch(
            venue=instrument.venue,
            symbol=instrument.symbol,
            grain=instrument.grain,
            events=[event for event, _ in taken],
            received_ns=received_ns,
        )
        key = MARKET.key_of(batch)
        batch.first_seq = self._sequences.take(MARKET, key, len(taken))
        envelope = Envelope(
            id=event_id(MARKET.name, key, batch.first_seq),
            source=SOURCE,
            time_ms=_time_ms(taken[-1][0]) or received_ns // 1_000_000,
        )
        future = await self._market_producer.enqueue(encode(MARKET, batch, envelope))
        sent_ns = time.time_ns()
        metrics.FRAME_TO_LOG.observe((sent_ns - received_ns) / 1e9)
        self.market.publish_once(future, batch.symbol, batch, last_seq(batch))
        return _Sent(batch.symbol, len(taken), sent_ns, future)

    async def _send_funding(self, lane: _FundingLane) -> None:
        while True:
            await lane.filled.wait()
            lane.filled.clear()
            if lane.newest is not None:
                await self._send(FUNDING, [lane.newest])
                await asyncio.sleep(FUNDING_INTERVAL_S)

    async def _send(self, topic: Topic[MessageT], messages: Sequence[MessageT]) -> None:
        """Numbers and queues in one turn, so that numbers and places on the log agree; waits for acks outside it."""
        if not messages:
            return
        begun = time.perf_counter()
        acknowledgements = []
        told_on = self._told_on.get(topic.name)
        await self._sequences.find(topic, [topic.key_of(message) for message in messages])
        async with self._in_turn:
            for message in messages:
                stamped: Any = message
                key = topic.key_of(message)
                stamped.seq = self._sequences.take(topic, key)
                envelope = _envelope(topic, key, stamped, self._now_ns)
                acknowledged = await self._producer.enqueue(encode(topic, message, envelope))
                if told_on is not None:
                    told_on.publish_once(acknowledged, _name(message), message, stamped.seq)
                acknowledgements.append(acknowledged)
        await asyncio.gather(*acknowledgements)
        metrics.LOG_ACK.labels(topic.name).observe(time.perf_counter() - begun)


def _envelope(topic: Topic[Any], key: str, message: Any, now_ns: Callable[[], int]) -> Envelope:
    order = message if isinstance(message, OrderUpdate) else None
    return Envelope(
        id=event_id(topic.name, key, message.seq),
        source=SOURCE,
        time_ms=message.time_ms or now_ns() // 1_000_000,
        correlation_id=order.client_order_id if order else "",
        causation_id=order.intent_id if order else "",
    )


def _name(message: Any) -> str:
    """What subscribers ask for: the symbol, of an account update the account."""
    return str(message.account if isinstance(message, AccountUpdate) else message.symbol)


def _time_ms(event: MarketEvent) -> int:
    if event.HasField("quote"):
        return event.quote.time_ms
    return event.trade.time_ms


def _same_instrument(known: Any, instrument: Instrument) -> bool:
    if known is None:
        return False
    compared = Instrument()
    compared.CopyFrom(known)
    compared.seq, compared.time_ms = instrument.seq, instrument.time_ms
    return compared == instrument
