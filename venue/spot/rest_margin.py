"""The cross margin account over REST: what it holds and owes, loans and what they cost (ARB-2)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from venue.errors import Refusal, parameter_malformed
from venue.events import FlowKind
from venue.exchange import Exchange
from venue.instruments import Instrument, Product
from venue.messages import Json, decimal_text
from venue.rest_parameters import Given, integer, text, time_range
from venue.spot.rest_account import positive_amount

NO_DEBT = "999"
"""Binance's margin level of an account that owes nothing."""
DAY_HOURS = 24


def account(exchange: Exchange, given: Given) -> Any:  # noqa: ARG001 - every handler has this signature
    margin = exchange.accounts.margin
    level, bitcoin = margin.margin_level(), margin.price("BTC")
    assets, debts = margin.worth()
    sums = {"totalAssetOfBtc": assets, "totalLiabilityOfBtc": debts, "totalNetAssetOfBtc": assets - debts}
    in_bitcoin = {name: decimal_text(value / bitcoin) for name, value in sums.items()} if bitcoin else {}
    shown = decimal_text(level) if level is not None else NO_DEBT
    return {
        "created": True,
        "borrowEnabled": True,
        "tradeEnabled": True,
        "transferInEnabled": True,
        "transferOutEnabled": True,
        "accountType": "MARGIN_1",
        "marginLevel": shown,
        "collateralMarginLevel": shown,
        **in_bitcoin,
        "userAssets": [
            {
                "asset": one.asset,
                "free": decimal_text(one.free),
                "locked": decimal_text(one.locked),
                "borrowed": decimal_text(one.borrowed),
                "interest": decimal_text(one.interest),
                "netAsset": decimal_text(one.net),
            }
            for one in margin.wallet.assets.values()
        ],
    }


def borrow_or_repay(exchange: Exchange, given: Given) -> Any:
    asset, amount, kind = _asset(exchange, given), positive_amount(given), text(given, "type")
    if given.get("isIsolated", "FALSE").upper() == "TRUE":
        raise Refusal(-3052, "Isolated margin is not supported by the paper venue.")
    if kind not in ("BORROW", "REPAY"):
        raise parameter_malformed("type", kind)
    act = exchange.borrow if kind == "BORROW" else exchange.repay
    return {"tranId": act(asset, amount)}


def loans(exchange: Exchange, given: Given) -> Any:
    """Loans taken or paid back, newest first."""
    kind = text(given, "type")
    kinds = {"BORROW": (FlowKind.BORROW,), "REPAY": (FlowKind.REPAY, FlowKind.REPAY_INTEREST)}.get(kind)
    if kinds is None:
        raise parameter_malformed("type", kind)
    return _page([_loan(row) for row in _flows(exchange, given, kinds)])


def _loan(row: Json) -> Json:
    amount, interest = f"{abs(Decimal(row['amount'])):f}", row["kind"] == FlowKind.REPAY_INTEREST
    return {
        "asset": row["asset"],
        "amount": amount,
        "principal": "0" if interest else amount,
        "interest": amount if interest else "0",
        "status": "CONFIRMED",
        "timestamp": row["time_ms"],
        "txId": row["transaction_id"] or row["flow_id"],
    }


def interest_history(exchange: Exchange, given: Given) -> Any:
    """Interest charged, newest first."""
    return _page([_interest(exchange, row) for row in _flows(exchange, given, (FlowKind.INTEREST,))])


def _interest(exchange: Exchange, row: Json) -> Json:
    return {
        "txId": row["transaction_id"] or row["flow_id"],
        "interestAccuredTime": row["time_ms"],
        "asset": row["asset"],
        "rawAsset": row["asset"],
        "principal": row["owed_after"],
        "interest": row["owed"],
        "interestRate": f"{exchange.accounts.margin.terms.hourly_rate * DAY_HOURS:f}",
        "type": "PERIODIC" if row["transaction_id"] else "ON_BORROW",
    }


def _flows(exchange: Exchange, given: Given, kinds: tuple[FlowKind, ...]) -> list[Json]:
    times, size = time_range(given), min(integer(given, "size", 10, least=1), 100)
    asset = given.get("asset") or None
    return exchange.ledger.wallets.flows(Product.MARGIN, kinds, asset, times.start_ms, times.end_ms, size)


def _page(rows: list[Json]) -> Json:
    return {"rows": rows, "total": len(rows)}


def max_borrowable(exchange: Exchange, given: Given) -> Any:
    amount = decimal_text(exchange.accounts.margin.max_borrowable(_asset(exchange, given)))
    return {"amount": amount, "borrowLimit": amount}


def max_transferable(exchange: Exchange, given: Given) -> Any:
    return {"amount": decimal_text(exchange.accounts.margin.max_transferable(_asset(exchange, given)))}


def interest_rates(exchange: Exchange, given: Given) -> Any:
    """Daily rates, as Binance states them."""
    rate = f"{exchange.accounts.margin.terms.hourly_rate * DAY_HOURS:f}"
    asset = _asset(exchange, given)
    return [{"asset": asset, "dailyInterestRate": rate, "timestamp": exchange.time_ms, "vipLevel": 0}]


def all_pairs(exchange: Exchange, given: Given) -> Any:  # noqa: ARG001 - every handler has this signature
    return [
        {
            "id": number,
            "symbol": one.wire_symbol,
            "base": one.base_asset,
            "quote": one.quote_asset,
            "isMarginTrade": True,
            "isBuyAllowed": True,
            "isSellAllowed": True,
            "status": "TRADING",
        }
        for number, one in enumerate(_pairs(exchange), start=1)
    ]


def no_isolated_pairs(exchange: Exchange, given: Given) -> Any:  # noqa: ARG001 - every handler has this signature
    return []


def _pairs(exchange: Exchange) -> list[Instrument]:
    return [book.instrument for book in exchange.accounts.margin_books.values()]


def _asset(exchange: Exchange, given: Given) -> str:
    asset = text(given, "asset")
    if not any(asset in (one.base_asset, one.quote_asset) for one in _pairs(exchange)):
        raise Refusal(-3027, "Not a valid margin asset.")
    return asset
