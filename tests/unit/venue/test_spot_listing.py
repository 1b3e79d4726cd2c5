"""Spot pairs: built in, from a recorded exchangeInfo, and what one run lists and plays (SYM-1, VEN-1)."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from tests.integration.venue.paper_venue import settings_for
from venue.errors import InstrumentError, TapeError
from venue.instruments import Product
from venue.listing import listed
from venue.spot.listing import SPOT_LISTED, both_accounts, load_spot_exchange_info
from venue.spot.messages import exchange_info_symbol

HEADER = "time_ms,bid,bid_size,ask,ask_size\n"


def test_a_recorded_exchange_info_gives_grid_and_limits(tapes: Path) -> None:
    """SYM-1: as Binance told them in October 2021."""
    recorded = load_spot_exchange_info(tapes / "binance-spot-exchangeinfo-2021-10-12.json.gz")
    assert sorted(recorded) == ["BTCUSDT", "ETHUSDT", "XRPETH", "XRPUSDT"]
    pair = recorded["XRPETH"]
    assert (pair.tick_size, pair.lot_size, pair.min_notional) == (Decimal("0.0000001"), Decimal(1), Decimal("0.005"))
    assert (pair.symbol, pair.wire_symbol, pair.product) == ("spot/XRPETH", "XRPETH", Product.SPOT)
    assert recorded["BTCUSDT"].max_market_quantity == Decimal("100.05381873")
    assert (pair.price_text(4_400), pair.quantity_text(7)) == ("0.00044000", "7.00000000")


def test_what_we_list_is_told_as_it_would_be_read(tmp_path: Path) -> None:
    """SYM-1: our exchangeInfo, read by our own reader, is our list again."""
    told = tmp_path / "spot.json"
    entries = [exchange_info_symbol(one) for one in SPOT_LISTED.values()]
    told.write_text(f'{{"symbols": {entries!r}}}'.replace("'", '"').replace("True", "true").replace("False", "false"))
    assert load_spot_exchange_info(told) == SPOT_LISTED


def test_a_file_that_is_none_is_named_with_what_it_should_be(tmp_path: Path) -> None:
    """SYM-1: of the perpetuals, for example."""
    wrong = tmp_path / "wrong.json"
    wrong.write_text('{"symbols": [{"symbol": "BTCUSDT", "filters": []}]}')
    with pytest.raises(InstrumentError, match="is not spot exchange information"):
        load_spot_exchange_info(wrong)


def test_each_pair_is_traded_by_two_accounts() -> None:
    """ARB-2: the same pair, two names of the venue's own, one of the wire."""
    names = [one.symbol for one in both_accounts([SPOT_LISTED["BTCUSDT"]])]
    assert names == ["spot/BTCUSDT", "margin/BTCUSDT"]
    assert [Product.of(name) for name in [*names, "BTCUSDT"]] == [Product.SPOT, Product.MARGIN, Product.PERPETUAL]


def played(tmp_path: Path, **settings: Any) -> tuple[list[str], list[str], list[str]]:
    perpetuals, pairs, recordings = listed(settings_for(tmp_path / "venue", **settings))
    names = [f"{one.path.name}:{one.symbol}" for one in recordings]
    return [one.symbol for one in perpetuals], [one.symbol for one in pairs], names


def test_one_tape_plays_for_both_products_or_each_for_its_own(tmp_path: Path) -> None:
    """VEN-1: both from one tape; the spot pair from its own; spot alone."""
    perpetual, spot = tmp_path / "btc-perp.csv", tmp_path / "btc-usdt.csv"
    for tape in (perpetual, spot):
        tape.write_text(HEADER + "1,2,1,3,1\n")
    both = {"spot_symbols": ["BTCUSDT"], "tapes": [perpetual]}

    assert played(tmp_path) == (["BTCUSDT"], [], [])
    assert played(tmp_path, **both)[2] == ["btc-perp.csv:BTCUSDT", "btc-perp.csv:spot/BTCUSDT"]
    assert played(tmp_path, **both, spot_tapes=[spot])[2] == ["btc-perp.csv:BTCUSDT", "btc-usdt.csv:spot/BTCUSDT"]
    assert played(tmp_path, spot_tapes=[spot]) == ([], ["spot/BTCUSDT"], ["btc-usdt.csv:spot/BTCUSDT"])


def test_a_pair_without_a_tape_or_a_venue_without_symbols_is_a_mistake(tmp_path: Path) -> None:
    """SYM-1: named, with what to do."""
    tape = tmp_path / "btc-usdt.csv"
    tape.write_text(HEADER + "1,2,1,3,1\n")
    with pytest.raises(TapeError, match="no tape for the spot pair ETHUSDT: give one in spot_tapes"):
        played(tmp_path, tapes=[tape], spot_symbols=["ETHUSDT"])
    with pytest.raises(InstrumentError, match="does not list 'NOPE'"):
        played(tmp_path, spot_symbols=["NOPE"])
    with pytest.raises(ValidationError, match="no symbol to trade"):
        settings_for(tmp_path, symbols=[])
