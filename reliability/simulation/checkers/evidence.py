"""The run's witnesses, decoded once and ordered for the judges. Plain look-ups; nothing is judged here."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from connector.gateway.lifecycle import TERMINAL
from reliability.simulation.history import BookedOrder, History, LogRecord
from topics.catalogue import BY_NAME, INTENTS, ORDERS, Topic
from topics.codec import decode
from topics.errors import MalformedRecordError
from topics.identifiers import is_ours
from topics.v1.common_pb2 import Side
from topics.v1.intents_pb2 import Intent
from topics.v1.orders_pb2 import (
    ORDER_STATUS_ACCEPTED,
    ORDER_STATUS_CLAIMED,
    ORDER_STATUS_PARTIALLY_FILLED,
    ORDER_STATUS_SENT,
    ORDER_STATUS_UNKNOWN,
    OWNERSHIP_FOREIGN,
    OrderStatus,
    OrderUpdate,
)

MessageT = TypeVar("MessageT")
FillKey = tuple[str, str]
LAST_WORDS_S = 10.0
"""Longer than the log is ever away in a run."""

RANKS: dict[int, int] = {
    ORDER_STATUS_CLAIMED: 1,
    ORDER_STATUS_SENT: 2,
    ORDER_STATUS_UNKNOWN: 3,
    ORDER_STATUS_ACCEPTED: 4,
    ORDER_STATUS_PARTIALLY_FILLED: 5,
    **dict.fromkeys(TERMINAL, 6),
}
"""How far an order is: by the topic's own rule no reader goes back."""


@dataclass(frozen=True, slots=True)
class Violation:
    """A broken promise: a stable code, and a sentence with the ids and numbers."""

    code: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Said(Generic[MessageT]):
    """A message and where and when the log got it."""

    message: MessageT
    record: LogRecord

    @property
    def at_s(self) -> float:
        return self.record.at_s

    @property
    def place(self) -> str:
        return f"{self.record.topic}/{self.record.partition}/{self.record.offset}"


@dataclass(slots=True)
class Told:
    """Everything the log tells of one order of ours, in its order."""

    updates: list[Said[OrderUpdate]] = field(default_factory=list)

    @property
    def end(self) -> Said[OrderUpdate] | None:
        """The first terminal update: by the topic's own rule the order is that for ever."""
        return next((it for it in self.updates if it.message.status in TERMINAL), None)

    @property
    def last(self) -> Said[OrderUpdate]:
        """What a reader believes in the end: readers never go back (`projections.orders`).

        A gateway that was stopped and continued may say a few old words before it learns that it has a successor.
        """
        return self.end or max(self.updates, key=lambda it: (RANKS[it.message.status], it.record.offset))

    @property
    def filled_lots(self) -> int:
        return max(it.message.filled_lots for it in self.updates)


class Evidence:
    """`booked`: the venue's orders by client order id, ours only. `told`: the log's updates by client order id, ours.

    `asked`: placements asked for on the log, by client order id, in the log's order, those for our account. `cancels`:
    cancel intents likewise. `said_fills`: executions on the log by (symbol, trade id), in order, of ours and of others.
    """

    def __init__(self, history: History) -> None:
        self.history = history
        self.asked: dict[str, list[Said[Intent]]] = defaultdict(list)
        self.cancels: dict[str, list[Said[Intent]]] = defaultdict(list)
        self.intents: list[Said[Intent]] = []
        self.told: dict[str, Told] = defaultdict(Told)
        self.said_fills: dict[FillKey, list[Said[OrderUpdate]]] = defaultdict(list)
        self._read_intents()
        self._read_orders()
        self.booked: dict[str, list[BookedOrder]] = defaultdict(list)
        self.foreign: dict[str, BookedOrder] = {}
        for order in history.orders:
            if self.is_ours(order.client_order_id):
                self.booked[order.client_order_id].append(order)
            else:
                self.foreign[order.venue_order_id] = order
        self.gateways = sorted(
            (life for life in history.processes if life.kind == "gateway"), key=lambda life: life.started_s
        )

    def is_ours(self, client_order_id: str) -> bool:
        """Someone of us asked for it, or it has our shape. What the ledger holds has no say: it may be wrong."""
        return client_order_id in self.asked or is_ours(client_order_id)

    def read(self, topic: Topic[Any]) -> list[Said[Any]]:
        """The topic's readable messages in the log's order; what cannot be read has no part in this."""
        said = []
        for record in self.history.of(topic.name):
            try:
                said.append(Said(decode(topic, record.value), record))
            except MalformedRecordError:
                continue
        return said

    def buried(self, topic: Topic[Any]) -> set[tuple[int, int]]:
        """Partition and offset of the topic's records that went to the dead letters."""
        letters = self.read(BY_NAME[topic.dead_letters.name])
        return {(it.message.position.partition, it.message.position.offset) for it in letters}

    def consumed(self, said: Said[Any]) -> bool:
        """The ledger holds an offset beyond this intent."""
        return said.record.offset < self.history.ledger.positions.get(said.record.partition, 0)

    def two_spoke(self, earlier_s: float, later_s: float) -> bool:
        """Whether more than one gateway spoke between the two times: one repeats what it cannot know was said.

        What a gateway had sent when it was killed may reach the log well after its end.
        """
        spoke = (
            life
            for life in self.gateways
            if life.started_s <= later_s and (life.ended_s is None or earlier_s <= life.ended_s + LAST_WORDS_S)
        )
        return sum(1 for _ in spoke) > 1

    def _read_intents(self) -> None:
        here = (self.history.venue, self.history.account)
        for said in self.read(INTENTS):
            intent = said.message
            if (intent.venue, intent.account) != here:
                continue
            self.intents.append(said)
            if intent.WhichOneof("action") == "place":
                self.asked[intent.place.client_order_id].append(said)
            elif intent.WhichOneof("action") == "cancel":
                self.cancels[intent.cancel.client_order_id].append(said)

    def _read_orders(self) -> None:
        for said in self.read(ORDERS):
            update = said.message
            if update.HasField("fill"):
                self.said_fills[update.symbol, update.fill.trade_id].append(said)
            if update.ownership != OWNERSHIP_FOREIGN and update.client_order_id:
                self.told[update.client_order_id].updates.append(said)


def status_name(status: int) -> str:
    return OrderStatus.Name(OrderStatus.ValueType(status)).removeprefix("ORDER_STATUS_")


def side_name(side: int) -> str:
    return Side.Name(Side.ValueType(side)).removeprefix("SIDE_")
