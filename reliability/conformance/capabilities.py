"""What we use of each venue and whether it is there: from ccxt's `has` and the venue's profile, nothing tried."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from connector.ccxt_adapter.loading import exchange_class
from connector.venues import PROFILES, VenueProfile

_RATES: Final = "stream of funding rates"
_CALLS: Final[Mapping[str, tuple[str, ...]]] = {
    "place": ("createOrder",),
    "cancel": ("cancelOrder",),
    "cancel every order of a symbol": ("cancelAllOrders",),
    "open orders": ("fetchOpenOrders",),
    "order history": ("fetchOrders", "fetchCanceledAndClosedOrders", "fetchClosedOrders"),
    "executions": ("fetchMyTrades",),
    "balances": ("fetchBalance",),
    "positions": ("fetchPositions",),
    "best prices": ("fetchBidsAsks", "fetchTicker"),
    "candles": ("fetchOHLCV",),
    "funding rate": ("fetchFundingRate",),
    "funding payments": ("fetchFundingHistory",),
    "stream of quotes": ("watchBidsAsks", "watchTicker"),
    "stream of trades": ("watchTradesForSymbols", "watchTrades"),
    "stream of candles": ("watchOHLCVForSymbols", "watchOHLCV"),
    "stream of orders": ("watchOrders",),
    "stream of executions": ("watchMyTrades",),
    "stream of balances": ("watchBalance",),
    "stream of positions": ("watchPositions",),
    _RATES: ("watchFundingRate", "watchFundingRates", "watchMarkPrices"),
}
_OF_PERPETUALS: Final = ("positions", "funding rate", "funding payments", "stream of positions", _RATES)


@dataclass(frozen=True, slots=True)
class Column:
    """One venue and product: by capability, how it is there."""

    title: str
    cells: Mapping[str, str]


def columns() -> list[Column]:
    """Of every profile, in the order of the list of venues."""
    return [Column(profile.title, _cells(profile)) for profile in PROFILES.values()]


def _cells(profile: VenueProfile) -> dict[str, str]:
    has: Mapping[str, Any] = exchange_class(profile.ccxt_id)().has
    cells = {name: _there(has, calls) for name, calls in _CALLS.items()}
    if profile.product == "spot":
        cells |= dict.fromkeys(_OF_PERPETUALS, "n/a")
    elif cells[_RATES] == "no":
        cells[_RATES] = "polled"
    return cells | {
        "look-up of one order": "yes" if all(has.get(it.call) for it in profile.look_ups) else "no",
        "orders of a batch": _batch(profile, has),
        "client order id": _client_ids(profile),
        "margin orders": "yes" if profile.margin is not None else "n/a" if profile.product != "spot" else "no",
        "keys": "key, secret, password" if profile.needs_password else "key, secret",
        "trading without real money": profile.sandbox,
        "adapter": "native endpoints" if profile.native else "ccxt's unified calls",
    }


def _there(has: Mapping[str, Any], calls: tuple[str, ...]) -> str:
    if any(has.get(call) is True for call in calls):
        return "yes"
    return "emulated" if any(has.get(call) for call in calls) else "no"


def _batch(profile: VenueProfile, has: Mapping[str, Any]) -> str:
    if profile.native:
        return "5" if has.get("createOrders") else "1"
    return str(profile.batch.places or 1)


def _client_ids(profile: VenueProfile) -> str:
    ids = profile.client_ids
    front = f", behind `{ids.prefix}`" if ids.prefix else ""
    return f"`{ids.parameter}`, {ids.most}{front}"
