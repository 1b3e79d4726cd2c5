"""What happened in one simulated run, told by witnesses that do not speak to each other.

The venue's own books, the wire, the log, the ledger and the projections each keep their part; checkers compare them.
Plain facts, nothing judged here. Times are virtual seconds since the run began, exact to the event.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from google.protobuf.message import DecodeError

from connector.gateway.lifecycle import Order
from connector.port import VenueFill
from topics.catalogue import BY_NAME


@dataclass(frozen=True, slots=True)
class OrderState:
    """An order of the venue from `at_s` on. `status` is a topics.v1 OrderStatus."""

    at_s: float
    status: int
    filled_lots: int


@dataclass(slots=True)
class BookedOrder:
    """An order as the venue's books have it, from its acceptance on; sides and types are topics.v1 values."""

    venue_order_id: str
    client_order_id: str
    symbol: str
    side: int
    type: int
    time_in_force: int
    reduce_only: bool
    price_ticks: int
    quantity_lots: int
    states: list[OrderState] = field(default_factory=list)

    @property
    def accepted_s(self) -> float:
        return self.states[0].at_s

    @property
    def status(self) -> int:
        return self.states[-1].status

    @property
    def filled_lots(self) -> int:
        return self.states[-1].filled_lots


@dataclass(frozen=True, slots=True)
class BookedFill:
    """An execution in the venue's books."""

    at_s: float
    trade_id: str
    venue_order_id: str
    client_order_id: str
    symbol: str
    side: int
    price_ticks: int
    quantity_lots: int
    maker: bool


@dataclass(slots=True)
class Request:
    """One request that changes something, as it left a gateway.

    `arrived_s` None: it never reached the venue. `answer`: "accepted", "canceled", a refusal's code such as "-4116", a
    fault's name such as "503", or empty where it never arrived. `reply`: what the sender saw, "answer", the name of the
    connector error raised, or empty where its process had ended by then.
    """

    process: str
    kind: str
    symbol: str
    client_order_id: str
    venue_order_id: str
    sent_s: float
    arrived_s: float | None = None
    answer: str = ""
    reply: str = ""


@dataclass(frozen=True, slots=True)
class LogRecord:
    """A record as the log holds it; `topic` is the catalogue's name. Removed ones (compaction) are here too.

    `writer`: the client id it was written under; an agents' worker's begins with the name of its life.
    """

    topic: str
    partition: int
    offset: int
    at_s: float
    key: bytes
    value: bytes
    writer: str = ""


@dataclass(frozen=True, slots=True)
class Duty:
    """What an agents' worker may write from `at_s` on: told to take these partitions, or having let go of all."""

    at_s: float
    life: str
    partitions: frozenset[int]


@dataclass(frozen=True, slots=True)
class LedgerChange:
    """One order in one committed transaction: `kind` is "claim", "taken" (the id existed), "cancel" or "change"."""

    at_s: float
    epoch: int
    kind: str
    client_order_id: str
    order: Order | None


@dataclass(slots=True)
class LedgerBooks:
    """The ledger's rows at the end, and how they came about. `positions`: next offset of the intents by partition.

    `refused`: commits of a fenced epoch, as (at_s, epoch). `kills`: the switch as its row said from then on.
    """

    orders: Mapping[str, Order] = field(default_factory=dict)
    settled: frozenset[str] = frozenset()
    fills: Mapping[tuple[str, str, str], VenueFill] = field(default_factory=dict)
    positions: Mapping[int, int] = field(default_factory=dict)
    marks: Mapping[str, str] = field(default_factory=dict)
    changes: list[LedgerChange] = field(default_factory=list)
    refused: list[tuple[float, int]] = field(default_factory=list)
    kills: list[tuple[float, bool]] = field(default_factory=list)


@dataclass(slots=True)
class ProcessLife:
    """One life of one process. `kind`: "gateway", "agents", "projector".

    `end`: "killed", "stopped", "failed", "running". `paused`: when it was stopped and continued (SIGSTOP, SIGCONT).
    `steps`: how many callbacks it ran.
    """

    name: str
    kind: str
    started_s: float
    ready_s: float | None = None
    ended_s: float | None = None
    end: str = "running"
    reason: str = ""
    steps: int = 0
    epoch: int = 0
    paused: list[tuple[float, float]] = field(default_factory=list)
    status: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class KillSwitchUse:
    """`action` is "kill" or "release"; `answered_s` None where nobody confirmed it."""

    asked_s: float
    answered_s: float | None
    action: str
    answer: str = ""


@dataclass(slots=True)
class Projected:
    """The projections' rows at the end by table, and the rows a fold of the whole log gives anew."""

    offsets: Mapping[tuple[str, int], int] = field(default_factory=dict)
    rows: Mapping[str, list[tuple[Any, ...]]] = field(default_factory=dict)
    rebuilt: Mapping[str, list[tuple[Any, ...]]] = field(default_factory=dict)


@dataclass(slots=True)
class History:
    """One run. `plan` is the faults' plan in words; `quiet_from_s`: no fault begins after it.

    `agent_states`: newest state message by (agent, key), as a new owner would load it. `problems`: what stopped the run
    itself (a deadlock, a process that could not start); empty in a run that may be judged.
    """

    seed: int
    plan: dict[str, Any] = field(default_factory=dict)
    venue: str = ""
    account: str = ""
    start_ns: int = 0
    quiet_from_s: float = 0.0
    duration_s: float = 0.0
    orders: list[BookedOrder] = field(default_factory=list)
    fills: list[BookedFill] = field(default_factory=list)
    positions: dict[str, int] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    log: list[LogRecord] = field(default_factory=list)
    ledger: LedgerBooks = field(default_factory=LedgerBooks)
    processes: list[ProcessLife] = field(default_factory=list)
    kill_switch: list[KillSwitchUse] = field(default_factory=list)
    projected: Projected = field(default_factory=Projected)
    agent_states: dict[tuple[str, str], Any] = field(default_factory=dict)
    duties: list[Duty] = field(default_factory=list)
    intents: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    steps: int = 0
    problems: list[str] = field(default_factory=list)

    def of(self, topic: str) -> list[LogRecord]:
        """The topic's records, partition by partition in the log's order."""
        return sorted((it for it in self.log if it.topic == topic), key=lambda it: (it.partition, it.offset))

    def digest(self) -> str:
        """The same for the same run, in any process. Map fields have no order on the wire: messages are read first."""
        hashed = sha256()
        for part in (self.plan, self.orders, self.fills, self.positions, self.requests, self.kill_switch):
            hashed.update(repr(part).encode())
        for record in self.log:
            hashed.update(repr((record.topic, record.partition, record.offset, record.at_s, record.key)).encode())
            hashed.update(_canonical(record))
        for change in self.ledger.changes:
            hashed.update(repr((change.at_s, change.epoch, change.kind, change.client_order_id)).encode())
        for life in self.processes:
            hashed.update(repr((life.name, life.started_s, life.ended_s, life.end, life.steps, life.paused)).encode())
        hashed.update(repr(sorted(self.faults.items())).encode())
        hashed.update(repr((self.intents, self.steps, self.duration_s, self.problems)).encode())
        return hashed.hexdigest()


def _canonical(record: LogRecord) -> bytes:
    topic = BY_NAME[record.topic]
    try:
        canonical: bytes = topic.message.FromString(record.value).SerializeToString(deterministic=True)
    except DecodeError:
        return record.value
    return canonical
