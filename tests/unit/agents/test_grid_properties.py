"""Any price path, any legal venue, any order of its words: what holds of the grid at every step (ORD-5)."""

from __future__ import annotations

from collections import Counter

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from agents.domain import grid as rules
from agents.domain.outputs import Cancel, Output, Place, SlotStep
from tests.unit.agents.exchange import POST_ONLY, Exchange, VenueOrder
from tests.unit.agents.grid_history import BUY, Event, History, activate, instrument, pause, quote, resume, risk
from topics.v1.orders_pb2 import OrderStatus, OrderUpdate
from topics.v1.risk_pb2 import RiskAction, RiskState

PICK = st.integers(min_value=0, max_value=1_000)
ENDS = st.sampled_from(
    [
        (OrderStatus.ORDER_STATUS_CANCELED, ""),
        (OrderStatus.ORDER_STATUS_EXPIRED, ""),
        (OrderStatus.ORDER_STATUS_REJECTED, POST_ONLY),
        (OrderStatus.ORDER_STATUS_REJECTED, "INSUFFICIENT_FUNDS"),
        (OrderStatus.ORDER_STATUS_DENIED, "EXPOSURE_LIMIT"),
    ]
)


class GridOnAnyVenue(RuleBasedStateMachine):
    """`History.when` folds each event on the grid and on one restored from its record: they must agree."""

    def __init__(self) -> None:
        super().__init__()
        self.exchange = Exchange()
        self.mid = 10_000
        self.risk_version = 0
        self.history = History(instrument(), activate())
        self._feed(quote(self.mid - 1, self.mid + 1))

    @rule(by=st.integers(min_value=-60, max_value=60), half_spread=st.integers(min_value=1, max_value=5))
    def price_moves(self, by: int, half_spread: int) -> None:
        self.mid = max(200, self.mid + by)
        self.exchange.now_ms += 400
        self._feed(quote(self.mid - half_spread, self.mid + half_spread, time_ms=self.exchange.now_ms))

    @precondition(lambda self: self.exchange.open_orders)
    @rule(pick=PICK)
    def venue_accepts(self, pick: int) -> None:
        self.exchange.accept(self._open(pick))

    @precondition(lambda self: self.exchange.open_orders)
    @rule(pick=PICK)
    def outcome_is_unknown(self, pick: int) -> None:
        self.exchange.lose_sight(self._open(pick))

    @precondition(lambda self: self.exchange.open_orders)
    @rule(pick=PICK, lots=st.sampled_from([1, 300, 1_000_000]))
    def venue_fills(self, pick: int, lots: int) -> None:
        self.exchange.fill(self._open(pick), lots)

    @precondition(lambda self: self.exchange.open_orders)
    @rule(pick=PICK, end=ENDS)
    def venue_ends(self, pick: int, end: tuple[OrderStatus.ValueType, str]) -> None:
        self.exchange.end(self._open(pick), *end)

    @precondition(lambda self: self.exchange.told)
    @rule(pick=PICK)
    def an_update_arrives_in_any_order(self, pick: int) -> None:
        self._deliver(self.exchange.told.pop(pick % len(self.exchange.told)))

    @precondition(lambda self: self.exchange.told)
    @rule()
    def updates_arrive_in_order(self) -> None:
        while self.exchange.told:
            self._deliver(self.exchange.told.pop(0))

    @precondition(lambda self: self.exchange.past)
    @rule(pick=PICK)
    def an_update_is_repeated(self, pick: int) -> None:
        self._deliver(self.exchange.past[pick % len(self.exchange.past)])

    @rule(
        name=st.sampled_from(["volatility", "exposure"]),
        action=st.sampled_from([RiskAction.RISK_ACTION_STOP_BUYS, RiskAction.RISK_ACTION_REDUCE_ONLY]),
        state=st.sampled_from([RiskState.RISK_STATE_TRIPPED, RiskState.RISK_STATE_RELEASED]),
    )
    def a_risk_rule_speaks(self, name: str, action: RiskAction.ValueType, state: RiskState.ValueType) -> None:
        self.risk_version += 1
        self._feed(risk(name, action, state, self.risk_version))

    @rule(paused=st.booleans())
    def operator_pauses_or_resumes(self, *, paused: bool) -> None:
        self._feed(pause() if paused else resume())

    @invariant()
    def no_slot_has_two_live_orders(self) -> None:
        """ORD-5: counted at the venue, where it matters."""
        per_slot = Counter(order.place.slot for order in self.exchange.open_orders)
        assert all(count == 1 for count in per_slot.values())

    @invariant()
    def every_open_order_holds_its_slot(self) -> None:
        """GRID-1: a slot is free only when its order has ended at the venue."""
        assert {order.place.client_order_id for order in self.exchange.open_orders} <= set(self.history.grid.live)

    def teardown(self) -> None:
        """When all is told, nothing is locked that the venue does not hold, and the position is the sum of fills."""
        self._feed(pause())
        while self.exchange.open_orders or self.exchange.told:
            for order in self.exchange.open_orders:
                self.exchange.end(order, OrderStatus.ORDER_STATUS_CANCELED)
            while self.exchange.told:
                self._deliver(self.exchange.told.pop(0))
        assert self.history.grid.live == {}, "orphan LOCKED slots"
        assert self.history.grid.position_lots == self.exchange.position_lots
        versions = [each.version for each in self.history.everything if isinstance(each, SlotStep)]
        assert versions == list(range(1, len(versions) + 1))

    def _open(self, pick: int) -> VenueOrder:
        return self.exchange.open_orders[pick % len(self.exchange.open_orders)]

    def _deliver(self, update: OrderUpdate) -> None:
        self.exchange.past.append(update)
        self._feed(lambda grid: rules.on_order(grid, update))

    def _feed(self, event: Event) -> None:
        for output in self.history.when(event):
            self._check(output)

    def _check(self, output: Output) -> None:
        grid = self.history.grid
        if isinstance(output, Place):
            self.exchange.receive(output)
            takes = output.price_ticks >= grid.ask_ticks if output.side == BUY else output.price_ticks <= grid.bid_ticks
            assert not takes, f"{output} would take at {grid.bid_ticks}/{grid.ask_ticks}"
        elif isinstance(output, Cancel):
            assert output.client_order_id in self.exchange.orders


TestGridOnAnyVenue = GridOnAnyVenue.TestCase
TestGridOnAnyVenue.settings = settings(
    max_examples=60, stateful_step_count=50, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
