"""A lively market and a venue for the agents: quotes for many symbols, and answers to every intent.

Like the gateway it takes each client order id once; intents that contradict each other are found in the evidence.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from aiokafka import AIOKafkaConsumer

from topics.catalogue import CONTROL, GRID_STATE, INSTRUMENTS, INTENTS, MARKET, ORDERS
from topics.codec import Record, encode
from topics.envelope import Envelope
from topics.log import LogAddress, LogProducer, partitions_of, reader
from topics.v1.common_pb2 import Grain
from topics.v1.control_pb2 import ActivateSymbol, ControlEvent
from topics.v1.instruments_pb2 import Instrument
from topics.v1.intents_pb2 import Intent
from topics.v1.market_pb2 import MarketBatch
from topics.v1.orders_pb2 import OrderStatus, OrderUpdate
from topics.v1.state_pb2 import AgentState, GridSlot

VENUE = "paper"
GRAIN = Grain(tick_size="0.10", lot_size="0.001")
ENVELOPE = Envelope(id="test", source="test", time_ms=0)
TICK_S = 0.04
PAST = "PAST"


async def give_past(address: LogAddress, records: int) -> None:
    """Fills the grid's state topic with old states of other instruments, so that loading it takes its time."""
    slots = [GridSlot(slot=number, client_order_id=f"tl{number:026d}") for number in range(20)]
    async with LogProducer(address, client_id="test-past") as producer:
        for start in range(0, records, 1_000):
            await producer.send_all(_past(number, slots) for number in range(start, min(start + 1_000, records)))


def _past(number: int, slots: list[GridSlot]) -> Record:
    symbol = f"{PAST}{number % 64}USDT"
    state = AgentState(agent="grid", venue=VENUE, symbol=symbol, version=1 + number // 64, term=1)
    state.grid.slots.extend(slots)
    return encode(GRID_STATE, state, ENVELOPE)


@dataclass
class Feed:
    """Publishes until cancelled; `random` makes price paths and fills repeatable in kind, not in timing."""

    address: LogAddress
    symbols: list[str]
    random: random.Random
    open_orders: dict[str, Intent] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)
    traded: set[str] = field(default_factory=set)
    mids: dict[str, int] = field(default_factory=dict)
    sequence: int = 0

    async def introduce(self, producer: LogProducer) -> None:
        """Instruments and activations: what stands on the log before the first quote."""
        for symbol in self.symbols:
            self.mids[symbol] = 400_000
            instrument = Instrument(
                venue=VENUE, symbol=symbol, grain=GRAIN, min_notional="5", min_quantity_lots=1, trading=True
            )
            activation = ControlEvent(
                control_id=symbol,
                strategy="grid",
                venue=VENUE,
                symbol=symbol,
                account="main",
                activate=ActivateSymbol(parameters={"levels": "4"}),
            )
            await producer.send_all([encode(INSTRUMENTS, instrument, ENVELOPE), encode(CONTROL, activation, ENVELOPE)])

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with LogProducer(self.address, client_id="test-feed") as producer:
            await self.introduce(producer)
            async with reader(self.address, client_id="test-venue", fetch_max_wait_ms=20) as consumer:
                consumer.assign(partitions_of(self.address, [INTENTS]))
                task = asyncio.create_task(self._run(producer, consumer))
                try:
                    yield
                finally:
                    task.cancel()
                    with suppress(asyncio.CancelledError):
                        await task

    async def _run(self, producer: LogProducer, consumer: AIOKafkaConsumer) -> None:
        while True:
            records = [self._quotes(symbol) for symbol in self.symbols]
            for fetched in (await consumer.getmany(timeout_ms=int(TICK_S * 1_000))).values():
                for each in fetched:
                    records += self._answers(Intent.FromString(each.value))
            records += self._fills()
            await producer.send_all(records)

    def _quotes(self, symbol: str) -> Record:
        batch = MarketBatch(venue=VENUE, symbol=symbol, grain=GRAIN, first_seq=self.sequence + 1)
        for _ in range(self.random.randint(1, 8)):
            self.sequence += 1
            self.mids[symbol] += self.random.randint(-40, 40)
            quote = batch.events.add().quote
            quote.bid_ticks, quote.ask_ticks = self.mids[symbol] - 1, self.mids[symbol] + 1
            quote.time_ms, quote.update_id = 1_700_000_000_000 + self.sequence, self.sequence
        batch.received_ns = time.time_ns()
        return encode(MARKET, batch, ENVELOPE)

    def _answers(self, intent: Intent) -> list[Record]:
        if intent.WhichOneof("action") == "place":
            if intent.intent_id in self.taken:
                return []
            self.taken.add(intent.intent_id)
            self.traded.add(intent.symbol)
            self.open_orders[intent.intent_id] = intent
            return [self._update(intent, OrderStatus.ORDER_STATUS_ACCEPTED, 0)]
        order = self.open_orders.pop(intent.cancel.client_order_id, None)
        return [self._update(order, OrderStatus.ORDER_STATUS_CANCELED, 0)] if order else []

    def _fills(self) -> list[Record]:
        chosen = [name for name in self.open_orders if self.random.random() < 0.02]
        orders = [self.open_orders.pop(name) for name in chosen]
        return [self._update(each, OrderStatus.ORDER_STATUS_FILLED, each.place.quantity_lots) for each in orders]

    def _update(self, intent: Intent, status: OrderStatus.ValueType, filled_lots: int) -> Record:
        self.sequence += 1
        update = OrderUpdate(
            venue=VENUE,
            symbol=intent.symbol,
            account=intent.account,
            client_order_id=intent.intent_id,
            side=intent.place.side,
            grain=GRAIN,
            price_ticks=intent.place.price_ticks,
            quantity_lots=intent.place.quantity_lots,
            filled_lots=filled_lots,
            status=status,
            time_ms=1_700_000_000_000 + self.sequence,
        )
        return encode(ORDERS, update, ENVELOPE)
