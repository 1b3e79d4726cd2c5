"""A venue that does everything a venue may do, in any order: the other side of the grid's property test.

It knows the truth; what it tells of it may come late, out of order and more than once.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from agents.domain.outputs import Place
from tests.unit.agents.grid_history import GRAIN, SELL
from topics.v1.orders_pb2 import Fill, OrderStatus, OrderUpdate

POST_ONLY = "POST_ONLY_WOULD_TAKE"
TERMINAL = {
    OrderStatus.ORDER_STATUS_FILLED,
    OrderStatus.ORDER_STATUS_CANCELED,
    OrderStatus.ORDER_STATUS_REJECTED,
    OrderStatus.ORDER_STATUS_EXPIRED,
    OrderStatus.ORDER_STATUS_DENIED,
}


@dataclass
class VenueOrder:
    place: Place
    status: OrderStatus.ValueType = OrderStatus.ORDER_STATUS_CLAIMED
    filled_lots: int = 0

    @property
    def ended(self) -> bool:
        return self.status in TERMINAL

    @property
    def signed_lots(self) -> int:
        return -self.filled_lots if self.place.side == SELL else self.filled_lots


@dataclass
class Exchange:
    """`told` are updates on their way, `past` those already delivered (they may come again)."""

    orders: dict[str, VenueOrder] = field(default_factory=dict)
    told: list[OrderUpdate] = field(default_factory=list)
    past: list[OrderUpdate] = field(default_factory=list)
    now_ms: int = 1_000

    @property
    def position_lots(self) -> int:
        return sum(order.signed_lots for order in self.orders.values())

    @property
    def open_orders(self) -> list[VenueOrder]:
        return [order for order in self.orders.values() if not order.ended]

    def receive(self, place: Place) -> None:
        assert place.client_order_id not in self.orders, "one id, two orders"
        self.orders[place.client_order_id] = VenueOrder(place)

    def accept(self, order: VenueOrder) -> None:
        if order.status in {OrderStatus.ORDER_STATUS_CLAIMED, OrderStatus.ORDER_STATUS_UNKNOWN}:
            self._tell(order, OrderStatus.ORDER_STATUS_ACCEPTED)

    def lose_sight(self, order: VenueOrder) -> None:
        self._tell(order, OrderStatus.ORDER_STATUS_UNKNOWN)

    def fill(self, order: VenueOrder, lots: int) -> None:
        order.filled_lots = min(order.filled_lots + lots, order.place.quantity_lots)
        whole = order.filled_lots == order.place.quantity_lots
        status = OrderStatus.ORDER_STATUS_FILLED if whole else OrderStatus.ORDER_STATUS_PARTIALLY_FILLED
        self._tell(order, status, filled_now=True)

    def end(self, order: VenueOrder, status: OrderStatus.ValueType, reason_code: str = "") -> None:
        refusals = {OrderStatus.ORDER_STATUS_REJECTED, OrderStatus.ORDER_STATUS_DENIED}
        if status in refusals and order.filled_lots:
            status = OrderStatus.ORDER_STATUS_CANCELED
        self._tell(order, status, reason_code)

    def _tell(
        self, order: VenueOrder, status: OrderStatus.ValueType, reason_code: str = "", *, filled_now: bool = False
    ) -> None:
        self.now_ms += 1
        order.status = status
        self.told.append(
            OrderUpdate(
                venue="paper",
                symbol="BTCUSDT",
                client_order_id=order.place.client_order_id,
                status=status,
                side=order.place.side,
                quantity_lots=order.place.quantity_lots,
                filled_lots=order.filled_lots,
                reason_code=reason_code,
                grain=GRAIN,
                time_ms=self.now_ms,
                fill=Fill(time_ms=self.now_ms) if filled_now else None,
            )
        )
