"""Binance USDⓈ-M's words: our facts as its JSON objects, for REST answers and WebSocket messages.

Numbers that are money are strings, times epoch milliseconds. Market messages carry one field more than
Binance's: `u`, the venue's update id of the instrument. Must not: decide, send or persist anything.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from venue.account import money
from venue.events import AccountChanged, Execution, FundsMoved, OrderUpdated
from venue.instruments import Instrument
from venue.klines import Kline
from venue.orders import Order, OrderType, Side

Json = dict[str, Any]


def decimal_text(value: Decimal) -> str:
    """An amount of money with eight places."""
    return f"{money(value):f}"


def average_price(order: Order, instrument: Instrument) -> str:
    if not order.filled:
        return "0.00"
    return decimal_text(Decimal(order.filled_value) / order.filled * instrument.tick_size)


def order(order: Order, instrument: Instrument) -> Json:
    """One order as REST shows it."""
    executed = instrument.quantity_text(order.filled)
    return {
        "orderId": order.order_id,
        "symbol": order.symbol,
        "status": order.status.value,
        "clientOrderId": order.client_order_id,
        "price": instrument.price_text(order.price),
        "avgPrice": average_price(order, instrument),
        "origQty": instrument.quantity_text(order.quantity),
        "executedQty": executed,
        "cumQty": executed,
        "cumQuote": decimal_text(order.filled_value * instrument.lot_value),
        "timeInForce": order.time_in_force.value,
        "type": order.type.value,
        "origType": order.type.value,
        "reduceOnly": order.reduce_only,
        "closePosition": False,
        "side": order.side.value,
        "positionSide": "BOTH",
        "stopPrice": "0",
        "workingType": "CONTRACT_PRICE",
        "priceMatch": "NONE",
        "selfTradePreventionMode": "EXPIRE_MAKER",
        "goodTillDate": 0,
        "priceProtect": False,
        "time": order.time_ms,
        "updateTime": order.update_time_ms,
    }


def order_trade_update(update: OrderUpdated, instrument: Instrument) -> Json:
    """The user-data message of an order update."""
    one, fill = update.order, update.fill
    body: Json = {
        "s": one.symbol,
        "c": one.client_order_id,
        "S": one.side.value,
        "o": one.type.value,
        "f": one.time_in_force.value,
        "q": instrument.quantity_text(one.quantity),
        "p": instrument.price_text(one.price),
        "ap": average_price(one, instrument),
        "sp": "0",
        "x": update.execution.value,
        "X": one.status.value,
        "i": one.order_id,
        "l": instrument.quantity_text(fill.quantity) if fill else "0",
        "z": instrument.quantity_text(one.filled),
        "L": instrument.price_text(fill.price) if fill else "0",
        "T": one.update_time_ms,
        "t": fill.trade_id if fill else 0,
        "b": "0",
        "a": "0",
        "m": fill.maker if fill else False,
        "R": one.reduce_only,
        "wt": "CONTRACT_PRICE",
        "ot": one.type.value,
        "ps": "BOTH",
        "cp": False,
        "rp": decimal_text(fill.realized_pnl) if fill else "0",
        "pP": False,
        "si": 0,
        "ss": 0,
        "V": "EXPIRE_MAKER",
        "pm": "NONE",
        "gtd": 0,
    }
    if fill and update.execution is Execution.TRADE:
        body |= {"n": decimal_text(fill.fee), "N": instrument.quote_asset}
    return {"e": "ORDER_TRADE_UPDATE", "E": one.update_time_ms, "T": one.update_time_ms, "o": body}


def account_update(change: AccountChanged, instrument: Instrument, mark_price: Decimal) -> Json:
    """The user-data message of a change of wallet and position."""
    position = change.position
    balance = {
        "a": instrument.quote_asset,
        "wb": decimal_text(change.wallet_balance),
        "cw": decimal_text(change.wallet_balance),
        "bc": decimal_text(change.change if change.reason != "ORDER" else Decimal(0)),
    }
    held = {
        "s": position.symbol,
        "pa": instrument.quantity_text(position.lots),
        "ep": f"{position.entry_price:f}",
        "bep": f"{position.entry_price:f}",
        "cr": decimal_text(position.realized_pnl),
        "up": decimal_text(position.unrealized_pnl(mark_price, instrument)),
        "mt": "cross",
        "iw": "0",
        "ps": "BOTH",
    }
    return {
        "e": "ACCOUNT_UPDATE",
        "E": change.time_ms,
        "T": change.time_ms,
        "a": {"B": [balance], "P": [held], "m": change.reason},
    }


def funds_moved(moved: FundsMoved) -> Json:
    """The user-data message of a transfer from or to another wallet."""
    balance = {
        "a": moved.asset,
        "wb": decimal_text(moved.wallet_balance),
        "cw": decimal_text(moved.wallet_balance),
        "bc": decimal_text(moved.amount),
    }
    reason = "DEPOSIT" if moved.amount > 0 else "WITHDRAW"
    return {
        "e": "ACCOUNT_UPDATE",
        "E": moved.time_ms,
        "T": moved.time_ms,
        "a": {"B": [balance], "P": [], "m": reason},
    }


def user_trade(row: Json) -> Json:
    """One fill as REST shows it, from its ledger row."""
    return {
        "symbol": row["symbol"],
        "id": row["trade_id"],
        "orderId": row["order_id"],
        "side": row["side"],
        "price": row["price"],
        "qty": row["quantity"],
        "realizedPnl": row["realized_pnl"],
        "quoteQty": row["value"],
        "commission": row["fee"],
        "commissionAsset": row["fee_asset"],
        "time": row["time_ms"],
        "positionSide": "BOTH",
        "maker": bool(row["maker"]),
        "buyer": row["side"] == Side.BUY,
    }


def income(row: Json) -> Json:
    """One change of the wallet as REST shows it, from its ledger row."""
    return {
        "symbol": row["symbol"],
        "incomeType": row["income_type"],
        "income": row["amount"],
        "asset": row["asset"],
        "info": row["income_type"],
        "time": row["time_ms"],
        "tranId": row["income_id"],
        "tradeId": str(row["trade_id"] or ""),
    }


def kline_row(kline: Kline, interval_ms: int, instrument: Instrument) -> list[Any]:
    """One candle as REST shows it."""
    return [
        kline.open_time_ms,
        instrument.price_text(kline.open),
        instrument.price_text(kline.high),
        instrument.price_text(kline.low),
        instrument.price_text(kline.close),
        instrument.quantity_text(kline.volume),
        kline.open_time_ms + interval_ms - 1,
        decimal_text(kline.value * instrument.lot_value),
        kline.trades,
        instrument.quantity_text(kline.taker_buy_volume),
        decimal_text(kline.taker_buy_value * instrument.lot_value),
        "0",
    ]


def kline_update(
    kline: Kline, interval: str, interval_ms: int, instrument: Instrument, time_ms: int, *, closed: bool
) -> Json:
    """The WebSocket message of a candle."""
    row = kline_row(kline, interval_ms, instrument)
    return {
        "e": "kline",
        "E": time_ms,
        "s": instrument.wire_symbol,
        "k": {
            "t": row[0],
            "T": row[6],
            "s": instrument.wire_symbol,
            "i": interval,
            "f": -1,
            "L": -1,
            "o": row[1],
            "c": row[4],
            "h": row[2],
            "l": row[3],
            "v": row[5],
            "n": row[8],
            "x": closed,
            "q": row[7],
            "V": row[9],
            "Q": row[10],
            "B": "0",
        },
    }


def exchange_info_symbol(instrument: Instrument) -> Json:
    """One instrument of exchangeInfo."""
    tick, lot = f"{instrument.tick_size:f}", f"{instrument.lot_size:f}"
    least = f"{instrument.min_quantity:f}"
    return {
        "symbol": instrument.symbol,
        "pair": instrument.symbol,
        "contractType": "PERPETUAL",
        "deliveryDate": 4133404800000,
        "onboardDate": 1569398400000,
        "status": "TRADING",
        "maintMarginPercent": "2.5000",
        "requiredMarginPercent": "5.0000",
        "baseAsset": instrument.base_asset,
        "quoteAsset": instrument.quote_asset,
        "marginAsset": instrument.quote_asset,
        "pricePrecision": instrument.price_precision,
        "quantityPrecision": instrument.quantity_precision,
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "underlyingType": "COIN",
        "underlyingSubType": [],
        "settlePlan": 0,
        "triggerProtect": "0.0500",
        "liquidationFee": "0.012500",
        "marketTakeBound": "0.30",
        "orderTypes": [kind.value for kind in OrderType],
        "timeInForce": ["GTC", "IOC", "FOK", "GTX"],
        "filters": [
            {
                "filterType": "PRICE_FILTER",
                "minPrice": f"{instrument.min_price:f}",
                "maxPrice": f"{instrument.max_price:f}",
                "tickSize": tick,
            },
            {"filterType": "LOT_SIZE", "minQty": least, "maxQty": f"{instrument.max_quantity:f}", "stepSize": lot},
            {
                "filterType": "MARKET_LOT_SIZE",
                "minQty": least,
                "maxQty": f"{instrument.max_market_quantity:f}",
                "stepSize": lot,
            },
            {"filterType": "MAX_NUM_ORDERS", "limit": instrument.max_open_orders},
            {"filterType": "MAX_NUM_ALGO_ORDERS", "limit": 10},
            {"filterType": "MIN_NOTIONAL", "notional": f"{instrument.min_notional:f}"},
            {
                "filterType": "PERCENT_PRICE",
                "multiplierUp": f"{instrument.multiplier_up:f}",
                "multiplierDown": f"{instrument.multiplier_down:f}",
                "multiplierDecimal": "4",
            },
        ],
    }
