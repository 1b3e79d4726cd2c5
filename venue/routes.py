"""Every REST path of the USDⓈ-M dialect, and of all dialects together. Must not: hold logic."""

from __future__ import annotations

from venue import rest_account as account
from venue import rest_market as market
from venue import rest_orders as orders
from venue.routing import Route, public, signed
from venue.spot.routes import SPOT_ROUTES

PERPETUAL_ROUTES: tuple[Route, ...] = (
    public("/fapi/v1/ping", market.ping),
    public("/fapi/v1/time", market.server_time),
    public("/fapi/v1/exchangeInfo", market.exchange_info),
    public("/fapi/v1/depth", market.depth),
    public("/fapi/v1/klines", market.klines),
    public("/fapi/v1/premiumIndex", market.premium_index),
    public("/fapi/v1/fundingRate", market.funding_rate),
    public("/fapi/v1/fundingInfo", market.funding_info),
    public("/fapi/v1/ticker/bookTicker", market.book_ticker),
    public("/fapi/v1/ticker/24hr", market.ticker_24hr),
    public("/fapi/v1/ticker/price", market.ticker_price),
    public("/fapi/v2/ticker/price", market.ticker_price),
    public("/fapi/v1/trades", market.trades),
    public("/fapi/v1/aggTrades", market.aggregate_trades),
    signed("POST", "/fapi/v1/order", orders.place),
    signed("GET", "/fapi/v1/order", orders.query),
    signed("DELETE", "/fapi/v1/order", orders.cancel),
    signed("POST", "/fapi/v1/order/test", orders.place_test),
    signed("POST", "/fapi/v1/batchOrders", orders.place_batch),
    signed("DELETE", "/fapi/v1/batchOrders", orders.cancel_batch),
    signed("GET", "/fapi/v1/openOrder", orders.query_open),
    signed("GET", "/fapi/v1/openOrders", orders.open_orders),
    signed("DELETE", "/fapi/v1/allOpenOrders", orders.cancel_all),
    signed("GET", "/fapi/v1/allOrders", orders.all_orders),
    signed("GET", "/fapi/v1/userTrades", orders.user_trades),
    signed("GET", "/fapi/v1/positionRisk", account.position_risk_v2),
    signed("GET", "/fapi/v2/positionRisk", account.position_risk_v2),
    signed("GET", "/fapi/v3/positionRisk", account.position_risk),
    signed("GET", "/fapi/v2/balance", account.balance),
    signed("GET", "/fapi/v3/balance", account.balance),
    signed("GET", "/fapi/v2/account", account.account),
    signed("GET", "/fapi/v3/account", account.account),
    signed("GET", "/fapi/v1/income", account.income),
    signed("POST", "/fapi/v1/leverage", account.leverage),
    signed("POST", "/fapi/v1/marginType", account.margin_type),
    signed("GET", "/fapi/v1/positionSide/dual", account.position_side),
    signed("POST", "/fapi/v1/positionSide/dual", account.set_position_side),
    signed("GET", "/fapi/v1/multiAssetsMargin", account.multi_assets),
    signed("POST", "/fapi/v1/multiAssetsMargin", account.set_multi_assets),
    signed("GET", "/fapi/v1/commissionRate", account.commission_rate),
    signed("GET", "/fapi/v1/leverageBracket", account.leverage_bracket),
    signed("GET", "/fapi/v1/symbolConfig", account.symbol_config),
    signed("GET", "/fapi/v1/accountConfig", account.account_config),
)

ROUTES = PERPETUAL_ROUTES + SPOT_ROUTES
