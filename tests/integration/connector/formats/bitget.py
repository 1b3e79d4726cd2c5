"""Bitget v2, classic account: bitget.com/api-doc."""

import json
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


def said(data: Any, code: str = "00000", words: str = "success") -> dict[str, Any]:
    return {"code": code, "msg": words, "requestTime": AT_MS, "data": data}


def _refused(path: str, code: str, words: str, *, status: int = 400) -> Answer:
    return Answer("POST", path, said(None, code, words), status=status)


def _contract() -> dict[str, Any]:
    return {
        "symbol": "BTCUSDT", "baseCoin": "BTC", "quoteCoin": "USDT", "buyLimitPriceRatio": "0.05",
        "sellLimitPriceRatio": "0.05", "feeRateUpRatio": "0.005", "makerFeeRate": "0.0002", "takerFeeRate": "0.0006",
        "openCostUpRatio": "0.01", "supportMarginCoins": ["USDT"], "minTradeNum": "0.001", "priceEndStep": "1",
        "volumePlace": "3", "pricePlace": "1", "sizeMultiplier": "0.001", "symbolType": "perpetual",
        "minTradeUSDT": "5", "maxSymbolOrderNum": "200", "symbolStatus": "normal", "offTime": "-1", "limitOpenTime":
        "-1", "deliveryTime": "", "launchTime": "", "fundInterval": "8", "minLever": "1", "maxLever": "125",
    }  # fmt: skip


def _pair() -> dict[str, Any]:
    return {
        "symbol": "BTCUSDT", "baseCoin": "BTC", "quoteCoin": "USDT", "minTradeAmount": "0", "maxTradeAmount": "10000",
        "takerFeeRate": "0.002", "makerFeeRate": "0.002", "pricePrecision": "1", "quantityPrecision": "6",
        "quotePrecision": "8", "status": "online", "minTradeUSDT": "1", "buyLimitPriceRatio": "0.05",
    }  # fmt: skip


def _mix_order() -> dict[str, Any]:
    return {
        "symbol": "BTCUSDT", "size": QUANTITY, "orderId": THEIR_ID, "clientOid": OURS, "baseVolume": EXECUTED,
        "priceAvg": PRICE, "fee": f"-{FEE}", "price": PRICE, "state": "partially_filled", "status": "partially_filled",
        "side": "buy", "force": "post_only", "totalProfits": "0", "posSide": "net", "marginCoin": "USDT",
        "presetStopSurplusPrice": "", "presetStopLossPrice": "", "quoteVolume": "240.0004", "orderType": "limit",
        "leverage": "10", "marginMode": "crossed", "reduceOnly": "NO", "enterPointSource": "API", "tradeSide":
        "buy_single", "posMode": "one_way_mode", "orderSource": "normal", "cTime": str(AT_MS), "uTime": str(AT_MS + 5),
    }  # fmt: skip


def _spot_order() -> dict[str, Any]:
    fee = {"USDT": {"deduction": False, "feeCoinCode": "USDT", "totalDeductionFee": 0, "totalFee": f"-{FEE}"}}
    return {
        "userId": "1", "symbol": "BTCUSDT", "orderId": THEIR_ID, "clientOid": OURS, "price": PRICE, "size": QUANTITY,
        "orderType": "limit", "side": "buy", "status": "partially_filled", "priceAvg": PRICE, "baseVolume": EXECUTED,
        "quoteVolume": "240.0004", "enterPointSource": "API", "feeDetail": json.dumps(fee), "orderSource": "normal",
        "cTime": str(AT_MS), "uTime": str(AT_MS + 5), "force": "post_only",
    }  # fmt: skip


def _position() -> dict[str, Any]:
    return {
        "marginCoin": "USDT", "symbol": "BTCUSDT", "holdSide": "long", "openDelegateSize": "0.006", "marginSize": "24",
        "available": EXECUTED, "locked": "0", "total": EXECUTED, "leverage": "10", "achievedProfits": "0",
        "openPriceAvg": ENTRY, "marginMode": "crossed", "posMode": "one_way_mode", "unrealizedPL": "0.0406",
        "liquidationPrice": LIQUIDATION, "keepMarginRate": "0.004", "markPrice": MARK, "marginRatio": "0.012",
        "cTime": str(AT_MS), "uTime": str(AT_MS),
    }  # fmt: skip


def authorities(*granted: str) -> Answer:
    facts = {"userId": "1", "ips": "127.0.0.1", "authorities": list(granted), "parentId": 1}
    return Answer("GET", "/api/v2/spot/account/info", said(facts))


_COMMON = [
    Answer("GET", "/api/v2/public/time", lambda _: said({"serverTime": str(now_ms())})),
    Answer("GET", "/api/v3/account/settings", said(None, "40084", "You are in Classic Account mode"), status=400),
    authorities("trade", "readonly"),
]  # fmt: skip

_MIX = [
    Answer("GET", "/api/v2/mix/market/contracts", said([_contract()]), when={"productType": "USDT-FUTURES"}),
    Answer("GET", "/api/v2/mix/market/contracts", said([])),
    Answer("GET", "/api/v2/mix/account/accounts", said([{
        "marginCoin": "USDT", "locked": "0", "available": "900", "crossedMaxAvailable": "900", "isolatedMaxAvailable":
        "900", "maxTransferOut": "900", "accountEquity": "1000.5", "usdtEquity": "1000.5", "unrealizedPL": "0"}])),
    Answer("GET", "/api/v2/mix/position/all-position", said([_position()])),
    Answer("POST", "/api/v2/mix/order/place-order", said({"orderId": THEIR_ID, "clientOid": OURS})),
    Answer("POST", "/api/v2/mix/order/cancel-order", said({"orderId": THEIR_ID, "clientOid": OURS})),
    Answer("GET", "/api/v2/mix/order/detail", said(None, "40109", "The data of the order cannot be found"), 400,
           {"clientOid": OTHER}),
    Answer("GET", "/api/v2/mix/order/detail", said(_mix_order())),
    Answer("GET", "/api/v2/mix/order/orders-pending", said({"entrustedList": [_mix_order()], "endId": THEIR_ID})),
    Answer("GET", "/api/v2/mix/order/orders-history", said({"entrustedList": [], "endId": ""})),
    Answer("GET", "/api/v2/mix/order/fills", said({"fillList": [{
        "tradeId": TRADE_ID, "symbol": "BTCUSDT", "orderId": THEIR_ID, "price": PRICE, "baseVolume": EXECUTED,
        "feeDetail": [{"deduction": "no", "feeCoin": "USDT", "totalDeductionFee": "", "totalFee": f"-{FEE}"}],
        "side": "buy", "quoteVolume": "240.0004", "profit": "0", "enterPointSource": "API", "tradeSide": "buy_single",
        "posMode": "one_way_mode", "tradeScope": "maker", "cTime": str(AT_MS)}], "endId": TRADE_ID})),
    Answer("GET", "/api/v2/mix/market/symbol-price", lambda _: said([{
        "symbol": "BTCUSDT", "price": PRICE, "indexPrice": PRICE, "markPrice": MARK, "ts": str(now_ms())}])),
    Answer("GET", "/api/v2/mix/market/current-fund-rate", said([{
        "symbol": "BTCUSDT", "fundingRate": "0.0001", "fundingRateInterval": "8", "nextUpdate": str(NEXT_MS),
        "minFundingRate": "-0.003", "maxFundingRate": "0.003"}])),
    Answer("GET", "/api/v2/mix/account/bill", said({"bills": [{
        "billId": "1", "symbol": "BTCUSDT", "amount": "0.5", "fee": "0", "feeByCoupon": "", "businessType":
        "contract_settle_fee", "coin": "USDT", "balance": "1000.5", "cTime": str(AT_MS)}], "endId": "1"})),
]  # fmt: skip

_SPOT = [
    Answer("GET", "/api/v2/spot/public/symbols", said([_pair()])),
    Answer("GET", "/api/v2/margin/currencies", said([])),
    Answer("GET", "/api/v2/spot/account/assets", said([{
        "coin": "USDT", "available": "900", "frozen": "100.5", "locked": "0", "limitAvailable": "0",
        "uTime": str(AT_MS)}])),
    Answer("POST", "/api/v2/spot/trade/place-order", said({"orderId": THEIR_ID, "clientOid": OURS})),
    Answer("POST", "/api/v2/spot/trade/cancel-order", said({"orderId": THEIR_ID, "clientOid": OURS})),
    Answer("GET", "/api/v2/spot/trade/orderInfo", said([]), when={"clientOid": OTHER}),
    Answer("GET", "/api/v2/spot/trade/orderInfo", said([_spot_order()])),
    Answer("GET", "/api/v2/spot/trade/unfilled-orders", said([_spot_order()])),
    Answer("GET", "/api/v2/spot/trade/history-orders", said([])),
    Answer("GET", "/api/v2/spot/trade/fills", said([{
        "userId": "1", "symbol": "BTCUSDT", "orderId": THEIR_ID, "tradeId": TRADE_ID, "orderType": "limit",
        "side": "buy", "priceAvg": PRICE, "size": EXECUTED, "amount": "240.0004", "feeDetail": {
            "deduction": "no", "feeCoin": "USDT", "totalDeductionFee": "", "totalFee": f"-{FEE}"},
        "tradeScope": "maker", "cTime": str(AT_MS), "uTime": str(AT_MS)}])),
    Answer("GET", "/api/v2/spot/market/tickers", lambda _: said([{
        "symbol": "BTCUSDT", "high24h": PRICE, "open": PRICE, "low24h": PRICE, "lastPr": PRICE, "quoteVolume": "1",
        "baseVolume": "1", "usdtVolume": "1", "bidPr": "60000.0", "askPr": PRICE, "bidSz": "1", "askSz": "1",
        "openUtc": PRICE, "ts": str(now_ms()), "changeUtc24h": "0", "change24h": "0"}])),
]  # fmt: skip


def _format(product: str) -> Format:
    perpetual = product == "perpetual"
    path = "/api/v2/mix/order" if perpetual else "/api/v2/spot/trade"
    order = {"symbol": "BTCUSDT", "side": "buy", "orderType": "limit", "force": "post_only", "price": PRICE,
             "size": QUANTITY, "clientOid": OURS}  # fmt: skip
    mix = {"productType": "USDT-FUTURES", "marginMode": "crossed", "marginCoin": "USDT"}
    return Format(
        exchange="bitget", product=product, symbol="BTCUSDT", answers=_COMMON + (_MIX if perpetual else _SPOT),
        lot_size="0.001" if perpetual else "0.000001",
        place_path=f"{path}/place-order",
        order=order | (mix if perpetual else {}),
        found_by=(f"{path}/detail" if perpetual else f"{path}/orderInfo", {"clientOid": OURS}),
        refusals={
            "duplicate": _refused(f"{path}/place-order", "40786", "Duplicate clientOid"),
            "insufficient": _refused(f"{path}/place-order", *(
                ("40762", "The order amount exceeds the balance") if perpetual else ("43012", "Insufficient balance"))),
            "limited": _refused(f"{path}/place-order", "429", "Too Many Requests", status=429),
            "uncertain": _refused(f"{path}/place-order", "40725", "service return an error"),
            "unheard": _refused(f"{path}/cancel-order", *(
                ("40768", "Order does not exist") if perpetual else ("43001", "The order does not exist"))),
        },
    )  # fmt: skip


FORMATS = (_format("perpetual"), _format("spot"))
