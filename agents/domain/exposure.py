"""The exposure rule: the worth of all positions of an account, at mark price, against a limit (RISK-2, RISK-7).

Above the limit every symbol of the account may only reduce; free again below a fraction of it. The gateway enforces the
same limit where nothing races; this rule keeps strategies from asking.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal

from topics.scale import Scale
from topics.v1.account_pb2 import AccountPosition, AccountUpdate
from topics.v1.risk_pb2 import RiskAction, RiskEvent, RiskState

RULE = "exposure"
CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class ExposureLimits:
    """Quote currency. Trips above `limit_quote`, releases below `limit_quote * release_fraction`."""

    limit_quote: Decimal
    release_fraction: Decimal

    @property
    def release_quote(self) -> Decimal:
        return self.limit_quote * self.release_fraction


@dataclass(frozen=True, slots=True)
class Held:
    """A position: signed lots at a mark price in quote currency."""

    position_lots: int
    scale: Scale
    mark_price: Decimal

    @property
    def notional(self) -> Decimal:
        return abs(self.scale.quantity(self.position_lots)) * self.mark_price


@dataclass(slots=True)
class Exposure:
    """All symbols ever seen in the account, those without a position too."""

    venue: str
    account: str
    symbols: dict[str, Held] = field(default_factory=dict)
    tripped: bool = False
    version: int = 0

    @property
    def total(self) -> Decimal:
        return sum((held.notional for held in self.symbols.values()), Decimal(0))


def on_account(state: Exposure, update: AccountUpdate, limits: ExposureLimits) -> list[RiskEvent]:
    """One event for every symbol at a trip or release; a symbol first seen while tripped learns of it at once."""
    known = set(state.symbols)
    _take_in(state, update)
    total = state.total
    if not state.tripped and total > limits.limit_quote:
        state.tripped = True
        return _tell(state, list(state.symbols), total, limits.limit_quote, update.time_ms)
    if state.tripped and total < limits.release_quote:
        state.tripped = False
        return _tell(state, list(state.symbols), total, limits.release_quote, update.time_ms)
    if state.tripped and (new := [symbol for symbol in state.symbols if symbol not in known]):
        return _tell(state, new, total, limits.limit_quote, update.time_ms)
    return []


def _take_in(state: Exposure, update: AccountUpdate) -> None:
    """A snapshot holds every position there is: what it does not name is flat."""
    held = {position.symbol: _held(position) for position in update.positions}
    if update.snapshot:
        for symbol, before in state.symbols.items():
            held.setdefault(symbol, Held(0, before.scale, before.mark_price))
    state.symbols |= held


def _held(position: AccountPosition) -> Held:
    price = position.mark_price or position.entry_price or "0"
    return Held(position.quantity_lots, Scale.of(position.grain), Decimal(price))


def _tell(state: Exposure, symbols: list[str], total: Decimal, limit: Decimal, time_ms: int) -> list[RiskEvent]:
    state.version += 1
    value = total.quantize(CENT, ROUND_HALF_EVEN)
    words = "more than" if state.tripped else "less than"
    then = "orders may only reduce" if state.tripped else "orders are free again"
    return [
        RiskEvent(
            venue=state.venue,
            symbol=symbol,
            account=state.account,
            rule=RULE,
            state=RiskState.RISK_STATE_TRIPPED if state.tripped else RiskState.RISK_STATE_RELEASED,
            action=RiskAction.RISK_ACTION_REDUCE_ONLY,
            value=format(value, "f"),
            limit=format(limit, "f"),
            unit="quote",
            reason=f"positions of the account are worth {value}, {words} {limit}: {then}",
            time_ms=time_ms,
            version=state.version,
        )
        for symbol in symbols
    ]
