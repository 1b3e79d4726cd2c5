"""Binance spot and USDⓈ-M: developers.binance.com. The perpetuals too through the unified adapter."""

from typing import Any

from tests.integration.connector.formats.told import (
    AT_MS,
    ENTRY,
    EXECUTED,
    FEE,
    LIQUIDATION,
    MARK,
    NEXT_MS,
    OTHER,
    OURS,
    PRICE,
    QUANTITY,
    THEIR_ID,
    TRADE_ID,
    Answer,
    Format,
    now_ms,
)  # fmt: skip


def _refused(method: str, path: str, code: int, words: str, *, status: int = 400) -> Answer:
    return Answer(method, path, {"code": code, "msg": words}, status)


def _symbol(perpetual: bool) -> dict[str, Any]:
    steps = [
        {"filterType": "PRICE_FILTER", "minPrice": "0.10", "maxPrice": "1000000.00", "tickSize": "0.10"},
        {"filterType": "LOT_SIZE", "minQty": "0.001", "maxQty": "9000.000",
         "stepSize": "0.001" if perpetual else "0.00001000"},
        {"filterType": "MIN_NOTIONAL", "notional": "5"} if perpetual
        else {"filterType": "NOTIONAL", "minNotional": "5.00000000", "applyMinToMarket": True},
    ]  # fmt: skip
    common = {"symbol": "BTCUSDT", "status": "TRADING", "baseAsset": "BTC", "quoteAsset": "USDT", "filters": steps,
              "orderTypes": ["LIMIT", "MARKET", "LIMIT_MAKER"], "baseAssetPrecision": 8,
              "quotePrecision": 8}  # fmt: skip
    if not perpetual:
        return {**common, "isSpotTradingAllowed": True, "isMarginTradingAllowed": True, "permissions": ["SPOT"],
                "permissionSets": [["SPOT"]]}  # fmt: skip
    return {**common, "pair": "BTCUSDT", "contractType": "PERPETUAL", "deliveryDate": 4133404800000, "onboardDate":
            1569398400000, "marginAsset": "USDT", "pricePrecision": 2, "quantityPrecision": 3,
            "timeInForce": ["GTC", "IOC", "FOK", "GTX"]}  # fmt: skip


def _order(perpetual: bool, **changes: Any) -> dict[str, Any]:
    order = {
        "symbol": "BTCUSDT", "orderId": int(THEIR_ID), "clientOrderId": OURS, "price": PRICE, "origQty": QUANTITY,
        "executedQty": EXECUTED, "status": "PARTIALLY_FILLED", "timeInForce": "GTX" if perpetual else "GTC",
        "type": "LIMIT" if perpetual else "LIMIT_MAKER", "side": "BUY", "stopPrice": "0.0", "time": AT_MS,
        "updateTime": AT_MS + 5,
    }  # fmt: skip
    mine = (
        {"avgPrice": PRICE, "cumQuote": "240.0004", "reduceOnly": False, "closePosition": False, "positionSide": "BOTH",
         "origType": "LIMIT", "workingType": "CONTRACT_PRICE"}
        if perpetual
        else {"cummulativeQuoteQty": "240.0004", "icebergQty": "0", "isWorking": True, "orderListId": -1,
              "origQuoteOrderQty": "0", "workingTime": AT_MS}
    )  # fmt: skip
    return order | mine | changes


_RIGHTS = Answer("GET", "/sapi/v1/account/apiRestrictions", {
    "ipRestrict": False, "createTime": AT_MS, "enableReading": True, "enableWithdrawals": False, "enableFutures": True,
    "enableSpotAndMarginTrading": True, "enableMargin": True})  # fmt: skip

_SPOT = [
    _RIGHTS,
    Answer("GET", "/api/v3/time", lambda _: {"serverTime": now_ms()}),
    Answer("GET", "/api/v3/exchangeInfo", {"timezone": "UTC", "rateLimits": [], "symbols": [_symbol(perpetual=False)]}),
    Answer("GET", "/api/v3/account", {
        "makerCommission": 10, "canTrade": True, "canWithdraw": True, "updateTime": AT_MS, "accountType": "SPOT",
        "balances": [{"asset": "USDT", "free": "900.00000000", "locked": "100.50000000"}], "permissions": ["SPOT"]}),
    Answer("POST", "/api/v3/order", _order(perpetual=False, status="NEW", executedQty="0", cummulativeQuoteQty="0",
                                           transactTime=AT_MS, fills=[])),
    Answer("GET", "/api/v3/order", {"code": -2013, "msg": "Order does not exist."}, 400, {"origClientOrderId": OTHER}),
    Answer("GET", "/api/v3/order", _order(perpetual=False)),
    Answer("DELETE", "/api/v3/order", _order(perpetual=False, status="CANCELED")),
    Answer("GET", "/api/v3/openOrders", [_order(perpetual=False)]),
    Answer("GET", "/api/v3/allOrders", [_order(perpetual=False)]),
    Answer("GET", "/api/v3/myTrades", [], when={"fromId": int(TRADE_ID) + 1}),
    Answer("GET", "/api/v3/myTrades", [{
        "symbol": "BTCUSDT", "id": int(TRADE_ID), "orderId": int(THEIR_ID), "orderListId": -1, "price": PRICE,
        "qty": EXECUTED, "quoteQty": "240.0004", "commission": FEE, "commissionAsset": "USDT", "time": AT_MS,
        "isBuyer": True, "isMaker": True, "isBestMatch": True}]),
    Answer("GET", "/api/v3/ticker/24hr", lambda _: {
        "symbol": "BTCUSDT", "lastPrice": PRICE, "bidPrice": "60000.0", "bidQty": "1", "askPrice": PRICE, "askQty": "1",
        "openPrice": PRICE, "highPrice": PRICE, "lowPrice": PRICE, "volume": "1", "quoteVolume": "1", "openTime": AT_MS,
        "closeTime": now_ms(), "priceChange": "0", "priceChangePercent": "0", "weightedAvgPrice": PRICE}),
]  # fmt: skip

_PERPETUAL = [
    _RIGHTS,
    Answer("GET", "/fapi/v1/time", lambda _: {"serverTime": now_ms()}),
    Answer("GET", "/fapi/v1/exchangeInfo", {"timezone": "UTC", "rateLimits": [], "symbols": [_symbol(perpetual=True)]}),
    Answer("GET", "/fapi/v3/account", {
        "totalWalletBalance": "1000.5", "availableBalance": "900", "assets": [{
            "asset": "USDT", "walletBalance": "1000.5", "unrealizedProfit": "0", "marginBalance": "1000.5",
            "maintMargin": "1.2", "initialMargin": "24", "availableBalance": "900", "updateTime": AT_MS}],
        "positions": []}),
    Answer("GET", "/fapi/v3/positionRisk", [{
        "symbol": "BTCUSDT", "positionSide": "BOTH", "positionAmt": EXECUTED, "entryPrice": ENTRY, "breakEvenPrice":
        ENTRY, "markPrice": MARK, "unRealizedProfit": "0.0406", "liquidationPrice": LIQUIDATION, "isolatedMargin": "0",
        "notional": "240.041", "marginAsset": "USDT", "isolatedWallet": "0", "initialMargin": "24", "maintMargin":
        "1.2", "positionInitialMargin": "24", "openOrderInitialMargin": "0", "adl": 2, "bidNotional": "0",
        "askNotional": "0", "updateTime": AT_MS}]),
    Answer("GET", "/fapi/v1/leverageBracket", [{"symbol": "BTCUSDT", "brackets": [{
        "bracket": 1, "initialLeverage": 125, "notionalCap": 50000, "notionalFloor": 0, "maintMarginRatio": 0.004,
        "cum": 0.0}]}]),
    Answer("POST", "/fapi/v1/order", _order(perpetual=True, status="NEW", executedQty="0", cumQuote="0", avgPrice="0")),
    Answer("GET", "/fapi/v1/order", {"code": -2013, "msg": "Order does not exist."}, 400, {"origClientOrderId": OTHER}),
    Answer("GET", "/fapi/v1/order", _order(perpetual=True)),
    Answer("DELETE", "/fapi/v1/order", _order(perpetual=True, status="CANCELED")),
    Answer("GET", "/fapi/v1/openOrders", [_order(perpetual=True)]),
    Answer("GET", "/fapi/v1/allOrders", [_order(perpetual=True)]),
    Answer("GET", "/fapi/v1/userTrades", [], when={"fromId": int(TRADE_ID) + 1}),
    Answer("GET", "/fapi/v1/userTrades", [{
        "symbol": "BTCUSDT", "id": int(TRADE_ID), "orderId": int(THEIR_ID), "side": "BUY", "price": PRICE,
        "qty": EXECUTED, "realizedPnl": "0", "quoteQty": "240.0004", "commission": FEE, "commissionAsset": "USDT",
        "time": AT_MS, "positionSide": "BOTH", "buyer": True, "maker": True}]),
    Answer("GET", "/fapi/v1/premiumIndex", lambda _: {
        "symbol": "BTCUSDT", "markPrice": MARK, "indexPrice": PRICE, "estimatedSettlePrice": PRICE,
        "lastFundingRate": "0.0001", "interestRate": "0.0001", "nextFundingTime": NEXT_MS, "time": now_ms()}),
    Answer("GET", "/fapi/v1/income", [{
        "symbol": "BTCUSDT", "incomeType": "FUNDING_FEE", "income": "0.5", "asset": "USDT", "time": AT_MS, "info": "",
        "tranId": 9689322392, "tradeId": ""}]),
]  # fmt: skip


def _format(product: str) -> Format:
    perpetual = product == "perpetual"
    path = "/fapi/v1/order" if perpetual else "/api/v3/order"
    kind = {"type": "LIMIT", "timeInForce": "GTX"} if perpetual else {"type": "LIMIT_MAKER"}
    return Format(
        exchange="binance", product=product, symbol="BTCUSDT", answers=_PERPETUAL if perpetual else _SPOT,
        lot_size="0.001" if perpetual else "0.00001",
        place_path=path,
        order={"symbol": "BTCUSDT", "side": "BUY", **kind, "quantity": QUANTITY, "price": PRICE,
               "newClientOrderId": OURS},
        found_by=(path, {"symbol": "BTCUSDT", "origClientOrderId": OURS}),
        cancelled=True,
        refusals={
            "duplicate": _refused("POST", path, *(
                (-4116, "ClientOrderId is duplicated.") if perpetual else (-2010, "Duplicate order sent."))),
            "insufficient": _refused("POST", path, *(
                (-2019, "Margin is insufficient.") if perpetual
                else (-2010, "Account has insufficient balance for requested action."))),
            "limited": _refused("POST", path, -1015, "Too many new orders.", status=429),
            "uncertain": _refused("POST", path, -1007, "Timeout waiting for response from backend server.", status=408),
            "unheard": _refused("DELETE", path, -2011, "Unknown order sent."),
        },
    )  # fmt: skip


FORMATS = (_format("perpetual"), _format("spot"))
