"""ccxt's unified orders, executions, positions and balances to our messages. Pure: no clock, no state, no floats.

Quantities of contracts are multiplied by their size, so lots are base units everywhere; assets have ccxt's names. What
lacks a field raises KeyError or TypeError, a status ccxt does not name UnknownWordError, what is off the grid
OffGridError.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from connector.ccxt_adapter.binance_words import UnknownWordError, reason_of
from connector.ccxt_adapter.instruments import Listing
from connector.ccxt_adapter.unified.numbers import exact, exact_or_zero, first_text, text
from connector.ccxt_adapter.unified.streams_market import SIDES
from connector.port import VenueFill, VenueOrder
from connector.venues import PERPETUAL, VenueProfile
from topics.v1.account_pb2 import AccountPosition, Balance, FundingPayment
from topics.v1.common_pb2 import OrderType, TimeInForce
from topics.v1.orders_pb2 import Fill, OrderStatus

Raw = Mapping[str, Any]

ANY_VENUE = VenueProfile("any", PERPETUAL, "")
"""Of which nothing is known but what ccxt tells."""
_TYPES: Mapping[str, OrderType.ValueType] = {
    "limit": OrderType.ORDER_TYPE_LIMIT,
    "market": OrderType.ORDER_TYPE_MARKET,
}
_TIMES_IN_FORCE: Mapping[str, TimeInForce.ValueType] = {
    "GTC": TimeInForce.TIME_IN_FORCE_GTC,
    "IOC": TimeInForce.TIME_IN_FORCE_IOC,
    "FOK": TimeInForce.TIME_IN_FORCE_FOK,
    "PO": TimeInForce.TIME_IN_FORCE_POST_ONLY,
}
_ENDED: Mapping[str, OrderStatus.ValueType] = {
    "canceled": OrderStatus.ORDER_STATUS_CANCELED,
    "expired": OrderStatus.ORDER_STATUS_EXPIRED,
    "rejected": OrderStatus.ORDER_STATUS_REJECTED,
}
_LIVE = frozenset({"open", "canceling"})
# What venues call the profit that an execution realised.
_REALIZED_PROFIT = ("realizedPnl", "rp", "execPnl", "fillPnl", "profit")
# Fields of a stream's fee that ccxt leaves as the venue means it: negative is paid.
_NEGATIVE_IS_PAID = ("fillFee",)
TOOK = "POST_ONLY_WOULD_TAKE"


def lots(amount: Any, listing: Listing) -> int:
    return listing.scale.lots(exact_or_zero(amount) * listing.contract_size)


def is_whole(raw: Raw) -> bool:
    """Whether the answer tells the order's state; most venues answer a placement with its ids only."""
    return raw.get("status") is not None and raw.get("amount") is not None and raw.get("side") is not None


def order(raw: Raw, listing: Listing, profile: VenueProfile = ANY_VENUE) -> VenueOrder:
    filled_lots = lots(raw["filled"], listing)
    quantity_lots = lots(raw["amount"], listing) if raw.get("amount") is not None else filled_lots
    kind = _TYPES.get(raw.get("type") or "", OrderType.ORDER_TYPE_UNSPECIFIED)
    time_in_force = _time_in_force(raw, kind)
    status, reason_code, reason = _ended(raw, profile, filled_lots, quantity_lots, time_in_force)
    return VenueOrder(
        symbol=listing.symbol,
        client_order_id=profile.client_ids.read(raw.get("clientOrderId")),
        venue_order_id=str(raw["id"]),
        side=SIDES[str(raw["side"])],
        type=kind,
        time_in_force=time_in_force,
        reduce_only=bool(raw.get("reduceOnly")),
        price_ticks=listing.scale.ticks(exact_or_zero(raw["price"])) if kind == OrderType.ORDER_TYPE_LIMIT else 0,
        quantity_lots=quantity_lots,
        filled_lots=filled_lots,
        status=status,
        time_ms=raw.get("lastUpdateTimestamp") or raw.get("lastTradeTimestamp") or raw.get("timestamp") or 0,
        reason_code=reason_code,
        reason=reason,
    )


def status_of(word: str | None, filled_lots: int, quantity_lots: int) -> OrderStatus.ValueType:
    """ccxt calls an order closed that was filled in part and then cancelled, and some venues one cancelled that was
    filled whole."""
    if word in _LIVE:
        return OrderStatus.ORDER_STATUS_PARTIALLY_FILLED if filled_lots else OrderStatus.ORDER_STATUS_ACCEPTED
    if word == "closed" or (word in _ENDED and filled_lots >= quantity_lots > 0):
        whole = filled_lots >= quantity_lots
        return OrderStatus.ORDER_STATUS_FILLED if whole else OrderStatus.ORDER_STATUS_CANCELED
    if word is None or word not in _ENDED:
        raise UnknownWordError(f"order status {word!r} is unknown; known: open, closed, {', '.join(_ENDED)}")
    return _ENDED[word]


def fill(raw: Raw, listing: Listing, profile: VenueProfile = ANY_VENUE) -> VenueFill:
    """ccxt's executions have no client order id; the venue's own often do."""
    info = raw.get("info") or {}
    cost, asset = _fee(raw)
    return VenueFill(
        symbol=listing.symbol,
        client_order_id=profile.client_ids.read(info.get(profile.client_ids.parameter)),
        venue_order_id=str(raw["order"]),
        side=SIDES[str(raw["side"])],
        fill=Fill(
            trade_id=str(raw["id"]),
            price_ticks=listing.scale.ticks(exact(raw["price"])),
            quantity_lots=lots(raw["amount"], listing),
            fee=cost,
            fee_asset=asset,
            realized_pnl=first_text(info, _REALIZED_PROFIT) or "0",
            maker=raw.get("takerOrMaker") == "maker",
            time_ms=raw["timestamp"],
        ),
    )


def position(sides: Iterable[Raw], listing: Listing) -> AccountPosition:
    """Of one instrument: one entry, or one for each side where the account holds both at once; none is flat."""
    entries = [raw for raw in sides if exact_or_zero(raw.get("contracts"))]
    signed = sum((_signed(raw) for raw in entries), Decimal(0))
    telling: Raw = entries[0] if entries else {}
    return AccountPosition(
        symbol=listing.symbol,
        grain=listing.scale.grain,
        quantity_lots=listing.scale.lots(signed * listing.contract_size),
        entry_price=text(telling.get("entryPrice")),
        mark_price=text(telling.get("markPrice")),
        unrealized_pnl=text(sum((exact_or_zero(raw.get("unrealizedPnl")) for raw in entries), Decimal(0))),
        liquidation_price=text(telling.get("liquidationPrice")),
        leverage=text(telling.get("leverage")),
        margin_ratio=text(telling.get("marginRatio")),
    )


def balances(raw: Raw, wallets: tuple[str, str, str] | None = None) -> list[Balance]:
    """Of ccxt's balance structure, every asset it names. `wallets`: see `connector.venues.VenueProfile`."""
    totals = dict(raw["total"])
    if wallets is not None:
        entries, asset_name, balance_name = wallets
        totals |= {it[asset_name]: it[balance_name] for it in raw["info"][entries] if it[asset_name] in totals}
    return [
        Balance(asset=asset, wallet_balance=text(total), available_balance=text(raw["free"].get(asset)))
        for asset, total in totals.items()
    ]


def funding_payment(raw: Raw, listing: Listing, *, sign: int = 1) -> FundingPayment:
    """`sign` -1: the venue tells a fee, positive where it was paid."""
    return FundingPayment(
        payment_id=str(raw["id"]),
        symbol=listing.symbol,
        asset=raw["code"],
        amount=format(sign * exact(raw["amount"]), "f"),
        time_ms=raw["timestamp"],
    )


def _ended(
    raw: Raw, profile: VenueProfile, filled_lots: int, quantity_lots: int, time_in_force: int
) -> tuple[OrderStatus.ValueType, str, str]:
    status = status_of(raw["status"], filled_lots, quantity_lots)
    name, values = profile.would_have_taken
    if status in _ENDED.values() and str((raw.get("info") or {}).get(name, "")) in values:
        return OrderStatus.ORDER_STATUS_EXPIRED, TOOK, "ended by the venue: the post-only order would have taken"
    return (status, *reason_of(status, time_in_force, executed=filled_lots > 0))


def _time_in_force(raw: Raw, kind: int) -> TimeInForce.ValueType:
    if raw.get("postOnly"):
        return TimeInForce.TIME_IN_FORCE_POST_ONLY
    told = _TIMES_IN_FORCE.get(raw.get("timeInForce") or "")
    if told is None and kind == OrderType.ORDER_TYPE_LIMIT:
        return TimeInForce.TIME_IN_FORCE_GTC  # some venues name only what is special
    return told or TimeInForce.TIME_IN_FORCE_UNSPECIFIED


def _fee(raw: Raw) -> tuple[str, str]:
    """The first that is something, where a venue takes several."""
    given = [raw["fee"]] if raw.get("fee") else list(raw.get("fees") or ())
    fee: Raw = next((it for it in given if exact_or_zero(it.get("cost"))), given[0] if given else {})
    cost = exact_or_zero(fee.get("cost"))
    if any((raw.get("info") or {}).get(name) for name in _NEGATIVE_IS_PAID):
        cost = -cost
    return format(cost, "f"), fee.get("currency") or ""


def _signed(raw: Raw) -> Decimal:
    contracts = abs(exact(raw["contracts"]))
    return -contracts if raw["side"] == "short" else contracts
