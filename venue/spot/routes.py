"""Every REST path of the spot and cross margin dialect. Must not: hold logic."""

from __future__ import annotations

from venue import rest_market as market
from venue.routing import Route, public, signed
from venue.spot import rest_account as account
from venue.spot import rest_margin as margin
from venue.spot import rest_market as spot_market
from venue.spot.rest_orders import MARGIN, SPOT

SPOT_ROUTES: tuple[Route, ...] = (
    public("/api/v3/ping", market.ping),
    public("/api/v3/time", market.server_time),
    public("/api/v3/exchangeInfo", spot_market.exchange_info),
    public("/dapi/v1/exchangeInfo", spot_market.no_exchange_info),
    public("/api/v3/depth", spot_market.depth),
    public("/api/v3/klines", spot_market.klines),
    public("/api/v3/trades", spot_market.trades),
    public("/api/v3/aggTrades", spot_market.aggregate_trades),
    public("/api/v3/ticker/bookTicker", spot_market.book_ticker),
    public("/api/v3/ticker/price", spot_market.ticker_price),
    public("/api/v3/ticker/24hr", spot_market.ticker_24hr),
    signed("POST", "/api/v3/order", SPOT.place),
    signed("POST", "/api/v3/order/test", SPOT.place_test),
    signed("GET", "/api/v3/order", SPOT.query),
    signed("DELETE", "/api/v3/order", SPOT.cancel),
    signed("GET", "/api/v3/openOrders", SPOT.open_orders),
    signed("DELETE", "/api/v3/openOrders", SPOT.cancel_all),
    signed("GET", "/api/v3/allOrders", SPOT.all_orders),
    signed("GET", "/api/v3/myTrades", SPOT.my_trades),
    signed("GET", "/api/v3/account", account.account),
    signed("GET", "/api/v3/account/commission", account.commission),
    signed("GET", "/api/v3/rateLimit/order", account.order_rate_limits),
    signed("GET", "/sapi/v1/asset/tradeFee", account.trade_fee),
    signed("POST", "/sapi/v1/asset/transfer", account.transfer),
    signed("GET", "/sapi/v1/account/apiRestrictions", account.api_restrictions),
    signed("GET", "/sapi/v1/capital/config/getall", account.coins),
    signed("POST", "/sapi/v1/margin/order", MARGIN.place),
    signed("GET", "/sapi/v1/margin/order", MARGIN.query),
    signed("DELETE", "/sapi/v1/margin/order", MARGIN.cancel),
    signed("GET", "/sapi/v1/margin/openOrders", MARGIN.open_orders),
    signed("DELETE", "/sapi/v1/margin/openOrders", MARGIN.cancel_all),
    signed("GET", "/sapi/v1/margin/allOrders", MARGIN.all_orders),
    signed("GET", "/sapi/v1/margin/myTrades", MARGIN.my_trades),
    signed("GET", "/sapi/v1/margin/account", margin.account),
    signed("POST", "/sapi/v1/margin/borrow-repay", margin.borrow_or_repay),
    signed("GET", "/sapi/v1/margin/borrow-repay", margin.loans),
    signed("GET", "/sapi/v1/margin/interestHistory", margin.interest_history),
    signed("GET", "/sapi/v1/margin/interestRateHistory", margin.interest_rates),
    signed("GET", "/sapi/v1/margin/maxBorrowable", margin.max_borrowable),
    signed("GET", "/sapi/v1/margin/maxTransferable", margin.max_transferable),
    signed("GET", "/sapi/v1/margin/allPairs", margin.all_pairs),
    signed("GET", "/sapi/v1/margin/isolated/allPairs", margin.no_isolated_pairs),
)
