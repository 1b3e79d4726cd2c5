"""OKX v5: okx.com/docs-v5. Perpetuals count in contracts, here of 0.01 BTC."""

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


def said(*data: Any, code: str = "0", words: str = "") -> dict[str, Any]:
    return {"code": code, "msg": words, "data": list(data)}


def _refused(path: str, code: str, words: str) -> Answer:
    item = {"clOrdId": OURS, "ordId": "", "tag": "", "ts": str(AT_MS), "sCode": code, "sMsg": words}
    return Answer("POST", path, said(item, code="1", words="All operations failed"))


def instrument(*, perpetual: bool) -> dict[str, Any]:
    return {
        "instType": "SWAP" if perpetual else "SPOT", "instId": "BTC-USDT-SWAP" if perpetual else "BTC-USDT",
        "uly": "BTC-USDT" if perpetual else "", "instFamily": "BTC-USDT" if perpetual else "", "baseCcy":
        "" if perpetual else "BTC", "quoteCcy": "" if perpetual else "USDT", "settleCcy": "USDT" if perpetual else "",
        "ctVal": "0.01" if perpetual else "", "ctMult": "1" if perpetual else "",
        "ctValCcy": "BTC" if perpetual else "", "ctType": "linear" if perpetual else "", "optType": "", "stk": "",
        "listTime": "1573557408000", "expTime": "",
        "lever": "100", "tickSz": "0.1", "lotSz": "0.1" if perpetual else "0.00000001", "minSz": "0.1" if perpetual
        else "0.00001", "alias": "", "state": "live", "maxLmtSz": "100000000", "ruleType": "normal",
    }  # fmt: skip


def _order(perpetual: bool) -> dict[str, Any]:
    return {
        "instType": "SWAP" if perpetual else "SPOT", "instId": "BTC-USDT-SWAP" if perpetual else "BTC-USDT",
        "ordId": THEIR_ID, "clOrdId": OURS, "tag": "", "px": PRICE, "sz": "1" if perpetual else QUANTITY,
        "ordType": "post_only", "side": "buy", "posSide": "net" if perpetual else "", "tdMode":
        "cross" if perpetual else "cash", "accFillSz": "0.4" if perpetual else EXECUTED, "fillPx": PRICE,
        "tradeId": TRADE_ID, "fillSz": "0.4" if perpetual else EXECUTED, "fillTime": str(AT_MS),
        "state": "partially_filled", "avgPx": PRICE, "lever": "10", "feeCcy": "USDT", "fee": f"-{FEE}",
        "rebateCcy": "USDT", "rebate": "0", "pnl": "0", "category": "normal", "reduceOnly": "false",
        "cTime": str(AT_MS), "uTime": str(AT_MS + 5), "cancelSource": "", "tgtCcy": "", "attachAlgoOrds": [],
        "slTriggerPx": "", "slOrdPx": "", "tpTriggerPx": "", "tpOrdPx": "",
    }  # fmt: skip


def position() -> dict[str, Any]:
    return {
        "instType": "SWAP", "instId": "BTC-USDT-SWAP", "mgnMode": "cross", "posId": "307173036051017730",
        "posSide": "net", "pos": "0.4", "posCcy": "", "availPos": "0.4", "avgPx": ENTRY, "upl": "0.0406",
        "uplRatio": "0.001", "lever": "10", "liqPx": LIQUIDATION, "markPx": MARK, "imr": "24", "margin": "",
        "mgnRatio": "80.1", "mmr": "0.96", "notionalUsd": "240.04", "adl": "1", "ccy": "USDT", "last": PRICE,
        "cTime": str(AT_MS), "uTime": str(AT_MS),
    }  # fmt: skip


def config(**changes: str) -> Answer:
    facts = {"uid": "1", "acctLv": "2", "posMode": "net_mode", "perm": "read_only,trade", "level": "Lv1"}
    return Answer("GET", "/api/v5/account/config", said(facts | changes))


def _format(product: str) -> Format:
    perpetual = product == "perpetual"
    symbol = "BTC-USDT-SWAP" if perpetual else "BTC-USDT"
    order = said(_order(perpetual))
    execution = {
        "instType": "SWAP" if perpetual else "SPOT", "instId": symbol, "tradeId": TRADE_ID, "ordId": THEIR_ID,
        "clOrdId": OURS, "billId": "1111", "tag": "", "fillPx": PRICE, "fillSz": "0.4" if perpetual else EXECUTED,
        "side": "buy", "posSide": "net", "execType": "M", "feeCcy": "USDT", "fee": f"-{FEE}", "ts": str(AT_MS),
        "fillTime": str(AT_MS), "fillPnl": "0",
    }  # fmt: skip
    answers = [
        Answer("GET", "/api/v5/public/time", lambda _: said({"ts": str(now_ms())})),
        Answer("GET", "/api/v5/public/instruments", said(instrument(perpetual=perpetual))),
        config(),
        Answer("GET", "/api/v5/account/balance", said({
            "uTime": str(AT_MS), "totalEq": "1000.5", "details": [{
                "ccy": "USDT", "eq": "1000.5", "cashBal": "1000.5", "availEq": "900", "availBal": "900",
                "frozenBal": "100.5", "uTime": str(AT_MS), "upl": "0"}]})),
        Answer("GET", "/api/v5/account/positions", said(position())),
        Answer("POST", "/api/v5/trade/order", said({
            "clOrdId": OURS, "ordId": THEIR_ID, "tag": "", "ts": str(AT_MS), "sCode": "0", "sMsg": "Order placed"})),
        Answer("POST", "/api/v5/trade/cancel-order", said({
            "clOrdId": OURS, "ordId": THEIR_ID, "ts": str(AT_MS), "sCode": "0", "sMsg": ""})),
        Answer("GET", "/api/v5/trade/order", said(code="51603", words="Order does not exist"),
               when={"clOrdId": OTHER}),
        Answer("GET", "/api/v5/trade/order", order),
        Answer("GET", "/api/v5/trade/orders-pending", order),
        Answer("GET", "/api/v5/trade/orders-history", said()),
        Answer("GET", "/api/v5/trade/fills-history", said(execution)),
        Answer("GET", "/api/v5/public/mark-price", lambda _: said({
            "instType": "SWAP", "instId": symbol, "markPx": MARK, "ts": str(now_ms())})),
        Answer("GET", "/api/v5/market/ticker", lambda _: said({
            "instType": "SPOT", "instId": symbol, "last": PRICE, "lastSz": "1", "askPx": PRICE, "askSz": "1", "bidPx":
            "60000.0", "bidSz": "1", "open24h": PRICE, "high24h": PRICE, "low24h": PRICE, "volCcy24h": "1",
            "vol24h": "1", "ts": str(now_ms())})),
        Answer("GET", "/api/v5/public/funding-rate", said({
            "instType": "SWAP", "instId": symbol, "fundingRate": "0.0001", "nextFundingRate": "",
            "fundingTime": str(NEXT_MS), "nextFundingTime": str(NEXT_MS + 28_800_000), "method": "current_period"})),
        Answer("GET", "/api/v5/account/bills-archive", said({
            "billId": "623950854533513219", "ccy": "USDT", "balChg": "0.5", "posBalChg": "0", "instId": symbol,
            "instType": "SWAP", "type": "8", "subType": "174", "ts": str(AT_MS), "pnl": "0.5", "sz": "0.4"})),
    ]  # fmt: skip
    return Format(
        exchange="okx", product=product, symbol=symbol, answers=answers,
        lot_size="0.001" if perpetual else "0.00000001", contract_size="0.01" if perpetual else "1",
        place_path="/api/v5/trade/order",
        order={"instId": symbol, "side": "buy", "ordType": "post_only", "sz": "1.0" if perpetual else QUANTITY,
               "px": PRICE,
               "clOrdId": OURS, "tdMode": "cross" if perpetual else "cash"},
        found_by=("/api/v5/trade/order", {"instId": symbol, "clOrdId": OURS}),
        refusals={
            "duplicate": _refused("/api/v5/trade/order", "51016", "Client order ID already exists."),
            "insufficient": _refused("/api/v5/trade/order", "51008", "Order failed. Insufficient USDT balance."),
            "limited": Answer("POST", "/api/v5/trade/order",
                              said(code="50011", words="Rate limit reached."), status=429),
            "uncertain": _refused("/api/v5/trade/order", "51149", "Order timed out. Try again later."),
            "unheard": _refused("/api/v5/trade/cancel-order", "51400", "Cancellation failed: no such order."),
        },
    )  # fmt: skip


FORMATS = (_format("perpetual"), _format("spot"))
