"""What the grid knows: its parameters, its slots, its position. All integers; plain data, no rules.

The state is folded in place, one owner at a time; whoever folds it throws it away when a fold raises.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from topics.scale import Scale
from topics.v1.common_pb2 import Side
from topics.v1.risk_pb2 import RiskAction
from topics.v1.slots_pb2 import SlotState

STRATEGY = "grid"
FINISHED_KEPT = 64

ALWAYS = 1 << 62
"""Beyond every price and time."""

BUY, SELL = Side.SIDE_BUY, Side.SIDE_SELL
FREE, LOCKED = SlotState.SLOT_STATE_FREE, SlotState.SLOT_STATE_LOCKED
FILLED, CANCELED = SlotState.SLOT_STATE_FILLED, SlotState.SLOT_STATE_CANCELED


@dataclass(frozen=True, slots=True)
class GridParameters:
    """`levels` slots each side, `interval_bps` of the price apart but at least `min_interval_ticks`;
    notionals in quote currency."""

    interval_bps: Decimal
    min_interval_ticks: int
    levels: int
    order_notional: Decimal
    max_position_notional: Decimal

    @classmethod
    def of(cls, values: Mapping[str, str]) -> GridParameters:
        """From the complete, already validated strings a state record holds."""
        return cls(
            interval_bps=Decimal(values["interval_bps"]),
            min_interval_ticks=int(values["min_interval_ticks"]),
            levels=int(values["levels"]),
            order_notional=Decimal(values["order_notional"]),
            max_position_notional=Decimal(values["max_position_notional"]),
        )

    def as_strings(self) -> dict[str, str]:
        return {
            "interval_bps": format(self.interval_bps, "f"),
            "min_interval_ticks": str(self.min_interval_ticks),
            "levels": str(self.levels),
            "order_notional": format(self.order_notional, "f"),
            "max_position_notional": format(self.max_position_notional, "f"),
        }


@dataclass(frozen=True, slots=True)
class Limits:
    """What the grid needs of its instrument; `min_notional` in quote currency."""

    scale: Scale
    min_notional: Decimal
    min_quantity_lots: int
    trading: bool

    @property
    def unit(self) -> Decimal:
        """Quote currency of one lot at one tick."""
        return self.scale.tick_size * self.scale.lot_size


@dataclass(slots=True)
class Slot:
    """A slot with an order of ours (LOCKED), or a FREE one that must wait before its next order."""

    number: int
    state: SlotState.ValueType
    side: Side.ValueType
    price_ticks: int
    quantity_lots: int
    filled_lots: int = 0
    attempt: int = 0
    client_order_id: str = ""
    cancel_requested: bool = False
    cancels: int = 0
    # Opposite best price at a post-only rejection; 0: none.
    blocked_ticks: int = 0
    refusals: int = 0
    blocked_until_ms: int = 0

    @property
    def open_lots(self) -> int:
        return self.quantity_lots - self.filled_lots


@dataclass(slots=True)
class Finished:
    """An order that has ended, for fills that come late."""

    client_order_id: str
    side: Side.ValueType
    quantity_lots: int
    filled_lots: int


@dataclass(frozen=True, slots=True)
class Quiet:
    """The quotes that can change nothing: bid and ask within these bounds (inclusive), before `until_ms`."""

    bid_low: int
    bid_high: int
    ask_low: int
    ask_high: int
    until_ms: int


NOT_QUIET = Quiet(1, 0, 1, 0, 0)
QUIET_ALWAYS = Quiet(-ALWAYS, ALWAYS, -ALWAYS, ALWAYS, ALWAYS)


@dataclass(slots=True)
class Grid:
    """One instrument's grid. Slot k has price `origin_ticks + k * interval_ticks`; both 0 until the first quote."""

    venue: str
    symbol: str
    account: str = ""
    active: bool = False
    paused: bool = False
    killed: bool = False
    restarting: bool = False
    parameters: GridParameters | None = None
    limits: Limits | None = None
    next_limits: Limits | None = None
    origin_ticks: int = 0
    interval_ticks: int = 0
    center: int = 0
    center_time_ms: int = 0
    epoch: int = 0
    bid_ticks: int = 0
    ask_ticks: int = 0
    time_ms: int = 0
    position_lots: int = 0
    slot_version: int = 0
    slots: dict[int, Slot] = field(default_factory=dict)
    attempts: dict[int, int] = field(default_factory=dict)
    tripped: dict[str, RiskAction.ValueType] = field(default_factory=dict)
    risk_versions: dict[str, int] = field(default_factory=dict)
    finished: list[Finished] = field(default_factory=list)
    # Derived: live orders by client order id, and the quotes that change nothing.
    live: dict[str, Slot] = field(default_factory=dict)
    quiet: Quiet = NOT_QUIET
    # Whether anything besides the quote has changed since the grid was last made a record.
    changed: bool = field(default=True, compare=False)

    @property
    def working(self) -> bool:
        """Whether the grid may have orders at all."""
        return self.active and not self.paused and not self.killed and not self.restarting and self.interval_ticks > 0
