"""A market topic as a connector would have recorded it: the same events in records of any size, gap-free `seq`.

The events are the synthetic market's, so every run and every size has the same ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from topics.catalogue import MARKET
from topics.codec import Record, encode
from topics.envelope import Envelope
from topics.log import LogAddress, LogProducer
from topics.scale import Scale
from topics.v1.common_pb2 import SIDE_BUY, SIDE_SELL
from topics.v1.market_pb2 import MarketBatch, MarketEvent, Quote, Trade
from venue import tape
from venue.instruments import LISTED
from venue.orders import Side
from venue.synthetic import SyntheticMarket

VENUE = "paper"
START_MS = 1_700_000_000_000
_AT_ONCE = 2_000


@dataclass(frozen=True)
class Recording:
    """`events` market events of each of these symbols, half quotes and half trades, from `START_MS` on."""

    symbols: tuple[str, ...]
    events: int

    @property
    def total(self) -> int:
        return self.events * len(self.symbols)


def market_events(symbol: str, count: int) -> list[MarketEvent]:
    source = SyntheticMarket(LISTED[symbol], seed=7, start_ms=START_MS).play(0)
    return [_message(next(source), number) for number in range(count)]


def batches(symbol: str, events: list[MarketEvent], size: int) -> Iterator[MarketBatch]:
    """The events in records of `size`; `received_ns` is the time of the last event."""
    grain = scale_of(symbol).grain
    for first in range(0, len(events), size):
        part = events[first : first + size]
        last = getattr(part[-1], part[-1].WhichOneof("event") or "quote")
        yield MarketBatch(
            venue=VENUE,
            symbol=symbol,
            grain=grain,
            first_seq=first + 1,
            events=part,
            received_ns=last.time_ms * 1_000_000,
        )


def scale_of(symbol: str) -> Scale:
    instrument = LISTED[symbol]
    return Scale(Decimal(instrument.tick_size), Decimal(instrument.lot_size))


async def record(address: LogAddress, recording: Recording, size: int) -> int:
    """Writes the market topic, symbols taking turns as on a live market; returns the number of records."""
    streams = [batches(symbol, market_events(symbol, recording.events), size) for symbol in recording.symbols]
    written = 0
    async with LogProducer(address, client_id="bench-recorder", linger_ms=5) as producer:
        pending: list[Record] = []
        for turn in zip(*streams, strict=True):
            pending += [_record(batch) for batch in turn]
            if len(pending) >= _AT_ONCE:
                await producer.send_all(pending)
                written += len(pending)
                pending.clear()
        await producer.send_all(pending)
    return written + len(pending)


def _record(batch: MarketBatch) -> Record:
    identity = f"market/{batch.symbol}/{batch.first_seq}"
    return encode(MARKET, batch, Envelope(id=identity, source="connector", time_ms=batch.received_ns // 1_000_000))


def _message(event: tape.TapeEvent, number: int) -> MarketEvent:
    if isinstance(event, tape.Quote):
        return MarketEvent(
            quote=Quote(
                time_ms=event.time_ms,
                update_id=number + 1,
                bid_ticks=event.bid,
                bid_lots=event.bid_size,
                ask_ticks=event.ask,
                ask_lots=event.ask_size,
            )
        )
    if isinstance(event, tape.Trade):
        return MarketEvent(
            trade=Trade(
                time_ms=event.time_ms,
                trade_id=str(number + 1),
                price_ticks=event.price,
                quantity_lots=event.quantity,
                taker_side=SIDE_BUY if event.taker_side is Side.BUY else SIDE_SELL,
            )
        )
    raise TypeError(f"the synthetic market plays quotes and trades, not {type(event).__name__}")
