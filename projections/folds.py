"""Which topic feeds which tables, and a batch of records folded into rows. The one place that knows them all; no I/O.

Every fold depends on the order of records within a partition alone: topics and partitions may interleave in any way and
the rows end the same.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from aiokafka import ConsumerRecord

from projections import (
    account,
    fills,
    funding,
    instruments,
    intents,
    market,
    minutes,
    orders,
    poison,
    positions,
    progress,
    risk,
    slots,
)
from projections.reading import POISON
from projections.rows import Key, Place, Table
from projections.tables import Tables
from topics import catalogue
from topics.catalogue import Topic
from topics.codec import decode
from topics.v1.account_pb2 import AccountUpdate
from topics.v1.funding_pb2 import FundingUpdate
from topics.v1.instruments_pb2 import Instrument
from topics.v1.intents_pb2 import Intent
from topics.v1.orders_pb2 import OrderUpdate
from topics.v1.risk_pb2 import RiskEvent
from topics.v1.slots_pb2 import SlotChanged
from topics.v1.state_pb2 import AgentState

Needs = dict[Table[Any], Iterable[Key]]


@dataclass(frozen=True)
class Projection:
    """How a topic becomes rows. `prepare` runs once a record; `needs` names rows to load before `fold`."""

    topic: Topic[Any]
    fold: Callable[[Tables, Any, Place], None]
    needs: Callable[[Any], Needs]
    prepare: Callable[[Any], Any] = lambda message: message


@dataclass(frozen=True, slots=True)
class Readable:
    """A record decoded and prepared."""

    projection: Projection
    told: Any
    place: Place
    record: ConsumerRecord


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A record that goes to the dead letters, with the reason."""

    topic: Topic[Any]
    record: ConsumerRecord
    reason: str


def _nothing(_told: Any) -> Needs:
    return {}


def _fold_instrument(tables: Tables, instrument: Instrument, place: Place) -> None:
    instruments.fold(tables[instruments.INSTRUMENTS], instrument, place)


def _fold_market(tables: Tables, summary: market.Summary, place: Place) -> None:
    market.fold(tables[market.LAST_QUOTES], tables[market.CANDLES], tables[market.MARKET_MINUTES], summary, place)


def _market_needs(summary: market.Summary) -> Needs:
    return {market.CANDLES: summary.candle_keys(), market.MARKET_MINUTES: summary.minute_keys()}


def _fold_funding(tables: Tables, update: FundingUpdate, place: Place) -> None:
    funding.fold(tables[funding.MARKS], update, place)


def _fold_order(tables: Tables, update: OrderUpdate, place: Place) -> None:
    if orders.order_id(update) or not update.HasField("fill"):
        orders.fold(tables[orders.ORDERS], update, place)
    if not update.HasField("fill"):
        return
    news = fills.fold(tables[fills.FILLS], update, place)
    if news:
        positions.fold(tables[positions.POSITIONS], news)
        positions.fold_fees(tables[positions.FEES], news)
        minutes.fold(tables[minutes.TRADING_MINUTES], news)


def _order_needs(update: OrderUpdate) -> Needs:
    needs: Needs = {orders.ORDERS: [orders.key_of(update)]}
    if update.HasField("fill"):
        needs[fills.FILLS] = [fills.key_of(update)]
        needs[minutes.TRADING_MINUTES] = [minutes.key_of(update)]
    return needs


def _fold_account(tables: Tables, update: AccountUpdate, place: Place) -> None:
    account.fold_balances(tables[account.BALANCES], update, place)
    account.fold_positions(tables[account.VENUE_POSITIONS], update, place)
    account.fold_funding_payments(tables[account.FUNDING_PAYMENTS], update, place)


def _account_needs(update: AccountUpdate) -> Needs:
    return {account.FUNDING_PAYMENTS: account.payment_keys(update)}


def _fold_intent(tables: Tables, intent: Intent, place: Place) -> None:
    intents.fold(tables[intents.INTENTS], intent, place)


def _intent_needs(intent: Intent) -> Needs:
    return {intents.INTENTS: [intents.key_of(intent)]}


def _fold_slot(tables: Tables, step: SlotChanged, place: Place) -> None:
    slots.fold(tables[slots.SLOTS], tables[slots.SLOT_STEPS], step, place)


def _slot_needs(step: SlotChanged) -> Needs:
    return {slots.SLOTS: [slots.slot_key(step)], slots.SLOT_STEPS: [slots.step_key(step)]}


def _fold_risk(tables: Tables, event: RiskEvent, place: Place) -> None:
    risk.fold(tables[risk.RISK], tables[risk.RISK_EVENTS], event, place)


def _risk_needs(event: RiskEvent) -> Needs:
    return {risk.RISK_EVENTS: [risk.event_key(event)]}


def _fold_progress(tables: Tables, state: AgentState, place: Place) -> None:
    progress.fold(tables[progress.AGENT_PROGRESS], state, place)


PROJECTIONS: tuple[Projection, ...] = (
    Projection(catalogue.INSTRUMENTS, _fold_instrument, _nothing),
    Projection(catalogue.MARKET, _fold_market, _market_needs, prepare=market.summarise),
    Projection(catalogue.FUNDING, _fold_funding, _nothing),
    Projection(catalogue.ORDERS, _fold_order, _order_needs),
    Projection(catalogue.ACCOUNT, _fold_account, _account_needs),
    Projection(catalogue.INTENTS, _fold_intent, _intent_needs),
    Projection(catalogue.SLOTS, _fold_slot, _slot_needs),
    Projection(catalogue.RISK, _fold_risk, _risk_needs),
    Projection(catalogue.GRID_STATE, _fold_progress, _nothing),
    Projection(catalogue.VOLATILITY_STATE, _fold_progress, _nothing),
    Projection(catalogue.EXPOSURE_STATE, _fold_progress, _nothing),
)
TOPICS: tuple[Topic[Any], ...] = tuple(projection.topic for projection in PROJECTIONS)


def read(projection: Projection, records: Iterable[ConsumerRecord]) -> list[Readable | Unreadable]:
    """Records of one partition, decoded in order."""
    topic = projection.topic
    entries: list[Readable | Unreadable] = []
    for record in records:
        try:
            told = projection.prepare(decode(topic, record.value))
        except POISON as error:
            entries.append(Unreadable(topic, record, str(error)))
            continue
        entries.append(Readable(projection, told, Place(topic.name, record.partition, record.offset), record))
    return entries


def needs_of(entries: Iterable[Readable | Unreadable], tables: set[Table[Any]]) -> dict[Table[Any], set[Key]]:
    """The rows of these tables that the entries are about to ask for."""
    needs: dict[Table[Any], set[Key]] = {table: set() for table in tables}
    for entry in entries if tables else ():
        if poison.POISONED in tables:
            needs[poison.POISONED].add(_place_of(entry))
        if isinstance(entry, Readable):
            for table, keys in entry.projection.needs(entry.told).items():
                if table in tables:
                    needs[table].update(keys)
    return needs


def fold(tables: Tables, entries: Iterable[Readable | Unreadable]) -> list[Unreadable]:
    """Folds in order; what a poison record began is taken back. Returns the poison, which is also a row each."""
    poisoned = []
    for entry in entries:
        letter = entry if isinstance(entry, Unreadable) else _fold_one(tables, entry)
        if letter:
            poison.fold(tables[poison.POISONED], _place_of(letter), letter.reason)
            poisoned.append(letter)
        tables.journal.keep()
    return poisoned


def _fold_one(tables: Tables, entry: Readable) -> Unreadable | None:
    try:
        entry.projection.fold(tables, entry.told, entry.place)
    except POISON as error:
        tables.journal.take_back()
        return Unreadable(entry.projection.topic, entry.record, str(error))
    return None


def _place_of(entry: Readable | Unreadable) -> Place:
    if isinstance(entry, Readable):
        return entry.place
    return Place(entry.topic.name, entry.record.partition, entry.record.offset)
