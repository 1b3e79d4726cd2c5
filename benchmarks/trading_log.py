"""A log as a day of trading leaves it: market batches, and for every so many events an order's life with its slot.

Buys and sells take turns at the market's price, so positions and results move as they do in trading.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from benchmarks.market import START_MS, VENUE, batches, market_events, scale_of
from benchmarks.workload import ACCOUNT, instrument
from topics.catalogue import INSTRUMENTS, INTENTS, MARKET, ORDERS, SLOTS, Topic
from topics.codec import Record, encode
from topics.envelope import Envelope
from topics.identifiers import client_order_id
from topics.log import LogAddress, LogProducer
from topics.v1.common_pb2 import ORDER_TYPE_LIMIT, SIDE_BUY, SIDE_SELL, TIME_IN_FORCE_POST_ONLY, Side
from topics.v1.intents_pb2 import Intent, PlaceOrder
from topics.v1.market_pb2 import MarketBatch
from topics.v1.orders_pb2 import (
    ORDER_SOURCE_GATEWAY,
    ORDER_SOURCE_STREAM,
    ORDER_STATUS_ACCEPTED,
    ORDER_STATUS_CLAIMED,
    ORDER_STATUS_FILLED,
    OWNERSHIP_OURS,
    Fill,
    OrderStatus,
    OrderUpdate,
)
from topics.v1.slots_pb2 import SLOT_STATE_FILLED, SLOT_STATE_FREE, SLOT_STATE_LOCKED, SlotChanged, SlotState

STRATEGY = "grid"
LOTS = 10
_AT_ONCE = 4_000


@dataclass(frozen=True)
class TradingLog:
    """Sizes: market events of each symbol, events a record, and market events between two orders of a symbol."""

    symbols: tuple[str, ...]
    market_events: int
    batch: int
    events_an_order: int


@dataclass
class _Life:
    """One order: what its records have in common. `number` counts the orders of its symbol."""

    symbol: str
    number: int
    time_ms: int
    price_ticks: int

    @property
    def side(self) -> Side.ValueType:
        return SIDE_SELL if self.number % 2 else SIDE_BUY

    @property
    def id(self) -> str:
        return client_order_id(
            strategy=STRATEGY, venue=VENUE, symbol=self.symbol, slot=self.number % 20, side=str(self.side), epoch=0,
            attempt=self.number,
        )  # fmt: skip

    def messages(self) -> Iterator[tuple[Topic[Any], Any]]:
        yield SLOTS, self._step(1, SLOT_STATE_FREE, SLOT_STATE_LOCKED)
        yield INTENTS, self._intent()
        yield ORDERS, self._update(1, ORDER_STATUS_CLAIMED)
        yield ORDERS, self._update(2, ORDER_STATUS_ACCEPTED)
        yield ORDERS, self._update(3, ORDER_STATUS_FILLED)
        yield SLOTS, self._step(2, SLOT_STATE_LOCKED, SLOT_STATE_FILLED)
        yield SLOTS, self._step(3, SLOT_STATE_FILLED, SLOT_STATE_FREE)

    def _update(self, step: int, status: OrderStatus.ValueType) -> OrderUpdate:
        filled = status == ORDER_STATUS_FILLED
        update = OrderUpdate(
            venue=VENUE,
            symbol=self.symbol,
            account=ACCOUNT,
            seq=3 * self.number + step,
            time_ms=self.time_ms + step,
            client_order_id=self.id,
            venue_order_id="" if status == ORDER_STATUS_CLAIMED else str(self.number + 1),
            side=self.side,
            type=ORDER_TYPE_LIMIT,
            time_in_force=TIME_IN_FORCE_POST_ONLY,
            grain=scale_of(self.symbol).grain,
            price_ticks=self.price_ticks,
            quantity_lots=LOTS,
            filled_lots=LOTS if filled else 0,
            status=status,
            source=ORDER_SOURCE_STREAM if filled else ORDER_SOURCE_GATEWAY,
            ownership=OWNERSHIP_OURS,
            strategy=STRATEGY,
            intent_id=self.id,
            claimed_ns=self.time_ms * 1_000_000,
        )
        if filled:
            update.fill.CopyFrom(self._fill())
        return update

    def _fill(self) -> Fill:
        return Fill(
            trade_id=str(self.number + 1),
            price_ticks=self.price_ticks,
            quantity_lots=LOTS,
            fee="0.01",
            fee_asset="USDT",
            realized_pnl="0.05" if self.number % 2 else "0",
            maker=True,
            time_ms=self.time_ms + 3,
        )

    def _step(self, step: int, before: SlotState.ValueType, after: SlotState.ValueType) -> SlotChanged:
        return SlotChanged(
            strategy=STRATEGY,
            venue=VENUE,
            symbol=self.symbol,
            version=3 * self.number + step,
            time_ms=self.time_ms + step,
            slot=self.number % 20,
            from_state=before,
            to_state=after,
            side=self.side,
            grain=scale_of(self.symbol).grain,
            price_ticks=self.price_ticks,
            quantity_lots=LOTS,
            filled_lots=LOTS if before == SLOT_STATE_FILLED else 0,
            attempt=self.number,
            client_order_id=self.id,
        )

    def _intent(self) -> Intent:
        return Intent(
            intent_id=self.id,
            strategy=STRATEGY,
            venue=VENUE,
            symbol=self.symbol,
            account=ACCOUNT,
            grain=scale_of(self.symbol).grain,
            place=PlaceOrder(
                client_order_id=self.id,
                side=self.side,
                type=ORDER_TYPE_LIMIT,
                time_in_force=TIME_IN_FORCE_POST_ONLY,
                price_ticks=self.price_ticks,
                quantity_lots=LOTS,
                slot=self.number % 20,
                attempt=self.number,
            ),
            rule="grid.place",
            market_time_ms=self.time_ms,
        )


async def write(address: LogAddress, log: TradingLog) -> int:
    """Returns the number of records written."""
    written = 0
    async with LogProducer(address, client_id="bench-recorder", linger_ms=5) as producer:
        pending = [_record(INSTRUMENTS, instrument(symbol), 0) for symbol in log.symbols]
        for symbol in log.symbols:
            for record in _records(symbol, log):
                pending.append(record)
                if len(pending) >= _AT_ONCE:
                    await producer.send_all(pending)
                    written += len(pending)
                    pending.clear()
        await producer.send_all(pending)
    return written + len(pending)


def _records(symbol: str, log: TradingLog) -> Iterator[Record]:
    orders = 0
    for batch in batches(symbol, market_events(symbol, log.market_events), log.batch):
        yield _record(MARKET, batch, batch.first_seq)
        if batch.first_seq // log.events_an_order >= orders:
            life = _Life(symbol, orders, batch.received_ns // 1_000_000, _price(batch))
            for number, (topic, message) in enumerate(life.messages()):
                yield _record(topic, message, orders * 10 + number)
            orders += 1


def _price(batch: MarketBatch) -> int:
    return max(event.quote.bid_ticks for event in batch.events)


def _record(topic: Topic[Any], message: Any, number: int) -> Record:
    identity = f"{topic.name}/{message.symbol}/{number}"
    time_ms = getattr(message, "time_ms", 0) or START_MS
    return encode(topic, message, Envelope(id=identity, source="recorded", time_ms=time_ms))
