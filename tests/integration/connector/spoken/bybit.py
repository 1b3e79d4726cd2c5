"""Bybit v5, linear perpetuals: https://bybit-exchange.github.io/docs/v5/ws/connect and the pages beside it."""

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

from connector.settings import VenueConnection
from tests.integration.connector.spoken.facts import Bar, BookTop, Holding, Money, Order, PublicTrade
from tests.integration.connector.spoken.server import Query
from tests.integration.connector.spoken.settings import connection_to

_STATES = {"new": "New", "partly": "PartiallyFilled", "filled": "Filled", "cancelled": "Cancelled"}


class Bybit:
    product: ClassVar[Literal["perpetual", "spot"]] = "perpetual"
    category: ClassVar = "linear"
    symbol: ClassVar = "BTCUSDT"
    quote: ClassVar = "orderbook.1.BTCUSDT"
    trades: ClassVar = "publicTrade.BTCUSDT"
    candles: ClassVar = "kline.1.BTCUSDT"
    orders: ClassVar = "order"
    fills: ClassVar = "execution"
    balances: ClassVar = "wallet"
    positions: ClassVar = "position"
    fee_asset: ClassVar = "USDT"
    refusal: ClassVar = "Params Error"

    def __init__(self) -> None:
        self.refuses_login = False
        self.past_trades: list[PublicTrade] = []
        self.past_bars: list[Bar] = []

    def connection(self, port: int) -> VenueConnection:
        return connection_to("bybit", self.symbol, port, product=self.product)

    def is_ping(self, message: Any) -> bool:
        return isinstance(message, dict) and message.get("op") == "ping"

    def answers(self, message: Any) -> tuple[list[Any], list[str]]:
        if self.is_ping(message):
            return [{"req_id": str(message["req_id"]), "op": "pong", "args": ["1700000000000"], "conn_id": "c"}], []
        if message["op"] == "auth":
            if self.refuses_login:
                return [{"success": False, "ret_msg": self.refusal, "op": "auth", "conn_id": "c"}], []
            return [{"success": True, "ret_msg": "", "op": "auth", "conn_id": "c"}], []
        ack = {"success": True, "ret_msg": "", "conn_id": "c", "req_id": str(message["req_id"]), "op": "subscribe"}
        return [ack], list(message["args"])

    def rest(self, path: str, query: Query) -> Any:
        if path == "/v5/market/instruments-info":
            wanted = (query.get("category"), query.get("status")) == (self.category, None)
            found = [_INSTRUMENTS[self.category]] if wanted else []
            return _ok({"category": query.get("category"), "list": found, "nextPageCursor": ""})
        if path == "/v5/market/recent-trade":
            return _ok({"category": self.category, "list": [self._past(trade) for trade in reversed(self.past_trades)]})
        if path == "/v5/market/kline":
            rows = [
                [str(bar.open_ms), bar.opened, bar.high, bar.low, bar.close, bar.volume, "0"]
                for bar in reversed(self.past_bars)
                if bar.open_ms >= int(query.get("start", "0"))
            ]
            return _ok({"category": self.category, "symbol": self.symbol, "list": rows})
        if path == "/v5/market/tickers":
            return _ok({"category": self.category, "list": [_TICKER]})
        if path == "/v5/user/query-api":
            return _ok({"id": "1", "uta": 1, "unified": 0, "readOnly": 0})
        return _ok({"marginMode": "REGULAR_MARGIN", "unifiedMarginStatus": 5}) if path == "/v5/account/info" else None

    def funding_frames(self) -> list[tuple[str, Any]]:
        return []

    def book_frame(self, top: BookTop) -> Any:
        return {
            "topic": self.quote,
            "ts": top.time_ms,
            "type": "snapshot",
            "data": {
                "s": self.symbol,
                "b": [[top.bid, top.bid_size]],
                "a": [[top.ask, top.ask_size]],
                "u": 7,
                "seq": 9,
            },
            "cts": top.time_ms,
        }

    def trades_frames(self, trades: Sequence[PublicTrade]) -> list[Any]:
        frame = {
            "topic": self.trades,
            "type": "snapshot",
            "ts": trades[-1].time_ms,
            "data": [
                {
                    "i": one.trade_id, "T": one.time_ms, "p": one.price, "v": one.size,
                    "S": one.side.capitalize(), "s": self.symbol, "L": "PlusTick", "BT": False, "RPI": False,
                }
                for one in trades
            ],
        }  # fmt: skip
        return [frame]

    def candle_frame(self, bar: Bar) -> Any:
        row = {
            "start": bar.open_ms, "end": bar.open_ms + 59_999, "interval": "1", "open": bar.opened, "close": bar.close,
            "high": bar.high, "low": bar.low, "volume": bar.volume, "turnover": "1", "confirm": False,
            "timestamp": bar.open_ms + 1000,
        }  # fmt: skip
        return {"topic": self.candles, "data": [row], "ts": bar.open_ms + 1000, "type": "snapshot"}

    def order_frames(self, orders: Sequence[Order]) -> list[tuple[str, Any]]:
        executed = [one for one in orders if one.trade_id]
        frames = []
        if executed:
            frames.append((self.fills, _private("execution", [self._execution(one) for one in executed])))
        return [*frames, (self.orders, _private("order", [self._order(one) for one in orders]))]

    def balance_frame(self, money: Money) -> Any:
        coin = {
            "coin": money.asset, "equity": money.wallet, "usdValue": "1", "walletBalance": money.wallet,
            "availableToWithdraw": money.available, "borrowAmount": "0", "totalOrderIM": "0", "totalPositionIM": "0",
            "unrealisedPnl": "0", "cumRealisedPnl": "0", "locked": "0",
        }  # fmt: skip
        account = {"accountType": "UNIFIED", "totalEquity": "1", "coin": [coin]}
        return {"id": "1", "topic": "wallet", "creationTime": money.time_ms, "data": [account]}

    def position_frame(self, holding: Holding) -> Any:
        side = "Sell" if holding.size.startswith("-") else "Buy"
        row = {
            "positionIdx": 0, "tradeMode": 0, "riskId": 1, "riskLimitValue": "2000000", "symbol": self.symbol,
            "side": side, "size": holding.size.lstrip("-"), "entryPrice": holding.entry, "leverage": "10",
            "positionValue": "1", "positionBalance": "0", "markPrice": "43000", "positionIM": "0", "positionMM": "0",
            "liqPrice": "40000", "unrealisedPnl": "0.5", "cumRealisedPnl": "0", "createdTime": "1700000000000",
            "updatedTime": str(holding.time_ms), "category": "linear", "positionStatus": "Normal",
        }  # fmt: skip
        return _private("position", [row])

    def _past(self, one: PublicTrade) -> dict[str, Any]:
        return {
            "execId": one.trade_id, "symbol": self.symbol, "price": one.price, "size": one.size,
            "side": one.side.capitalize(), "time": str(one.time_ms), "isBlockTrade": False,
        }  # fmt: skip

    def _order(self, one: Order) -> dict[str, Any]:
        row = {
            "symbol": self.symbol, "orderId": one.order_id, "side": one.side.capitalize(), "orderType": "Limit",
            "cancelType": "UNKNOWN", "price": one.price, "qty": one.size, "timeInForce": "PostOnly",
            "orderStatus": _STATES[one.state], "orderLinkId": one.client_id, "reduceOnly": False, "leavesQty": "0",
            "cumExecQty": one.filled, "cumExecValue": "0", "avgPrice": "", "positionIdx": 0, "cumExecFee": "0",
            "createdTime": "1700000000000", "updatedTime": str(one.time_ms), "rejectReason": "EC_NoError",
            "category": self.category,
        }  # fmt: skip
        return row if self.product == "spot" else {**row, "tpslMode": "UNKNOWN"}

    def _execution(self, one: Order) -> dict[str, Any]:
        return {
            "category": self.category, "symbol": self.symbol, "execFee": one.fee,
            "feeCurrency": self.fee_asset, "execId": one.trade_id,
            "execPrice": one.price, "execQty": one.last_fill, "execType": "Trade", "execValue": "1",
            "isMaker": one.maker, "feeRate": "0.0001", "leavesQty": "0", "orderId": one.order_id,
            "orderLinkId": one.client_id, "orderPrice": one.price, "orderQty": one.size, "orderType": "Limit",
            "side": one.side.capitalize(), "execTime": str(one.time_ms), "execPnl": "0",
        }  # fmt: skip


class BybitSpot(Bybit):
    product: ClassVar[Literal["perpetual", "spot"]] = "spot"
    category: ClassVar = "spot"
    fee_asset: ClassVar = "BTC"


def _ok(result: Any) -> dict[str, Any]:
    return {"retCode": 0, "retMsg": "OK", "result": result, "retExtInfo": {}, "time": 1_700_000_000_000}


def _private(topic: str, rows: list[Any]) -> dict[str, Any]:
    return {"id": "1", "topic": topic, "creationTime": 1_700_000_000_000, "data": rows}


_PERPETUAL = {
    "symbol": "BTCUSDT", "contractType": "LinearPerpetual", "status": "Trading", "baseCoin": "BTC",
    "quoteCoin": "USDT", "settleCoin": "USDT", "launchTime": "1585526400000", "deliveryTime": "0",
    "priceScale": "2", "leverageFilter": {"minLeverage": "1", "maxLeverage": "100.00", "leverageStep": "0.01"},
    "priceFilter": {"minPrice": "0.10", "maxPrice": "1999999.80", "tickSize": "0.10"},
    "lotSizeFilter": {"maxOrderQty": "1190", "minOrderQty": "0.001", "qtyStep": "0.001", "minNotionalValue": "5"},
    "unifiedMarginTrade": True, "fundingInterval": 480, "copyTrading": "both",
}  # fmt: skip
_SPOT = {
    "symbol": "BTCUSDT", "baseCoin": "BTC", "quoteCoin": "USDT", "innovation": "0", "status": "Trading",
    "marginTrading": "both", "stTag": "0",
    "lotSizeFilter": {"basePrecision": "0.000001", "quotePrecision": "0.0000001", "minOrderQty": "0.000011",
                      "maxOrderQty": "83", "minOrderAmt": "5", "maxOrderAmt": "8000000"},
    "priceFilter": {"tickSize": "0.1"}, "riskParameters": {"priceLimitRatioX": "0.01", "priceLimitRatioY": "0.02"},
}  # fmt: skip
_INSTRUMENTS = {"linear": _PERPETUAL, "spot": _SPOT}
_TICKER = {
    "symbol": "BTCUSDT", "lastPrice": "43000.55", "indexPrice": "43001.00", "markPrice": "43000.55",
    "fundingRate": "0.000125", "nextFundingTime": "1700006400000", "bid1Price": "43000.00", "bid1Size": "1",
    "ask1Price": "43000.10", "ask1Size": "1", "prevPrice24h": "42000.00", "highPrice24h": "44000.00",
    "lowPrice24h": "41000.00", "turnover24h": "1", "volume24h": "1", "openInterest": "1",
}  # fmt: skip
