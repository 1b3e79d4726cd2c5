"""Binance's spot and margin words: our facts as its JSON objects, for REST answers and user-data messages.

As there, a cancel has a client id of its own: it takes the place of the order's, whose own becomes the original one.
Must not: decide, send or persist anything.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from venue.account import ZERO
from venue.events import Execution, Fill, FlowKind, OrderUpdated, WalletChanged
from venue.instruments import Instrument, Product
from venue.messages import Json, decimal_text
from venue.orders import Order, OrderStatus, Side, TimeInForce

ORDER_TYPES = ["LIMIT", "LIMIT_MAKER", "MARKET"]
PREVENTION = "EXPIRE_MAKER"
_LOANS = {
    FlowKind.BORROW: "BORROW",
    FlowKind.REPAY: "REPAY",
    FlowKind.INTEREST: "BORROW",
    FlowKind.REPAY_INTEREST: "REPAY",
}
_INTEREST = (FlowKind.INTEREST, FlowKind.REPAY_INTEREST)
_TOLD_BY_POSITION = frozenset({FlowKind.TRADE, FlowKind.COMMISSION, FlowKind.INTEREST})


def order_type(order: Order) -> str:
    return "LIMIT_MAKER" if order.time_in_force is TimeInForce.GTX else order.type.value


def time_in_force(order: Order) -> str:
    return "GTC" if order.time_in_force is TimeInForce.GTX else order.time_in_force.value


def cancel_id(order: Order) -> str:
    """The client id of the request that cancelled an order."""
    return f"papercancel{order.order_id}"


def _amounts(order: Order, instrument: Instrument) -> Json:
    return {
        "price": instrument.price_text(order.price),
        "origQty": instrument.quantity_text(order.quantity),
        "executedQty": instrument.quantity_text(order.filled),
        "origQuoteOrderQty": "0.00000000",
        "cummulativeQuoteQty": decimal_text(order.filled_value * instrument.lot_value),
        "status": order.status.value,
        "timeInForce": time_in_force(order),
        "type": order_type(order),
        "side": order.side.value,
    }


def _head(order: Order, instrument: Instrument) -> Json:
    return {"symbol": instrument.wire_symbol, "orderId": order.order_id, "orderListId": -1}


def _margin(instrument: Instrument) -> Json:
    return {"isIsolated": False} if instrument.product is Product.MARGIN else {}


def order(order: Order, instrument: Instrument) -> Json:
    """One order as a query shows it."""
    return {
        **_head(order, instrument),
        "clientOrderId": order.client_order_id,
        **_amounts(order, instrument),
        "stopPrice": "0.00000000",
        "icebergQty": "0.00000000",
        "time": order.time_ms,
        "updateTime": order.update_time_ms,
        "isWorking": True,
        "workingTime": order.time_ms,
        "selfTradePreventionMode": PREVENTION,
        **_margin(instrument),
    }


def placed(order: Order, fills: Iterable[Fill], instrument: Instrument, answer: str) -> Json:
    """The answer to a new order: ACK, RESULT or FULL."""
    head = {
        **_head(order, instrument),
        "clientOrderId": order.client_order_id,
        "transactTime": order.update_time_ms,
        **_margin(instrument),
    }
    if answer == "ACK":
        return head
    result = {
        **head,
        **_amounts(order, instrument),
        "workingTime": order.time_ms,
        "selfTradePreventionMode": PREVENTION,
    }
    if answer == "RESULT":
        return result
    shown = [
        {
            "price": instrument.price_text(fill.price),
            "qty": instrument.quantity_text(fill.quantity),
            "commission": decimal_text(fill.fee),
            "commissionAsset": fill.fee_asset,
            "tradeId": fill.trade_id,
        }
        for fill in fills
    ]
    return {**result, "fills": shown}


def cancelled(order: Order, instrument: Instrument) -> Json:
    """The answer to a cancel."""
    return {
        **_head(order, instrument),
        "origClientOrderId": order.client_order_id,
        "clientOrderId": cancel_id(order),
        "transactTime": order.update_time_ms,
        **_amounts(order, instrument),
        "selfTradePreventionMode": PREVENTION,
        **_margin(instrument),
    }


def my_trade(row: Json) -> Json:
    """One fill as REST shows it, from its ledger row."""
    return {
        "symbol": row["symbol"].rpartition("/")[2],
        "id": row["trade_id"],
        "orderId": row["order_id"],
        "orderListId": -1,
        "price": decimal_text(Decimal(row["price"])),
        "qty": decimal_text(Decimal(row["quantity"])),
        "quoteQty": decimal_text(Decimal(row["value"])),
        "commission": row["fee"],
        "commissionAsset": row["fee_asset"],
        "time": row["time_ms"],
        "isBuyer": row["side"] == Side.BUY,
        "isMaker": bool(row["maker"]),
        "isBestMatch": True,
    }


def execution_report(update: OrderUpdated, instrument: Instrument) -> Json:
    """The user-data message of an order update."""
    one, fill = update.order, update.fill
    cancelled_now = update.execution is Execution.CANCELED
    expired_in_match = one.status is OrderStatus.EXPIRED_IN_MATCH
    return {
        "e": "executionReport",
        "E": one.update_time_ms,
        "s": instrument.wire_symbol,
        "c": cancel_id(one) if cancelled_now else one.client_order_id,
        "S": one.side.value,
        "o": order_type(one),
        "f": time_in_force(one),
        "q": instrument.quantity_text(one.quantity),
        "p": instrument.price_text(one.price),
        "P": "0.00000000",
        "F": "0.00000000",
        "g": -1,
        "C": one.client_order_id if cancelled_now else "",
        "x": "TRADE_PREVENTION" if expired_in_match else update.execution.value,
        "X": one.status.value,
        "r": "NONE",
        "i": one.order_id,
        "l": instrument.quantity_text(fill.quantity if fill else 0),
        "z": instrument.quantity_text(one.filled),
        "L": instrument.price_text(fill.price if fill else 0),
        "n": decimal_text(fill.fee) if fill else "0",
        "N": fill.fee_asset if fill else None,
        "T": one.update_time_ms,
        "t": fill.trade_id if fill else -1,
        "I": one.order_id,
        "w": one.is_open,
        "m": fill.maker if fill else False,
        "M": bool(fill),
        "O": one.time_ms,
        "Z": decimal_text(one.filled_value * instrument.lot_value),
        "Y": decimal_text(fill.price * fill.quantity * instrument.lot_value) if fill else "0.00000000",
        "Q": "0.00000000",
        "W": one.time_ms,
        "V": PREVENTION,
    }


def wallet_messages(changed: WalletChanged) -> list[Json]:
    """What is told of a wallet's change: transfers and loans, what is owed, and the balances as they are now."""
    at = {"E": changed.time_ms, "T": changed.time_ms}
    told: list[Json] = [
        {"e": "balanceUpdate", **at, "a": flow.asset, "d": decimal_text(flow.amount)}
        for flow in changed.flows
        if flow.amount and flow.kind not in _TOLD_BY_POSITION
    ]
    told += [
        {
            "e": "userLiabilityChange",
            **at,
            "a": flow.asset,
            "t": _LOANS[flow.kind],
            "p": decimal_text(ZERO if flow.kind in _INTEREST else flow.owed),
            "i": decimal_text(flow.owed if flow.kind in _INTEREST else ZERO),
        }
        for flow in changed.flows
        if flow.kind in _LOANS
    ]
    balances = [{"a": one.asset, "f": decimal_text(one.free), "l": decimal_text(one.locked)} for one in changed.assets]
    position = {"e": "outboundAccountPosition", "E": changed.time_ms, "u": changed.time_ms, "B": balances}
    return [*told, position]


def exchange_info_symbol(instrument: Instrument) -> Json:
    """One pair of the spot exchangeInfo."""
    tick, lot = f"{instrument.tick_size:.8f}", f"{instrument.lot_size:.8f}"
    filters: list[dict[str, Any]] = [
        {
            "filterType": "PRICE_FILTER",
            "minPrice": f"{instrument.min_price:.8f}",
            "maxPrice": f"{instrument.max_price:.8f}",
            "tickSize": tick,
        },
        {
            "filterType": "LOT_SIZE",
            "minQty": f"{instrument.min_quantity:.8f}",
            "maxQty": f"{instrument.max_quantity:.8f}",
            "stepSize": lot,
        },
        {
            "filterType": "MARKET_LOT_SIZE",
            "minQty": "0.00000000",
            "maxQty": f"{instrument.max_market_quantity:.8f}",
            "stepSize": "0.00000000",
        },
        {
            "filterType": "PERCENT_PRICE",
            "multiplierUp": f"{instrument.multiplier_up:f}",
            "multiplierDown": f"{instrument.multiplier_down:f}",
            "avgPriceMins": 0,
        },
        {
            "filterType": "NOTIONAL",
            "minNotional": f"{instrument.min_notional:.8f}",
            "applyMinToMarket": True,
            "maxNotional": "9000000.00000000",
            "applyMaxToMarket": False,
            "avgPriceMins": 0,
        },
        {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": instrument.max_open_orders},
    ]
    return {
        "symbol": instrument.wire_symbol,
        "status": "TRADING",
        "baseAsset": instrument.base_asset,
        "baseAssetPrecision": 8,
        "quoteAsset": instrument.quote_asset,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8,
        "orderTypes": ORDER_TYPES,
        "icebergAllowed": False,
        "ocoAllowed": False,
        "quoteOrderQtyMarketAllowed": True,
        "allowTrailingStop": False,
        "cancelReplaceAllowed": False,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": True,
        "filters": filters,
        "permissions": [],
        "permissionSets": [["SPOT", "MARGIN"]],
        "defaultSelfTradePreventionMode": PREVENTION,
        "allowedSelfTradePreventionModes": [PREVENTION],
    }
