"""Fills: each execution once, by venue, symbol and trade id (ORD-4). Repeats add but a missing client order id."""

from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import NamedTuple

from projections.reading import OWNERSHIPS, SIDES, decimal, name_of, scale_of
from projections.rows import Place, Rows, Table
from topics.errors import MalformedRecordError
from topics.v1.common_pb2 import SIDE_BUY, SIDE_SELL
from topics.v1.orders_pb2 import OrderUpdate

_EXACT = Context(prec=60, rounding=ROUND_HALF_EVEN)


class FillRow(NamedTuple):
    venue: str
    symbol: str
    trade_id: str
    account: str
    client_order_id: str
    venue_order_id: str
    ownership: str
    strategy: str
    side: str
    tick_size: Decimal
    lot_size: Decimal
    price_ticks: int
    quantity_lots: int
    fee: Decimal
    fee_asset: str
    realized_pnl: Decimal
    maker: bool
    time_ms: int
    synthetic: bool
    covered_lots: int
    covered_price_ticks: int
    topic: str
    partition: int
    offset: int

    @property
    def moved_lots(self) -> int:
        """By how much the position moves: less where synthetic fills moved it before (ORD-5)."""
        return self.quantity_lots - self.covered_lots

    @property
    def value(self) -> Decimal:
        """Quote currency exchanged by what moves, unsigned: what a synthetic fill assumed is set against the truth."""
        lots_value = self.price_ticks * self.quantity_lots - self.covered_price_ticks * self.covered_lots
        return _EXACT.multiply(Decimal(lots_value), _EXACT.multiply(self.tick_size, self.lot_size))


FILLS = Table("fills", FillRow, key_size=3)


def key_of(update: OrderUpdate) -> tuple[str, str, str]:
    return (update.venue, update.symbol, update.fill.trade_id)


def fold(rows: Rows[FillRow], update: OrderUpdate, place: Place) -> FillRow | None:
    """The row when the execution is news, None when it was known."""
    row = rows.get(*key_of(update))
    if row is None:
        fill = _as_row(update, place)
        rows.put(fill)
        return fill
    if not row.client_order_id and update.client_order_id:
        rows.put(row._replace(client_order_id=update.client_order_id, strategy=update.strategy))
    return None


def _as_row(update: OrderUpdate, place: Place) -> FillRow:
    fill = update.fill
    if not fill.trade_id or fill.quantity_lots <= 0 or update.side not in (SIDE_BUY, SIDE_SELL):
        raise MalformedRecordError(
            f"a fill of {update.venue}:{update.symbol} has trade id {fill.trade_id!r}, {fill.quantity_lots} lots, "
            f"side {update.side}: it cannot be booked"
        )
    if not 0 <= fill.covered_lots <= fill.quantity_lots:
        raise MalformedRecordError(
            f"fill {fill.trade_id} of {update.venue}:{update.symbol} says {fill.covered_lots} of its "
            f"{fill.quantity_lots} lots were booked before: it cannot be booked"
        )
    scale = scale_of(update.grain)
    return FillRow(
        update.venue,
        update.symbol,
        fill.trade_id,
        update.account,
        update.client_order_id,
        update.venue_order_id,
        name_of(OWNERSHIPS, update.ownership),
        update.strategy,
        name_of(SIDES, update.side),
        scale.tick_size,
        scale.lot_size,
        fill.price_ticks,
        fill.quantity_lots,
        decimal(fill.fee, "fee"),
        fill.fee_asset,
        decimal(fill.realized_pnl, "realised pnl"),
        fill.maker,
        fill.time_ms,
        fill.synthetic,
        fill.covered_lots,
        fill.covered_price_ticks,
        *place,
    )
