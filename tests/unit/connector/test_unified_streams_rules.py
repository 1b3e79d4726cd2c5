"""The pure rules of any venue's streams: candles without an end, funding from several places, states, words."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest

from connector.ccxt_adapter.binance_words import UnknownWordError
from connector.ccxt_adapter.exact_numbers import ExactNumbers
from connector.ccxt_adapter.instruments import TICK_SIZE, Listing, listing_of
from connector.ccxt_adapter.unified import account_messages as messages
from connector.ccxt_adapter.unified import streams_feeds
from connector.ccxt_adapter.unified.numbers import exact
from connector.ccxt_adapter.unified.streams_account import AccountChanges
from connector.ccxt_adapter.unified.streams_announcing import acknowledges, ends_account_stream, login_of
from connector.ccxt_adapter.unified.streams_dialects import StreamDialect, dialect_of
from connector.ccxt_adapter.unified.streams_funding import FundingPicture
from connector.ccxt_adapter.unified.streams_market import CandleRows, quote
from topics.errors import OffGridError
from topics.v1.orders_pb2 import OrderStatus

MINUTE_MS = 60_000
UNIFIED = "BTC/USDT:USDT"


def listing(**changes: Any) -> Listing:
    """In contracts of 0.01 BTC, tick 0.1."""
    market = {
        "id": "BTC-USDT-SWAP", "symbol": UNIFIED, "type": "swap", "spot": False, "swap": True, "linear": True,
        "baseId": "BTC", "quoteId": "USDT", "settleId": "USDT", "contractSize": "0.01", "active": True,
        "precision": {"price": "0.1", "amount": "1"}, "limits": {"amount": {}, "cost": {}},
    }  # fmt: skip
    return listing_of(market | changes, venue="okx", precision_mode=TICK_SIZE)


def row(minute: int, close: str = "43000.1", volume: str = "1") -> list[Any]:
    return [minute * MINUTE_MS, "43000.0", "43001.0", "42999.0", close, volume]


def told(rows: CandleRows, *given: list[Any]) -> list[tuple[int, bool]]:
    events = [event.candle for one in given for event in rows.take(one)]
    return [(candle.open_time_ms // MINUTE_MS, candle.closed) for candle in events]


def test_a_minute_ends_when_the_next_begins_with_its_last_values() -> None:
    rows = CandleRows(listing())
    assert told(rows, row(1), row(1, close="43000.9"), row(3)) == [(1, False), (1, False), (1, True), (3, False)]


def test_rows_a_venue_begins_with_are_told_once() -> None:
    """Bitget sends the last hours at each subscription."""
    rows = CandleRows(listing())
    assert told(rows, row(1), row(2), row(3)) == [(1, False), (1, True), (2, False), (2, True), (3, False)]
    rows.cut()
    assert told(rows, row(1), row(2), row(3), row(4)) == [(3, False), (3, True), (4, False)]


def test_a_minute_that_was_cut_is_not_closed_with_half_its_values() -> None:
    """Its end is read over REST."""
    rows = CandleRows(listing())
    rows.take(row(1))
    rows.cut()
    assert told(rows, row(3)) == [(3, False)]


def test_a_volume_in_contracts_is_in_base_units_in_the_end() -> None:
    (event,) = CandleRows(listing(), volume_in_contracts=True).take(row(1, volume="250"))
    assert listing().scale.quantity(event.candle.volume_lots) == Decimal("2.50")


def test_funding_is_told_once_both_rate_and_mark_price_are_known_and_when_something_changes() -> None:
    """FUND-1: no prediction where none is given."""
    picture = FundingPicture("okx", "BTC-USDT-SWAP")
    rate = {"fundingRate": "0.0001", "fundingTimestamp": 1_700_006_400_000, "interval": "8h", "timestamp": 5}
    assert picture.rate(rate, received_ms=9) is None
    first = picture.mark("43000.5", time_ms=6)
    assert first is not None
    assert (first.rate, first.mark_price, first.time_ms, first.interval_ms) == ("0.0001", "43000.5", 6, 28_800_000)
    assert (first.next_funding_time_ms, first.HasField("predicted_rate")) == (1_700_006_400_000, False)
    assert picture.mark("43000.5", time_ms=7) is None
    second = picture.rate({**rate, "nextFundingRate": "-0.0002"}, received_ms=9)
    assert second is not None
    assert second.predicted_rate == "-0.0002"
    third = picture.rate(rate, received_ms=9)
    assert third is not None
    assert not third.HasField("predicted_rate")


def test_spot_pays_no_funding() -> None:
    """FUND-1: rate 0, next time 0, the receipt time."""
    update = FundingPicture("okx", "BTC-USDT").none("43000.5", received_ms=9)
    assert update is not None
    assert (update.rate, update.next_funding_time_ms, update.time_ms, update.mark_price) == ("0", 0, 9, "43000.5")


def held(side: str | None, contracts: str, **more: Any) -> Mapping[str, Any]:
    return {"symbol": UNIFIED, "side": side, "contracts": contracts, "entryPrice": "43000.1", **more}


def lots_told(changes: AccountChanges, cache: Any) -> list[Decimal]:
    return [listing().scale.quantity(one.quantity_lots) for one in changes.positions(cache)]


def test_a_position_is_what_its_newest_message_says() -> None:
    """ccxt keeps both sides; the older one of an account that holds one at a time is over."""
    changes = AccountChanges({UNIFIED: listing()})
    assert lots_told(changes, [held("long", "5")]) == [Decimal("0.05")]
    assert lots_told(changes, [held("long", "5"), held("short", "7")]) == [Decimal("-0.07")]
    assert lots_told(changes, [held("long", "5"), held("short", "7")]) == []
    assert lots_told(changes, [held("long", "5"), held("short", "7"), held("net", "0")]) == [Decimal(0)]


def test_a_position_that_is_no_longer_listed_is_flat() -> None:
    changes = AccountChanges({UNIFIED: listing()})
    assert lots_told(changes, {"swap": []}) == []
    assert lots_told(changes, {"swap": [held("long", "5")]}) == [Decimal("0.05")]
    assert lots_told(changes, {"swap": []}) == [Decimal(0)]


def test_an_account_that_holds_both_sides_holds_their_difference() -> None:
    changes = AccountChanges({UNIFIED: listing()})
    both = [held("long", "5", hedged=True), held("short", "2", hedged=True)]
    assert lots_told(changes, both) == [Decimal("0.03")]


def test_of_balances_only_what_changed_is_told() -> None:
    changes = AccountChanges({})
    picture: dict[str, dict[str, Any]] = {"total": {"USDT": "10.5", "BTC": "1"}, "free": {"USDT": "9", "BTC": None}}
    assert {one.asset: one.wallet_balance for one in changes.balances(picture)} == {"USDT": "10.5", "BTC": "1"}
    assert changes.balances(picture) == []
    picture["free"]["USDT"] = "8"
    assert [(one.asset, one.available_balance) for one in changes.balances(picture)] == [("USDT", "8")]


def test_a_wallet_is_told_without_the_profit_that_ccxt_counts_into_the_total() -> None:
    """VEN-1: what a wallet holds changes by executions, fees and payments only, not with every price."""
    assets = [{"asset": "USDT", "walletBalance": "100.5", "marginBalance": "99.75"}]
    raw: dict[str, Any] = {"total": {"USDT": "99.75"}, "free": {"USDT": "90"}, "info": {"assets": assets}}
    (told,) = messages.balances(raw, ("assets", "asset", "walletBalance"))
    assert (told.wallet_balance, told.available_balance) == ("100.5", "90")
    (untold,) = messages.balances(raw)
    assert untold.wallet_balance == "99.75"


@pytest.mark.parametrize(
    ("word", "filled", "size", "status"),
    [
        ("open", 0, 5, OrderStatus.ORDER_STATUS_ACCEPTED),
        ("open", 2, 5, OrderStatus.ORDER_STATUS_PARTIALLY_FILLED),
        ("closed", 5, 5, OrderStatus.ORDER_STATUS_FILLED),
        ("closed", 2, 5, OrderStatus.ORDER_STATUS_CANCELED),
        ("canceled", 2, 5, OrderStatus.ORDER_STATUS_CANCELED),
        ("expired", 0, 5, OrderStatus.ORDER_STATUS_EXPIRED),
        ("rejected", 0, 5, OrderStatus.ORDER_STATUS_REJECTED),
    ],
)
def test_ccxt_s_words_for_an_order_s_state_are_read_with_its_quantities(
    word: str, filled: int, size: int, status: int
) -> None:
    assert messages.status_of(word, filled, size) == status


@pytest.mark.parametrize("word", ["half_open", None])
def test_a_state_nobody_knows_is_not_guessed_at(word: str | None) -> None:
    with pytest.raises(UnknownWordError, match=repr(word)):
        messages.status_of(word, 0, 5)


def test_a_float_is_refused_and_a_book_s_levels_are_none() -> None:
    with pytest.raises(TypeError, match="as text"):
        exact(0.1)
    assert ExactNumbers.safe_float({"p": "0.10000000000000000001"}, "p") == Decimal("0.10000000000000000001")
    assert ExactNumbers.safe_float({"p": None}, "p", 7) == 7


def test_a_quote_off_the_grid_is_refused_and_one_with_an_empty_side_is_none() -> None:
    ticker = {"bid": "43000.0", "bidVolume": "10", "ask": "43000.15", "askVolume": "1", "timestamp": 5, "info": {}}
    with pytest.raises(OffGridError):
        quote(ticker, listing(), received_ms=9)
    assert quote({**ticker, "ask": None}, listing(), received_ms=9) is None


@pytest.mark.parametrize(
    ("message", "acknowledged", "login"),
    [
        ({"success": True, "op": "subscribe", "req_id": "1"}, True, None),
        ({"event": "subscribe", "arg": {"channel": "orders"}}, True, None),
        ({"id": 3, "result": None}, True, None),
        ({"success": True, "op": "auth"}, False, True),
        ({"retCode": 0, "op": "auth"}, False, True),
        ({"success": False, "op": "auth", "ret_msg": "Params Error"}, False, False),
        ({"event": "login", "code": "0"}, False, True),
        ({"event": "login", "code": 0}, False, True),
        ({"topic": "order", "data": []}, False, None),
        ("pong", False, None),
    ],
)
def test_what_venues_say_to_a_subscription_and_to_a_login(message: Any, acknowledged: bool, login: bool | None) -> None:
    assert acknowledges(message) is acknowledged
    assert login_of(message) is login
    assert not ends_account_stream(message)


@pytest.mark.parametrize("message", [{"e": "listenKeyExpired"}, {"stream": "k", "data": {"e": "listenKeyExpired"}}])
def test_a_venue_that_ends_the_key_of_a_stream_ends_the_stream(message: Any) -> None:
    assert ends_account_stream(message)


class Has:
    """An exchange that has these calls and tells which of them is made."""

    def __init__(self, *names: str) -> None:
        self.has = dict.fromkeys(names, True)
        self.made: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return lambda *_args: self.made.append(name)


@pytest.mark.parametrize(
    ("names", "calls"),
    [
        (("watchBidsAsks", "watchTickers", "watchTicker"), ["watch_bids_asks"]),
        (("watchTickers", "watchTicker"), ["watch_tickers"]),
        (("watchTicker",), ["watch_ticker", "watch_ticker"]),
        ((), []),
    ],
)
def test_what_a_venue_has_decides_how_quotes_are_watched(names: tuple[str, ...], calls: list[str]) -> None:
    exchange = Has(*names)
    for watch in streams_feeds.quotes(exchange, ["A", "B"]):
        watch()
    assert exchange.made == calls


def test_a_venue_nobody_knows_is_asked_for_little_and_taken_as_ccxt_reads_it() -> None:
    assert dialect_of("kraken") == StreamDialect()
    assert StreamDialect().in_whole({"filled": "1", "info": {"accBaseVolume": "2"}})["filled"] == "1"
