"""Instruments: our list agrees with the venue's own, and integers and decimals convert exactly."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from venue.errors import InstrumentError
from venue.instruments import LISTED, load_exchange_info, select


def test_our_list_agrees_with_the_recorded_exchange_information(tapes: Path) -> None:
    """SYM-1: tick, lot, limits and percent price of every instrument both have."""
    recorded = load_exchange_info(tapes / "binance-usdm-exchangeinfo-2021-07-22.json.gz")

    assert set(recorded) == set(LISTED)
    for symbol, ours in LISTED.items():
        theirs = recorded[symbol]
        # Binance states more decimals than the tick needs for some; what counts is the tick itself.
        assert replace(ours, price_precision=theirs.price_precision) == theirs


def test_a_file_that_is_not_exchange_information_is_named(tmp_path: Path) -> None:
    """SYM-1: an unknown tick size refuses to trade, and says which file."""
    path = tmp_path / "info.json"
    path.write_text('{"symbols": [{"symbol": "BTCUSDT", "filters": []}]}')
    with pytest.raises(InstrumentError, match=r"info\.json is not USDⓈ-M exchange information"):
        load_exchange_info(path)
    with pytest.raises(InstrumentError, match="cannot read the exchange information"):
        load_exchange_info(tmp_path / "missing.json")


def test_an_unlisted_symbol_is_an_error_that_lists_the_known() -> None:
    """SYM-1: an unknown instrument refuses to trade."""
    with pytest.raises(InstrumentError, match=r"'DOGEUSDT'; it lists 1000SHIBUSDT"):
        select(LISTED, ["DOGEUSDT"])


@given(st.sampled_from(sorted(LISTED)), st.integers(0, 10**12))
def test_ticks_and_lots_convert_exactly_both_ways(symbol: str, number: int) -> None:
    """ORD-7: no float, no rounding, and the wire's text is the same number."""
    instrument = LISTED[symbol]
    assert instrument.ticks(instrument.price(number)) == number
    assert instrument.lots(instrument.quantity(number)) == number
    assert Decimal(instrument.price_text(number)) == instrument.price(number)
    assert Decimal(instrument.quantity_text(-number)) == -instrument.quantity(number)
