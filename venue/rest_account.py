"""The account over REST: balances, positions, income and settings. One-way positions, cross margin only."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from venue import checks, messages
from venue.account import ZERO
from venue.errors import Refusal
from venue.exchange import Exchange
from venue.instruments import Product
from venue.messages import decimal_text
from venue.rest_parameters import Given, flag, integer, limit, listing, text, time_range

MAINTENANCE_RATE = Decimal("0.025")
LARGEST_LEVERAGE = 125


def position_risk(exchange: Exchange, given: Given) -> Any:
    """Version 3: symbols with a position or open orders, or the one asked for."""
    symbols = _asked(exchange, given)
    return [_position(exchange, symbol) for symbol in symbols if "symbol" in given or _is_active(exchange, symbol)]


def position_risk_v2(exchange: Exchange, given: Given) -> Any:
    """Version 2: every symbol."""
    return [_position(exchange, symbol) for symbol in _asked(exchange, given)]


def _asked(exchange: Exchange, given: Given) -> list[str]:
    if "symbol" not in given:
        return exchange.market_data.of(Product.PERPETUAL)
    symbol = listing(given)
    exchange.engine.book(symbol)
    return [symbol]


def _is_active(exchange: Exchange, symbol: str) -> bool:
    book = exchange.engine.books[symbol]
    return bool(exchange.engine.account.position(symbol).lots or book.bids or book.asks)


def _position(exchange: Exchange, symbol: str) -> messages.Json:
    engine = exchange.engine
    book, position = engine.books[symbol], engine.account.position(symbol)
    instrument, mark = book.instrument, book.mark
    notional = position.lots * instrument.lot_size * mark
    leverage = _leverage(exchange, symbol)
    margin = checks.margin_of(book, engine.account, engine.settings.leverage)
    held = abs(notional) / leverage
    return {
        "symbol": symbol,
        "positionSide": "BOTH",
        "positionAmt": instrument.quantity_text(position.lots),
        "entryPrice": f"{position.entry_price:f}",
        "breakEvenPrice": f"{position.entry_price:f}",
        "markPrice": decimal_text(mark),
        "unRealizedProfit": decimal_text(position.unrealized_pnl(mark, instrument)),
        "liquidationPrice": "0",
        "isolatedMargin": "0",
        "notional": decimal_text(notional),
        "marginAsset": instrument.quote_asset,
        "isolatedWallet": "0",
        "initialMargin": decimal_text(margin),
        "maintMargin": decimal_text(abs(notional) * MAINTENANCE_RATE),
        "positionInitialMargin": decimal_text(held),
        "openOrderInitialMargin": decimal_text(max(margin - held, ZERO)),
        "adl": 0,
        "bidNotional": decimal_text(book.open_bid_value * instrument.lot_value),
        "askNotional": decimal_text(book.open_ask_value * instrument.lot_value),
        "leverage": str(leverage),
        "maxNotionalValue": "100000000",
        "marginType": "cross",
        "isAutoAddMargin": "false",
        "updateTime": position.update_time_ms,
    }


def _leverage(exchange: Exchange, symbol: str) -> int:
    return exchange.engine.account.leverage.get(symbol, exchange.engine.settings.leverage)


def _totals(exchange: Exchange) -> dict[str, Decimal]:
    engine = exchange.engine
    margin = checks.total_margin(engine.perpetuals.books, engine.account, engine.settings.leverage)
    unrealized = checks.unrealized(engine.perpetuals.books, engine.account)
    wallet = engine.account.wallet_balance
    return {
        "wallet": wallet,
        "unrealized": unrealized,
        "margin_balance": wallet + unrealized,
        "initial": margin,
        "available": max(wallet + unrealized - margin, ZERO),
    }


def balance(exchange: Exchange, given: Given) -> Any:  # noqa: ARG001 - every handler has this signature
    totals = _totals(exchange)
    return [
        {
            "accountAlias": "paper",
            "asset": exchange.settle_asset,
            "balance": decimal_text(totals["wallet"]),
            "crossWalletBalance": decimal_text(totals["wallet"]),
            "crossUnPnl": decimal_text(totals["unrealized"]),
            "availableBalance": decimal_text(totals["available"]),
            "maxWithdrawAmount": decimal_text(totals["available"]),
            "marginAvailable": True,
            "updateTime": max(exchange.time_ms, 1),
        }
    ]


def account(exchange: Exchange, given: Given) -> Any:  # noqa: ARG001 - every handler has this signature
    totals = {name: decimal_text(value) for name, value in _totals(exchange).items()}
    positions = [_position(exchange, symbol) for symbol in _asked(exchange, {}) if _is_active(exchange, symbol)]
    maintenance = decimal_text(sum((Decimal(one["maintMargin"]) for one in positions), ZERO))
    margins = {
        "initialMargin": totals["initial"],
        "maintMargin": maintenance,
        "positionInitialMargin": decimal_text(sum((Decimal(one["positionInitialMargin"]) for one in positions), ZERO)),
        "openOrderInitialMargin": decimal_text(
            sum((Decimal(one["openOrderInitialMargin"]) for one in positions), ZERO)
        ),
    }
    worth = {
        "walletBalance": totals["wallet"],
        "marginBalance": totals["margin_balance"],
        "crossWalletBalance": totals["wallet"],
    }
    free = {"availableBalance": totals["available"], "maxWithdrawAmount": totals["available"]}
    summed = {**margins, **worth, "unrealizedProfit": totals["unrealized"], "crossUnPnl": totals["unrealized"]}
    asset = {
        "asset": exchange.settle_asset,
        **summed,
        **free,
        "marginAvailable": True,
        "updateTime": max(exchange.time_ms, 1),
    }
    shown = [one | {"unrealizedProfit": one["unRealizedProfit"], "isolated": False} for one in positions]
    flags = {"feeTier": 0, "canTrade": True, "canDeposit": False, "canWithdraw": False, "multiAssetsMargin": False}
    sums = {f"total{name[0].upper()}{name[1:]}": value for name, value in summed.items()}
    return {**flags, "updateTime": 0, **sums, **free, "assets": [asset], "positions": shown}


def income(exchange: Exchange, given: Given) -> Any:
    times = time_range(given)
    rows = exchange.ledger.income(
        given.get("symbol"), given.get("incomeType"), times.start_ms, times.end_ms, limit(given, 100, 1_000)
    )
    return [messages.income(row) for row in rows]


def leverage(exchange: Exchange, given: Given) -> Any:
    symbol, wanted = listing(given), integer(given, "leverage", 0)
    if not 1 <= wanted <= LARGEST_LEVERAGE:
        raise Refusal(-4028, f"Leverage {wanted} is not valid.")
    exchange.set_leverage(symbol, wanted)
    return {"symbol": symbol, "leverage": wanted, "maxNotionalValue": "100000000"}


def margin_type(exchange: Exchange, given: Given) -> Any:
    exchange.engine.book(listing(given))
    if text(given, "marginType") == "CROSSED":
        raise Refusal(-4046, "No need to change margin type.")
    raise Refusal(-4048, "Margin type cannot be changed: the paper venue is cross margin only.")


def position_side(exchange: Exchange, given: Given) -> Any:  # noqa: ARG001 - every handler has this signature
    return {"dualSidePosition": False}


def set_position_side(exchange: Exchange, given: Given) -> Any:  # noqa: ARG001 - every handler has this signature
    if not flag(given, "dualSidePosition"):
        raise Refusal(-4059, "No need to change position side.")
    raise Refusal(-4068, "Position side cannot be changed: the paper venue is one-way only.")


def multi_assets(exchange: Exchange, given: Given) -> Any:  # noqa: ARG001 - every handler has this signature
    return {"multiAssetsMargin": False}


def set_multi_assets(exchange: Exchange, given: Given) -> Any:  # noqa: ARG001 - every handler has this signature
    if not flag(given, "multiAssetsMargin"):
        raise Refusal(-4171, "No need to change Multi-Assets mode.")
    raise Refusal(-4168, "Unable to adjust to Multi-Assets mode: the paper venue has one asset.")


def commission_rate(exchange: Exchange, given: Given) -> Any:
    symbol, settings = listing(given), exchange.engine.settings
    exchange.engine.book(symbol)
    return {
        "symbol": symbol,
        "makerCommissionRate": f"{settings.maker_fee_rate:f}",
        "takerCommissionRate": f"{settings.taker_fee_rate:f}",
    }


def leverage_bracket(exchange: Exchange, given: Given) -> Any:
    bracket = {
        "bracket": 1,
        "initialLeverage": LARGEST_LEVERAGE,
        "notionalCap": 100_000_000,
        "notionalFloor": 0,
        "maintMarginRatio": float(MAINTENANCE_RATE),
        "cum": 0,
    }
    return [{"symbol": symbol, "brackets": [bracket]} for symbol in _asked(exchange, given)]


def symbol_config(exchange: Exchange, given: Given) -> Any:
    return [
        {
            "symbol": symbol,
            "marginType": "CROSSED",
            "isAutoAddMargin": False,
            "leverage": _leverage(exchange, symbol),
            "maxNotionalValue": "100000000",
        }
        for symbol in _asked(exchange, given)
    ]


def account_config(exchange: Exchange, given: Given) -> Any:  # noqa: ARG001 - every handler has this signature
    return {
        "feeTier": 0,
        "canTrade": True,
        "canDeposit": False,
        "canWithdraw": False,
        "dualSidePosition": False,
        "multiAssetsMargin": False,
        "updateTime": 0,
    }
