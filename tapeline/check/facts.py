"""What each witness says, in plain values: no witness's own types, no reading, no judging.

Quantities are signed or unsigned Decimal in base units as said; names of sides and states are upper case.
"""

from dataclasses import dataclass, field
from decimal import Decimal

Instrument = tuple[str, str]
TERMINAL = frozenset({"FILLED", "CANCELED", "REJECTED", "EXPIRED", "DENIED"})
UNANSWERED = frozenset({"CLAIMED", "SENT", "UNKNOWN"})


@dataclass(frozen=True, slots=True)
class VenueOrder:
    venue: str
    symbol: str
    client_order_id: str
    venue_order_id: str
    live: bool
    status: str
    filled: Decimal


@dataclass(frozen=True, slots=True)
class Execution:
    """A fill as any witness knows it. `signed_quantity` > 0 bought: by so much it moves the position.

    `synthetic`: the gateway made it up for what the venue's executions leave unexplained. `covered`: of a true one,
    what synthetic ones had moved before it was told.
    """

    venue: str
    symbol: str
    trade_id: str
    client_order_id: str
    signed_quantity: Decimal
    synthetic: bool = False
    covered: Decimal = Decimal(0)

    @property
    def key(self) -> tuple[str, str, str]:
        return (self.venue, self.symbol, self.trade_id)


@dataclass(frozen=True, slots=True)
class VenueFacts:
    """All orders and fills the venue has; `fills` in its own order. `positions` by instrument."""

    orders: list[VenueOrder] = field(default_factory=list)
    fills: list[Execution] = field(default_factory=list)
    positions: dict[Instrument, Decimal] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LedgerOrder:
    """A row of the gateway's ledger. `settled`: the gateway expects nothing more of it, and the log was told so."""

    venue: str
    symbol: str
    client_order_id: str
    venue_order_id: str
    state: str
    filled: Decimal
    settled: bool
    reason_code: str = ""
    claimed_ms: int = 0


@dataclass(frozen=True, slots=True)
class KillTurn:
    """The kill switch of a venue's account was turned at `time_ms`, Unix. `verified`: the venue had nothing left."""

    venue: str
    killed: bool
    time_ms: int
    verified: bool


@dataclass(frozen=True, slots=True)
class LedgerFacts:
    """`fetched_up_to`: by instrument, the trade id up to which the gateway fetched every execution and told the log.
    `intents_read`: next intent offset by partition. `kills`: every turn of the kill switch, oldest first."""

    orders: dict[str, LedgerOrder] = field(default_factory=dict)
    fills: dict[tuple[str, str, str], Execution] = field(default_factory=dict)
    fetched_up_to: dict[Instrument, str] = field(default_factory=dict)
    intents_read: dict[int, int] = field(default_factory=dict)
    kills: list[KillTurn] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class LogFill:
    """An execution and where the log first tells of it."""

    execution: Execution
    partition: int
    offset: int


@dataclass(slots=True)
class LogOrder:
    """What the log tells of one order of ours. `ended_at`: partition and offset of its first terminal update."""

    venue_order_ids: set[str] = field(default_factory=set)
    status: str = ""
    ended_at: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class LogIntent:
    """A placement asked for: `read_at` is its place on the log, None while it waits in an agent's outbox."""

    strategy: str
    slot: int
    read_at: tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class SlotStep:
    """The newest step of a slot, `at` as in LogIntent."""

    version: int
    state: str
    client_order_id: str
    at: tuple[int, int] | None


SlotKey = tuple[str, str, str, int]


@dataclass(slots=True)
class LogFacts:
    """`agents_read_orders`: by instrument, the highest offset of `orders` the grid's newest state contains."""

    orders: dict[str, LogOrder] = field(default_factory=dict)
    fills: dict[tuple[str, str, str], LogFill] = field(default_factory=dict)
    intents: dict[str, LogIntent] = field(default_factory=dict)
    slots: dict[SlotKey, SlotStep] = field(default_factory=dict)
    agents_read_orders: dict[Instrument, int] = field(default_factory=dict)
    unreadable: int = 0


@dataclass(frozen=True, slots=True)
class ProjectionFacts:
    """`next_offset` by topic and partition: what is below must be in the rows, what is not is not yet."""

    fills: set[tuple[str, str, str]] = field(default_factory=set)
    positions: dict[Instrument, Decimal] = field(default_factory=dict)
    slots: dict[SlotKey, tuple[int, str]] = field(default_factory=dict)
    next_offset: dict[tuple[str, int], int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Testimony:
    """One look at all witnesses, read in this order: venue, ledger, ends of the log, projections, log, venue again.

    So what the first look at the venue saw can be asked of the others, and what the others say of the second look.
    `log_ends`: how long the log was, by topic and partition, of all that is projected.
    """

    venue_before: VenueFacts
    ledger: LedgerFacts
    log_ends: dict[tuple[str, int], int]
    projections: ProjectionFacts
    log: LogFacts
    venue_after: VenueFacts


def slot_name(slot: SlotKey) -> str:
    strategy, venue, symbol, number = slot
    return f"{strategy} {venue}:{symbol} slot {number}"
