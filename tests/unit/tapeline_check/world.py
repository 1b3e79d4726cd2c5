"""A small world in which all witnesses agree, and verbs that change it the way the real parts do, or wrongly.

Every verb tells exactly the witnesses it names; `heard()` is one look at all of them.
"""

from dataclasses import dataclass, field, replace
from decimal import Decimal

from tapeline.check.facts import (
    Execution,
    KillTurn,
    LedgerFacts,
    LedgerOrder,
    LogFacts,
    LogFill,
    LogIntent,
    LogOrder,
    ProjectionFacts,
    SlotStep,
    Testimony,
    VenueFacts,
    VenueOrder,
)
from topics.identifiers import client_order_id

VENUE, SYMBOL, STRATEGY = "paper", "BTCUSDT", "grid"
INSTRUMENT = (VENUE, SYMBOL)
LOT = Decimal("0.001")


def name_of(slot: int, attempt: int = 0) -> str:
    return client_order_id(
        strategy=STRATEGY, venue=VENUE, symbol=SYMBOL, slot=slot, side="BUY", epoch=0, attempt=attempt
    )


@dataclass
class World:
    venue_orders: list[VenueOrder] = field(default_factory=list)
    venue_fills: list[Execution] = field(default_factory=list)
    venue_positions: dict[tuple[str, str], Decimal] = field(default_factory=dict)
    ledger: LedgerFacts = field(default_factory=LedgerFacts)
    log: LogFacts = field(default_factory=LogFacts)
    projections: ProjectionFacts = field(default_factory=ProjectionFacts)
    offsets: dict[str, int] = field(default_factory=dict)
    slot_version: int = 0

    def heard(self) -> Testimony:
        venue = VenueFacts(list(self.venue_orders), list(self.venue_fills), dict(self.venue_positions))
        ends = {(topic, 0): offset for topic, offset in self.offsets.items()}
        return Testimony(venue, self.ledger, ends, self.projections, self.log, venue)

    def appended(self, topic: str) -> tuple[int, int]:
        """The place of one more record, projected at once."""
        offset = self.offsets.get(topic, 0)
        self.offsets[topic] = offset + 1
        self.projections.next_offset[topic, 0] = offset + 1
        return (0, offset)

    def step(self, slot: int, state: str, order: str, *, said: bool = True) -> None:
        self.slot_version += 1
        key = (STRATEGY, VENUE, SYMBOL, slot)
        at = self.appended("slots") if said else None
        self.log.slots[key] = SlotStep(self.slot_version, state, order, at)
        if said:
            self.projections.slots[key] = (self.slot_version, state)

    def asked(self, slot: int, attempt: int = 0, *, said: bool = True, consumed: bool = True) -> str:
        """The agent locks the slot and asks for an order."""
        name = name_of(slot, attempt)
        self.step(slot, "LOCKED", name, said=said)
        at = self.appended("intents") if said else None
        self.log.intents[name] = LogIntent(STRATEGY, slot, at)
        if consumed and at:
            self.ledger.intents_read[0] = at[1] + 1
        return name

    def claimed(self, name: str, state: str = "SENT") -> None:
        self.ledger.orders[name] = LedgerOrder(VENUE, SYMBOL, name, "", state, Decimal(0), settled=False)

    def at_venue(self, name: str, *, live: bool = True, number: str = "") -> None:
        order_id = number or str(len(self.venue_orders) + 1)
        status = "NEW" if live else "CANCELED"
        self.venue_orders.append(VenueOrder(VENUE, SYMBOL, name, order_id, live, status, Decimal(0)))

    def told(self, name: str, status: str) -> None:
        """An update on the log; the agent reads it."""
        at = self.appended("orders")
        order = self.log.orders.setdefault(name, LogOrder())
        order.venue_order_ids |= {one.venue_order_id for one in self.venue_orders if one.client_order_id == name}
        if order.ended_at is None:
            order.status = status
            order.ended_at = at if status in {"FILLED", "CANCELED", "REJECTED"} else None
        self.log.agents_read_orders[INSTRUMENT] = at[1]

    def in_ledger(self, name: str, state: str, *, filled: int = 0, settled: bool = False) -> None:
        number = next((one.venue_order_id for one in self.venue_orders if one.client_order_id == name), "")
        self.ledger.orders[name] = LedgerOrder(VENUE, SYMBOL, name, number, state, filled * LOT, settled)

    def working(self, slot: int, attempt: int = 0) -> str:
        """An order placed and accepted, known to all."""
        name = self.asked(slot, attempt)
        self.claimed(name)
        self.at_venue(name)
        self.told(name, "ACCEPTED")
        self.in_ledger(name, "ACCEPTED")
        return name

    def filled_at_venue(self, name: str, lots: int) -> Execution:
        """Whole and at once, at the venue alone."""
        trade_id = str(len(self.venue_fills) + 1)
        execution = Execution(VENUE, SYMBOL, trade_id, name, lots * LOT)
        self.venue_fills.append(execution)
        self.venue_positions[INSTRUMENT] = self.venue_positions.get(INSTRUMENT, Decimal(0)) + lots * LOT
        at = next(at for at, order in enumerate(self.venue_orders) if order.client_order_id == name)
        self.venue_orders[at] = replace(self.venue_orders[at], live=False, status="FILLED", filled=lots * LOT)
        return execution

    def filled(self, name: str, slot: int, lots: int = 5) -> Execution:
        """Filled, told, booked, projected, and the slot freed."""
        execution = self.filled_at_venue(name, lots)
        self.told(name, "FILLED")
        self.log.fills[execution.key] = LogFill(execution, 0, self.offsets["orders"] - 1)
        self.in_ledger(name, "FILLED", filled=lots, settled=True)
        self.ledger.fills[execution.key] = execution
        self.projections.fills.add(execution.key)
        self.projections.positions[INSTRUMENT] = (
            self.projections.positions.get(INSTRUMENT, Decimal(0)) + execution.signed_quantity
        )
        self.step(slot, "FREE", name)
        return execution

    def turned(self, *, killed: bool, at_ms: int, verified: bool = False) -> None:
        """Somebody turns the kill switch."""
        self.ledger.kills.append(KillTurn(VENUE, killed, at_ms, verified))

    def fetched_up_to(self, trade_id: str) -> None:
        self.ledger.fetched_up_to[INSTRUMENT] = trade_id


def lived() -> World:
    """Three fills, of which two are fetched for certain, and two working orders."""
    world = World()
    for slot in (-1, -2, -3):
        world.filled(world.working(slot), slot)
    world.fetched_up_to("2")
    for slot in (-4, -5):
        world.working(slot)
    return world
