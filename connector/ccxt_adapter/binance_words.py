"""What Binance's words mean in ours: sides, types, times in force, statuses. Shared by its REST and its websocket."""

from collections.abc import Mapping

from topics.v1.common_pb2 import TIME_IN_FORCE_POST_ONLY, OrderType, Side, TimeInForce
from topics.v1.orders_pb2 import ORDER_STATUS_EXPIRED, ORDER_STATUS_REJECTED, OrderStatus

SIDES: Mapping[str, Side.ValueType] = {"BUY": Side.SIDE_BUY, "SELL": Side.SIDE_SELL}

# Stop and trailing orders can only be foreign ones: they stay UNSPECIFIED.
TYPES: Mapping[str, OrderType.ValueType] = {
    "LIMIT": OrderType.ORDER_TYPE_LIMIT,
    "MARKET": OrderType.ORDER_TYPE_MARKET,
}

TIMES_IN_FORCE: Mapping[str, TimeInForce.ValueType] = {
    "GTC": TimeInForce.TIME_IN_FORCE_GTC,
    "IOC": TimeInForce.TIME_IN_FORCE_IOC,
    "FOK": TimeInForce.TIME_IN_FORCE_FOK,
    "GTX": TimeInForce.TIME_IN_FORCE_POST_ONLY,
}

STATUSES: Mapping[str, OrderStatus.ValueType] = {
    "NEW": OrderStatus.ORDER_STATUS_ACCEPTED,
    "PARTIALLY_FILLED": OrderStatus.ORDER_STATUS_PARTIALLY_FILLED,
    "FILLED": OrderStatus.ORDER_STATUS_FILLED,
    "CANCELED": OrderStatus.ORDER_STATUS_CANCELED,
    "REJECTED": OrderStatus.ORDER_STATUS_REJECTED,
    "EXPIRED": OrderStatus.ORDER_STATUS_EXPIRED,
    "EXPIRED_IN_MATCH": OrderStatus.ORDER_STATUS_EXPIRED,
}


class UnknownWordError(ValueError):
    """The venue used a word this table lacks; guessing at an order's state is not an option."""


def status_of(word: str) -> OrderStatus.ValueType:
    try:
        return STATUSES[word]
    except KeyError:
        known = ", ".join(STATUSES)
        raise UnknownWordError(f"order status {word!r} is unknown; known: {known}") from None


def reason_of(status: int, time_in_force: int, executed: bool) -> tuple[str, str]:
    """Code and words for an order that ended without being filled or cancelled."""
    if status == ORDER_STATUS_EXPIRED:
        if time_in_force == TIME_IN_FORCE_POST_ONLY and not executed:
            return "POST_ONLY_WOULD_TAKE", "expired by the venue: the post-only order would have taken"
        return "EXPIRED", "expired by the venue"
    if status == ORDER_STATUS_REJECTED:
        return "REJECTED", "rejected by the venue"
    return "", ""
