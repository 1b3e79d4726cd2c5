"""OKX v5, linear perpetuals in contracts of 0.01 BTC: https://www.okx.com/docs-v5/en/#overview-websocket and on."""

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

from connector.settings import VenueConnection
from tests.integration.connector.spoken.facts import Bar, BookTop, Holding, Money, Order, PublicTrade, contracts
from tests.integration.connector.spoken.server import Query
from tests.integration.connector.spoken.settings import connection_to

_STATES = {"new": "live", "partly": "partially_filled", "filled": "filled", "cancelled": "canceled"}


class Okx:
    product: ClassVar[Literal["perpetual", "spot"]] = "perpetual"
    kind: ClassVar = "SWAP"
    size: ClassVar = "0.01"
    symbol: ClassVar = "BTC-USDT-SWAP"
    quote: ClassVar = "bbo-tbt BTC-USDT-SWAP"
    trades: ClassVar = "trades BTC-USDT-SWAP"
    candles: ClassVar = "candle1m BTC-USDT-SWAP"
    orders: ClassVar = "orders"
    fills: ClassVar = "orders"
    balances: ClassVar = "account"
    positions: ClassVar = "positions"
    fee_asset: ClassVar = "USDT"
    refusal: ClassVar = "Login failed."

    def __init__(self) -> None:
        self.refuses_login = False
        self.past_trades: list[PublicTrade] = []
        self.past_bars: list[Bar] = []

    def connection(self, port: int) -> VenueConnection:
        return connection_to("okx", self.symbol, port, product=self.product)

    def is_ping(self, message: Any) -> bool:
        return bool(message == "ping")

    def answers(self, message: Any) -> tuple[list[Any], list[str]]:
        if self.is_ping(message):
            return ["pong"], []
        if message["op"] == "login":
            if self.refuses_login:
                return [{"event": "error", "code": "60009", "msg": self.refusal, "connId": "c"}], []
            return [{"event": "login", "code": "0", "msg": "", "connId": "c"}], []
        acks = [{"event": "subscribe", "arg": arg, "connId": "c"} for arg in message["args"]]
        return acks, [f"{arg['channel']} {arg.get('instId', '')}".strip() for arg in message["args"]]

    def rest(self, path: str, query: Query) -> Any:
        if path == "/api/v5/public/instruments":
            return _ok([_INSTRUMENTS[self.kind]] if query.get("instType") == self.kind else [])
        if path == "/api/v5/market/ticker":
            return _ok([{"instType": self.kind, "instId": self.symbol, "last": "43000.55", "ts": "1700000000000"}])
        if path == "/api/v5/market/trades":
            return _ok([self._trade(one) for one in reversed(self.past_trades)])
        if path in ("/api/v5/market/candles", "/api/v5/market/history-candles"):
            after_ms = int(query.get("before", "0"))  # the venue's word for what is newer
            return _ok([self._row(bar, "1") for bar in reversed(self.past_bars) if bar.open_ms > after_ms])
        return None

    def funding_frames(self) -> list[tuple[str, Any]]:
        rate = {
            "fundingRate": "0.000125", "fundingTime": "1700006400000", "instId": self.symbol, "instType": "SWAP",
            "method": "current_period", "maxFundingRate": "0.00375", "minFundingRate": "-0.00375",
            "nextFundingRate": "", "nextFundingTime": "1700035200000", "premium": "0.0001", "settFundingRate": "0",
            "settState": "settled", "ts": "1700000000000",
        }  # fmt: skip
        mark = {"instType": "SWAP", "instId": self.symbol, "markPx": "43000.55", "ts": "1700000000000"}
        return [
            (f"{channel} {self.symbol}", {"arg": {"channel": channel, "instId": self.symbol}, "data": [row]})
            for channel, row in (("funding-rate", rate), ("mark-price", mark))
        ]

    def book_frame(self, top: BookTop) -> Any:
        book = {
            "asks": [[top.ask, contracts(top.ask_size, self.size), "0", "1"]],
            "bids": [[top.bid, contracts(top.bid_size, self.size), "0", "2"]],
            "ts": str(top.time_ms),
            "seqId": 7,
        }
        return {"arg": {"channel": "bbo-tbt", "instId": self.symbol}, "data": [book]}

    def trades_frames(self, trades: Sequence[PublicTrade]) -> list[Any]:
        rows = [{**self._trade(one), "count": "1", "seqId": 9} for one in trades]
        return [{"arg": {"channel": "trades", "instId": self.symbol}, "data": rows}]

    def candle_frame(self, bar: Bar) -> Any:
        return {"arg": {"channel": "candle1m", "instId": self.symbol}, "data": [self._row(bar, "0")]}

    def order_frames(self, orders: Sequence[Order]) -> list[tuple[str, Any]]:
        arg = {"channel": "orders", "instType": "ANY", "uid": "1"}
        return [(self.orders, {"arg": arg, "data": [self._order(one) for one in orders]})]

    def balance_frame(self, money: Money) -> Any:
        detail = {
            "availBal": money.available, "availEq": money.available, "cashBal": money.wallet, "ccy": money.asset,
            "eq": money.wallet, "frozenBal": "234.067", "ordFrozen": "0", "upl": "0", "uTime": str(money.time_ms),
        }  # fmt: skip
        account = {"uTime": str(money.time_ms), "totalEq": money.wallet, "details": [detail]}
        return {"arg": {"channel": "account", "uid": "1"}, "data": [account]}

    def position_frame(self, holding: Holding) -> Any:
        row = {
            "instType": "SWAP", "mgnMode": "cross", "posId": "307173036051017730", "posSide": "net",
            "pos": contracts(holding.size, self.size), "posCcy": "", "availPos": "",
            "avgPx": holding.entry, "upl": "0.5",
            "lever": "10", "liqPx": "", "markPx": "43000.55", "imr": "", "margin": "", "mgnRatio": "", "mmr": "",
            "notionalUsd": "1", "adl": "1", "ccy": "USDT", "last": "43000", "instId": self.symbol,
            "cTime": "1700000000000", "uTime": str(holding.time_ms), "pTime": str(holding.time_ms),
        }  # fmt: skip
        return {"arg": {"channel": "positions", "instType": "ANY", "uid": "1"}, "data": [row]}

    def _trade(self, one: PublicTrade) -> dict[str, Any]:
        return {
            "instId": self.symbol, "tradeId": one.trade_id, "px": one.price, "sz": contracts(one.size, self.size),
            "side": one.side, "ts": str(one.time_ms),
        }  # fmt: skip

    def _row(self, bar: Bar, confirmed: str) -> list[str]:
        volumes = [contracts(bar.volume, self.size), bar.volume if self.kind == "SWAP" else "1", "1"]
        return [str(bar.open_ms), bar.opened, bar.high, bar.low, bar.close, *volumes, confirmed]

    def _order(self, one: Order) -> dict[str, Any]:
        executed = bool(one.trade_id)
        return {
            "instType": self.kind, "instId": self.symbol, "tgtCcy": "", "ccy": "", "ordId": one.order_id,
            "clOrdId": one.client_id, "tag": "", "px": one.price, "sz": contracts(one.size, self.size),
            "ordType": "post_only", "side": one.side, "posSide": "net", "tdMode": "cross",
            "fillSz": contracts(one.last_fill, self.size), "fillPx": one.price if executed else "",
            "tradeId": one.trade_id, "accFillSz": contracts(one.filled, self.size),
            "fillTime": str(one.time_ms) if executed else "", "fillFee": f"-{one.fee}" if executed else "0",
            "fillFeeCcy": "USDT" if executed else "", "execType": ("M" if one.maker else "T") if executed else "",
            "state": _STATES[one.state], "avgPx": one.price if executed else "", "lever": "10", "feeCcy": "USDT",
            "fee": f"-{one.fee}", "rebateCcy": "USDT", "rebate": "0", "pnl": "0", "fillPnl": "0", "source": "",
            "cancelSource": "", "amendSource": "", "category": "normal", "uTime": str(one.time_ms),
            "cTime": "1700000000000", "reqId": "", "amendResult": "", "reduceOnly": "false", "code": "0", "msg": "",
        }  # fmt: skip


class OkxSpot(Okx):
    product: ClassVar[Literal["perpetual", "spot"]] = "spot"
    kind: ClassVar = "SPOT"
    size: ClassVar = "1"
    symbol: ClassVar = "BTC-USDT"
    quote: ClassVar = "bbo-tbt BTC-USDT"
    trades: ClassVar = "trades BTC-USDT"
    candles: ClassVar = "candle1m BTC-USDT"


def _ok(data: list[Any]) -> dict[str, Any]:
    return {"code": "0", "msg": "", "data": data}


_SWAP = {
    "instType": "SWAP", "instId": "BTC-USDT-SWAP", "uly": "BTC-USDT", "instFamily": "BTC-USDT", "category": "1",
    "baseCcy": "", "quoteCcy": "", "settleCcy": "USDT", "ctVal": "0.01", "ctMult": "1", "ctValCcy": "BTC",
    "optType": "", "stk": "", "listTime": "1606468572000", "expTime": "", "lever": "100", "tickSz": "0.1",
    "lotSz": "0.01", "minSz": "0.01", "ctType": "linear", "alias": "", "state": "live", "maxLmtSz": "100000000",
    "maxMktSz": "12000", "ruleType": "normal",
}  # fmt: skip
_SPOT = _SWAP | {
    "instType": "SPOT", "instId": "BTC-USDT", "uly": "", "instFamily": "", "baseCcy": "BTC", "quoteCcy": "USDT",
    "settleCcy": "", "ctVal": "", "ctMult": "", "ctValCcy": "", "ctType": "", "lever": "10",
    "lotSz": "0.00000001", "minSz": "0.00001",
}  # fmt: skip
_INSTRUMENTS = {"SWAP": _SWAP, "SPOT": _SPOT}
