"""Recorded tapes: kinds by header, clear errors by line, candles as paths, one tape out of several files."""

from __future__ import annotations

import gzip
from decimal import Decimal
from itertools import islice
from pathlib import Path

import pytest

from venue import candle_path
from venue.candle_path import Candle
from venue.errors import TapeError
from venue.instruments import LISTED
from venue.orders import Side
from venue.tape import FundingRate, Quote, Tape, TapeEvent, Trade
from venue.tape_files import CandleSource, Kind, inspect, sources, symbol_of

CANDLES = "open_time_ms,open,high,low,close,volume\n"
TRADES = "time_ms,trade_id,taker_side,price,quantity\n"
QUOTES = "time_ms,bid,bid_size,ask,ask_size\n"
FUNDING = "funding_time_ms,rate\n"


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text)
    return path


def tape_of(*paths: Path, positions: dict[str, int] | None = None) -> Tape:
    recordings = [inspect(path, symbol_of(path, LISTED)) for path in paths]
    return Tape(sources(recordings, LISTED), positions or {})


def played(tape: Tape) -> list[TapeEvent]:
    events = []
    while not tape.ended:
        events.append(tape.next())
    return events


@pytest.mark.parametrize(
    ("name", "symbol"),
    [
        ("btc-perp-1m-2022-01.csv.gz", "BTCUSDT"),
        ("xrp-usdt-perp-5m-2021-11.csv.gz", "XRPUSDT"),
        ("btc-usdt-trades-2021-01-08.csv", "BTCUSDT"),
        ("ethusdt.csv", "ETHUSDT"),
    ],
)
def test_a_file_name_says_which_instrument_it_is_for(name: str, symbol: str) -> None:
    """SYM-1: inferred against the list of instruments."""
    assert symbol_of(Path(name), LISTED) == symbol


def test_a_file_of_an_unlisted_instrument_asks_for_the_symbol() -> None:
    """SYM-1: the error names file, guess and option."""
    with pytest.raises(TapeError, match=r"xrp-eth-trades.*'XRPETH'.*--symbol"):
        symbol_of(Path("xrp-eth-trades-2019-10.csv.gz"), LISTED)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b,c\n1,2,3\n", r"line 1: not the header of a tape"),
        ("", r"line 1: not the header of a tape"),
        (CANDLES, r"has a header but no rows"),
        (CANDLES + "1,2,3,1,2,5\n2,2,3,x,2,5\n", r"line 3: malformed candles row"),
        (CANDLES + "1,2,3,1,2\n", r"line 2: malformed .*5 columns instead of 6"),
        (CANDLES + "1,2,1,1,2,5\n", r"line 2: malformed .*high is not the highest"),
        (CANDLES + "1,2,3,1,2,-5\n", r"line 2: malformed .*volume -5"),
        (CANDLES + "5,2,3,1,2,5\n4,2,3,1,2,5\n", r"line 3: time 4 is before the row above"),
        (TRADES + "1,1,maker,5,5\n", r"line 2: malformed trades row .*neither buy nor sell"),
        (TRADES + "1,1,buy,NaN,5\n", r"line 2: malformed trades row"),
        (QUOTES + "1,6,1,5,1\n", r"line 2: malformed quotes row .*bid above ask"),
        (FUNDING + "1,2\n", r"line 2: malformed funding rates row"),
    ],
)
def test_a_malformed_tape_is_reported_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    """ORD-7: a tape that cannot be right is not played."""
    with pytest.raises(TapeError, match=message):
        inspect(written(tmp_path, "btc-perp.csv", text), "BTCUSDT")


def test_a_missing_and_a_damaged_tape_are_reported(tmp_path: Path) -> None:
    """ORD-7: in words, not as a traceback."""
    with pytest.raises(TapeError, match="there is no tape"):
        inspect(tmp_path / "nothing.csv", "BTCUSDT")
    damaged = tmp_path / "btc-perp.csv.gz"
    damaged.write_bytes(gzip.compress(CANDLES.encode() * 1_000)[:60])
    with pytest.raises(TapeError, match="damaged or not CSV"):
        inspect(damaged, "BTCUSDT")


def test_two_files_of_the_same_time_and_kind_are_refused(tmp_path: Path) -> None:
    """ORD-7: the same candles twice would trade twice."""
    paths = [written(tmp_path, f"btc-perp-{name}.csv", CANDLES + "1,2,3,1,2,5\n") for name in "ab"]
    with pytest.raises(TapeError, match="both hold BTCUSDT candles of the same time"):
        tape_of(*paths)


def test_a_rising_candle_goes_to_its_low_first_and_a_falling_one_to_its_high() -> None:
    """ORD-1: the path touches open, both extremes and close, in that order."""
    rising = candle_path.prices(Candle(0, 60_000, 100, 110, 90, 105, 10))
    falling = candle_path.prices(Candle(0, 60_000, 105, 110, 90, 100, 10))

    assert (rising[0], rising[-1], falling[0], falling[-1]) == (100, 105, 105, 100)
    assert rising.index(90) < rising.index(110)
    assert falling.index(110) < falling.index(90)


def test_a_candle_trades_exactly_its_volume_within_its_time() -> None:
    """ORD-1: nothing invented, nothing lost, time never runs backwards."""
    events = list(candle_path.events("BTCUSDT", Candle(1_000, 60_000, 10_000, 10_100, 9_900, 10_050, 1_003), 5))
    trades = [event for event in events if isinstance(event, Trade)]

    assert sum(trade.quantity for trade in trades) == 1_003
    assert [event.time_ms for event in events] == sorted(event.time_ms for event in events)
    assert 1_000 <= events[0].time_ms <= events[-1].time_ms < 61_000
    quotes = [event for event in events if isinstance(event, Quote)]
    assert all(quote.ask - quote.bid == 2 for quote in quotes), "half a spread is one tick"


def test_volume_in_quote_currency_is_seen_and_converted(tmp_path: Path) -> None:
    """ORD-7: 2,300,000 a minute at 46,000 cannot be bitcoins."""
    path = written(tmp_path, "btc-perp.csv", CANDLES + "60000,46000,46000,46000,46000,2300000\n")
    source = tape_of(path)._sources[0]

    assert isinstance(source, CandleSource)
    assert source.volume_in_quote
    assert sum(one.quantity for one in source.play(0) if isinstance(one, Trade)) == 50_000


def test_prices_off_the_tick_go_to_the_nearest_tick(tmp_path: Path) -> None:
    """ORD-7: 1.07685 with a tick of 0.0001 is 1.0768, half to even."""
    path = written(tmp_path, "xrp-usdt.csv", TRADES + "1,7,sell,1.07685,3\n2,8,buy,1.0769,0.01\n")
    events = played(tape_of(path))

    assert events[0] == Trade("XRPUSDT", 1, 7, Side.SELL, 10_768, 30)
    assert events[1][2::2] == (10_768, 10_769), "no quotes recorded: one that touches the trade's price"
    assert events[2] == Trade("XRPUSDT", 2, 8, Side.BUY, 10_769, 1), "less than a lot counts as one"


def test_several_files_play_as_one_tape_in_order_of_time(tmp_path: Path) -> None:
    """FUND-1: funding settles before what trades at the same moment, and knows what comes next."""
    trades = written(tmp_path, "btc-usdt-t.csv", TRADES + "10,1,buy,100,1\n20,2,buy,101,1\n30,3,buy,102,1\n")
    quotes = written(tmp_path, "btc-usdt-q.csv.gz", QUOTES + "15,99,1,100,1\n")
    funding = written(tmp_path, "btc-usdt-f.csv", FUNDING + "5,0.5\n20,0.0001\n30,-0.0002\n90,0.0003\n")
    tape = tape_of(trades, quotes, funding)

    assert tape.upcoming_funding("BTCUSDT", 10) is not None
    events = played(tape)
    assert [type(one).__name__ for one in events] == ["Trade", "Quote", "FundingRate", "Trade", "FundingRate", "Trade"]
    assert events[2] == FundingRate("BTCUSDT", 20, Decimal("0.0001"), 30, Decimal("-0.0002"))
    assert events[4] == FundingRate("BTCUSDT", 30, Decimal("-0.0002"), 0, Decimal(0))


def test_a_tape_goes_on_from_any_stored_position(tmp_path: Path) -> None:
    """ORD-6: the same events as without the interruption."""
    trades = written(tmp_path, "btc-usdt-t.csv", TRADES + "".join(f"{n},{n},buy,100,1\n" for n in range(1, 20)))
    quotes = written(tmp_path, "btc-usdt-q.csv", QUOTES + "".join(f"{n},99,1,100,1\n" for n in range(2, 30, 3)))
    whole = played(tape_of(trades, quotes))

    for stop in range(len(whole)):
        tape = tape_of(trades, quotes)
        for _ in range(stop):
            tape.next()
        assert played(tape_of(trades, quotes, positions=tape.positions)) == whole[stop:]


def test_real_candles_play_as_recorded(tapes: Path) -> None:
    """ORD-7: the month of January 2022 in one-minute candles; volume is in USD."""
    path = tapes / "btc-perp-1m-2022-01.csv.gz"
    recording = inspect(path, symbol_of(path, LISTED))
    source = sources([recording], LISTED)[0]

    assert (recording.kind, recording.rows) == (Kind.CANDLES, 45_031)
    assert isinstance(source, CandleSource)
    assert source.volume_in_quote
    assert source.length_ms == 60_000
    first = next(one for one in source.play(0) if isinstance(one, Trade))
    assert (first.price, first.time_ms) == (4_631_900, 1_640_991_660_000)


def test_real_perpetual_candles_with_funding_and_mark_prices_merge(tapes: Path) -> None:
    """FUND-1: twelve settlements lie in the week that trades, of both signs over the file."""
    names = ("xrp-usdt-perp-5m-2021-11", "xrp-usdt-funding-8h-2021-11", "xrp-usdt-mark-1h-2021-11")
    events = played(tape_of(*(tapes / f"{name}.csv.gz" for name in names)))

    assert sum(isinstance(one, FundingRate) for one in events) == 12
    assert [one.time_ms for one in events] == sorted(one.time_ms for one in events)


def test_real_trades_and_quotes_of_the_same_seconds_merge(tapes: Path) -> None:
    """ORD-7: 2,001 trades and 451 quotes, none made up beside the recorded ones."""
    events = played(tape_of(*(tapes / f"btc-usdt-{kind}-2021-01-08.csv.gz" for kind in ("trades", "quotes"))))

    assert sum(isinstance(one, Trade) for one in events) == 2_001
    assert sum(isinstance(one, Quote) for one in events) == 451


def test_a_thin_markets_tape_plays_too(tapes: Path) -> None:
    """ORD-7: XRP/ETH is not listed; told to be another instrument, its prices go to that grid."""
    recording = inspect(tapes / "xrp-eth-trades-2019-10.csv.gz", "1000SHIBUSDT")
    events = list(islice(sources([recording], LISTED)[0].play(0), 4))

    assert events[0] == Trade("1000SHIBUSDT", 1_570_752_011_620, 13_519_807, Side.SELL, 1_413, 23)
