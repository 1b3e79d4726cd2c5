"""Gate v4, USDT futures in contracts of 0.0001 BTC: https://www.gate.com/docs/developers/futures/ws/en/."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, ClassVar

from connector.settings import VenueConnection
from tests.integration.connector.spoken.facts import Bar, BookTop, Holding, Money, Order, PublicTrade, contracts
from tests.integration.connector.spoken.server import Query
from tests.integration.connector.spoken.settings import connection_to

_SIZE = "0.0001"


class Gate:
    symbol: ClassVar = "BTC_USDT"
    quote: ClassVar = "futures.book_ticker"
    trades: ClassVar = "futures.trades"
    candles: ClassVar = "futures.candlesticks"
    orders: ClassVar = "futures.orders"
    fills: ClassVar = "futures.usertrades"
    balances: ClassVar = "futures.balances"
    positions: ClassVar = "futures.positions"
    private: ClassVar[tuple[str, ...]] = (orders, fills, balances, positions)
    account_number: ClassVar = True
    fee_asset: ClassVar = "USDT"
    refusal: ClassVar = "authentication fail"

    def __init__(self) -> None:
        self.refuses_login = False
        self.past_trades: list[PublicTrade] = []
        self.past_bars: list[Bar] = []

    def connection(self, port: int) -> VenueConnection:
        """ccxt tells Gate's products apart by the letters `fx` in the address."""
        return connection_to("gate", self.symbol, port, folder="/fx")

    def is_ping(self, message: Any) -> bool:
        return bool(message == "websocket ping")

    def answers(self, message: Any) -> tuple[list[Any], list[str]]:
        if self.is_ping(message):
            return [], []
        channel = message["channel"]
        ack = {"time": 1_700_000_000, "id": message["id"], "channel": channel, "event": "subscribe"}
        if self.refuses_login and channel in self.private:
            return [{**ack, "error": {"code": 4, "message": self.refusal}, "result": None}], []
        if channel in self.private and self.account_number:
            assert message["payload"][0] == "4711", "private channels want the account's number first"
        return [{**ack, "error": None, "result": {"status": "success"}}], [channel]

    def rest(self, path: str, query: Query) -> Any:
        if path == "/api/v4/futures/usdt/contracts":
            return [_CONTRACT]
        if path == "/api/v4/futures/btc/contracts":
            return []
        if path == f"/api/v4/futures/usdt/contracts/{self.symbol}":
            return _CONTRACT
        if path == "/api/v4/futures/usdt/trades":
            return [self._trade(one) for one in reversed(self.past_trades)]
        if path == "/api/v4/futures/usdt/candlesticks":
            since_ms = int(query.get("from", "0")) * 1000
            return [_row(bar) for bar in self.past_bars if bar.open_ms >= since_ms]
        if path == "/api/v4/account/detail":
            return {"user_id": 4711, "ip_whitelist": [], "currency_pairs": [], "key": {"mode": 1}, "tier": 1}
        return None

    def funding_frames(self) -> list[tuple[str, Any]]:
        return []

    def book_frame(self, top: BookTop) -> Any:
        best = {
            "t": top.time_ms, "u": 7, "s": self.symbol, "b": top.bid, "B": contracts(top.bid_size, _SIZE),
            "a": top.ask, "A": contracts(top.ask_size, _SIZE),
        }  # fmt: skip
        return _update(self.quote, best)

    def trades_frames(self, trades: Sequence[PublicTrade]) -> list[Any]:
        return [_update(self.trades, [self._trade(one) for one in trades])]

    def candle_frame(self, bar: Bar) -> Any:
        return _update(self.candles, [{**_row(bar), "n": f"1m_{self.symbol}", "w": False}])

    def order_frames(self, orders: Sequence[Order]) -> list[tuple[str, Any]]:
        executed = [self._execution(one) for one in orders if one.trade_id]
        frames = [(self.fills, _update(self.fills, executed))] if executed else []
        return [*frames, (self.orders, _update(self.orders, [self._order(one) for one in orders]))]

    def balance_frame(self, money: Money) -> Any:
        """The balance is a JSON number here."""
        row = {
            "balance": float(money.wallet), "change": -0.1, "text": "BTC_USDT:77", "time": money.time_ms // 1000,
            "time_ms": money.time_ms, "type": "fee", "user": "4711", "currency": money.asset.lower(),
        }  # fmt: skip
        return _update(self.balances, [row])

    def position_frame(self, holding: Holding) -> Any:
        row = {
            "contract": self.symbol, "cross_leverage_limit": 0, "entry_price": 43000.5, "history_pnl": 0,
            "history_point": 0, "last_close_pnl": 0, "leverage": 10, "leverage_max": 100, "liq_price": 40000,
            "maintenance_rate": 0.005, "margin": 1, "mode": "single", "realised_pnl": 0, "realised_point": 0,
            "risk_limit": 1000000, "size": contracts(holding.size, _SIZE), "time": holding.time_ms // 1000,
            "time_ms": holding.time_ms, "update_id": 1, "user": "4711", "unrealised_pnl": 0.5,
        }  # fmt: skip
        return _update(self.positions, [row])

    def _trade(self, one: PublicTrade) -> dict[str, Any]:
        return {
            "size": _signed(one.size, one.side), "id": int(one.trade_id), "create_time": one.time_ms // 1000,
            "create_time_ms": one.time_ms / 1000, "price": one.price, "contract": self.symbol,
        }  # fmt: skip

    def _order(self, one: Order) -> dict[str, Any]:
        ended = one.state in ("filled", "cancelled")
        return {
            "contract": self.symbol, "create_time": 1_700_000_000, "create_time_ms": 1_700_000_000_000,
            "fill_price": 43000.0 if one.trade_id else 0, "finish_as": one.state if ended else "",
            "finish_time": one.time_ms // 1000, "finish_time_ms": one.time_ms, "iceberg": 0, "id": int(one.order_id),
            "is_close": False, "is_liq": False, "is_reduce_only": False, "mkfr": 0.0002, "tkfr": 0.0005,
            "left": _signed(str(Decimal(one.size) - Decimal(one.filled)), one.side), "price": one.price, "refu": 0,
            "refr": 0, "size": _signed(one.size, one.side), "status": "finished" if ended else "open",
            "text": f"t-{one.client_id}", "tif": "poc", "user": "4711", "update_id": 1,
            "update_time": one.time_ms,
        }  # fmt: skip

    def _execution(self, one: Order) -> dict[str, Any]:
        return {
            "id": one.trade_id, "create_time": one.time_ms // 1000, "create_time_ms": one.time_ms,
            "contract": self.symbol, "order_id": one.order_id, "size": _signed(one.last_fill, one.side),
            "price": one.price, "role": "maker" if one.maker else "taker", "text": f"t-{one.client_id}",
            "fee": float(one.fee), "point_fee": 0,
        }  # fmt: skip


class GateSpot(Gate):
    """https://www.gate.com/docs/developers/apiv4/ws/en/."""

    symbol: ClassVar = "BTC_USDT"
    quote: ClassVar = "spot.book_ticker"
    trades: ClassVar = "spot.trades"
    candles: ClassVar = "spot.candlesticks"
    orders: ClassVar = "spot.orders"
    fills: ClassVar = "spot.usertrades"
    balances: ClassVar = "spot.balances"
    private: ClassVar[tuple[str, ...]] = (orders, fills, balances)
    account_number: ClassVar = False

    def connection(self, port: int) -> VenueConnection:
        return connection_to("gate", self.symbol, port, product="spot")

    def rest(self, path: str, query: Query) -> Any:
        if path == "/api/v4/spot/currency_pairs":
            return [_PAIR]
        if path == "/api/v4/margin/currency_pairs":
            return []
        if path == "/api/v4/spot/tickers":
            return [{"currency_pair": self.symbol, "last": "43000.55"}]
        if path == "/api/v4/spot/trades":
            return [self._trade(one) for one in reversed(self.past_trades)]
        if path == "/api/v4/spot/candlesticks":
            since_ms = int(query.get("from", "0")) * 1000
            return [
                [str(bar.open_ms // 1000), "1", bar.close, bar.high, bar.low, bar.opened, bar.volume, "true"]
                for bar in self.past_bars
                if bar.open_ms >= since_ms
            ]
        return None

    def book_frame(self, top: BookTop) -> Any:
        best = {"t": top.time_ms, "u": 7, "s": self.symbol, "b": top.bid, "B": top.bid_size, "a": top.ask,
                "A": top.ask_size}  # fmt: skip
        return _update(self.quote, best)

    def trades_frames(self, trades: Sequence[PublicTrade]) -> list[Any]:
        """One trade each."""
        return [_update(self.trades, self._trade(one)) for one in trades]

    def candle_frame(self, bar: Bar) -> Any:
        row = {"t": str(bar.open_ms // 1000), "v": bar.volume, "c": bar.close, "h": bar.high, "l": bar.low,
               "o": bar.opened, "n": f"1m_{self.symbol}", "a": bar.volume, "w": False}  # fmt: skip
        return _update(self.candles, row)

    def balance_frame(self, money: Money) -> Any:
        row = {
            "timestamp": str(money.time_ms // 1000), "timestamp_ms": str(money.time_ms), "user": "4711",
            "currency": money.asset, "change": "-0.1", "total": money.wallet, "available": money.available,
            "freeze": "0", "freeze_change": "0", "change_type": "order-create",
        }  # fmt: skip
        return _update(self.balances, [row])

    def _trade(self, one: PublicTrade) -> dict[str, Any]:
        return {
            "id": int(one.trade_id), "create_time": one.time_ms // 1000, "create_time_ms": f"{one.time_ms}.0",
            "side": one.side, "currency_pair": self.symbol, "amount": one.size, "price": one.price,
        }  # fmt: skip

    def _order(self, one: Order) -> dict[str, Any]:
        event = {"new": "put", "partly": "update"}.get(one.state, "finish")
        return {
            "id": one.order_id, "text": f"t-{one.client_id}", "create_time": "1700000000",
            "update_time": str(one.time_ms // 1000), "currency_pair": self.symbol, "type": "limit",
            "account": "spot", "side": one.side, "amount": one.size, "price": one.price, "time_in_force": "poc",
            "left": str(Decimal(one.size) - Decimal(one.filled)), "filled_amount": one.filled, "filled_total": "0",
            "avg_deal_price": "0", "fee": one.fee, "fee_currency": "USDT", "point_fee": "0", "gt_fee": "0",
            "rebated_fee": "0", "rebated_fee_currency": "BTC", "create_time_ms": "1700000000000",
            "update_time_ms": str(one.time_ms), "user": 4711, "event": event, "stp_id": 0, "stp_act": "-",
            "finish_as": one.state if event == "finish" else "open",
        }  # fmt: skip

    def _execution(self, one: Order) -> dict[str, Any]:
        return {
            "id": int(one.trade_id), "user_id": 4711, "order_id": one.order_id, "currency_pair": self.symbol,
            "create_time": one.time_ms // 1000, "create_time_ms": f"{one.time_ms}.5", "side": one.side,
            "amount": one.last_fill, "role": "maker" if one.maker else "taker", "price": one.price, "fee": one.fee,
            "fee_currency": "USDT", "point_fee": "0", "gt_fee": "0", "text": f"t-{one.client_id}",
        }  # fmt: skip


def _signed(size: str, side: str) -> str:
    """With the header that asks for it sizes are decimal text."""
    return contracts(size if side == "buy" else f"-{size}", _SIZE)


def _row(bar: Bar) -> dict[str, Any]:
    return {
        "t": bar.open_ms // 1000, "v": contracts(bar.volume, _SIZE), "c": bar.close, "h": bar.high, "l": bar.low,
        "o": bar.opened, "sum": "1",
    }  # fmt: skip


def _update(channel: str, result: Any) -> dict[str, Any]:
    return {
        "time": 1_700_000_000, "time_ms": 1_700_000_000_000, "channel": channel, "event": "update", "error": None,
        "result": result,
    }  # fmt: skip


_CONTRACT = {
    "name": "BTC_USDT", "type": "direct", "quanto_multiplier": _SIZE, "ref_discount_rate": "0",
    "order_price_deviate": "0.5", "maintenance_rate": "0.005", "mark_type": "index", "last_price": "43000.1",
    "mark_price": "43000.55", "index_price": "43001", "funding_rate_indicative": "0.0001",
    "mark_price_round": "0.01", "funding_offset": 0, "in_delisting": False, "risk_limit_base": "1000000",
    "interest_rate": "0.0003", "order_price_round": "0.1", "order_size_min": 1, "ref_rebate_rate": "0.2",
    "funding_interval": 28800, "risk_limit_step": "1000000", "leverage_min": "1", "leverage_max": "100",
    "risk_limit_max": "8000000", "maker_fee_rate": "-0.00025", "taker_fee_rate": "0.00075",
    "funding_rate": "0.000125", "order_size_max": 1000000, "funding_next_apply": 1_700_006_400,
    "short_users": 977, "config_change_time": 1593158867, "trade_size": 28530850594, "position_size": 5223816,
    "long_users": 455, "funding_impact_value": "60000", "orders_limit": 50, "trade_id": 10851092,
    "orderbook_id": 2129638396, "enable_bonus": True, "enable_credit": True, "create_time": 1546905600,
    "funding_cap_ratio": "0.75", "status": "trading", "enable_decimal": True,
}  # fmt: skip
_PAIR = {
    "id": "BTC_USDT", "base": "BTC", "base_name": "Bitcoin", "quote": "USDT", "quote_name": "Tether", "fee": "0.2",
    "min_base_amount": "0.0001", "min_quote_amount": "3", "max_quote_amount": "5000000", "amount_precision": 6,
    "precision": 1, "trade_status": "tradable", "sell_start": 0, "buy_start": 0, "type": "normal",
}  # fmt: skip
