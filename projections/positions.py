"""Positions and fees: from fills alone, each counted once. Realised profit is the venue's, cash flow is exact.

The average entry is rounded at 12 decimals where adding to a position divides; nothing else is computed from it.
"""

from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import NamedTuple

from projections.fills import FillRow
from projections.rows import Place, Rows, Table
from topics.errors import MalformedRecordError


class PositionRow(NamedTuple):
    venue: str
    account: str
    symbol: str
    quantity_lots: int
    lot_size: Decimal
    quantity: Decimal
    average_entry: Decimal
    cash_flow: Decimal
    realized_pnl: Decimal
    volume: Decimal
    fills: int
    time_ms: int
    topic: str
    partition: int
    offset: int


class FeeRow(NamedTuple):
    venue: str
    account: str
    symbol: str
    asset: str
    paid: Decimal
    topic: str
    partition: int
    offset: int


POSITIONS = Table("positions", PositionRow, key_size=3, resident=True)
FEES = Table("fees", FeeRow, key_size=4, resident=True)

_EXACT = Context(prec=60, rounding=ROUND_HALF_EVEN)
_ENTRY_DECIMALS = Decimal("1e-12")
_NOTHING = Decimal(0)


def fold(rows: Rows[PositionRow], fill: FillRow) -> None:
    row = rows.get(fill.venue, fill.account, fill.symbol) or _flat(fill)
    rows.put(evolve(row, fill))


def fold_fees(rows: Rows[FeeRow], fill: FillRow) -> None:
    row = rows.get(fill.venue, fill.account, fill.symbol, fill.fee_asset)
    paid = _EXACT.add(row.paid if row else _NOTHING, fill.fee)
    rows.put(FeeRow(fill.venue, fill.account, fill.symbol, fill.fee_asset, paid, *_place(fill)))


def evolve(row: PositionRow, fill: FillRow) -> PositionRow:
    """The position after one more fill."""
    sign = 1 if fill.side == "BUY" else -1
    bought = sign * fill.moved_lots * fill.lot_size
    price = fill.price_ticks * fill.tick_size
    quantity = _EXACT.add(row.quantity, bought)
    lots = _EXACT.divide(quantity, fill.lot_size)
    if lots != lots.to_integral_value():
        raise MalformedRecordError(
            f"the position of {fill.venue}:{fill.symbol} would be {quantity}, "
            f"no multiple of the lot size {fill.lot_size}"
        )
    return row._replace(
        quantity_lots=int(lots),
        lot_size=fill.lot_size,
        quantity=quantity,
        average_entry=_average_entry(row, bought, price),
        cash_flow=_EXACT.subtract(row.cash_flow, sign * fill.value),
        realized_pnl=_EXACT.add(row.realized_pnl, fill.realized_pnl),
        volume=_EXACT.add(row.volume, fill.value),
        fills=row.fills + (not fill.synthetic),
        time_ms=max(row.time_ms, fill.time_ms),
        topic=fill.topic,
        partition=fill.partition,
        offset=fill.offset,
    )


def _average_entry(row: PositionRow, bought: Decimal, price: Decimal) -> Decimal:
    before, after = row.quantity, row.quantity + bought
    if not after:
        return _NOTHING
    if before * bought < 0:  # reduced, or turned around
        return row.average_entry if before * after > 0 else price
    cost = _EXACT.add(_EXACT.multiply(row.average_entry, abs(before)), _EXACT.multiply(price, abs(bought)))
    return _EXACT.quantize(_EXACT.divide(cost, abs(after)), _ENTRY_DECIMALS)


def _flat(fill: FillRow) -> PositionRow:
    return PositionRow(
        fill.venue, fill.account, fill.symbol, 0, fill.lot_size, _NOTHING, _NOTHING, _NOTHING, _NOTHING, _NOTHING, 0, 0,
        *_place(fill),
    )  # fmt: skip


def _place(fill: FillRow) -> Place:
    return Place(fill.topic, fill.partition, fill.offset)
