"""The spot account and the owner's key over REST: balances, rates, permissions, transfers between wallets."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from venue.account import CENT
from venue.errors import Refusal, parameter_malformed
from venue.exchange import Exchange
from venue.instruments import Product
from venue.messages import Json, decimal_text
from venue.rest_market import listings
from venue.rest_parameters import Given, decimal, listing, text

WALLETS = {"MAIN": Product.SPOT, "MARGIN": Product.MARGIN, "UMFUTURE": Product.PERPETUAL}


def account(exchange: Exchange, given: Given) -> Any:
    clearing = exchange.accounts.spot
    held = clearing.wallet.assets.values()
    shown = [one for one in held if one.total or given.get("omitZeroBalances", "false").lower() != "true"]
    maker, taker = (int(rate * 10_000) for rate in (clearing.maker_fee_rate, clearing.taker_fee_rate))
    return {
        "makerCommission": maker,
        "takerCommission": taker,
        "buyerCommission": 0,
        "sellerCommission": 0,
        "commissionRates": _rates(exchange),
        "canTrade": True,
        "canWithdraw": exchange.key_may_withdraw,
        "canDeposit": False,
        "brokered": False,
        "requireSelfTradePrevention": False,
        "preventSor": False,
        "updateTime": max(exchange.time_ms, 1),
        "accountType": "SPOT",
        "balances": [
            {"asset": one.asset, "free": decimal_text(one.free), "locked": decimal_text(one.locked)} for one in shown
        ],
        "permissions": ["SPOT", "MARGIN"],
        "uid": 1,
    }


def _rates(exchange: Exchange) -> Json:
    clearing = exchange.accounts.spot
    return {
        "maker": f"{clearing.maker_fee_rate:.8f}",
        "taker": f"{clearing.taker_fee_rate:.8f}",
        "buyer": "0.00000000",
        "seller": "0.00000000",
    }


def commission(exchange: Exchange, given: Given) -> Any:
    symbol = listing(given, Product.SPOT)
    nothing = dict.fromkeys(("maker", "taker", "buyer", "seller"), "0.00000000")
    return {
        "symbol": exchange.engine.book(symbol).instrument.wire_symbol,
        "standardCommission": _rates(exchange),
        "specialCommission": nothing,
        "taxCommission": nothing,
        "discount": {
            "enabledForAccount": False,
            "enabledForSymbol": False,
            "discountAsset": "BNB",
            "discount": "0.75000000",
        },
    }


def trade_fee(exchange: Exchange, given: Given) -> Any:
    clearing = exchange.accounts.spot
    rates = {"makerCommission": f"{clearing.maker_fee_rate:f}", "takerCommission": f"{clearing.taker_fee_rate:f}"}
    return [
        {"symbol": exchange.engine.books[name].instrument.wire_symbol, **rates}
        for name in listings(exchange, given, Product.SPOT)
    ]


def order_rate_limits(exchange: Exchange, given: Given) -> Any:  # noqa: ARG001 - every handler has this signature
    """The limits Binance states; the paper venue counts but enforces none."""
    placed = exchange.engine.next_order_id - 1
    return [
        {"rateLimitType": "ORDERS", "interval": interval, "intervalNum": number, "limit": most, "count": count}
        for interval, number, most, count in (("SECOND", 10, 100, 0), ("DAY", 1, 200_000, placed))
    ]


def api_restrictions(exchange: Exchange, given: Given) -> Any:  # noqa: ARG001 - every handler has this signature
    return {
        "ipRestrict": False,
        "createTime": 1,
        "enableReading": True,
        "enableSpotAndMarginTrading": True,
        "enableMargin": True,
        "enableFutures": True,
        "permitsUniversalTransfer": True,
        "enableWithdrawals": exchange.key_may_withdraw,
        "enableInternalTransfer": False,
        "enableVanillaOptions": False,
        "enablePortfolioMarginTrading": False,
    }


def coins(exchange: Exchange, given: Given) -> Any:  # noqa: ARG001 - every handler has this signature
    """Every asset of a listing or a wallet. None can be deposited or withdrawn: there is no network behind it."""
    instruments = exchange.instruments.values()
    wallet = exchange.accounts.spot.wallet
    assets = {asset for one in instruments for asset in (one.base_asset, one.quote_asset)} | set(wallet.assets)
    return [
        {
            "coin": asset,
            "name": asset,
            "free": decimal_text(wallet.asset(asset).free),
            "locked": decimal_text(wallet.asset(asset).locked),
            "freeze": "0",
            "withdrawing": "0",
            "ipoing": "0",
            "ipoable": "0",
            "storage": "0",
            "isLegalMoney": False,
            "trading": True,
            "depositAllEnable": False,
            "withdrawAllEnable": False,
            "networkList": [],
        }
        for asset in sorted(assets)
    ]


def positive_amount(given: Given) -> Decimal:
    amount = decimal(given, "amount")
    if amount <= 0 or amount != amount.quantize(CENT):
        raise parameter_malformed("amount", given["amount"])
    return amount


def transfer(exchange: Exchange, given: Given) -> Any:
    """Between the spot (MAIN), cross margin (MARGIN) and USDⓈ-M (UMFUTURE) wallets."""
    kind = text(given, "type")
    source, _, target = kind.partition("_")
    if source not in WALLETS or target not in WALLETS or source == target:
        raise Refusal(-9000, f"Transfer type {kind} is not supported: from and to are MAIN, MARGIN or UMFUTURE.")
    moved = exchange.transfer(WALLETS[source], WALLETS[target], text(given, "asset"), positive_amount(given))
    return {"tranId": moved}
