"""Asking for orders: by either id, open or ended, and as a history."""

from __future__ import annotations

import time
from typing import Final

from connector.port import VenueOrder
from reliability.conformance.case import Case, CaseFailedError, must
from reliability.conformance.stage import Stage, told
from topics.v1.orders_pb2 import ORDER_STATUS_CANCELED, ORDER_STATUS_FILLED

_A_MOMENT_MS: Final = 5_000


async def _by_client_id(stage: Stage) -> None:
    await stage.rest()
    order = await stage.rest()
    await stage.rest()
    _is(await stage.port.find_order(stage.symbol, client_order_id=order.client_order_id), order)


async def _by_venue_id(stage: Stage) -> None:
    await stage.rest()
    order = await stage.rest()
    await stage.rest()
    _is(await stage.port.find_order(stage.symbol, venue_order_id=order.venue_order_id), order)


async def _unknown(stage: Stage) -> None:
    order = await stage.rest()
    found = await stage.port.find_order(stage.symbol, client_order_id=stage.new_id())
    must(found is None, "a client id that no order has must not be found")
    beyond = f"{int(order.venue_order_id) + 10**6}" if order.venue_order_id.isdigit() else ""
    if beyond:
        found = await stage.port.find_order(stage.symbol, venue_order_id=beyond)
        must(found is None, "a venue id that no order has must not be found")


async def _ended(stage: Stage) -> None:
    filled = await stage.buy()
    cancelled = await stage.rest()
    await stage.port.cancel(stage.symbol, venue_order_id=cancelled.venue_order_id)
    for order, status in ((filled, ORDER_STATUS_FILLED), (cancelled, ORDER_STATUS_CANCELED)):
        seen: VenueOrder | None = None

        async def so(order: VenueOrder = order, status: int = status) -> bool:
            nonlocal seen
            seen = await stage.port.find_order(stage.symbol, client_order_id=order.client_order_id)
            return seen is not None and seen.status == status

        must(
            await stage.becomes(so), f"an order that ended must be found by its client id as it ended, not {told(seen)}"
        )


async def _open_orders(stage: Stage) -> None:
    orders = [await stage.rest() for _ in range(3)]
    cancelled = await stage.rest()
    await stage.port.cancel(stage.symbol, venue_order_id=cancelled.venue_order_id)
    await stage.found(cancelled, lambda it: it.status == ORDER_STATUS_CANCELED, "be cancelled")
    listed = {it.client_order_id: it for it in await stage.port.open_orders(stage.symbol)}
    must(listed.keys() == {it.client_order_id for it in orders}, "the list must have the open orders and no others")
    for order in orders:
        _is(listed[order.client_order_id], order)


async def _history(stage: Stage) -> None:
    before_ms = time.time_ns() // 1_000_000 - _A_MOMENT_MS
    cancelled = await stage.rest()
    await stage.port.cancel(stage.symbol, venue_order_id=cancelled.venue_order_id)
    filled = await stage.buy()
    resting = await stage.rest()
    wanted = [it.venue_order_id for it in (cancelled, filled, resting)]
    listed: list[VenueOrder] = []

    async def complete() -> bool:
        nonlocal listed
        listed = [it for it in await stage.port.orders_since(stage.symbol, before_ms) if it.venue_order_id in wanted]
        return len(listed) == len(wanted)

    must(await stage.becomes(complete), f"the history must have these 3 orders, ended ones too; it has {len(listed)}")
    must([it.venue_order_id for it in listed] == wanted, "the history must be oldest first")
    must([it.status for it in listed[:2]] == [ORDER_STATUS_CANCELED, ORDER_STATUS_FILLED], "each as it ended")


def _is(found: VenueOrder | None, order: VenueOrder) -> None:
    if found is None:
        raise CaseFailedError(f"order {order.client_order_id} is open and must be found")
    for name in ("client_order_id", "venue_order_id", "side", "price_ticks", "quantity_lots", "filled_lots", "status"):
        wanted, said = getattr(order, name), getattr(found, name)
        must(said == wanted, f"{name} is {wanted!r} and is told as {said!r}")


CASES: Final = (
    Case("find-by-client-id", "The order with this client id is found among its neighbours.", _by_client_id),
    Case("find-by-venue-id", "The order with this venue id is found among its neighbours.", _by_venue_id),
    Case("find-unknown", "An id that no order has is not found, which is no error.", _unknown),
    Case("find-ended", "Filled and cancelled orders are found by their client ids, as they ended.", _ended),
    Case("open-orders", "The list of open orders has each one and none that ended.", _open_orders),
    Case("order-history", "The order history has open and ended orders, oldest first.", _history),
)
