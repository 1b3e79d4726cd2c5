"""Bitget v2, USDT futures: https://www.bitget.com/api-doc/contract/websocket/public/Tickers-Channel and beside it."""

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

from connector.settings import VenueConnection
from tests.integration.connector.spoken.facts import Bar, BookTop, Holding, Money, Order, PublicTrade
from tests.integration.connector.spoken.server import Query
from tests.integration.connector.spoken.settings import connection_to

_STATES = {"new": "live", "partly": "partially_filled", "filled": "filled", "cancelled": "canceled"}


class Bitget:
    product: ClassVar[Literal["perpetual", "spot"]] = "perpetual"
    kind: ClassVar = "USDT-FUTURES"
    symbol: ClassVar = "BTCUSDT"
    quote: ClassVar = "ticker BTCUSDT"
    trades: ClassVar = "trade BTCUSDT"
    candles: ClassVar = "candle1m BTCUSDT"
    orders: ClassVar = "orders default"
    fills: ClassVar = "fill default"
    balances: ClassVar = "account default"
    positions: ClassVar = "positions default"
    fee_asset: ClassVar = "USDT"
    refusal: ClassVar = "Invalid sign"

    def __init__(self) -> None:
        self.refuses_login = False
        self.past_trades: list[PublicTrade] = []
        self.past_bars: list[Bar] = []

    def connection(self, port: int) -> VenueConnection:
        return connection_to("bitget", self.symbol, port, product=self.product)

    def is_ping(self, message: Any) -> bool:
        return bool(message == "ping")

    def answers(self, message: Any) -> tuple[list[Any], list[str]]:
        if self.is_ping(message):
            return ["pong"], []
        if message["op"] == "login":
            if self.refuses_login:
                return [{"event": "error", "code": 30015, "msg": self.refusal}], []
            return [{"event": "login", "code": 0}], []
        acks = [{"event": "subscribe", "arg": arg} for arg in message["args"]]
        return acks, [f"{arg['channel']} {arg.get('instId') or arg['coin']}" for arg in message["args"]]

    def rest(self, path: str, query: Query) -> Any:
        if path == "/api/v2/mix/market/contracts":
            return _ok([_CONTRACT] if query.get("productType") == self.kind else [])
        if path in ("/api/v2/mix/market/fills", "/api/v2/mix/market/fills-history"):
            return _ok([{**self._trade(one), "symbol": self.symbol} for one in reversed(self.past_trades)])
        if path in ("/api/v2/mix/market/candles", "/api/v2/mix/market/history-candles"):
            since_ms = int(query.get("startTime", "0"))
            return _ok([_row(bar) for bar in self.past_bars if bar.open_ms >= since_ms])
        if path == "/api/v2/mix/market/current-fund-rate":
            rate = {"symbol": self.symbol, "fundingRate": "0.000125", "fundingRateInterval": "8",
                    "nextUpdate": "1700006400000", "minFundingRate": "-0.003", "maxFundingRate": "0.003"}  # fmt: skip
            return _ok([rate])
        if path == "/api/v2/mix/market/symbol-price":
            price = {"symbol": self.symbol, "price": "43000.1", "indexPrice": "43001", "markPrice": "43000.55",
                     "ts": "1700000000000"}  # fmt: skip
            return _ok([price])
        return None

    def funding_frames(self) -> list[tuple[str, Any]]:
        return []

    def book_frame(self, top: BookTop) -> Any:
        row = {
            "instId": self.symbol, "lastPr": top.bid, "bidPr": top.bid, "askPr": top.ask, "bidSz": top.bid_size,
            "askSz": top.ask_size, "open24h": "42000", "high24h": "44000", "low24h": "41000", "change24h": "0.01",
            "fundingRate": "0.000125", "nextFundingTime": "1700006400000", "markPrice": "43000.55",
            "indexPrice": "43001", "holdingAmount": "1", "baseVolume": "1", "quoteVolume": "1", "openUtc": "42000",
            "symbolType": "1", "symbol": self.symbol, "deliveryPrice": "0", "ts": str(top.time_ms),
        }  # fmt: skip
        return self._public("ticker", [row])

    def trades_frames(self, trades: Sequence[PublicTrade]) -> list[Any]:
        """The newest first."""
        return [self._public("trade", [self._trade(one) for one in reversed(trades)])]

    def candle_frame(self, bar: Bar) -> Any:
        return self._public("candle1m", [_row(bar)])

    def order_frames(self, orders: Sequence[Order]) -> list[tuple[str, Any]]:
        executed = [self._execution(one) for one in orders if one.trade_id]
        frames = [(self.fills, self._private("fill", "instId", executed))] if executed else []
        return [*frames, (self.orders, self._private("orders", "instId", [self._order(one) for one in orders]))]

    def balance_frame(self, money: Money) -> Any:
        row = {
            "marginCoin": money.asset, "frozen": "0", "available": money.available,
            "maxOpenPosAvailable": money.available, "maxTransferOut": money.available, "equity": money.wallet,
            "usdtEquity": money.wallet, "crossedRiskRate": "0", "unrealizedPL": "0",
        }  # fmt: skip
        return self._private("account", "coin", [row])

    def position_frame(self, holding: Holding) -> Any:
        """All of the positions there are: a flat one is not among them."""
        row = {
            "posId": "1", "instId": self.symbol, "marginCoin": "USDT", "marginSize": "1", "marginMode": "crossed",
            "holdSide": "short" if holding.size.startswith("-") else "long", "posMode": "one_way_mode",
            "total": holding.size.lstrip("-"), "available": holding.size.lstrip("-"), "frozen": "0",
            "openPriceAvg": holding.entry, "leverage": 10, "achievedProfits": "0", "unrealizedPL": "0.5",
            "unrealizedPLR": "0.01", "liquidationPrice": "40000", "keepMarginRate": "0.004", "marginRate": "0.007",
            "cTime": "1700000000000", "uTime": str(holding.time_ms), "autoMargin": "off", "markPrice": "43000.55",
        }  # fmt: skip
        return self._private("positions", "instId", [] if holding.size == "0" else [row])

    def _public(self, channel: str, data: list[Any]) -> dict[str, Any]:
        arg = {"instType": self.kind, "channel": channel, "instId": self.symbol}
        return {"action": "update", "arg": arg, "data": data, "ts": 1_700_000_000_000}

    def _private(self, channel: str, by: str, data: list[Any]) -> dict[str, Any]:
        arg = {"instType": self.kind, "channel": channel, by: "default"}
        return {"action": "snapshot", "arg": arg, "data": data, "ts": 1_700_000_000_000}

    def _trade(self, one: PublicTrade) -> dict[str, Any]:
        return {
            "ts": str(one.time_ms), "price": one.price, "size": one.size, "side": one.side, "tradeId": one.trade_id,
        }  # fmt: skip

    def _order(self, one: Order) -> dict[str, Any]:
        row = {
            "accBaseVolume": one.filled, "cTime": "1700000000000", "clientOid": one.client_id, "feeDetail": [],
            "force": "post_only", "instId": self.symbol, "leverage": "10", "marginCoin": "USDT",
            "marginMode": "crossed", "notionalUsd": "1", "orderId": one.order_id, "orderType": "limit",
            "posMode": "one_way_mode", "posSide": "net", "price": one.price, "reduceOnly": "no", "side": one.side,
            "size": one.size, "enterPointSource": "API", "status": _STATES[one.state], "tradeSide": one.side,
            "uTime": str(one.time_ms),
        }  # fmt: skip
        if one.trade_id:
            row |= {"baseVolume": one.last_fill, "fillPrice": one.price, "tradeId": one.trade_id,
                    "fillTime": str(one.time_ms), "priceAvg": one.price, "tradeScope": "M", "pnl": "0"}  # fmt: skip
        return row

    def _execution(self, one: Order) -> dict[str, Any]:
        fee = {"feeCoin": "USDT", "deduction": "no", "totalDeductionFee": "0", "totalFee": f"-{one.fee}"}
        return {
            "orderId": one.order_id, "tradeId": one.trade_id, "symbol": self.symbol, "orderType": "limit",
            "side": one.side, "price": one.price, "baseVolume": one.last_fill, "quoteVolume": "1", "profit": "0",
            "tradeSide": one.side, "posMode": "one_way_mode", "tradeScope": "maker" if one.maker else "taker",
            "feeDetail": [fee], "cTime": str(one.time_ms), "uTime": str(one.time_ms),
        }  # fmt: skip


class BitgetSpot(Bitget):
    """https://www.bitget.com/api-doc/spot/websocket/public/Tickers-Channel and beside it."""

    product: ClassVar[Literal["perpetual", "spot"]] = "spot"
    kind: ClassVar = "SPOT"

    def rest(self, path: str, query: Query) -> Any:
        if path == "/api/v2/spot/public/symbols":
            return _ok([_PAIR])
        if path == "/api/v2/margin/currencies":
            return _ok([])
        if path == "/api/v2/spot/market/tickers":
            return _ok([{"symbol": self.symbol, "lastPr": "43000.55", "ts": "1700000000000"}])
        if path in ("/api/v2/spot/market/fills", "/api/v2/spot/market/fills-history"):
            return _ok([{**self._trade(one), "symbol": self.symbol} for one in reversed(self.past_trades)])
        if path in ("/api/v2/spot/market/candles", "/api/v2/spot/market/history-candles"):
            since_ms = int(query.get("startTime", "0"))
            return _ok([_row(bar) for bar in self.past_bars if bar.open_ms >= since_ms])
        return None

    def balance_frame(self, money: Money) -> Any:
        row = {"coin": money.asset, "available": money.available, "frozen": "234.067", "locked": "0",
               "limitAvailable": "0", "uTime": str(money.time_ms)}  # fmt: skip
        return self._private("account", "coin", [row])

    def _order(self, one: Order) -> dict[str, Any]:
        row = {
            "instId": self.symbol, "orderId": one.order_id, "clientOid": one.client_id, "size": one.size,
            "newSize": one.size, "notional": "1", "orderType": "limit", "force": "post_only", "side": one.side,
            "price": one.price, "accBaseVolume": one.filled, "status": _STATES[one.state], "feeDetail": [],
            "cTime": "1700000000000", "uTime": str(one.time_ms), "stpMode": "none", "enterPointSource": "API",
        }  # fmt: skip
        if one.trade_id:
            row |= {"fillPrice": one.price, "tradeId": one.trade_id, "baseVolume": one.last_fill,
                    "fillTime": str(one.time_ms), "fillFee": f"-{one.fee}", "fillFeeCoin": "USDT",
                    "tradeScope": "M", "priceAvg": one.price}  # fmt: skip
        return row

    def _execution(self, one: Order) -> dict[str, Any]:
        fee = {"feeCoin": "USDT", "deduction": "no", "totalDeductionFee": "0", "totalFee": f"-{one.fee}"}
        return {
            "orderId": one.order_id, "tradeId": one.trade_id, "symbol": self.symbol, "orderType": "limit",
            "side": one.side, "priceAvg": one.price, "size": one.last_fill, "amount": "1",
            "tradeScope": "maker" if one.maker else "taker", "feeDetail": [fee], "cTime": str(one.time_ms),
            "uTime": str(one.time_ms),
        }  # fmt: skip


def _row(bar: Bar) -> list[str]:
    return [str(bar.open_ms), bar.opened, bar.high, bar.low, bar.close, bar.volume, "1", "1"]


def _ok(data: list[Any]) -> dict[str, Any]:
    return {"code": "00000", "msg": "success", "requestTime": 1_700_000_000_000, "data": data}


_CONTRACT = {
    "symbol": "BTCUSDT", "baseCoin": "BTC", "quoteCoin": "USDT", "buyLimitPriceRatio": "0.05",
    "sellLimitPriceRatio": "0.05", "feeRateUpRatio": "0.005", "makerFeeRate": "0.0002", "takerFeeRate": "0.0006",
    "openCostUpRatio": "0.01", "supportMarginCoins": ["USDT"], "minTradeNum": "0.001", "priceEndStep": "1",
    "volumePlace": "3", "pricePlace": "1", "sizeMultiplier": "0.001", "symbolType": "perpetual",
    "minTradeUSDT": "5", "maxSymbolOrderNum": "200", "maxProductOrderNum": "1000", "maxPositionNum": "150",
    "symbolStatus": "normal", "offTime": "-1", "limitOpenTime": "-1", "deliveryTime": "", "deliveryStartTime": "",
    "launchTime": "", "fundInterval": "8", "minLever": "1", "maxLever": "125", "posLimit": "0.05",
    "maintainTime": "",
}  # fmt: skip
_PAIR = {
    "symbol": "BTCUSDT", "baseCoin": "BTC", "quoteCoin": "USDT", "minTradeAmount": "0", "maxTradeAmount": "0",
    "takerFeeRate": "0.002", "makerFeeRate": "0.002", "pricePrecision": "1", "quantityPrecision": "6",
    "quotePrecision": "8", "status": "online", "minTradeUSDT": "1", "buyLimitPriceRatio": "0.05",
    "sellLimitPriceRatio": "0.05", "areaSymbol": "no", "orderQuantity": "200", "openTime": "1532454360000",
    "offTime": "",
}  # fmt: skip
