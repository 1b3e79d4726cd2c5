"""Trading minute by minute of the venue's clock: fills, volume, fees and realised profit of each instrument.

Only news is counted (`projections.fills` says what that is). What the market did is in `projections.market`.
"""

from decimal import Decimal
from typing import NamedTuple

from projections.fills import FillRow
from projections.rows import Rows, Table
from topics.v1.orders_pb2 import OrderUpdate

MINUTE_MS = 60_000


class TradingMinuteRow(NamedTuple):
    venue: str
    account: str
    symbol: str
    fee_asset: str
    minute_ms: int
    fills: int
    volume: Decimal
    fees: Decimal
    realized_pnl: Decimal
    topic: str
    partition: int
    offset: int


TRADING_MINUTES = Table("trading_minutes", TradingMinuteRow, key_size=5)


def minute_of(time_ms: int) -> int:
    return time_ms - time_ms % MINUTE_MS


def key_of(update: OrderUpdate) -> tuple[str, str, str, str, int]:
    fill = update.fill
    return (update.venue, update.account, update.symbol, fill.fee_asset, minute_of(fill.time_ms))


def fold(rows: Rows[TradingMinuteRow], fill: FillRow) -> None:
    key = (fill.venue, fill.account, fill.symbol, fill.fee_asset, minute_of(fill.time_ms))
    row = rows.get(*key)
    value, executions = fill.value, int(not fill.synthetic)
    place = (fill.topic, fill.partition, fill.offset)
    if row is None:
        rows.put(TradingMinuteRow(*key, executions, value, fill.fee, fill.realized_pnl, *place))
        return
    rows.put(
        TradingMinuteRow(
            *key,
            row.fills + executions,
            row.volume + value,
            row.fees + fill.fee,
            row.realized_pnl + fill.realized_pnl,
            *place,
        )
    )
