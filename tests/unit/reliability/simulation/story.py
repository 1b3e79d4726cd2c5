"""A good run, told by hand: the real grid decides, every witness tells of it truly. Tests spoil one part of it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from google.protobuf.message import Message

from agents.grid_agent import GridAgent
from agents.keys import Fact, Key, empty_record
from agents.settings import GridSettings
from connector.gateway.intents import request_of
from connector.gateway.lifecycle import TERMINAL, Order, as_update
from connector.port import VenueFill
from reliability.simulation.history import (
    BookedFill,
    BookedOrder,
    History,
    LedgerChange,
    LogRecord,
    OrderState,
    ProcessLife,
    Request,
)
from topics.catalogue import BY_NAME, CONTROL, GRID_STATE, INSTRUMENTS, INTENTS, MARKET, ORDERS, Topic
from topics.v1.common_pb2 import SIDE_BUY, Grain
from topics.v1.control_pb2 import ControlEvent
from topics.v1.instruments_pb2 import INSTRUMENT_KIND_LINEAR_PERPETUAL, Instrument
from topics.v1.intents_pb2 import Intent
from topics.v1.market_pb2 import MarketBatch, MarketEvent, Quote
from topics.v1.orders_pb2 import (
    ORDER_STATUS_ACCEPTED,
    ORDER_STATUS_CANCELED,
    ORDER_STATUS_CLAIMED,
    ORDER_STATUS_DENIED,
    ORDER_STATUS_FILLED,
    Fill,
    OrderUpdate,
)
from topics.v1.state_pb2 import AgentState

VENUE, ACCOUNT, SYMBOL = "paper", "main", "BTCUSDT"
KEY = f"{VENUE}:{SYMBOL}".encode()
GRAIN = Grain(tick_size="0.1", lot_size="0.001")


@dataclass
class Story:
    """Time is a counter; each step of the story tells every witness."""

    history: History = field(default_factory=lambda: History(seed=1, venue=VENUE, account=ACCOUNT))
    now_s: float = 0.0
    pending: list[Fact] = field(default_factory=list)
    key: Key[Any] = field(default_factory=lambda: _fresh_key())

    def write(self, topic: Topic[Any], message: Message, key: bytes = KEY) -> LogRecord:
        self.now_s += 0.01
        offset = sum(record.topic == topic.name for record in self.history.log)
        value = message.SerializeToString()
        record = LogRecord(topic.name, 0, offset, self.now_s, key, value)
        self.history.log.append(record)
        if topic in GridAgent.inputs:
            self.pending.append(Fact(topic, 0, offset, key, value, message))
        return record

    def agents_decide(self) -> list[Intent]:
        """One batch: a state with its outbox, then the outbox on the log. Returns the intents."""
        outbox = [record for fact in self.pending for record in self.key.fold(fact)]
        self.pending.clear()
        state = AgentState.FromString(self.key.seal(outbox, 1))
        self.write(GRID_STATE, state)
        self.history.agent_states["grid", KEY.decode()] = state
        intents = []
        for record in outbox:
            message = BY_NAME[record.topic].message.FromString(record.value)
            self.write(BY_NAME[record.topic], message)
            if isinstance(message, Intent):
                self.history.ledger.positions = {0: self.next_offset(INTENTS)}
                intents.append(message)
        return intents

    def next_offset(self, topic: Topic[Any]) -> int:
        return sum(record.topic == topic.name for record in self.history.log)

    def say(self, order: Order, fill: Fill | None = None) -> None:
        self.write(ORDERS, as_update(order, fill=fill))
        self.commit(order)

    def commit(self, order: Order, kind: str = "change") -> None:
        self.now_s += 0.01
        self.history.ledger.changes.append(LedgerChange(self.now_s, 1, kind, order.id, order))
        orders, settled = dict(self.history.ledger.orders), set(self.history.ledger.settled)
        orders[order.id] = order
        if order.settled:
            settled.add(order.id)
        self.history.ledger.orders, self.history.ledger.settled = orders, frozenset(settled)

    def claim(self, intent: Intent, status: int = ORDER_STATUS_CLAIMED) -> Order:
        order = Order(VENUE, ACCOUNT, request_of(intent), GRAIN.tick_size, GRAIN.lot_size, status=status)
        self.commit(order, "claim")
        return order

    def deny(self, intent: Intent) -> None:
        self.say(self.claim(intent, ORDER_STATUS_DENIED))

    def place(self, intent: Intent) -> BookedOrder:
        """Claimed, sent, accepted, said."""
        order = self.claim(intent)
        place, number = intent.place, str(len(self.history.orders) + 1)
        self.now_s += 0.01
        self.history.requests.append(
            Request(
                "gateway-1", "place", SYMBOL, order.id, "", self.now_s, self.now_s + 0.001, "accepted", reply="answer"
            )
        )
        booked = BookedOrder(
            number, order.id, SYMBOL, place.side, place.type, place.time_in_force, place.reduce_only,
            place.price_ticks, place.quantity_lots, [OrderState(self.now_s + 0.001, ORDER_STATUS_ACCEPTED, 0)],
        )  # fmt: skip
        self.history.orders.append(booked)
        self.say(_changed(order, status=ORDER_STATUS_ACCEPTED, venue_order_id=number))
        return booked

    def fill(self, booked: BookedOrder) -> BookedFill:
        """Executed whole."""
        self.now_s += 0.01
        trade_id = str(len(self.history.fills) + 1)
        fill = BookedFill(
            self.now_s, trade_id, booked.venue_order_id, booked.client_order_id, SYMBOL, booked.side,
            booked.price_ticks, booked.quantity_lots, maker=True,
        )  # fmt: skip
        self.history.fills.append(fill)
        booked.states.append(OrderState(self.now_s, ORDER_STATUS_FILLED, booked.quantity_lots))
        signed = fill.quantity_lots if fill.side == SIDE_BUY else -fill.quantity_lots
        self.history.positions[SYMBOL] = self.history.positions.get(SYMBOL, 0) + signed
        told = Fill(trade_id=trade_id, price_ticks=fill.price_ticks, quantity_lots=fill.quantity_lots, time_ms=1)
        venue_fill = VenueFill(SYMBOL, fill.client_order_id, fill.venue_order_id, fill.side, told)
        self.history.ledger.fills = {**self.history.ledger.fills, (VENUE, SYMBOL, trade_id): venue_fill}
        row = self.history.ledger.orders[booked.client_order_id]
        lots = booked.quantity_lots
        self.say(_changed(row, status=ORDER_STATUS_FILLED, filled_lots=lots, booked_lots=lots), told)
        return fill

    def cancel(self, booked: BookedOrder) -> None:
        self.now_s += 0.01
        booked.states.append(OrderState(self.now_s, ORDER_STATUS_CANCELED, 0))
        self.say(_changed(self.history.ledger.orders[booked.client_order_id], status=ORDER_STATUS_CANCELED))

    def live(self, kind: str, number: int = 1, *, end: str = "running") -> ProcessLife:
        life = ProcessLife(f"{kind}-{number}", kind, self.now_s, self.now_s, end=end, epoch=number)
        self.history.processes.append(life)
        return life

    def end(self) -> History:
        """The quiet end: what the living say of themselves."""
        open_orders = sum(order.status not in TERMINAL for order in self.history.orders)
        gateway = [life for life in self.history.processes if life.kind == "gateway"][-1]
        gateway.status = {"open_orders": open_orders, "halted": "", "positions": dict(self.history.positions)}
        return self.history


def told() -> Story:
    """A grid of two levels a side: a BUY is filled, the grid follows and takes a SELL back, new ones are denied."""
    story = Story()
    for kind in ("gateway", "agents", "projector"):
        story.live(kind)
    story.write(INSTRUMENTS, instrument())
    story.write(CONTROL, activation())
    story.write(MARKET, quote(100_000, 100_001))
    first = story.agents_decide()
    booked = {intent.place.client_order_id: story.place(intent) for intent in first}
    story.fill(next(order for order in booked.values() if order.side == SIDE_BUY))
    for intent in story.agents_decide():
        if intent.HasField("cancel"):
            story.cancel(booked[intent.cancel.client_order_id])
        else:
            story.deny(intent)
    story.agents_decide()
    return story


def good() -> History:
    return told().end()


def instrument() -> Instrument:
    return Instrument(
        venue=VENUE, symbol=SYMBOL, base_asset="BTC", quote_asset="USDT", margin_asset="USDT",
        kind=INSTRUMENT_KIND_LINEAR_PERPETUAL, grain=GRAIN, min_notional="5", min_quantity_lots=1,
        max_quantity_lots=1_000_000, contract_size="1", trading=True,
    )  # fmt: skip


def activation() -> ControlEvent:
    event = ControlEvent(
        control_id="c1", strategy="grid", venue=VENUE, symbol=SYMBOL, account=ACCOUNT, time_ms=1, by="test"
    )
    event.activate.parameters["levels"] = "2"
    event.activate.parameters["interval_bps"] = "100"
    return event


def quote(bid: int, ask: int) -> MarketBatch:
    best = Quote(time_ms=1_000, update_id=1, bid_ticks=bid, bid_lots=100, ask_ticks=ask, ask_lots=100)
    return MarketBatch(venue=VENUE, symbol=SYMBOL, grain=GRAIN, first_seq=1, events=[MarketEvent(quote=best)])


def foreign_order(story: Story, number: str = "900") -> BookedOrder:
    """Somebody else's, at the venue only."""
    booked = BookedOrder(
        number, "by-hand", SYMBOL, SIDE_BUY, 1, 1, False, 90_000, 5,  # noqa: FBT003  reduce_only
        [OrderState(story.now_s, ORDER_STATUS_ACCEPTED, 0)],
    )  # fmt: skip
    story.history.orders.append(booked)
    return booked


def update_of(record: LogRecord, **changes: Any) -> LogRecord:
    """The same record with the update changed."""
    update = OrderUpdate.FromString(record.value)
    for name, value in changes.items():
        setattr(update, name, value)
    return LogRecord(record.topic, record.partition, record.offset, record.at_s, record.key, update.SerializeToString())


def _changed(order: Order, **changes: Any) -> Order:
    return replace(order, **changes)


def _fresh_key() -> Key[Any]:
    agent = GridAgent(GridSettings())
    return Key(agent, empty_record(agent, KEY))
