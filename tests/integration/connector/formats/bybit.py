"""Bybit v5, unified account: bybit-exchange.github.io/docs/v5."""

from typing import Any

from tests.integration.connector.formats.told import (
    AT_MS,
    ENTRY,
    EXECUTED,
    FEE,
    LEFT,
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
    Asked,
    Format,
    now_ms,
)  # fmt: skip


def said(result: Any, code: int = 0, words: str = "OK") -> dict[str, Any]:
    return {"retCode": code, "retMsg": words, "result": result, "retExtInfo": {}, "time": AT_MS}


def _refused(path: str, code: int, words: str) -> Answer:
    return Answer("POST", path, said({}, code, words))


def _order(category: str) -> dict[str, Any]:
    return {
        "orderId": THEIR_ID, "orderLinkId": OURS, "symbol": "BTCUSDT", "price": PRICE, "qty": QUANTITY, "side": "Buy",
        "orderStatus": "PartiallyFilled", "timeInForce": "PostOnly", "orderType": "Limit", "cumExecQty": EXECUTED,
        "leavesQty": LEFT, "cumExecValue": "240.0004", "avgPrice": PRICE, "cumExecFee": FEE, "reduceOnly": False,
        "createdTime": str(AT_MS), "updatedTime": str(AT_MS + 5), "rejectReason": "EC_NoError", "stopOrderType": "",
        "triggerPrice": "", "takeProfit": "", "stopLoss": "", "category": category, "cancelType": "UNKNOWN",
    }  # fmt: skip


def _instrument(category: str) -> dict[str, Any]:
    if category == "spot":
        return {
            "symbol": "BTCUSDT", "baseCoin": "BTC", "quoteCoin": "USDT", "innovation": "0", "status": "Trading",
            "marginTrading": "utaOnly",
            "lotSizeFilter": {"basePrecision": "0.000001", "quotePrecision": "0.0000001", "minOrderQty": "0.000048",
                              "maxOrderQty": "71.73956243", "minOrderAmt": "5", "maxOrderAmt": "4000000"},
            "priceFilter": {"tickSize": "0.1"},
        }  # fmt: skip
    return {
        "symbol": "BTCUSDT", "contractType": "LinearPerpetual", "status": "Trading", "baseCoin": "BTC",
        "quoteCoin": "USDT", "settleCoin": "USDT", "launchTime": "1585526400000", "deliveryTime": "0",
        "deliveryFeeRate": "", "priceScale": "2", "fundingInterval": 480,
        "leverageFilter": {"minLeverage": "1", "maxLeverage": "100.00", "leverageStep": "0.01"},
        "priceFilter": {"minPrice": "0.10", "maxPrice": "1999999.80", "tickSize": "0.10"},
        "lotSizeFilter": {"maxOrderQty": "1190.000", "minOrderQty": "0.001", "qtyStep": "0.001",
                          "maxMktOrderQty": "500.000", "minNotionalValue": "5"},
    }  # fmt: skip


def _ticker() -> dict[str, Any]:
    return {
        "symbol": "BTCUSDT", "lastPrice": PRICE, "indexPrice": PRICE, "markPrice": MARK, "prevPrice24h": PRICE,
        "price24hPcnt": "0", "highPrice24h": PRICE, "lowPrice24h": PRICE, "volume24h": "1", "turnover24h": "60000",
        "fundingRate": "0.0001", "nextFundingTime": str(NEXT_MS), "bid1Price": "60000.0", "bid1Size": "1.5",
        "ask1Price": PRICE, "ask1Size": "2", "fundingIntervalHour": "8",
    }  # fmt: skip


def _executions(category: str) -> Any:
    def told(asked: Asked) -> Any:
        funding = asked.given.get("execType") == "Funding"
        one = {
            "symbol": "BTCUSDT", "orderId": THEIR_ID, "orderLinkId": "" if funding else OURS, "side": "Buy",
            "orderPrice": PRICE, "orderQty": QUANTITY, "leavesQty": LEFT, "orderType": "Limit",
            "execFee": "-0.5" if funding else FEE, "execId": f"funding-{TRADE_ID}" if funding else TRADE_ID,
            "execPrice": PRICE, "execQty": EXECUTED, "execType": "Funding" if funding else "Trade",
            "execValue": "240.0004", "execTime": str(AT_MS), "feeRate": "0.0001", "isMaker": True,
            "markPrice": MARK, "feeCurrency": "USDT", "seq": 1,
        }  # fmt: skip
        return said({"category": category, "list": [one], "nextPageCursor": ""})

    return told


def _position() -> dict[str, Any]:
    return {
        "positionIdx": 0, "symbol": "BTCUSDT", "side": "Buy", "size": EXECUTED, "avgPrice": ENTRY,
        "positionValue": "240.0004", "leverage": "10", "markPrice": MARK, "liqPrice": LIQUIDATION, "unrealisedPnl":
        "0.0406", "positionIM": "24", "positionMM": "1.2", "curRealisedPnl": "0", "createdTime": str(AT_MS),
        "updatedTime": str(AT_MS), "positionStatus": "Normal", "autoAddMargin": 0, "tradeMode": 0,
    }  # fmt: skip


def rights(granted: dict[str, list[str]], *, read_only: int = 0) -> Answer:
    facts = {"readOnly": read_only, "uta": 1, "unified": 0, "apiKey": "key", "permissions": granted}
    return Answer("GET", "/v5/user/query-api", said(facts))


def _format(product: str) -> Format:
    category = "linear" if product == "perpetual" else "spot"
    listed = {"category": category, "list": [_order(category)], "nextPageCursor": ""}
    answers = [
        Answer("GET", "/v5/market/time",
               lambda _: said({"timeSecond": str(now_ms() // 1000)}) | {"time": now_ms()}),
        Answer("GET", "/v5/market/instruments-info",
               said({"category": category, "list": [_instrument(category)], "nextPageCursor": ""})),
        rights({"ContractTrade": ["Order", "Position"], "Spot": ["SpotTrade"], "Wallet": []}),
        Answer("GET", "/v5/account/info", said({"unifiedMarginStatus": 6, "marginMode": "REGULAR_MARGIN"})),
        Answer("GET", "/v5/account/wallet-balance", said({"list": [{
            "accountType": "UNIFIED", "totalEquity": "1000", "totalAvailableBalance": "900",
            "coin": [{"coin": "USDT", "walletBalance": "1000.5", "equity": "1000.5", "locked": "100.5",
                      "totalOrderIM": "0", "totalPositionIM": "0", "availableToWithdraw": "900",
                      "borrowAmount": "0", "unrealisedPnl": "0"}]}]})),
        Answer("GET", "/v5/position/list", said({"category": "linear", "list": [_position()], "nextPageCursor": ""})),
        Answer("POST", "/v5/order/create", said({"orderId": THEIR_ID, "orderLinkId": OURS})),
        Answer("POST", "/v5/order/cancel", said({"orderId": THEIR_ID, "orderLinkId": OURS})),
        Answer("GET", "/v5/order/realtime", said({**listed, "list": []}), when={"orderLinkId": OTHER}),
        Answer("GET", "/v5/order/realtime", said(listed)),
        Answer("GET", "/v5/order/history", said({**listed, "list": []}), when={"orderLinkId": OTHER}),
        Answer("GET", "/v5/order/history", said(listed)),
        Answer("GET", "/v5/execution/list", _executions(category)),
        Answer("GET", "/v5/market/tickers",
               lambda _: said({"category": category, "list": [_ticker()]}) | {"time": now_ms()}),
    ]  # fmt: skip
    return Format(
        exchange="bybit", product=product, symbol="BTCUSDT", answers=answers,
        fee_asset="USDT" if category == "linear" else "BTC",
        lot_size="0.001" if category == "linear" else "0.000001",
        place_path="/v5/order/create",
        order={"category": category, "symbol": "BTCUSDT", "side": "Buy", "orderType": "Limit", "qty": QUANTITY,
               "price": PRICE, "timeInForce": "PostOnly", "orderLinkId": OURS},
        found_by=("/v5/order/realtime", {"category": category, "orderLinkId": OURS}),
        refusals={
            "duplicate": _refused("/v5/order/create", *(
                (110072, "OrderLinkedID is duplicate") if category == "linear"
                else (170141, "Duplicate clientOrderId"))),
            "insufficient": _refused("/v5/order/create", *(
                (110007, "ab not enough for new order") if category == "linear"
                else (170131, "Insufficient balance."))),
            "limited": _refused("/v5/order/create", 10006, "Too many visits. Exceeded the API Rate Limit."),
            "unheard": _refused("/v5/order/cancel", *(
                (110001, "order not exists or too late to cancel") if category == "linear"
                else (170213, "Order does not exist."))),
            "uncertain": _refused("/v5/order/create", 10016, "Server error."),
        },
    )  # fmt: skip


FORMATS = (_format("perpetual"), _format("spot"))
