"""The format of what `tapeline record` writes and `tapeline up --venue X --paper` follows: one JSON object a line.

The first line says whose market it is and which instruments, with tick and lot size. Every other line is a row:

| `kind` | beside `symbol`, `time_ms` (the venue's clock) and `received_ns` (ours) |
|---|---|
| `quote` | `bid`, `bid_size`, `ask`, `ask_size`, `update_id` |
| `trade` | `trade_id`, `taker_side` (buy, sell), `price`, `quantity` |
| `candle` | `interval_ms`, `open`, `high`, `low`, `close`, `volume`, `closed`; `time_ms` is when it opened |
| `funding` | `mark_price`, `rate`, `next_funding_time_ms` (0: none), where told `predicted_rate` |
| `gap` | `feeds`: what was away after `time_ms`; trades of the gap follow it, where the venue could still tell them |

Prices and quantities are decimal strings, exact as the venue sent them, quantities in base currency. Rows stand in the
order of their receipt. Candles are not played: quotes and trades tell the same. Pure. Must not: read files or sockets.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

import orjson

from venue.errors import TapeError
from venue.instruments import Instrument, decimals
from venue.orders import Side
from venue.tape import FundingRate, MarkPrice, Quote, TapeEvent, Trade, UpcomingFunding

VERSION = 1
KINDS = ("quote", "trade", "candle", "funding", "gap")
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Header:
    """The first line: the venue and product recorded, and the instruments as that venue lists them."""

    venue: str
    product: str
    instruments: Mapping[str, Instrument]


def header_line(venue: str, product: str, instruments: list[dict[str, str]]) -> bytes:
    """The first line of a tape. Each instrument: symbol, base_asset, quote_asset, tick_size, lot_size and limits."""
    content = {"tapeline": VERSION, "venue": venue, "product": product, "instruments": instruments}
    return orjson.dumps(content, option=orjson.OPT_APPEND_NEWLINE)


def read_header(line: bytes, where: str) -> Header:
    """Raises `TapeError` for anything but the first line of a tape in this format. `where` names it for people."""
    try:
        content = orjson.loads(line)
        if content["tapeline"] != VERSION:
            raise TapeError(f"{where} has version {content['tapeline']!r} of the format; this program reads {VERSION}")
        listed = [_instrument(entry) for entry in content["instruments"]]
        return Header(str(content["venue"]), str(content["product"]), {one.symbol: one for one in listed})
    except (ValueError, KeyError, TypeError, AttributeError, ArithmeticError) as error:
        raise TapeError(f"{where}, line 1: not the first line of a recording: {line[:120]!r} ({error!r})") from error


def _instrument(entry: Mapping[str, str]) -> Instrument:
    tick_size, lot_size = Decimal(entry["tick_size"]), Decimal(entry["lot_size"])
    if not (tick_size > 0 and lot_size > 0):
        raise ValueError(f"tick size {tick_size} or lot size {lot_size} of {entry['symbol']} is not positive")
    most = Decimal(entry.get("max_quantity") or 0) or lot_size * 10**9
    return Instrument(
        symbol=entry["symbol"],
        base_asset=entry["base_asset"],
        quote_asset=entry["quote_asset"],
        tick_size=tick_size,
        lot_size=lot_size,
        price_precision=decimals(tick_size),
        quantity_precision=decimals(lot_size),
        min_price=tick_size,
        max_price=tick_size * 10**9,
        min_quantity=Decimal(entry.get("min_quantity") or 0) or lot_size,
        max_quantity=most,
        max_market_quantity=most,
        min_notional=Decimal(entry.get("min_notional") or 0),
        multiplier_up=Decimal("1.15"),
        multiplier_down=Decimal("0.85"),
    )


def read_row(line: bytes, where: str) -> Row:
    """One line as a row with a kind, a symbol and a time. Raises `TapeError`; `where` names file and line."""
    try:
        row = orjson.loads(line)
        if row["kind"] not in KINDS:
            raise ValueError(f"kind {row['kind']!r} is none of {', '.join(KINDS)}")  # noqa: TRY301 - reported below
        int(row["time_ms"])
        str(row["symbol"])
    except (ValueError, KeyError, TypeError) as error:
        raise TapeError(f"{where}: malformed row {line[:160]!r}: {error!r}") from error
    return row  # type: ignore[no-any-return]


@dataclass(slots=True)
class Playback:
    """Turns one instrument's rows, in their order, into market events. The market's time never goes back."""

    instrument: Instrument
    time_ms: int = 0
    upcoming: UpcomingFunding = field(default_factory=UpcomingFunding)

    def events(self, row: Row, where: str) -> Iterator[TapeEvent]:
        """Raises `TapeError` for a row whose values are not what its kind says."""
        try:
            match row["kind"]:
                case "quote":
                    yield self._quote(row)
                case "trade":
                    yield self._trade(row)
                case "funding":
                    yield from self._funding(row)
        except (KeyError, TypeError, ValueError, InvalidOperation) as error:
            raise TapeError(f"{where}: malformed {row['kind']} row {dict(row)!r}: {error!r}") from error

    def _at(self, row: Row) -> int:
        self.time_ms = max(self.time_ms, int(row["time_ms"]))
        return self.time_ms

    def _quote(self, row: Row) -> Quote:
        on_grid = self.instrument
        bid, ask = (on_grid.nearest_ticks(_positive(row[name])) for name in ("bid", "ask"))
        bid_lots, ask_lots = (on_grid.nearest_lots(_not_negative(row[name])) for name in ("bid_size", "ask_size"))
        return Quote(on_grid.symbol, self._at(row), bid, bid_lots, max(ask, bid + 1), ask_lots)

    def _trade(self, row: Row) -> Trade:
        side = {"buy": Side.BUY, "sell": Side.SELL}[row["taker_side"]]
        trade_id = row["trade_id"]
        price = self.instrument.nearest_ticks(_positive(row["price"]))
        lots = self.instrument.nearest_lots(_positive(row["quantity"]))
        number = int(trade_id) if str(trade_id).isdigit() else None
        return Trade(self.instrument.symbol, self._at(row), number, side, price, lots)

    def _funding(self, row: Row) -> Iterator[TapeEvent]:
        """A mark price; and, at the first one after a settlement, that settlement at the rate last told before."""
        time_ms, due = self._at(row), self.upcoming
        told = UpcomingFunding(int(row["next_funding_time_ms"]), _rate(row["rate"]))
        mark_price = _not_negative(row["mark_price"])
        self.upcoming = told
        if due.time_ms and time_ms >= due.time_ms:
            yield FundingRate(self.instrument.symbol, due.time_ms, due.rate, told.time_ms, told.rate)
        if mark_price:
            yield MarkPrice(self.instrument.symbol, time_ms, mark_price)


def _positive(text: str) -> Decimal:
    value = Decimal(text)
    if not value.is_finite() or value <= 0:
        raise ValueError(f"{text} is not a positive number")
    return value


def _not_negative(text: str) -> Decimal:
    value = Decimal(text)
    if not value.is_finite() or value < 0:
        raise ValueError(f"{text} is not a number of at least 0")
    return value


def _rate(text: str) -> Decimal:
    value = Decimal(text)
    if not value.is_finite() or abs(value) >= 1:
        raise ValueError(f"rate {text} is not a fraction below 1")
    return value
