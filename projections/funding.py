"""Funding rate and mark price of each instrument as they are now (FUND-1)."""

from decimal import Decimal
from typing import NamedTuple

from projections.reading import decimal, is_known
from projections.rows import Place, Rows, Table
from topics.v1.funding_pb2 import FundingUpdate


class MarkRow(NamedTuple):
    venue: str
    symbol: str
    mark_price: Decimal
    rate: Decimal
    predicted_rate: Decimal | None
    next_funding_time_ms: int
    interval_ms: int
    seq: int
    time_ms: int
    topic: str
    partition: int
    offset: int


MARKS = Table("marks", MarkRow, key_size=2, resident=True)


def fold(rows: Rows[MarkRow], update: FundingUpdate, place: Place) -> None:
    row = rows.get(update.venue, update.symbol)
    if row and is_known(row.seq, row.offset, update.seq, place.offset):
        return
    rows.put(
        MarkRow(
            update.venue,
            update.symbol,
            decimal(update.mark_price, "mark price"),
            decimal(update.rate, "funding rate"),
            decimal(update.predicted_rate, "predicted rate") if update.HasField("predicted_rate") else None,
            update.next_funding_time_ms,
            update.interval_ms,
            update.seq,
            update.time_ms,
            *place,
        )
    )
