"""The matching engine as a venue that counts what reaches it, the witness of double orders.

Orders do not stay for ever: beyond a number of open ones the oldest is ended by the venue, which frees its client
order id, as at Binance; sent again it would be a second order. Must not know what the gateway knows.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Awaitable, Callable

from connector.port import OrderReport, OrderRequest, VenueOrder
from reliability.engine_port import EnginePort

Emit = Callable[[OrderReport], Awaitable[None]]


class CountingPort(EnginePort):
    """`placed`: requests for an order by client order id, executed or refused. `emit` is the user stream."""

    def __init__(self, *symbols: str, open_at_most: int = 100) -> None:
        super().__init__(*symbols)
        self.placed: Counter[str] = Counter()
        self.emit: Emit | None = None
        self._open_at_most = open_at_most
        self._resting: deque[VenueOrder] = deque()
        self._ended: dict[str, VenueOrder] = {}

    async def place(self, request: OrderRequest) -> VenueOrder:
        self.placed[request.client_order_id] += 1
        order = await super().place(request)
        self._resting.append(order)
        if len(self._resting) > self._open_at_most:
            oldest = self._resting.popleft()
            ended = await self.cancel(oldest.symbol, venue_order_id=oldest.venue_order_id)
            self._ended[ended.client_order_id] = ended
            if self.emit is not None:
                await self.emit(ended)
        return order

    async def find_order(
        self, symbol: str, *, client_order_id: str = "", venue_order_id: str = ""
    ) -> VenueOrder | None:
        found = await super().find_order(symbol, client_order_id=client_order_id, venue_order_id=venue_order_id)
        return found or self._ended.get(client_order_id)
