"""What must hold before anything is traded on a venue: its capabilities, our credentials, the account's mode."""

import difflib
from collections.abc import Iterable
from typing import Any

from connector.ccxt_adapter.instruments import Listing, listing_of
from connector.ccxt_adapter.unified.calls import Calls
from connector.ccxt_adapter.unified.history_calls import history_calls
from connector.errors import ConnectorError, UnknownSymbolError
from connector.settings import VenueConnection
from connector.venues import PERPETUAL

_NEEDED = ("createOrder", "cancelOrder", "fetchOpenOrders", "fetchMyTrades", "fetchBalance", "fetchTicker")
_NEEDED_OF_PERPETUALS = ("fetchPositions",)
_VARIABLE = "TAPELINE_CONNECTOR__VENUE__"
_CREDENTIALS = {"apiKey": "API_KEY", "secret": "API_SECRET", "password": "API_PASSWORD"}


def check_capabilities(calls: Calls, connection: VenueConnection) -> None:
    """What the gateway's safety rests on: our own id, look-up by it, order history, executions (WF-3, ORD-6)."""
    needed = (*_NEEDED, *(_NEEDED_OF_PERPETUALS if connection.product == PERPETUAL else ()))
    missing = [name for name in needed if not calls.exchange.has.get(name)]
    look_ups = [look_up.call for look_up in calls.profile.look_ups]
    missing += [name for name in look_ups if not calls.exchange.has.get(name)]
    if not history_calls(calls):
        missing.append("fetchOrders (or fetchClosedOrders)")
    if not _takes_client_ids(calls.exchange, connection):
        missing.append("createOrder with clientOrderId")
    if missing:
        raise ConnectorError(
            f"{calls.profile.title} cannot be traded safely: ccxt's {calls.profile.ccxt_id} lacks {', '.join(missing)}"
        )


def check_credentials(exchange: Any, connection: VenueConnection) -> None:
    """Raises ConnectorError with the variables to set."""
    required = [name for name, wanted in (exchange.requiredCredentials or {}).items() if wanted]
    unknown = sorted(name for name in required if name not in _CREDENTIALS)
    if unknown:
        raise ConnectorError(
            f"{connection.exchange} signs with {', '.join(unknown)}, which this version cannot be given; "
            "only venues with an API key and secret can be traded on"
        )
    missing = [_VARIABLE + _CREDENTIALS[name] for name in required if not getattr(exchange, name, None)]
    if missing:
        raise ConnectorError(
            f"{connection.profile.title} needs an API key for account {connection.account}: set {', '.join(missing)} "
            "in the environment or in .env"
        )


def check_one_way(positions: Iterable[Any], connection: VenueConnection) -> None:
    if any(position.get("hedged") for position in positions):
        raise ConnectorError(
            f"account {connection.account} at {connection.profile.title} holds long and short positions apart (hedge "
            "mode); positions here are net: switch the account to one-way mode and start again"
        )


def find_listing(exchange: Any, symbol: str, connection: VenueConnection) -> Listing:
    """Assets have ccxt's names here, as in balances and fees. Raises UnknownSymbolError with the nearest names,
    NotTradableError where the instrument's grid is not known."""
    perpetual = connection.product == PERPETUAL
    kind = "swap" if perpetual else "spot"
    named = [market for market in (exchange.markets_by_id or {}).get(symbol, []) if market.get(kind)]
    found = next((market for market in named if not perpetual or market.get("linear")), None)
    if found is not None:
        assets = {f"{kind}Id": found.get(kind) for kind in ("base", "quote", "settle")}
        return listing_of({**found, **assets}, venue=connection.name, precision_mode=exchange.precisionMode)
    names = sorted({str(it["id"]) for it in (exchange.markets or {}).values() if it.get(kind)})
    close = difflib.get_close_matches(symbol, names, n=3, cutoff=0.5)
    meant = f" Near it: {', '.join(close)}." if close else ""
    raise UnknownSymbolError(
        f"{connection.profile.title} has no instrument {symbol!r}.{meant} Correct connector.venue.symbols"
    )


def _takes_client_ids(exchange: Any, connection: VenueConnection) -> bool:
    """What ccxt tells of the product's orders; a venue it tells nothing of is given the benefit: look-ups show it."""
    features = (exchange.features or {}).get("spot" if connection.product != PERPETUAL else "swap") or {}
    if connection.product == PERPETUAL:
        features = features.get("linear") or features
    told = (features.get("createOrder") or {}).get("clientOrderId")
    return told is not False
