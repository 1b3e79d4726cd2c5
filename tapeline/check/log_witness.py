"""What the log says, folded from its beginning by a fold of the check's own: not one line of the projections is used.

Reads the grid's states, then orders, intents and slots: what a state decided is in its outbox or on the log by then.
An unreadable record is counted and passed over.
"""

from typing import Any

from aiokafka import ConsumerRecord

from projections.folds import TOPICS
from tapeline.check.facts import TERMINAL, Execution, LogFacts, LogFill, LogIntent, LogOrder, SlotStep
from topics.catalogue import GRID_STATE, INTENTS, ORDERS, SLOTS, Topic
from topics.codec import decode
from topics.errors import TapelineError
from topics.log import LogAddress, partitions_of, read_to_end, reader
from topics.scale import Scale
from topics.v1.common_pb2 import SIDE_BUY
from topics.v1.intents_pb2 import Intent
from topics.v1.orders_pb2 import OWNERSHIP_FOREIGN, OrderStatus, OrderUpdate
from topics.v1.slots_pb2 import SlotChanged, SlotState
from topics.v1.state_pb2 import AgentState

_AFTER_THE_STATES: tuple[Topic[Any], ...] = (ORDERS, INTENTS, SLOTS)
Place = tuple[int, int]


async def read_log(address: LogAddress) -> LogFacts:
    """All there is up to the log's ends as they are now. Raises KafkaError."""
    fold = LogFold()
    by_name = {topic.physical_name(address.namespace): topic for topic in (GRID_STATE, *_AFTER_THE_STATES)}
    async with reader(address, client_id="tapeline-check") as consumer:
        for topics in ((GRID_STATE,), _AFTER_THE_STATES):
            async for records in read_to_end(consumer, partitions_of(address, topics)):
                for record in records:
                    fold.take(by_name[record.topic], record)
    return fold.facts()


async def read_ends(address: LogAddress) -> dict[tuple[str, int], int]:
    """How long the log is now, by topic and partition, of all that is projected. Raises KafkaError."""
    async with reader(address, client_id="tapeline-check") as consumer:
        ends = await consumer.end_offsets(partitions_of(address, TOPICS))
    return {(at.topic.removeprefix(address.namespace), at.partition): end for at, end in ends.items()}


class LogFold:
    """`take` records in the order of each partition, then ask for `facts`."""

    def __init__(self) -> None:
        self._facts = LogFacts()
        self._states: dict[tuple[str, str], AgentState] = {}

    def take(self, topic: Topic[Any], record: ConsumerRecord) -> None:
        try:
            self._said(decode(topic, record.value), (record.partition, record.offset))
        except (TapelineError, ArithmeticError):
            self._facts.unreadable += 1

    def facts(self) -> LogFacts:
        """With what waits in the outboxes of the newest states: it is decided, and will be said."""
        for (venue, symbol), state in self._states.items():
            self._facts.agents_read_orders[venue, symbol] = state.contains.get(ORDERS.name, -1)
            for waiting in state.outbox:
                if waiting.topic == SLOTS.name:
                    self._stepped(SlotChanged.FromString(waiting.value), None)
                elif waiting.topic == INTENTS.name:
                    self._asked(Intent.FromString(waiting.value), None)
        return self._facts

    def _said(self, message: object, at: Place) -> None:
        match message:
            case OrderUpdate():
                self._told(message, at)
            case Intent():
                self._asked(message, at)
            case SlotChanged():
                self._stepped(message, at)
            case AgentState():
                key = (message.venue, message.symbol)
                known = self._states.get(key)
                if known is None or message.term >= known.term:
                    self._states[key] = message

    def _told(self, update: OrderUpdate, at: Place) -> None:
        if update.HasField("fill"):
            scale = Scale.of(update.grain)
            moved = scale.quantity(update.fill.quantity_lots - update.fill.covered_lots)
            execution = Execution(
                update.venue,
                update.symbol,
                update.fill.trade_id,
                update.client_order_id,
                moved if update.side == SIDE_BUY else -moved,
                synthetic=update.fill.synthetic,
                covered=scale.quantity(update.fill.covered_lots),
            )
            self._facts.fills.setdefault(execution.key, LogFill(execution, *at))
        if update.ownership == OWNERSHIP_FOREIGN or not update.client_order_id:
            return
        order = self._facts.orders.setdefault(update.client_order_id, LogOrder())
        if update.venue_order_id:
            order.venue_order_ids.add(update.venue_order_id)
        if order.ended_at is None:
            order.status = OrderStatus.Name(update.status).removeprefix("ORDER_STATUS_")
            order.ended_at = at if order.status in TERMINAL else None

    def _asked(self, intent: Intent, at: Place | None) -> None:
        if intent.HasField("place"):
            asked = LogIntent(intent.strategy, intent.place.slot, at)
            self._facts.intents.setdefault(intent.place.client_order_id, asked)

    def _stepped(self, step: SlotChanged, at: Place | None) -> None:
        key = (step.strategy, step.venue, step.symbol, step.slot)
        known = self._facts.slots.get(key)
        if known is None or step.version > known.version:
            state = SlotState.Name(step.to_state).removeprefix("SLOT_STATE_")
            self._facts.slots[key] = SlotStep(step.version, state, step.client_order_id, at)
