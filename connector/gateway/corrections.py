"""What the venue's executions leave unexplained is made up for, so that positions equal the venue's (ORD-5, ORD-6).

Two kinds of synthetic executions, each with a deterministic id and durable before it is said: for an order filled
further than its executions tell, and for a position that moved although no execution did it. Only what was seen twice
alike, the visibility delay apart, with nothing changed between, is made up for. It never touches an order's status.
"""

from collections.abc import Awaitable, Callable
from decimal import Decimal

from connector.gateway import metrics
from connector.gateway.accounts import Positions
from connector.gateway.desk import Desk
from connector.gateway.lifecycle import Order, alone, evolve
from connector.port import VenueFill
from observability.logs import get_logger
from topics.identifiers import synthetic_trade_id
from topics.scale import Scale
from topics.v1.alerts_pb2 import SEVERITY_CRITICAL
from topics.v1.common_pb2 import ORDER_TYPE_LIMIT, SIDE_BUY, SIDE_SELL, TIME_IN_FORCE_POST_ONLY
from topics.v1.orders_pb2 import ORDER_SOURCE_RECONCILIATION, ORDER_STATUS_UNKNOWN, Fill, OrderUpdate

_log = get_logger(__name__)
POSITION_ADJUSTED = "POSITION_ADJUSTED"
EXECUTION_MISSING = "EXECUTION_MISSING"


class Corrections:
    def __init__(self, desk: Desk, positions: Positions) -> None:
        self._desk = desk
        self._positions = positions
        self._begun: set[str] = set()
        self._adjustments: dict[str, int] = {}
        self._short: dict[str, tuple[tuple[int, int], float]] = {}
        self._differed: dict[str, tuple[int, float]] = {}

    async def load(self) -> None:
        """Positions as the ledger has them. What it holds and was never said is said, and counted like any fill."""
        ledger = self._desk.ledger
        for symbol, lots in (await ledger.booked_positions()).items():
            if exposure := self._positions.exposures.get(symbol):
                exposure.position_lots = exposure.reported_lots = lots
                self._begun.add(symbol)
        self._adjustments = await ledger.adjustments()
        for update in await ledger.unsaid_corrections():
            await self._say_again(update)

    async def _say_again(self, update: OrderUpdate) -> None:
        execution = VenueFill(update.symbol, update.client_order_id, update.venue_order_id, update.side, update.fill)
        booked = await self._desk.ledger.known_trades(update.symbol, [update.fill.trade_id])
        order = await self._desk.load(client_order_id=update.client_order_id) if update.client_order_id else None
        if order is not None and update.fill.trade_id not in order.trade_ids:
            order = evolve(order, update)
            self._desk.orders.put(order)
        if not booked:
            self._desk.orders.book(execution)
        self._desk.journal.write([update], orders=[order] if order else [], fills=[execution], corrections=[update])

    async def begin_positions(self, fetch_fills: Callable[[str], Awaitable[int]], *, tries: int) -> int | None:
        """Symbols never counted before begin with the venue's position. Returns updates brought, None: it moved on.

        A snapshot between two looks at the executions that saw nothing new holds all of them.
        """
        new = [symbol for symbol in self._positions.compared() if symbol not in self._begun]
        corrections = 0
        for _ in range(tries):
            before = self._positions.booked()
            held = self._positions.on_all((await self._desk.port.snapshot()).positions)
            for symbol in new:
                corrections += await fetch_fills(symbol)
            await self._desk.journal.said()
            await self._desk.group.flush()
            after = self._positions.booked()
            if any(before[symbol] != after[symbol] for symbol in new):
                continue
            if new:
                for symbol in new:
                    self._positions.exposures[symbol].position_lots = held[symbol]
                await self._desk.group.begin_positions({symbol: held[symbol] for symbol in new})
                self._begun.update(new)
            return corrections
        return None

    def fill_gaps(self, symbol: str) -> int:
        """Right after the executions were fetched. Returns how many it made up."""
        now = self._desk.clock.monotonic()
        short = {order.id: order for order in self._desk.orders.short_of_fills(symbol)}
        known = {key: seen for key, seen in self._short.items() if key in short}
        self._short = {key: seen for key, seen in self._short.items() if not self._is_of(key, symbol)}
        made = 0
        for key, order in short.items():
            looks = (order.filled_lots, order.booked_lots)
            seen, since = known.get(key, (looks, now))
            if seen != looks:
                since = now
            if since <= now - self._desk.settings.visibility_delay_s:
                made += self._stand_in(order)
            else:
                self._short[key] = (looks, since)
        return made

    def _is_of(self, client_order_id: str, symbol: str) -> bool:
        order = self._desk.orders.get(client_order_id)
        return order is None or order.symbol == symbol

    def _stand_in(self, order: Order) -> int:
        lots = order.filled_lots - order.booked_lots
        trade_id = synthetic_trade_id(order.venue, order.account, order.symbol, order.id, order.filled_lots)
        fill = self._fill(order.symbol, trade_id, lots, self._price_ticks(order), order.time_ms)
        fill.maker = order.request.time_in_force == TIME_IN_FORCE_POST_ONLY
        execution = VenueFill(order.symbol, order.id, order.venue_order_id, order.request.side, fill)
        told = self._desk.orders.tell(order.id, execution, source=ORDER_SOURCE_RECONCILIATION)
        metrics.DIFFERENCES.labels("execution_missing").inc()
        text = (
            f"order {order.id} (venue order {order.venue_order_id}) is filled by {order.filled_lots} lots, the venue's "
            f"executions tell of {order.booked_lots}; the rest of {lots} is booked at {fill.price_ticks} ticks without "
            "fee until they tell of it"
        )
        self._desk.alerts.tell(EXECUTION_MISSING, trade_id, text, symbol=order.symbol)
        return len(told)

    async def compare_positions(self, fetch_fills: Callable[[str], Awaitable[int]]) -> int:
        """Returns the updates it brought. Raises VenueError."""
        before = self._positions.booked()
        held = self._positions.on_all(await self._desk.port.positions())
        corrections = 0
        for symbol, lots in held.items():
            if symbol in self._begun and lots != before[symbol]:
                corrections += await fetch_fills(symbol)
                after = self._positions.exposures[symbol].position_lots
                if after == before[symbol] and not self._explained_later(symbol):
                    corrections += await self._differs(symbol, lots - after)
            else:
                self._differed.pop(symbol, None)
        return corrections

    def _explained_later(self, symbol: str) -> bool:
        """An order that may have moved it without our knowing it yet."""
        orders = self._desk.orders
        unknown = any(order.status == ORDER_STATUS_UNKNOWN for order in orders.open(symbol))
        return unknown or bool(orders.short_of_fills(symbol))

    async def _differs(self, symbol: str, lots: int) -> int:
        now = self._desk.clock.monotonic()
        seen, since = self._differed.get(symbol, (0, now))
        if seen != lots:
            self._differed[symbol] = (lots, now)
            return 0
        if since > now - self._desk.settings.visibility_delay_s:
            return 0
        price_ticks = await self._mark_ticks(symbol)
        del self._differed[symbol]
        self._adjust(symbol, lots, price_ticks)
        return 1

    def _adjust(self, symbol: str, lots: int, price_ticks: int) -> None:
        desk = self._desk
        number = self._adjustments[symbol] = self._adjustments.get(symbol, 0) + 1
        trade_id = synthetic_trade_id(desk.port.name, desk.port.account, symbol, "adjustment", number)
        fill = self._fill(symbol, trade_id, abs(lots), price_ticks, desk.clock.now_ns() // 1_000_000)
        execution = VenueFill(symbol, "", "", SIDE_BUY if lots > 0 else SIDE_SELL, fill)
        booked = self._positions.exposures[symbol].position_lots
        text = (
            f"the venue's position of {symbol} is {booked + lots} lots, its executions add up to {booked}; adjusted by "
            f"{lots:+d} at {price_ticks} ticks. Look for a transfer, a liquidation or a delisting at the venue"
        )
        update = alone(
            execution,
            venue=desk.port.name,
            account=desk.port.account,
            grain=desk.grain(symbol),
            code=POSITION_ADJUSTED,
            reason=text,
        )
        desk.orders.book(execution)
        desk.journal.write([update], fills=[execution], corrections=[update])
        metrics.DIFFERENCES.labels("position").inc()
        _log.error("position adjusted to the venue's", symbol=symbol, ours=booked, venue=booked + lots)
        desk.alerts.tell(POSITION_ADJUSTED, trade_id, text, symbol=symbol, severity=SEVERITY_CRITICAL)

    def _fill(self, symbol: str, trade_id: str, lots: int, price_ticks: int, time_ms: int) -> Fill:
        return Fill(
            trade_id=trade_id,
            price_ticks=price_ticks,
            quantity_lots=lots,
            fee="0",
            fee_asset=self._desk.instruments[symbol].quote_asset,
            realized_pnl="0",
            time_ms=time_ms,
            synthetic=True,
        )

    def _price_ticks(self, order: Order) -> int:
        """Of one order always the same, so that what is told later can be set against it."""
        if order.synthetic_ticks:
            return order.synthetic_ticks
        if order.request.type == ORDER_TYPE_LIMIT:
            return order.request.price_ticks
        mark = self._positions.exposures[order.symbol].mark_price
        return self._ticks(order.symbol, mark) if mark is not None else 1

    async def _mark_ticks(self, symbol: str) -> int:
        mark = self._positions.exposures[symbol].mark_price
        return self._ticks(symbol, mark if mark is not None else await self._desk.port.mark_price(symbol))

    def _ticks(self, symbol: str, price: Decimal) -> int:
        return max(1, Scale.of(self._desk.grain(symbol)).ticks_nearest(price))
