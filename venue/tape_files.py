"""Tapes recorded in CSV files (.csv or .csv.gz): the header line says which kind a file is.

| header | kind |
|---|---|
| `open_time_ms,open,high,low,close,volume` | candles; a file whose volume is `nan` holds mark prices |
| `time_ms,trade_id,taker_side,price,quantity` | trades |
| `time_ms,bid,bid_size,ask,ask_size` | quotes |
| `funding_time_ms,rate` | funding rates |

A `.jsonl` or `.jsonl.gz` is a recording of several kinds and instruments (`venue.recorded`).
Every file is read through once before it plays, so a malformed row is reported at the start with its line.
Prices off the tick grid go to the nearest tick. Must not: know the engine, the network or the ledger.
"""

from __future__ import annotations

import csv
import gzip
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from itertools import islice, pairwise
from pathlib import Path
from statistics import median
from typing import NamedTuple

from venue import candle_path, recorded_file
from venue.candle_path import Candle
from venue.errors import TapeError
from venue.instruments import Instrument
from venue.orders import Side
from venue.tape import FundingRate, MarkPrice, Quote, Source, TapeEvent, Trade, UpcomingFunding

QUOTE_VOLUME_A_MINUTE = Decimal(1_000_000_000)
"""A candle whose volume times price is above this a minute has its volume in quote currency: none trades more."""
DISPLAY_NOTIONAL = 20_000
"""Displayed size of quotes made from candles and trades: at least this much quote currency."""


class Kind(StrEnum):
    CANDLES = "candles"
    MARK_PRICES = "mark prices"
    TRADES = "trades"
    QUOTES = "quotes"
    FUNDING = "funding rates"
    RECORDED = "recorded streams"


NOT_TRADED = frozenset({Kind.FUNDING, Kind.MARK_PRICES})

HEADERS: Mapping[str, Kind] = {
    "open_time_ms,open,high,low,close,volume": Kind.CANDLES,
    "time_ms,trade_id,taker_side,price,quantity": Kind.TRADES,
    "time_ms,bid,bid_size,ask,ask_size": Kind.QUOTES,
    "funding_time_ms,rate": Kind.FUNDING,
}

Row = Sequence[str]


class Recording(NamedTuple):
    """What the first reading found out about a file."""

    path: Path
    kind: Kind
    symbol: str
    rows: int
    first_time_ms: int
    last_time_ms: int


def symbol_of(path: Path, listed: Iterable[str]) -> str:
    """The symbol a file name stands for: btc-perp-… is BTCUSDT, xrp-usdt-… is XRPUSDT."""
    parts = path.name.split(".")[0].upper().split("-")
    base, quote = parts[0], parts[1] if len(parts) > 1 else ""
    symbol = base + ("USDT" if quote in ("PERP", "") else quote)
    known = sorted(listed)
    for candidate in (symbol, base):
        if candidate in known:
            return candidate
    raise TapeError(
        f"cannot tell which instrument {path} is for: its name stands for {symbol!r}, which is not listed "
        f"({', '.join(known)}). Give it with --symbol."
    )


def read_rows(path: Path) -> tuple[str, Iterator[tuple[int, Row]]]:
    """The header line and the rows with their line numbers. Raises `TapeError` if it cannot be read."""
    lines = _lines(path)
    header = next(lines, "").strip()
    return header, ((number, row) for number, row in enumerate(csv.reader(lines), start=2) if row)


def _lines(path: Path) -> Iterator[str]:
    try:
        with gzip.open(path, "rt", newline="") if path.suffix == ".gz" else path.open(newline="") as file:
            yield from file
    except FileNotFoundError as error:
        raise TapeError(f"there is no tape {path}") from error
    except OSError as error:
        raise TapeError(f"cannot read the tape {path}: {error.strerror or error}") from error
    except (UnicodeDecodeError, EOFError, zlib.error) as error:
        raise TapeError(f"the tape {path} is damaged or not CSV: {error}") from error


def inspect(path: Path, symbol: str) -> Recording:
    """Read a file through: kind, rows and times. Raises `TapeError` for what is malformed, with its line."""
    header, rows = read_rows(path)
    kind = HEADERS.get(header)
    if kind is None:
        known = "\n  ".join(HEADERS)
        raise TapeError(f"{path}, line 1: not the header of a tape: {header[:120]!r}. Known are:\n  {known}")
    count, first, last, numeric_volume = 0, 0, 0, False
    for number, row in rows:
        time_ms = _checked(path, number, row, kind)
        if time_ms < last:
            raise TapeError(f"{path}, line {number}: time {time_ms} is before the row above ({last})")
        first, last, count = first or time_ms, time_ms, count + 1
        numeric_volume = numeric_volume or (kind is Kind.CANDLES and row[5] != "nan")
    if not count:
        raise TapeError(f"the tape {path} has a header but no rows")
    if kind is Kind.CANDLES and not numeric_volume:
        kind = Kind.MARK_PRICES
    return Recording(path, kind, symbol, count, first, last)


def inspect_recorded(path: Path) -> list[Recording]:
    """As `inspect`, for a file of several kinds: one entry for each of its instruments; rows are market events."""
    return [
        Recording(path, Kind.RECORDED, part.symbol, part.events, part.first_time_ms, part.last_time_ms)
        for part in recorded_file.inspect(path)
    ]


def _checked(path: Path, number: int, row: Row, kind: Kind) -> int:
    columns = {Kind.FUNDING: 2, Kind.CANDLES: 6}.get(kind, 5)
    try:
        if len(row) != columns:
            raise ValueError(f"{len(row)} columns instead of {columns}")  # noqa: TRY301 - reported below
        _ROW_CHECKS[kind](row)
        return int(row[0])
    except (ValueError, InvalidOperation) as error:
        raise TapeError(f"{path}, line {number}: malformed {kind.value} row {','.join(row)!r}: {error}") from error


def _check_candle(row: Row) -> None:
    prices = [_positive(value, "price") for value in row[1:5]]
    if prices[1] < max(prices) or prices[2] > min(prices):
        raise ValueError("high is not the highest or low not the lowest price")
    if row[5] != "nan":
        _not_negative(row[5], "volume")


def _check_trade(row: Row) -> None:
    int(row[1])
    if row[2] not in ("buy", "sell"):
        raise ValueError(f"taker_side is {row[2]!r}, neither buy nor sell")
    _positive(row[3], "price")
    _positive(row[4], "quantity")


def _check_quote(row: Row) -> None:
    if _positive(row[1], "bid") > _positive(row[3], "ask"):
        raise ValueError("bid above ask")
    _not_negative(row[2], "bid_size")
    _not_negative(row[4], "ask_size")


def _check_funding(row: Row) -> None:
    if not abs(Decimal(row[1])) < 1:
        raise ValueError(f"rate {row[1]} is not a fraction below 1")


_ROW_CHECKS: Mapping[Kind, Callable[[Row], None]] = {
    Kind.CANDLES: _check_candle,
    Kind.TRADES: _check_trade,
    Kind.QUOTES: _check_quote,
    Kind.FUNDING: _check_funding,
}


def _positive(text: str, name: str) -> Decimal:
    value = Decimal(text)
    if not value.is_finite() or value <= 0:
        raise ValueError(f"{name} {text} is not a positive number")
    return value


def _not_negative(text: str, name: str) -> Decimal:
    value = Decimal(text)
    if not value.is_finite() or value < 0:
        raise ValueError(f"{name} {text} is not a number of at least 0")
    return value


def check_no_overlap(recordings: Sequence[Recording]) -> None:
    """Two files of one kind and instrument may follow each other, but not tell the same time twice."""
    ordered = sorted(recordings, key=lambda one: (one.symbol, one.kind, one.first_time_ms))
    for earlier, later in pairwise(ordered):
        same = (earlier.symbol, earlier.kind) == (later.symbol, later.kind)
        if same and later.first_time_ms <= earlier.last_time_ms:
            raise TapeError(
                f"{earlier.path} and {later.path} both hold {earlier.symbol} {earlier.kind.value} of the same time; "
                "play one of them"
            )


class _FileSource:
    """What all file sources share: a name, a symbol and playing on from a position."""

    total: int | None = None

    def __init__(self, recording: Recording, instrument: Instrument) -> None:
        self.recording = recording
        self.symbol = instrument.symbol
        self.name = f"{recording.path.name}:{instrument.symbol}"
        self.instrument = instrument
        self.display_lots = _display_lots(recording, instrument)

    def play(self, position: int) -> Iterator[TapeEvent]:
        return islice(self.events(), position, None)

    def rows(self) -> Iterator[Row]:
        return (row for _, row in read_rows(self.recording.path)[1])

    def events(self) -> Iterator[TapeEvent]:
        raise NotImplementedError

    def upcoming_funding(self, after_ms: int) -> UpcomingFunding | None:  # noqa: ARG002 - only funding has it
        return None


def _display_lots(recording: Recording, instrument: Instrument) -> int:
    if recording.kind is Kind.FUNDING:
        return 1
    row = next(read_rows(recording.path)[1])[1]
    price = Decimal(row[3]) if recording.kind is Kind.TRADES else Decimal(row[1])
    return max(1, int(DISPLAY_NOTIONAL / price / instrument.lot_size))


class CandleSource(_FileSource):
    """Candles as paths of trades and quotes; volume in base currency, or in quote currency if it must be."""

    def __init__(self, recording: Recording, instrument: Instrument) -> None:
        super().__init__(recording, instrument)
        head = list(islice(self.rows(), 100))
        gaps = [int(later[0]) - int(earlier[0]) for earlier, later in pairwise(head)]
        self.length_ms = min((gap for gap in gaps if gap > 0), default=60_000)
        minutes = Decimal(self.length_ms) / 60_000
        traded = median(_volume(row) * Decimal(row[4]) / minutes for row in head)
        self.volume_in_quote = traded > QUOTE_VOLUME_A_MINUTE

    def events(self) -> Iterator[TapeEvent]:
        for row in self.rows():
            yield from candle_path.events(self.symbol, self._candle(row), self.display_lots)

    def _candle(self, row: Row) -> Candle:
        instrument = self.instrument
        opened, high, low, close = (instrument.nearest_ticks(Decimal(value)) for value in row[1:5])
        volume = _volume(row)
        if self.volume_in_quote:
            volume /= Decimal(row[4])
        lots = instrument.nearest_lots(volume)
        return Candle(int(row[0]), self.length_ms, opened, high, low, close, lots)


def _volume(row: Row) -> Decimal:
    return Decimal(0) if row[5] == "nan" else Decimal(row[5])


class MarkPriceSource(_FileSource):
    """Mark-price candles: the open of each is the mark price at that time. Only while the instrument trades."""

    def __init__(self, recording: Recording, instrument: Instrument, traded: range) -> None:
        super().__init__(recording, instrument)
        self._traded = traded

    def events(self) -> Iterator[TapeEvent]:
        for row in self.rows():
            if int(row[0]) in self._traded:
                yield MarkPrice(self.symbol, int(row[0]), Decimal(row[1]))


class TradeSource(_FileSource):
    """Trades; where no quotes are recorded beside them, each is followed by a quote that touches its price."""

    def __init__(self, recording: Recording, instrument: Instrument, *, with_quotes: bool) -> None:
        super().__init__(recording, instrument)
        self._with_quotes = with_quotes
        self.total = recording.rows * (2 if with_quotes else 1)

    def events(self) -> Iterator[TapeEvent]:
        instrument, size = self.instrument, self.display_lots
        for time, trade_id, taker, price, quantity in self.rows():
            time_ms, ticks = int(time), instrument.nearest_ticks(Decimal(price))
            side = Side.BUY if taker == "buy" else Side.SELL
            lots = instrument.nearest_lots(Decimal(quantity))
            yield Trade(self.symbol, time_ms, int(trade_id), side, ticks, lots)
            if self._with_quotes:
                bid = ticks - 1 if side is Side.BUY else ticks
                yield Quote(self.symbol, time_ms, bid, size, bid + 1, size)


class QuoteSource(_FileSource):
    """Best bids and asks as recorded."""

    def __init__(self, recording: Recording, instrument: Instrument) -> None:
        super().__init__(recording, instrument)
        self.total = recording.rows

    def events(self) -> Iterator[TapeEvent]:
        instrument = self.instrument
        for time, bid, bid_size, ask, ask_size in self.rows():
            bid_ticks, ask_ticks = (instrument.nearest_ticks(Decimal(price)) for price in (bid, ask))
            bid_lots, ask_lots = (instrument.nearest_lots(Decimal(size)) for size in (bid_size, ask_size))
            yield Quote(self.symbol, int(time), bid_ticks, bid_lots, max(ask_ticks, bid_ticks + 1), ask_lots)


class FundingSource(_FileSource):
    """Funding settlements as recorded, while the instrument trades on the tape."""

    def __init__(self, recording: Recording, instrument: Instrument, traded: range) -> None:
        super().__init__(recording, instrument)
        self._settlements = [(int(row[0]), Decimal(row[1])) for row in self.rows() if int(row[0]) in traded]
        self.total = len(self._settlements)

    def events(self) -> Iterator[TapeEvent]:
        following = [*self._settlements[1:], (0, Decimal(0))]
        for (time_ms, rate), (next_time_ms, next_rate) in zip(self._settlements, following, strict=True):
            yield FundingRate(self.symbol, time_ms, rate, next_time_ms, next_rate)

    def upcoming_funding(self, after_ms: int) -> UpcomingFunding:
        for time_ms, rate in self._settlements:
            if time_ms > after_ms:
                return UpcomingFunding(time_ms, rate)
        return UpcomingFunding()


def sources(recordings: Sequence[Recording], instruments: Mapping[str, Instrument]) -> list[Source]:
    """The sources of the files, funding and mark prices before what trades at the same moment."""
    check_no_overlap(recordings)
    quoted = {one.symbol for one in recordings if one.kind is Kind.QUOTES}
    order = (Kind.FUNDING, Kind.MARK_PRICES, Kind.RECORDED, Kind.QUOTES, Kind.TRADES, Kind.CANDLES)
    ranked = sorted(recordings, key=lambda one: (order.index(one.kind), one.symbol, one.first_time_ms))
    return [
        _source(
            one,
            instruments[one.symbol],
            with_quotes=one.symbol not in quoted,
            traded=_traded(recordings, one.symbol),
        )
        for one in ranked
    ]


def _traded(recordings: Sequence[Recording], symbol: str) -> range:
    """The milliseconds in which an instrument trades or is quoted on these tapes."""
    trading = [one for one in recordings if one.symbol == symbol and one.kind not in NOT_TRADED]
    if not trading:
        return range(0)
    return range(min(one.first_time_ms for one in trading), max(one.last_time_ms for one in trading) + 1)


def _source(recording: Recording, instrument: Instrument, *, with_quotes: bool, traded: range) -> Source:
    match recording.kind:
        case Kind.CANDLES:
            return CandleSource(recording, instrument)
        case Kind.MARK_PRICES:
            return MarkPriceSource(recording, instrument, traded)
        case Kind.TRADES:
            return TradeSource(recording, instrument, with_quotes=with_quotes)
        case Kind.QUOTES:
            return QuoteSource(recording, instrument)
        case Kind.FUNDING:
            return FundingSource(recording, instrument, traded)
        case Kind.RECORDED:
            return recorded_file.RecordedSource(recording.path, instrument, recording.rows)
