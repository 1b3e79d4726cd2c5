"""Binance USDⓈ-M websocket frames, as decoded JSON, to our messages. Pure: no clock, no state, no floats.

https://developers.binance.com/docs/derivatives/usds-margined-futures/websocket-market-streams and
.../user-data-streams; shapes are in tests/unit/connector. A frame that lacks a field raises KeyError, one whose
numbers are off the grid OffGridError.
"""

from collections.abc import Mapping
from typing import Any

from connector.ccxt_adapter.binance_words import SIDES, TIMES_IN_FORCE, TYPES, reason_of, status_of
from connector.port import OrderReport, VenueFill, VenueOrder
from topics.scale import Scale
from topics.v1.account_pb2 import AccountPosition, AccountUpdate, Balance
from topics.v1.common_pb2 import Side
from topics.v1.funding_pb2 import FundingUpdate
from topics.v1.market_pb2 import Candle, MarketEvent, Quote, Trade
from topics.v1.orders_pb2 import Fill

Frame = Mapping[str, Any]

_MINUTES = {
    "1m": 1, "3m": 3, "5m": 5, "15m": 15, "30m": 30, "1h": 60, "2h": 120, "4h": 240, "6h": 360, "8h": 480, "12h": 720,
    "1d": 1440,
}  # fmt: skip
INTERVALS_MS: Mapping[str, int] = {name: minutes * 60_000 for name, minutes in _MINUTES.items()}
FUNDING_FEE = "FUNDING_FEE"


def quote(frame: Frame, scale: Scale) -> MarketEvent:
    """bookTicker: `T` transaction time, `u` the book's update id, best bid and ask with their quantities."""
    return MarketEvent(
        quote=Quote(
            time_ms=frame["T"],
            update_id=frame["u"],
            bid_ticks=scale.ticks(frame["b"]),
            bid_lots=scale.lots(frame["B"]),
            ask_ticks=scale.ticks(frame["a"]),
            ask_lots=scale.lots(frame["A"]),
        )
    )


def trade(frame: Frame, scale: Scale) -> MarketEvent:
    """aggTrade: `a` its id, `m` whether the buyer was the maker (then a seller took)."""
    return MarketEvent(
        trade=Trade(
            time_ms=frame["T"],
            trade_id=str(frame["a"]),
            price_ticks=scale.ticks(frame["p"]),
            quantity_lots=scale.lots(frame["q"]),
            taker_side=Side.SIDE_SELL if frame["m"] else Side.SIDE_BUY,
        )
    )


def candle(frame: Frame, scale: Scale) -> MarketEvent:
    """kline: `x` whether the interval is over."""
    bar = frame["k"]
    return MarketEvent(
        candle=Candle(
            open_time_ms=bar["t"],
            interval_ms=INTERVALS_MS[bar["i"]],
            open_ticks=scale.ticks(bar["o"]),
            high_ticks=scale.ticks(bar["h"]),
            low_ticks=scale.ticks(bar["l"]),
            close_ticks=scale.ticks(bar["c"]),
            volume_lots=scale.lots(bar["v"]),
            closed=bar["x"],
        )
    )


def funding(frame: Frame, *, venue: str) -> FundingUpdate:
    """markPriceUpdate: `p` mark price, `r` rate (empty where none applies), `T` next funding time."""
    return FundingUpdate(
        venue=venue,
        symbol=frame["s"],
        time_ms=frame["E"],
        rate=frame["r"] or "0",
        next_funding_time_ms=int(frame["T"] or 0),
        mark_price=frame["p"],
    )


def order_reports(frame: Frame, scale: Scale) -> list[OrderReport]:
    """ORDER_TRADE_UPDATE: the execution first, where there is one, then the order as it is after it."""
    raw = frame["o"]
    order = _order(raw, frame, scale)
    if raw["x"] != "TRADE":
        return [order]
    fill = VenueFill(
        symbol=order.symbol,
        client_order_id=order.client_order_id,
        venue_order_id=order.venue_order_id,
        side=order.side,
        fill=Fill(
            trade_id=str(raw["t"]),
            price_ticks=scale.ticks(raw["L"]),
            quantity_lots=scale.lots(raw["l"]),
            fee=raw.get("n") or "0",
            fee_asset=raw.get("N") or "",
            realized_pnl=raw.get("rp") or "0",
            maker=raw["m"],
            time_ms=raw["T"],
        ),
    )
    return [fill, order]


def _order(raw: Frame, frame: Frame, scale: Scale) -> VenueOrder:
    status = status_of(raw["X"])
    time_in_force = TIMES_IN_FORCE.get(raw["f"], 0)
    filled_lots = scale.lots(raw["z"])
    reason_code, reason = reason_of(status, time_in_force, executed=filled_lots > 0)
    return VenueOrder(
        symbol=raw["s"],
        client_order_id=raw["c"],
        venue_order_id=str(raw["i"]),
        side=SIDES[raw["S"]],
        type=TYPES.get(raw["o"], 0),
        time_in_force=time_in_force,
        reduce_only=bool(raw.get("R")),
        price_ticks=scale.ticks(raw["p"]),
        quantity_lots=scale.lots(raw["q"]),
        filled_lots=filled_lots,
        status=status,
        time_ms=raw.get("T") or frame["T"],
        reason_code=reason_code,
        reason=reason,
    )


def account(frame: Frame, scales: Mapping[str, Scale], *, venue: str, name: str) -> AccountUpdate:
    """ACCOUNT_UPDATE: what changed. It carries no available balance and no mark price: they stay empty.

    Positions of instruments we do not follow are left out: their grain is not known.
    """
    changes = frame["a"]
    return AccountUpdate(
        venue=venue,
        account=name,
        time_ms=frame["T"],
        balances=[Balance(asset=raw["a"], wallet_balance=raw["wb"]) for raw in changes.get("B", ())],
        positions=[
            AccountPosition(
                symbol=raw["s"],
                grain=scales[raw["s"]].grain,
                quantity_lots=scales[raw["s"]].lots(raw["pa"]),
                entry_price=raw["ep"],
                unrealized_pnl=raw["up"],
            )
            for raw in changes.get("P", ())
            if raw["s"] in scales
        ],
    )


def is_funding_payment(frame: Frame) -> bool:
    return bool(frame["a"].get("m") == FUNDING_FEE)
