"""The engine's facts in the terms of the port and of the books: orders, states, payments, instruments. Pure."""

from __future__ import annotations

from connector.ccxt_adapter.binance_words import SIDES, STATUSES, TIMES_IN_FORCE, TYPES, reason_of
from connector.port import VenueOrder
from reliability.simulation.history import BookedOrder, OrderState
from topics.scale import Scale
from topics.v1.account_pb2 import FundingPayment
from topics.v1.instruments_pb2 import INSTRUMENT_KIND_LINEAR_PERPETUAL, INSTRUMENT_KIND_SPOT, Instrument
from venue.events import FundingPaid
from venue.instruments import Instrument as Listing
from venue.instruments import Product
from venue.orders import Order


def state_as_of(order: BookedOrder, as_of_s: float) -> OrderState | None:
    for state in reversed(order.states):
        if state.at_s <= as_of_s:
            return state
    return None


def new_in_books(order: Order) -> BookedOrder:
    return BookedOrder(
        venue_order_id=str(order.order_id),
        client_order_id=order.client_order_id,
        symbol=order.symbol,
        side=SIDES[order.side],
        type=TYPES[order.type],
        time_in_force=TIMES_IN_FORCE[order.time_in_force],
        reduce_only=order.reduce_only,
        price_ticks=order.price,
        quantity_lots=order.quantity,
    )


def told(order: Order) -> VenueOrder:
    status, time_in_force = STATUSES[order.status], TIMES_IN_FORCE[order.time_in_force]
    code, reason = reason_of(status, time_in_force, executed=order.filled > 0)
    return VenueOrder(
        symbol=order.symbol,
        client_order_id=order.client_order_id,
        venue_order_id=str(order.order_id),
        side=SIDES[order.side],
        type=TYPES[order.type],
        time_in_force=time_in_force,
        reduce_only=order.reduce_only,
        price_ticks=order.price,
        quantity_lots=order.quantity,
        filled_lots=order.filled,
        status=status,
        time_ms=order.update_time_ms,
        reason_code=code,
        reason=reason,
    )


def funding_payment(paid: FundingPaid) -> FundingPayment:
    return FundingPayment(
        payment_id=str(paid.funding_id),
        symbol=paid.symbol,
        asset="USDT",
        amount=format(paid.amount, "f"),
        time_ms=paid.time_ms,
    )


def instrument_of(venue: str, listing: Listing) -> Instrument:
    return Instrument(
        venue=venue,
        symbol=listing.symbol,
        base_asset=listing.base_asset,
        quote_asset=listing.quote_asset,
        margin_asset=listing.quote_asset,
        kind=INSTRUMENT_KIND_SPOT if listing.product is Product.SPOT else INSTRUMENT_KIND_LINEAR_PERPETUAL,
        grain=Scale(listing.tick_size, listing.lot_size).grain,
        min_notional=format(listing.min_notional, "f"),
        min_quantity_lots=listing.lots(listing.min_quantity),
        max_quantity_lots=listing.lots(listing.max_quantity),
        contract_size="1",
        trading=True,
    )
