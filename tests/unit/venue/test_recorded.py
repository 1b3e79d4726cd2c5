"""Recordings of several kinds and instruments in one file: exact, tolerant of a kill, strict about everything else."""

from __future__ import annotations

import gzip
import logging
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pytest

from venue import tape_files
from venue.errors import TapeError
from venue.instruments import Instrument
from venue.orders import Side
from venue.recorded import header_line
from venue.recorded_file import instruments_of
from venue.tape import FundingRate, MarkPrice, Quote, Tape, TapeEvent, Trade

SOL = {"symbol": "SOLUSDT", "base_asset": "SOL", "quote_asset": "USDT", "tick_size": "0.0010", "lot_size": "1"}
DOT = SOL | {"symbol": "DOTUSDT", "base_asset": "DOT", "tick_size": "0.001", "lot_size": "0.1"}
HEADER = header_line("binance", "perpetual", [SOL, DOT])


def line(kind: str, time_ms: int, symbol: str = "SOLUSDT", **values: Any) -> bytes:
    row = {"kind": kind, "symbol": symbol, "time_ms": time_ms, "received_ns": time_ms * 1_000_000, **values}
    return orjson.dumps(row) + b"\n"


def quote(time_ms: int, bid: str, ask: str, symbol: str = "SOLUSDT") -> bytes:
    return line("quote", time_ms, symbol, bid=bid, bid_size="5", ask=ask, ask_size="7", update_id=1)


def trade(time_ms: int, price: str, **more: Any) -> bytes:
    return line("trade", time_ms, trade_id="9", taker_side="sell", price=price, quantity="2", **more)


def funding(time_ms: int, rate: str, next_ms: int) -> bytes:
    return line("funding", time_ms, mark_price="20.001", rate=rate, next_funding_time_ms=next_ms)


BOTH = quote(1, "20.000", "20.001") + quote(2, "6.100", "6.102", "DOTUSDT")


def written(folder: Path, *lines: bytes, name: str = "tape.jsonl") -> Path:
    path = folder / name
    content = HEADER + b"".join(lines)
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def played(path: Path, positions: Mapping[str, int] | None = None) -> list[TapeEvent]:
    instruments: Mapping[str, Instrument] = instruments_of([path])
    tape = Tape(tape_files.sources(tape_files.inspect_recorded(path), instruments), dict(positions or {}))
    events = []
    while not tape.ended:
        events.append(tape.next())
    return events


@pytest.mark.parametrize("name", ["tape.jsonl", "tape.jsonl.gz"])
def test_instruments_are_merged_by_time_on_the_grid_of_the_tape_itself(tmp_path: Path, name: str) -> None:
    """SYM-1, ORD-7: tick and lot of the recorded venue, whatever our own list says."""
    path = written(
        tmp_path,
        quote(10, "20.000", "20.002"),
        quote(12, "6.100", "6.103", "DOTUSDT"),
        trade(11, "20.001"),
        name=name,
    )
    assert played(path) == [
        Quote("SOLUSDT", 10, 20_000, 5, 20_002, 7),
        Trade("SOLUSDT", 11, 9, Side.SELL, 20_001, 2),
        Quote("DOTUSDT", 12, 6_100, 50, 6_103, 70),
    ]


def test_it_goes_on_from_a_stored_position(tmp_path: Path) -> None:
    """ES-2: a venue that was stopped plays each event once."""
    path = written(tmp_path, BOTH, trade(3, "20.000"), quote(4, "19.999", "20.001"))
    whole = played(path)
    assert played(path, {"tape.jsonl:SOLUSDT": 2, "tape.jsonl:DOTUSDT": 1}) == whole[3:]
    assert len(whole) == 4


def test_the_market_s_time_never_goes_back(tmp_path: Path) -> None:
    """RISK-1: trades and quotes come over two connections; a late one plays at the time of the one before."""
    path = written(tmp_path, BOTH, quote(50, "20.000", "20.001"), trade(48, "20.000"))
    assert [event.time_ms for event in played(path)] == [1, 2, 50, 50]


def test_a_settlement_takes_the_rate_told_before_its_time(tmp_path: Path) -> None:
    """FUND-1: the rate of the running interval until it ends, then once, and the next one is announced."""
    path = written(
        tmp_path,
        BOTH,
        funding(100, "0.0001", 1_000),
        funding(900, "0.0002", 1_000),
        funding(1_003, "0.0005", 2_000),
        funding(1_100, "0.0005", 2_000),
    )
    events = [event for event in played(path) if not isinstance(event, Quote)]
    mark = Decimal("20.001")
    assert events == [
        MarkPrice("SOLUSDT", 100, mark),
        MarkPrice("SOLUSDT", 900, mark),
        FundingRate("SOLUSDT", 1_000, Decimal("0.0002"), 2_000, Decimal("0.0005")),
        MarkPrice("SOLUSDT", 1_003, mark),
        MarkPrice("SOLUSDT", 1_100, mark),
    ]


def test_gaps_and_candles_are_not_played_and_the_trades_of_a_gap_are(tmp_path: Path) -> None:
    """STREAM-1: candles say again what trades said; a trade that REST told is a trade."""
    candle = line("candle", 0, interval_ms=60_000, open="20", high="21", low="19", close="20", volume="5", closed=True)
    gap = line("gap", 2, feeds=["quotes"])
    path = written(tmp_path, BOTH, candle, gap, trade(3, "20.000"))
    assert [type(event) for event in played(path)] == [Quote, Quote, Trade]


def test_a_last_line_cut_off_by_a_kill_is_left_out_and_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """ES-2: kill -9 leaves a readable tape."""
    caplog.set_level(logging.WARNING)
    path = written(tmp_path, BOTH, trade(3, "20.000"))
    path.write_bytes(path.read_bytes()[:-20])
    assert len(played(path)) == 2
    assert f"{path}, line 4: the last line is cut off" in caplog.text


def test_a_block_cut_off_by_a_kill_is_left_out_and_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """ES-2: the same for a compressed tape: what is in whole blocks is played."""
    caplog.set_level(logging.WARNING)
    path = written(tmp_path, BOTH, name="tape.jsonl.gz")
    path.write_bytes(path.read_bytes() + gzip.compress(trade(3, "20.000"))[:-40])
    assert len(played(path)) == 2
    assert f"the end of {path} is cut off" in caplog.text


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (b"", "holds no quotes of SOLUSDT"),
        (b'{"kind": "quote"\n' + BOTH, "line 2: malformed row"),
        (BOTH + line("depth", 3), "line 4: malformed row .*kind 'depth' is none of quote, trade"),
        (BOTH + quote(3, "0", "1"), "line 4: malformed quote row .*0 is not a positive number"),
        (BOTH + quote(3, "NaN", "1"), "line 4: malformed quote row .*NaN is not a positive number"),
        (BOTH + line("trade", 3, trade_id="1", taker_side="up", price="1", quantity="1"), "line 4: malformed trade"),
        (BOTH + funding(3, "1.5", 0), "line 4: malformed funding row .*1.5 is not a fraction below 1"),
        (BOTH + quote(3, "1", "2", "BTCUSDT"), "line 4: 'BTCUSDT' is none of the instruments of line 1"),
    ],
)
def test_what_is_malformed_is_named_with_its_line(tmp_path: Path, lines: bytes, message: str) -> None:
    """ERR-1: a tape is checked before it plays."""
    with pytest.raises(TapeError, match=message):
        tape_files.inspect_recorded(written(tmp_path, lines))


@pytest.mark.parametrize(
    ("first", "message"),
    [
        (b'{"a": 1}\n', "line 1: not the first line of a recording"),
        (HEADER.replace(b'"tapeline":1', b'"tapeline":2'), "version 2 of the format; this program reads 1"),
        (HEADER.replace(b'"0.0010"', b'"0"'), "tick size 0 or lot size 1 of SOLUSDT is not positive"),
    ],
)
def test_a_file_that_is_no_recording_is_refused(tmp_path: Path, first: bytes, message: str) -> None:
    """SYM-1: an instrument without a tick is not played."""
    path = tmp_path / "tape.jsonl"
    path.write_bytes(first + BOTH)
    with pytest.raises(TapeError, match=message):
        tape_files.inspect_recorded(path)
