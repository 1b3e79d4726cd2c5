"""Maker-only, end to end in one process: the grid's rules, the gateway and the venue's matching engine."""

import random
from decimal import Decimal

from agents.domain import grid as rules
from agents.domain.grid_state import GridParameters
from agents.domain.outputs import Cancel, Output, Place
from connector.gateway.gateway import Gateway
from connector.gateway.memory_ledger import MemoryLedger
from connector.gateway.settings import RiskLimits
from connector.port import OrderRequest, VenueFill
from reliability.engine_port import MID_TICKS, EnginePort
from tests.unit.agents.grid_history import History, activate
from topics.v1.common_pb2 import ORDER_TYPE_LIMIT, SIDE_BUY, SIDE_SELL, TIME_IN_FORCE_POST_ONLY
from topics.v1.instruments_pb2 import Instrument
from topics.v1.market_pb2 import MarketBatch
from topics.v1.orders_pb2 import Fill, OrderUpdate
from venue.events import OrderUpdated

SYMBOL = "BTCUSDT"
LEVELS = 3
PARAMETERS = GridParameters(
    interval_bps=Decimal("0.01"),
    min_interval_ticks=1,
    levels=LEVELS,
    order_notional=Decimal(100),
    max_position_notional=Decimal(20_000),
)
LIMITS = RiskLimits(max_exposure_quote=Decimal(10**9), max_order_notional=Decimal(10**6))
MOST_ROUNDS = 20


class Maker:
    """A grid whose quotes come one move late, so that its orders near-cross all the time."""

    def __init__(self, instrument: Instrument, port: EnginePort) -> None:
        self.port = port
        self.said: list[OrderUpdate] = []
        self.placed = 0
        self.post_only_rejects = 0
        self.takers = 0
        self.fills = 0
        self.now_ms = 1_000
        self.instrument = instrument
        self.gateway = Gateway(port, MemoryLedger(), self._publish, {SYMBOL: instrument}, LIMITS)
        self.grid = History(
            lambda grid: rules.on_instrument(grid, instrument), activate(PARAMETERS, account=port.account)
        )
        self.grid.grid.venue = port.name

    async def _publish(self, updates: list[OrderUpdate]) -> None:
        self.said += updates

    async def market(self, bid: int, ask: int) -> None:
        """The venue moves; executions of resting orders reach the gateway by the user stream."""
        for event in self.port.quote(bid, ask):
            if event.fill is not None:
                self.fills += 1
                self.takers += not event.fill.maker
                await self.gateway.on_report(_execution(event))
        await self.gateway._desk.journal.said()

    async def sees(self, bid: int, ask: int) -> int:
        """The agent is told a quote and then everything that comes of it. Returns how many orders it placed."""
        self.now_ms += 10
        batch = MarketBatch(venue=self.port.name, symbol=SYMBOL, grain=self.instrument.grain)
        quote = batch.events.add().quote
        quote.bid_ticks, quote.ask_ticks, quote.time_ms = bid, ask, self.now_ms
        before = self.placed
        await self._do(self.grid.when(lambda grid: rules.on_market(grid, batch)))
        for _ in range(MOST_ROUNDS):
            said, self.said = self.said, []
            if not said:
                return self.placed - before
            for update in said:
                self.post_only_rejects += update.reason_code == "POST_ONLY_WOULD_TAKE"
                await self._do(self.grid.when(lambda grid, update=update: rules.on_order(grid, update)))  # type: ignore[misc]
        raise AssertionError(f"after {MOST_ROUNDS} rounds at one quote it still places and is refused")

    async def _do(self, outputs: list[Output]) -> None:
        for output in outputs:
            if isinstance(output, Place):
                self.placed += 1
                await self.gateway.place(_request(output))
            elif isinstance(output, Cancel):
                await self.gateway.cancel(SYMBOL, output.client_order_id)


def _request(place: Place) -> OrderRequest:
    return OrderRequest(
        symbol=SYMBOL,
        client_order_id=place.client_order_id,
        side=place.side,
        type=ORDER_TYPE_LIMIT,
        time_in_force=TIME_IN_FORCE_POST_ONLY,
        price_ticks=place.price_ticks,
        quantity_lots=place.quantity_lots,
    )


def _execution(event: OrderUpdated) -> VenueFill:
    fill, order = event.fill, event.order
    assert fill is not None
    return VenueFill(
        symbol=SYMBOL,
        client_order_id=order.client_order_id,
        venue_order_id=str(order.order_id),
        side=SIDE_BUY if order.is_buy else SIDE_SELL,
        fill=Fill(
            trade_id=str(fill.trade_id),
            price_ticks=fill.price,
            quantity_lots=fill.quantity,
            fee="0",
            fee_asset="USDT",
            realized_pnl="0",
            maker=fill.maker,
            time_ms=1_000,
        ),
    )


async def test_near_crossing_quotes_cause_neither_churn_nor_a_taker_fill() -> None:
    """ORD-9: with every quote a move late, post-only refusals are many; placements stay bounded, none takes."""
    port = EnginePort(SYMBOL)
    (instrument,) = await port.start()
    maker = Maker(instrument, port)
    await maker.gateway.start()
    maker.gateway.on_mark_price(SYMBOL, await port.mark_price(SYMBOL))
    chance = random.Random(9)
    try:
        seen = mid = MID_TICKS
        most = 0
        for _ in range(80):
            seen, mid = mid, mid + chance.randint(-6, 6) * 5
            await maker.market(mid - 1, mid + 1)
            most = max(most, await maker.sees(seen - 1, seen + 1))
        assert maker.post_only_rejects > 20, "the quotes did not near-cross"
        assert maker.fills > 10
        assert maker.takers == 0
        assert most <= 4 * LEVELS
        await maker.sees(mid - 1, mid + 1)
        before = maker.placed
        for _ in range(20):
            await maker.sees(mid - 1, mid + 1)
        assert maker.placed == before, "the market stood still and it went on placing"
    finally:
        await maker.gateway.stop()
