"""Binance's websocket frames, as documented and as recorded, become our messages without a float in between."""

import gzip
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pytest

from connector.ccxt_adapter import binance_frames as frames
from connector.ccxt_adapter.binance_words import UnknownWordError
from connector.port import VenueFill, VenueOrder
from topics.errors import OffGridError
from topics.scale import Scale
from topics.v1.common_pb2 import OrderType, Side, TimeInForce
from topics.v1.orders_pb2 import OrderStatus

SCALE = Scale(Decimal("0.10"), Decimal("0.001"))


def order_trade_update(**changes: Any) -> dict[str, Any]:
    """As documented, for an order of ours that is partly filled."""
    order = {
        "s": "BTCUSDT", "c": "tlABCDEFGHIJKLMNOPQRSTUVWXYZ", "S": "SELL", "o": "LIMIT", "f": "GTX",
        "q": "0.030", "p": "43000.50", "ap": "43000.50", "sp": "0", "x": "TRADE", "X": "PARTIALLY_FILLED", "i": 8886774,
        "l": "0.010", "z": "0.020", "L": "43000.50", "N": "USDT", "n": "0.08600100", "T": 1568879465651, "t": 77,
        "b": "0", "a": "0", "m": True, "R": False, "wt": "CONTRACT_PRICE", "ot": "LIMIT", "ps": "BOTH", "cp": False,
        "rp": "-1.25000000",
    } | changes  # fmt: skip
    return {"e": "ORDER_TRADE_UPDATE", "E": 1568879465652, "T": 1568879465650, "o": order}


def test_a_quote_keeps_the_book_s_update_id() -> None:
    """ORD-7: bookTicker in ticks and lots; the update id is what pacing goes by."""
    event = frames.quote(
        {
            "e": "bookTicker",
            "u": 400900217,
            "s": "BTCUSDT",
            "b": "43000.10",
            "B": "31.210",
            "a": "43000.20",
            "A": "0.001",
            "T": 7,
            "E": 8,
        },
        SCALE,
    )
    quote = event.quote
    assert (quote.time_ms, quote.update_id) == (7, 400900217)
    assert (quote.bid_ticks, quote.bid_lots, quote.ask_ticks, quote.ask_lots) == (430001, 31210, 430002, 1)


def test_an_execution_is_told_before_the_order_it_changed() -> None:
    """ORD-4: trade id, price, quantity, fee, realised profit and maker side come from the frame itself."""
    fill, order = frames.order_reports(order_trade_update(), SCALE)
    assert isinstance(fill, VenueFill)
    assert isinstance(order, VenueOrder)
    assert (fill.fill.trade_id, fill.fill.price_ticks, fill.fill.quantity_lots) == ("77", 430005, 10)
    assert (fill.fill.fee, fill.fill.fee_asset, fill.fill.realized_pnl, fill.fill.maker) == (
        "0.08600100",
        "USDT",
        "-1.25000000",
        True,
    )
    assert (order.side, order.type, order.time_in_force) == (
        Side.SIDE_SELL,
        OrderType.ORDER_TYPE_LIMIT,
        TimeInForce.TIME_IN_FORCE_POST_ONLY,
    )
    assert (order.quantity_lots, order.filled_lots, order.status) == (
        30,
        20,
        OrderStatus.ORDER_STATUS_PARTIALLY_FILLED,
    )
    assert order.client_order_id == fill.client_order_id == "tlABCDEFGHIJKLMNOPQRSTUVWXYZ"


@pytest.mark.parametrize(
    ("execution", "status", "expected"),
    [
        ("NEW", "NEW", OrderStatus.ORDER_STATUS_ACCEPTED),
        ("CANCELED", "CANCELED", OrderStatus.ORDER_STATUS_CANCELED),
        ("EXPIRED", "EXPIRED", OrderStatus.ORDER_STATUS_EXPIRED),
        ("EXPIRED", "EXPIRED_IN_MATCH", OrderStatus.ORDER_STATUS_EXPIRED),
        ("REJECTED", "REJECTED", OrderStatus.ORDER_STATUS_REJECTED),
    ],
)
def test_an_update_without_execution_is_the_order_alone(
    execution: str, status: str, expected: OrderStatus.ValueType
) -> None:
    """ORD-4: rejected, expired and cancelled updates are told as such."""
    (order,) = frames.order_reports(order_trade_update(x=execution, X=status, l="0", L="0", t=0, n=None), SCALE)
    assert isinstance(order, VenueOrder)
    assert order.status == expected


def test_a_post_only_order_that_expired_untouched_says_why() -> None:
    """ORD-9: the strategy can tell a near-crossing quote from an order that ran out."""
    (order,) = frames.order_reports(order_trade_update(x="EXPIRED", X="EXPIRED", z="0"), SCALE)
    assert isinstance(order, VenueOrder)
    assert order.reason_code == "POST_ONLY_WOULD_TAKE"


def test_a_status_nobody_knows_is_refused_not_guessed() -> None:
    """ORD-4: an order's state is never guessed."""
    with pytest.raises(UnknownWordError, match="'HALF_DONE'"):
        frames.order_reports(order_trade_update(X="HALF_DONE"), SCALE)


def test_an_account_update_carries_changed_balances_and_followed_positions() -> None:
    """ACCOUNT_UPDATE: money stays text, quantities become signed lots (ORD-7)."""
    frame = {
        "e": "ACCOUNT_UPDATE", "E": 2, "T": 1,
        "a": {
            "m": "FUNDING_FEE",
            "B": [{"a": "USDT", "wb": "122624.12345678", "cw": "100.12", "bc": "-0.5"}],
            "P": [
                {"s": "BTCUSDT", "pa": "-0.020", "ep": "43000.5", "cr": "200", "up": "-1.1", "mt": "cross", "iw": "0"},
                {"s": "DOGEUSDT", "pa": "5", "ep": "0.1", "cr": "0", "up": "0", "mt": "cross", "iw": "0"},
            ],
        },
    }  # fmt: skip
    update = frames.account(frame, {"BTCUSDT": SCALE}, venue="paper", name="main")
    assert frames.is_funding_payment(frame)
    assert [(balance.asset, balance.wallet_balance) for balance in update.balances] == [("USDT", "122624.12345678")]
    assert [(position.symbol, position.quantity_lots) for position in update.positions] == [("BTCUSDT", -20)]


def test_funding_without_a_rate_says_zero_and_not_applicable() -> None:
    """FUND-1: epoch milliseconds; next funding time 0 = not applicable; no predicted rate where none is given."""
    update = frames.funding({"E": 9, "s": "BTCUSDT", "p": "43000.12", "r": "", "T": 0}, venue="paper")
    assert (update.rate, update.next_funding_time_ms, update.HasField("predicted_rate")) == ("0", 0, False)


def test_a_price_between_two_ticks_is_refused() -> None:
    """ORD-7: nothing is rounded behind anyone's back."""
    with pytest.raises(OffGridError, match=r"43000.15"):
        frames.trade({"T": 1, "a": 2, "p": "43000.15", "q": "0.001", "m": True}, SCALE)


def test_every_recorded_frame_is_read_exactly(tapes: Path) -> None:
    """ORD-7: 30 s of real frames of four instruments; prices and quantities come back as they were sent."""
    information = orjson.loads(gzip.decompress((tapes / "binance-usdm-exchangeinfo-2021-07-22.json.gz").read_bytes()))
    scales = {symbol["symbol"]: _scale(symbol) for symbol in information["symbols"]}
    parsers = {"bookTicker": frames.quote, "aggTrade": frames.trade, "kline": frames.candle}
    read: Counter[str] = Counter()
    with gzip.open(tapes / "binance-usdm-frames-2021-07-22.jsonl.gz") as lines:
        for line in lines:
            frame = orjson.loads(line)["data"]
            if frame["e"] not in parsers:
                continue
            scale = scales.get(frame["s"]) or pytest.fail(f"no metadata of {frame['s']}")
            event = parsers[frame["e"]](frame, scale)
            read[frame["e"]] += 1
            if event.HasField("quote"):
                assert scale.price(event.quote.bid_ticks) == Decimal(frame["b"])
                assert scale.quantity(event.quote.ask_lots) == Decimal(frame["A"])
            elif event.HasField("trade"):
                assert scale.price(event.trade.price_ticks) == Decimal(frame["p"])
                assert (event.trade.taker_side == Side.SIDE_SELL) == frame["m"]
            else:
                assert scale.quantity(event.candle.volume_lots) == Decimal(frame["k"]["v"])
    assert read == {"bookTicker": 613, "aggTrade": 91, "kline": 67}


def _scale(symbol: dict[str, Any]) -> Scale:
    filters = {entry["filterType"]: entry for entry in symbol["filters"]}
    return Scale(Decimal(filters["PRICE_FILTER"]["tickSize"]), Decimal(filters["LOT_SIZE"]["stepSize"]))
