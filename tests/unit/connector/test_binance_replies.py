"""Binance's REST replies, as documented, become our messages."""

from decimal import Decimal

from connector.ccxt_adapter import binance_replies as replies
from topics.scale import Scale
from topics.v1.common_pb2 import OrderType, Side, TimeInForce
from topics.v1.orders_pb2 import OrderStatus

SCALE = Scale(Decimal("0.10"), Decimal("0.001"))


def test_an_order_keeps_both_ids_and_its_progress() -> None:
    """WF-1: the client order id comes back unchanged."""
    order = replies.order(
        {
            "avgPrice": "0.00000", "clientOrderId": "tlABCDEFGHIJKLMNOPQRSTUVWXYZ", "cumQuote": "0",
            "executedQty": "0.001", "orderId": 1917641, "origQty": "0.400", "origType": "LIMIT", "price": "9300.00",
            "reduceOnly": True, "side": "BUY", "positionSide": "BOTH", "status": "PARTIALLY_FILLED", "stopPrice": "0",
            "symbol": "BTCUSDT", "time": 1579276756075, "timeInForce": "GTC", "type": "LIMIT",
            "updateTime": 1579276756076,
        },
        SCALE,
    )  # fmt: skip
    assert (order.client_order_id, order.venue_order_id) == ("tlABCDEFGHIJKLMNOPQRSTUVWXYZ", "1917641")
    assert (order.price_ticks, order.quantity_lots, order.filled_lots) == (93000, 400, 1)
    assert (order.side, order.type, order.time_in_force, order.status) == (
        Side.SIDE_BUY,
        OrderType.ORDER_TYPE_LIMIT,
        TimeInForce.TIME_IN_FORCE_GTC,
        OrderStatus.ORDER_STATUS_PARTIALLY_FILLED,
    )
    assert (order.reduce_only, order.time_ms) == (True, 1579276756076)


def test_a_foreign_stop_order_is_read_without_a_type_of_ours() -> None:
    """ORD-6: orders of others are reported as far as our words reach."""
    order = replies.order(
        {
            "clientOrderId": "web_x", "executedQty": "0", "orderId": 1, "origQty": "0.1", "price": "0", "side": "SELL",
            "status": "NEW", "symbol": "BTCUSDT", "timeInForce": "GTE_GTC", "type": "STOP_MARKET", "updateTime": 1,
        },
        SCALE,
    )  # fmt: skip
    assert (order.type, order.time_in_force) == (0, 0)


def test_an_execution_has_what_the_deduplication_needs() -> None:
    """ORD-4: fills are deduplicated by (venue, symbol, trade id)."""
    found = replies.fill(
        {
            "buyer": False, "commission": "-0.07819010", "commissionAsset": "USDT", "id": 698759, "maker": True,
            "orderId": 25851813, "price": "7819.00", "qty": "0.002", "quoteQty": "15.63802",
            "realizedPnl": "-0.91539999", "side": "SELL", "positionSide": "BOTH", "symbol": "BTCUSDT",
            "time": 1569514978020,
        },
        SCALE,
    )  # fmt: skip
    assert (found.symbol, found.fill.trade_id, found.venue_order_id) == ("BTCUSDT", "698759", "25851813")
    assert (found.fill.fee, found.fill.realized_pnl, found.fill.maker) == ("-0.07819010", "-0.91539999", True)


def test_assets_without_balance_are_left_out() -> None:
    """Balances: what is there, as text."""
    raw = [
        {"asset": "USDT", "balance": "122607.35137903", "availableBalance": "23.72469206"},
        {"asset": "BNB", "balance": "0.00000000", "availableBalance": "0.00000000"},
    ]
    assert [(it.asset, it.wallet_balance, it.available_balance) for it in replies.balances(raw)] == [
        ("USDT", "122607.35137903", "23.72469206")
    ]


def test_a_position_keeps_its_sign() -> None:
    """ORD-7: positive long, negative short, in lots."""
    (position,) = replies.positions(
        [
            {
                "symbol": "BTCUSDT", "positionAmt": "-0.010", "entryPrice": "9000.0", "markPrice": "9100.0",
                "unRealizedProfit": "-1.0", "liquidationPrice": "12000",
            },
            {"symbol": "ETHUSDT"},
        ],
        {"BTCUSDT": SCALE},
    )  # fmt: skip
    assert (position.quantity_lots, position.entry_price, position.leverage) == (-10, "9000.0", "")


def test_a_funding_payment_keeps_the_venue_s_id() -> None:
    """FUND-1: unique by the venue's transaction id."""
    payment = replies.funding_payment(
        {"symbol": "BTCUSDT", "incomeType": "FUNDING_FEE", "income": "-0.37500000", "asset": "USDT",
         "time": 1570608000000, "tranId": 9689322392, "tradeId": ""}
    )  # fmt: skip
    assert (payment.payment_id, payment.amount, payment.time_ms) == ("9689322392", "-0.37500000", 1570608000000)


def test_best_prices_keep_the_book_s_update_id() -> None:
    quote = replies.quote(
        {
            "lastUpdateId": 1027024, "symbol": "BTCUSDT", "bidPrice": "4.00", "bidQty": "431.000",
            "askPrice": "4.20", "askQty": "9.000", "time": 1589437530011,
        },
        SCALE,
    )  # fmt: skip
    assert (quote.update_id, quote.time_ms) == (1027024, 1589437530011)
    assert (quote.bid_ticks, quote.bid_lots, quote.ask_ticks, quote.ask_lots) == (40, 431_000, 42, 9_000)


def test_a_funding_rate_predicts_nothing_the_venue_does_not() -> None:
    """FUND-1: epoch milliseconds, no prediction; where none applies the rate is 0 and so is the next time."""
    raw = {
        "symbol": "BTCUSDT", "markPrice": "11793.63104562", "lastFundingRate": "0.00038246",
        "nextFundingTime": 1597392000000, "time": 1597370495002,
    }  # fmt: skip
    told = replies.funding_rate(raw, venue="paper")
    assert (told.rate, told.next_funding_time_ms, told.time_ms) == ("0.00038246", 1597392000000, 1597370495002)
    assert not told.HasField("predicted_rate")
    delivery = replies.funding_rate(raw | {"lastFundingRate": "", "nextFundingTime": 0}, venue="paper")
    assert (delivery.rate, delivery.next_funding_time_ms) == ("0", 0)
