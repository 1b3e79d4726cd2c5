"""The market as rows: the last quote of each instrument, the venue's candles, and each minute's count and close.

Hot: a record holds many events, so one pass sums a record up before a row is touched. Events are recognised by their
sequence number; what a row contains already is left out.
"""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from projections.minutes import MINUTE_MS
from projections.reading import scale_of
from projections.rows import Key, Place, Rows, Table
from topics.errors import MalformedRecordError
from topics.v1.market_pb2 import Candle, MarketBatch, Quote


class LastQuoteRow(NamedTuple):
    venue: str
    symbol: str
    tick_size: Decimal
    lot_size: Decimal
    bid_ticks: int
    bid_lots: int
    ask_ticks: int
    ask_lots: int
    update_id: int
    time_ms: int
    received_ns: int
    seq: int
    topic: str
    partition: int
    offset: int


class CandleRow(NamedTuple):
    venue: str
    symbol: str
    interval_ms: int
    open_time_ms: int
    tick_size: Decimal
    lot_size: Decimal
    open_ticks: int
    high_ticks: int
    low_ticks: int
    close_ticks: int
    volume_lots: int
    closed: bool
    first_offset: int
    topic: str
    partition: int
    offset: int


class MarketMinuteRow(NamedTuple):
    venue: str
    symbol: str
    minute_ms: int
    tick_size: Decimal
    lot_size: Decimal
    quotes: int
    trades: int
    trade_lots: int
    last_trade_ticks: int
    bid_ticks: int
    ask_ticks: int
    first_offset: int
    topic: str
    partition: int
    offset: int


LAST_QUOTES = Table("last_quotes", LastQuoteRow, key_size=2, resident=True)
CANDLES = Table("candles", CandleRow, key_size=4)
MARKET_MINUTES = Table("market_minutes", MarketMinuteRow, key_size=3)


@dataclass(slots=True)
class Minute:
    """What the events of one record did in one minute."""

    quotes: int = 0
    trades: int = 0
    trade_lots: int = 0
    last_trade_ticks: int = 0
    last_quote: Quote | None = None


@dataclass(slots=True)
class Summary:
    """A market record summed up. `last_seq` is that of its last event."""

    batch: MarketBatch
    last_seq: int
    last_quote: Quote | None = None
    minutes: dict[int, Minute] = field(default_factory=dict)
    candles: dict[tuple[int, int], Candle] = field(default_factory=dict)

    def minute_keys(self) -> list[Key]:
        return [(self.batch.venue, self.batch.symbol, minute) for minute in self.minutes]

    def candle_keys(self) -> list[Key]:
        return [(self.batch.venue, self.batch.symbol, *candle) for candle in self.candles]


def summarise(batch: MarketBatch, after_seq: int = 0) -> Summary:
    """One pass over the events with a sequence number above `after_seq`."""
    events = batch.events
    summary = Summary(batch, batch.first_seq + len(events) - 1)
    skip = after_seq - batch.first_seq + 1
    minutes = summary.minutes
    for event in events[skip:] if skip > 0 else events:
        kind = event.WhichOneof("event")
        if kind == "candle":
            candle = event.candle
            summary.candles[candle.interval_ms, candle.open_time_ms] = candle
            continue
        if kind is None:  # of a newer schema
            continue
        told = event.quote if kind == "quote" else event.trade
        start = told.time_ms // MINUTE_MS * MINUTE_MS
        minute = minutes.get(start)
        if minute is None:
            minute = minutes[start] = Minute()
        if kind == "quote":
            minute.quotes += 1
            minute.last_quote = summary.last_quote = event.quote
        else:
            minute.trades += 1
            minute.trade_lots += event.trade.quantity_lots
            minute.last_trade_ticks = event.trade.price_ticks
    return summary


def fold(
    quotes: Rows[LastQuoteRow],
    candles: Rows[CandleRow],
    minutes: Rows[MarketMinuteRow],
    summary: Summary,
    place: Place,
) -> None:
    batch = summary.batch
    if not batch.events:
        raise MalformedRecordError(f"a market record of {batch.venue}:{batch.symbol} holds no event")
    row = quotes.get(batch.venue, batch.symbol)
    if row and (place.offset <= row.offset or summary.last_seq <= row.seq):
        return
    if row and batch.first_seq <= row.seq:
        summary = summarise(batch, after_seq=row.seq)
    scale = scale_of(batch.grain)
    grain = (scale.tick_size, scale.lot_size)
    quotes.put(_last_quote(row, summary, grain, place))
    for key, candle in zip(summary.candle_keys(), summary.candles.values(), strict=True):
        known = candles.get(*key)
        candles.put(_candle(key, candle, grain, known.first_offset if known else place.offset, place))
    for key, minute in zip(summary.minute_keys(), summary.minutes.values(), strict=True):
        minutes.put(_minute(minutes.get(*key), key, minute, grain, place))


def _last_quote(
    row: LastQuoteRow | None, summary: Summary, grain: tuple[Decimal, Decimal], place: Place
) -> LastQuoteRow:
    batch, quote = summary.batch, summary.last_quote
    if quote is None and row is not None:
        return row._replace(seq=summary.last_seq, topic=place.topic, partition=place.partition, offset=place.offset)
    told = quote or Quote()
    return LastQuoteRow._make(
        (
            batch.venue,
            batch.symbol,
            *grain,
            told.bid_ticks,
            told.bid_lots,
            told.ask_ticks,
            told.ask_lots,
            told.update_id,
            told.time_ms,
            batch.received_ns,
            summary.last_seq,
            *place,
        )
    )


def _candle(key: Key, candle: Candle, grain: tuple[Decimal, Decimal], first_offset: int, place: Place) -> CandleRow:
    return CandleRow._make(
        (
            *key,
            *grain,
            candle.open_ticks,
            candle.high_ticks,
            candle.low_ticks,
            candle.close_ticks,
            candle.volume_lots,
            candle.closed,
            first_offset,
            *place,
        )
    )


def _minute(
    row: MarketMinuteRow | None, key: Key, minute: Minute, grain: tuple[Decimal, Decimal], place: Place
) -> MarketMinuteRow:
    before = row or MarketMinuteRow._make((*key, *grain, 0, 0, 0, 0, 0, 0, place.offset, *place))
    quote = minute.last_quote
    return MarketMinuteRow._make(
        (
            *key,
            *grain,
            before.quotes + minute.quotes,
            before.trades + minute.trades,
            before.trade_lots + minute.trade_lots,
            minute.last_trade_ticks or before.last_trade_ticks,
            quote.bid_ticks if quote else before.bid_ticks,
            quote.ask_ticks if quote else before.ask_ticks,
            before.first_offset,
            *place,
        )
    )
