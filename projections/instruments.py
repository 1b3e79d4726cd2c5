"""Instruments: the newest metadata of each, as the venue gave it (SYM-1)."""

from decimal import Decimal
from typing import NamedTuple

from projections.reading import INSTRUMENT_KINDS, decimal, is_known, name_of, scale_of
from projections.rows import Place, Rows, Table
from topics.v1.instruments_pb2 import Instrument


class InstrumentRow(NamedTuple):
    venue: str
    symbol: str
    base_asset: str
    quote_asset: str
    margin_asset: str
    kind: str
    tick_size: Decimal
    lot_size: Decimal
    min_notional: Decimal
    min_quantity_lots: int
    max_quantity_lots: int
    contract_size: Decimal
    maker_fee_rate: Decimal
    taker_fee_rate: Decimal
    trading: bool
    seq: int
    time_ms: int
    topic: str
    partition: int
    offset: int


INSTRUMENTS = Table("instruments", InstrumentRow, key_size=2, resident=True)


def fold(rows: Rows[InstrumentRow], instrument: Instrument, place: Place) -> None:
    row = rows.get(instrument.venue, instrument.symbol)
    if row and is_known(row.seq, row.offset, instrument.seq, place.offset):
        return
    scale = scale_of(instrument.grain)
    rows.put(
        InstrumentRow(
            instrument.venue,
            instrument.symbol,
            instrument.base_asset,
            instrument.quote_asset,
            instrument.margin_asset,
            name_of(INSTRUMENT_KINDS, instrument.kind),
            scale.tick_size,
            scale.lot_size,
            decimal(instrument.min_notional, "minimum notional"),
            instrument.min_quantity_lots,
            instrument.max_quantity_lots,
            decimal(instrument.contract_size, "contract size"),
            decimal(instrument.maker_fee_rate, "maker fee rate"),
            decimal(instrument.taker_fee_rate, "taker fee rate"),
            instrument.trading,
            instrument.seq,
            instrument.time_ms,
            *place,
        )
    )
