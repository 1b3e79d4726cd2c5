"""Binance USDⓈ-M REST replies, as decoded JSON, to our messages. Pure: no clock, no state, no floats.

https://developers.binance.com/docs/derivatives/usds-margined-futures. A reply that lacks a field raises KeyError.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from connector.ccxt_adapter.binance_words import SIDES, TIMES_IN_FORCE, TYPES, reason_of, status_of
from connector.port import VenueFill, VenueOrder
from topics.scale import Scale
from topics.v1.account_pb2 import AccountPosition, Balance, FundingPayment
from topics.v1.funding_pb2 import FundingUpdate
from topics.v1.market_pb2 import Candle, MarketEvent, Quote
from topics.v1.orders_pb2 import Fill

Reply = Mapping[str, Any]


def order(raw: Reply, scale: Scale) -> VenueOrder:
    """An order as POST, GET and DELETE order and GET openOrders give it."""
    status = status_of(raw["status"])
    time_in_force = TIMES_IN_FORCE.get(raw["timeInForce"], 0)
    filled_lots = scale.lots(raw["executedQty"])
    reason_code, reason = reason_of(status, time_in_force, executed=filled_lots > 0)
    return VenueOrder(
        symbol=raw["symbol"],
        client_order_id=raw["clientOrderId"],
        venue_order_id=str(raw["orderId"]),
        side=SIDES[raw["side"]],
        type=TYPES.get(raw["type"], 0),
        time_in_force=time_in_force,
        reduce_only=bool(raw.get("reduceOnly")),
        price_ticks=scale.ticks(raw["price"]),
        quantity_lots=scale.lots(raw["origQty"]),
        filled_lots=filled_lots,
        status=status,
        time_ms=int(raw["updateTime"]),
        reason_code=reason_code,
        reason=reason,
    )


def fill(raw: Reply, scale: Scale) -> VenueFill:
    """One of GET userTrades; it has no client order id."""
    return VenueFill(
        symbol=raw["symbol"],
        client_order_id="",
        venue_order_id=str(raw["orderId"]),
        side=SIDES[raw["side"]],
        fill=Fill(
            trade_id=str(raw["id"]),
            price_ticks=scale.ticks(raw["price"]),
            quantity_lots=scale.lots(raw["qty"]),
            fee=raw["commission"],
            fee_asset=raw["commissionAsset"],
            realized_pnl=raw["realizedPnl"],
            maker=raw["maker"],
            time_ms=int(raw["time"]),
        ),
    )


def balances(raw: Iterable[Reply]) -> list[Balance]:
    """GET v3/balance; assets without any balance are left out."""
    return [
        Balance(asset=entry["asset"], wallet_balance=entry["balance"], available_balance=entry["availableBalance"])
        for entry in raw
        if entry["balance"].strip("0.") or entry["availableBalance"].strip("0.")
    ]


def positions(raw: Iterable[Reply], scales: Mapping[str, Scale]) -> list[AccountPosition]:
    """GET v3/positionRisk, of these instruments."""
    return [
        AccountPosition(
            symbol=entry["symbol"],
            grain=scales[entry["symbol"]].grain,
            quantity_lots=scales[entry["symbol"]].lots(entry["positionAmt"]),
            entry_price=entry["entryPrice"],
            mark_price=entry["markPrice"],
            unrealized_pnl=entry["unRealizedProfit"],
            liquidation_price=entry.get("liquidationPrice", ""),
            leverage=str(entry.get("leverage", "")),
        )
        for entry in raw
        if entry["symbol"] in scales
    ]


def funding_payment(raw: Reply) -> FundingPayment:
    """One of GET income?incomeType=FUNDING_FEE."""
    return FundingPayment(
        payment_id=str(raw["tranId"]),
        symbol=raw["symbol"],
        asset=raw["asset"],
        amount=raw["income"],
        time_ms=int(raw["time"]),
    )


def candle(raw: list[Any], scale: Scale, *, interval_ms: int, closed: bool) -> MarketEvent:
    """One of GET klines: [open time, open, high, low, close, volume, close time, …]."""
    open_time_ms, opened, high, low, close, volume = raw[:6]
    return MarketEvent(
        candle=Candle(
            open_time_ms=int(open_time_ms),
            interval_ms=interval_ms,
            open_ticks=scale.ticks(opened),
            high_ticks=scale.ticks(high),
            low_ticks=scale.ticks(low),
            close_ticks=scale.ticks(close),
            volume_lots=scale.lots(volume),
            closed=closed,
        )
    )


def quote(raw: Reply, scale: Scale) -> Quote:
    """GET ticker/bookTicker; `lastUpdateId` is the book's, as `u` of the stream."""
    return Quote(
        time_ms=int(raw["time"]),
        update_id=int(raw.get("lastUpdateId") or 0),
        bid_ticks=scale.ticks(raw["bidPrice"]),
        bid_lots=scale.lots(raw["bidQty"]),
        ask_ticks=scale.ticks(raw["askPrice"]),
        ask_lots=scale.lots(raw["askQty"]),
    )


def funding_rate(raw: Reply, *, venue: str) -> FundingUpdate:
    """GET premiumIndex: an empty rate and a next time of 0 where none applies (FUND-1)."""
    return FundingUpdate(
        venue=venue,
        symbol=raw["symbol"],
        time_ms=int(raw["time"]),
        rate=raw["lastFundingRate"] or "0",
        next_funding_time_ms=int(raw["nextFundingTime"] or 0),
        mark_price=raw["markPrice"],
    )
