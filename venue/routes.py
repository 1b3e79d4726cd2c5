"""Every REST path of the venue: method, path, handler, and who may call it. Must not: hold logic."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto
from typing import Any, NamedTuple

from venue import rest_account as account
from venue import rest_market as market
from venue import rest_orders as orders
from venue.exchange import Exchange
from venue.rest_parameters import Given

Handler = Callable[[Exchange, Given], Any]


class Access(Enum):
    PUBLIC = auto()
    SIGNED = auto()


class Route(NamedTuple):
    method: str
    path: str
    handler: Handler
    access: Access


def _public(path: str, handler: Handler) -> Route:
    return Route("GET", path, handler, Access.PUBLIC)


def _signed(method: str, path: str, handler: Handler) -> Route:
    return Route(method, path, handler, Access.SIGNED)


ROUTES: tuple[Route, ...] = (
    _public("/fapi/v1/ping", market.ping),
    _public("/fapi/v1/time", market.server_time),
    _public("/fapi/v1/exchangeInfo", market.exchange_info),
    _public("/fapi/v1/depth", market.depth),
    _public("/fapi/v1/klines", market.klines),
    _public("/fapi/v1/premiumIndex", market.premium_index),
    _public("/fapi/v1/fundingRate", market.funding_rate),
    _public("/fapi/v1/fundingInfo", market.funding_info),
    _public("/fapi/v1/ticker/bookTicker", market.book_ticker),
    _public("/fapi/v1/ticker/24hr", market.ticker_24hr),
    _public("/fapi/v1/ticker/price", market.ticker_price),
    _public("/fapi/v2/ticker/price", market.ticker_price),
    _public("/fapi/v1/trades", market.trades),
    _public("/fapi/v1/aggTrades", market.aggregate_trades),
    _signed("POST", "/fapi/v1/order", orders.place),
    _signed("GET", "/fapi/v1/order", orders.query),
    _signed("DELETE", "/fapi/v1/order", orders.cancel),
    _signed("POST", "/fapi/v1/order/test", orders.place_test),
    _signed("POST", "/fapi/v1/batchOrders", orders.place_batch),
    _signed("DELETE", "/fapi/v1/batchOrders", orders.cancel_batch),
    _signed("GET", "/fapi/v1/openOrder", orders.query_open),
    _signed("GET", "/fapi/v1/openOrders", orders.open_orders),
    _signed("DELETE", "/fapi/v1/allOpenOrders", orders.cancel_all),
    _signed("GET", "/fapi/v1/allOrders", orders.all_orders),
    _signed("GET", "/fapi/v1/userTrades", orders.user_trades),
    _signed("GET", "/fapi/v1/positionRisk", account.position_risk_v2),
    _signed("GET", "/fapi/v2/positionRisk", account.position_risk_v2),
    _signed("GET", "/fapi/v3/positionRisk", account.position_risk),
    _signed("GET", "/fapi/v2/balance", account.balance),
    _signed("GET", "/fapi/v3/balance", account.balance),
    _signed("GET", "/fapi/v2/account", account.account),
    _signed("GET", "/fapi/v3/account", account.account),
    _signed("GET", "/fapi/v1/income", account.income),
    _signed("POST", "/fapi/v1/leverage", account.leverage),
    _signed("POST", "/fapi/v1/marginType", account.margin_type),
    _signed("GET", "/fapi/v1/positionSide/dual", account.position_side),
    _signed("POST", "/fapi/v1/positionSide/dual", account.set_position_side),
    _signed("GET", "/fapi/v1/multiAssetsMargin", account.multi_assets),
    _signed("POST", "/fapi/v1/multiAssetsMargin", account.set_multi_assets),
    _signed("GET", "/fapi/v1/commissionRate", account.commission_rate),
    _signed("GET", "/fapi/v1/leverageBracket", account.leverage_bracket),
    _signed("GET", "/fapi/v1/symbolConfig", account.symbol_config),
    _signed("GET", "/fapi/v1/accountConfig", account.account_config),
)
