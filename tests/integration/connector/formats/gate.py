"""Gate APIv4: gate.com/docs/developers/apiv4. Perpetuals count in contracts, here of 0.0001 BTC; times in seconds."""

from typing import Any

from tests.integration.connector.formats.told import (
    AT_MS,
    AT_S,
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
    Format,
    now_ms,
)  # fmt: skip

_FUTURES = "/api/v4/futures/usdt"


def _refused(path: str, label: str, words: str, *, status: int = 400, method: str = "POST") -> Answer:
    return Answer(method, path, {"label": label, "message": words}, status=status)


def _contract() -> dict[str, Any]:
    return {
        "name": "BTC_USDT", "type": "direct", "quanto_multiplier": "0.0001", "leverage_min": "1", "leverage_max": "100",
        "maintenance_rate": "0.005", "mark_type": "index", "mark_price": MARK, "index_price": PRICE,
        "last_price": PRICE, "maker_fee_rate": "-0.00005", "taker_fee_rate": "0.0005", "order_price_round": "0.1",
        "mark_price_round": "0.01", "funding_rate": "0.0001", "funding_rate_indicative": "0.00012",
        "funding_interval": 28800, "funding_next_apply": NEXT_MS / 1000, "order_size_min": 1,
        "order_size_max": 1000000, "order_price_deviate": "0.2", "in_delisting": False, "status": "trading",
        "enable_bonus": True, "enable_credit": True, "funding_offset": 0, "orders_limit": 100,
    }  # fmt: skip


def _pair() -> dict[str, Any]:
    return {
        "id": "BTC_USDT", "base": "BTC", "base_name": "Bitcoin", "quote": "USDT", "quote_name": "Tether", "fee": "0.2",
        "min_base_amount": "0.00001", "min_quote_amount": "3", "amount_precision": 6, "precision": 1,
        "trade_status": "tradable", "sell_start": 0, "buy_start": 0, "type": "normal",
    }  # fmt: skip


def future_order() -> dict[str, Any]:
    return {
        "id": int(THEIR_ID), "user": 1, "contract": "BTC_USDT", "create_time": AT_MS / 1000, "update_time":
        (AT_MS + 5) / 1000, "size": 100, "iceberg": 0, "left": 60, "price": PRICE, "fill_price": PRICE,
        "mkfr": "-0.00005", "tkfr": "0.0005", "tif": "poc", "refu": 0, "is_reduce_only": False, "is_close": False,
        "is_liq": False,
        "text": f"t-{OURS}", "status": "open", "finish_as": "", "stp_id": 0, "stp_act": "-",
    }  # fmt: skip


def spot_order() -> dict[str, Any]:
    return {
        "id": THEIR_ID, "text": f"t-{OURS}", "amend_text": "-", "create_time": str(AT_S), "update_time": str(AT_S),
        "create_time_ms": AT_MS, "update_time_ms": AT_MS + 5, "status": "open", "currency_pair": "BTC_USDT",
        "type": "limit", "account": "spot", "side": "buy", "amount": QUANTITY, "price": PRICE, "time_in_force": "poc",
        "iceberg": "0", "left": LEFT, "filled_amount": EXECUTED, "fill_price": "240.0004", "filled_total": "240.0004",
        "avg_deal_price": PRICE, "fee": FEE, "fee_currency": "BTC", "point_fee": "0", "gt_fee": "0",
        "gt_discount": False, "rebated_fee": "0", "rebated_fee_currency": "USDT", "finish_as": "open",
    }  # fmt: skip


def _position() -> dict[str, Any]:
    return {
        "user": 1, "contract": "BTC_USDT", "size": 40, "leverage": "0", "risk_limit": "100", "leverage_max": "100",
        "maintenance_rate": "0.005", "value": "240.041", "margin": "24", "entry_price": ENTRY, "liq_price": LIQUIDATION,
        "mark_price": MARK, "unrealised_pnl": "0.0406", "realised_pnl": "0", "history_pnl": "0", "last_close_pnl": "0",
        "adl_ranking": 5, "pending_orders": 1, "mode": "single", "cross_leverage_limit": "10", "initial_margin": "24",
        "maintenance_margin": "1.2", "open_time": AT_S, "update_time": AT_S,
    }  # fmt: skip


def rights(**read_only: bool) -> Answer:
    """By permission, whether it is for reading only."""
    granted = [{"name": name, "read_only": only} for name, only in read_only.items()]
    key = {"state": 1, "mode": 1, "name": "bot", "key": "the-key-of-the-test", "ip_whitelist": []}
    return Answer("GET", "/api/v4/account/main_keys", [{**key, "permissions": granted}])


_COMMON = [
    Answer("GET", "/api/v4/spot/time", lambda _: {"server_time": now_ms()}),
    Answer("GET", "/api/v4/account/detail", {"user_id": 1, "tier": 0, "key": {"mode": 1}}),
    rights(futures=False, spot=False),
]  # fmt: skip

_PERPETUAL = [
    Answer("GET", f"{_FUTURES}/contracts", [_contract()]),
    Answer("GET", "/api/v4/futures/btc/contracts", []),
    Answer("GET", f"{_FUTURES}/contracts/BTC_USDT", _contract()),
    Answer("GET", f"{_FUTURES}/accounts", {
        "total": "1000.5", "unrealised_pnl": "0", "position_margin": "24", "order_margin": "76.5", "available": "900",
        "point": "0", "currency": "USDT", "in_dual_mode": False, "enable_credit": False}),
    Answer("GET", f"{_FUTURES}/positions", [_position()]),
    Answer("POST", f"{_FUTURES}/orders", {**future_order(), "left": 100, "fill_price": "0"}),
    Answer("GET", f"{_FUTURES}/orders/t-{OTHER}", {"label": "ORDER_NOT_FOUND", "message": "no such order"}, 400),
    Answer("GET", f"{_FUTURES}/orders/t-{OURS}", future_order()),
    Answer("GET", f"{_FUTURES}/orders/{THEIR_ID}", future_order()),
    Answer("DELETE", f"{_FUTURES}/orders/t-{OURS}", {
        **future_order(), "status": "finished", "finish_as": "cancelled", "finish_time": AT_MS / 1000}),
    Answer("GET", f"{_FUTURES}/orders", [future_order()], when={"status": "open"}),
    Answer("GET", f"{_FUTURES}/orders_timerange", []),
    Answer("GET", f"{_FUTURES}/my_trades_timerange", [{
        "id": int(TRADE_ID), "create_time": AT_MS / 1000, "contract": "BTC_USDT", "order_id": THEIR_ID, "size": 40,
        "price": PRICE, "role": "maker", "text": f"t-{OURS}", "fee": FEE, "point_fee": "0", "close_size": 0}]),
    Answer("GET", f"{_FUTURES}/tickers", [{
        "contract": "BTC_USDT", "last": PRICE, "low_24h": PRICE, "high_24h": PRICE, "change_percentage": "0",
        "total_size": "1", "volume_24h": "1", "volume_24h_base": "1", "volume_24h_quote": "1", "mark_price": MARK,
        "funding_rate": "0.0001", "funding_rate_indicative": "0.00012", "index_price": PRICE, "highest_bid": "60000.0",
        "lowest_ask": PRICE}]),
    Answer("GET", f"{_FUTURES}/account_book", [{
        "time": AT_S, "change": "0.5", "balance": "1000.5", "type": "fund", "text": "BTC_USDT", "contract": "BTC_USDT",
        "trade_id": "", "id": "1"}]),
]  # fmt: skip

_SPOT = [
    Answer("GET", "/api/v4/spot/currency_pairs", [_pair()]),
    Answer("GET", "/api/v4/margin/currency_pairs", []),
    Answer("GET", "/api/v4/spot/accounts", [{
        "currency": "USDT", "available": "900", "locked": "100.5", "update_id": 1}]),
    Answer("POST", "/api/v4/spot/orders", {
        **spot_order(), "left": QUANTITY, "filled_amount": "0", "filled_total": "0", "avg_deal_price": "0"}),
    Answer("GET", f"/api/v4/spot/orders/t-{OTHER}", {"label": "ORDER_NOT_FOUND", "message": "Order not found"}, 404),
    Answer("GET", f"/api/v4/spot/orders/t-{OURS}", spot_order()),
    Answer("GET", f"/api/v4/spot/orders/{THEIR_ID}", spot_order()),
    Answer("DELETE", f"/api/v4/spot/orders/t-{OURS}", {
        **spot_order(), "status": "cancelled", "finish_as": "cancelled"}),
    Answer("GET", "/api/v4/spot/open_orders", [{
        "currency_pair": "BTC_USDT", "total": 1, "orders": [spot_order()]}]),
    Answer("GET", "/api/v4/spot/orders", []),
    Answer("GET", "/api/v4/spot/my_trades", [{
        "id": TRADE_ID, "create_time": str(AT_S), "create_time_ms": f"{AT_MS}.123", "currency_pair": "BTC_USDT",
        "side": "buy", "role": "maker", "amount": EXECUTED, "price": PRICE, "order_id": THEIR_ID, "fee": FEE,
        "fee_currency": "BTC", "point_fee": "0", "gt_fee": "0", "amend_text": "-", "text": f"t-{OURS}"}]),
    Answer("GET", "/api/v4/spot/tickers", [{
        "currency_pair": "BTC_USDT", "last": PRICE, "lowest_ask": PRICE, "highest_bid": "60000.0",
        "change_percentage": "0", "base_volume": "1", "quote_volume": "1", "high_24h": PRICE, "low_24h": PRICE}]),
]  # fmt: skip


def _format(product: str) -> Format:
    perpetual = product == "perpetual"
    path = f"{_FUTURES}/orders" if perpetual else "/api/v4/spot/orders"
    sent: dict[str, Any] = (
        {"contract": "BTC_USDT", "size": 100, "price": PRICE, "tif": "poc"}
        if perpetual
        else {"currency_pair": "BTC_USDT", "type": "limit", "account": "spot", "side": "buy", "amount": QUANTITY,
              "price": PRICE, "time_in_force": "poc"}
    )  # fmt: skip
    return Format(
        exchange="gate", product=product, symbol="BTC_USDT", answers=_COMMON + (_PERPETUAL if perpetual else _SPOT),
        lot_size="0.0001" if perpetual else "0.000001", contract_size="0.0001" if perpetual else "1",
        place_path=path,
        order={**sent, "text": f"t-{OURS}"},
        found_by=(f"{path}/t-{OURS}", {} if perpetual else {"currency_pair": "BTC_USDT"}),
        fee_asset="USDT" if perpetual else "BTC", cancelled=True,
        refusals={
            "duplicate": _refused(path, "REPEATED_CREATION", "Order with the same text already exists"),
            "insufficient": _refused(path, *(
                ("INSUFFICIENT_AVAILABLE", "insufficient available margin") if perpetual
                else ("BALANCE_NOT_ENOUGH", "Not enough balance"))),
            "limited": _refused(path, "TOO_MANY_REQUESTS", "Request Rate limit Exceeded", status=429),
            "uncertain": _refused(path, "INTERNAL", "internal server error", status=500),
            "unheard": _refused(f"{path}/t-{OURS}", "ORDER_NOT_FOUND", "order not found", method="DELETE"),
        },
    )  # fmt: skip


FORMATS = (_format("perpetual"), _format("spot"))
