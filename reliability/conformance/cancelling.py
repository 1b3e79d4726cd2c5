"""Cancelling: the right order, only that one, and a clear answer where there is none."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Final

from connector.errors import OrderNotFoundError, VenueError
from connector.port import VenueOrder
from reliability.conformance.case import Case, CaseFailedError, NotTriedError, must
from reliability.conformance.stage import Stage, told
from topics.v1.orders_pb2 import ORDER_STATUS_CANCELED, ORDER_STATUS_FILLED


async def _by_client_id(stage: Stage) -> None:
    order, other = await stage.rest(), await stage.rest()
    answer = await stage.port.cancel(stage.symbol, client_order_id=order.client_order_id)
    await _only_this_one(stage, answer, order, other)


async def _by_venue_id(stage: Stage) -> None:
    other, order = await stage.rest(), await stage.rest()
    answer = await stage.port.cancel(stage.symbol, venue_order_id=order.venue_order_id)
    await _only_this_one(stage, answer, order, other)


async def _filled(stage: Stage) -> None:
    order = await stage.buy()
    await _is_not_found(
        stage.port.cancel(stage.symbol, client_order_id=order.client_order_id), "cancelling a filled order"
    )
    await stage.found(order, lambda it: it.status == ORDER_STATUS_FILLED, "still be filled")


async def _twice(stage: Stage) -> None:
    order = await stage.rest()
    await stage.port.cancel(stage.symbol, venue_order_id=order.venue_order_id)
    await _is_not_found(
        stage.port.cancel(stage.symbol, venue_order_id=order.venue_order_id), "cancelling what is cancelled"
    )


async def _unknown(stage: Stage) -> None:
    order = await stage.rest()
    await _is_not_found(
        stage.port.cancel(stage.symbol, client_order_id=stage.new_id()), "cancelling an id that no order has"
    )
    await stage.found(order, lambda it: it.status != ORDER_STATUS_CANCELED, "still be open")


async def _all(stage: Stage) -> None:
    """Cancels others' orders too: only where there are none."""
    orders = [await stage.rest() for _ in range(3)]
    open_now = await stage.port.open_orders(stage.symbol)
    if len(open_now) > len(orders):
        raise NotTriedError("orders of others are open on this symbol, and it would cancel them too")
    await stage.port.cancel_all(stage.symbol)
    for order in orders:
        await stage.found(order, lambda it: it.status == ORDER_STATUS_CANCELED, "be cancelled")
    must(not await stage.port.open_orders(stage.symbol), "nothing may be open after everything was cancelled")


async def _batch(stage: Stage) -> None:
    first, gone, last = [await stage.rest() for _ in range(3)]
    other = await stage.rest()
    await stage.port.cancel(stage.symbol, venue_order_id=gone.venue_order_id)
    ids = [it.venue_order_id for it in (first, gone, last)]
    outcomes = await stage.port.cancel_batch(stage.symbol, ids)
    must(len(outcomes) == 3, f"3 orders must have 3 outcomes, not {len(outcomes)}")
    must(isinstance(outcomes[1], OrderNotFoundError), f"the one that is gone must not be found, not {outcomes[1]}")
    for order, outcome in ((first, outcomes[0]), (last, outcomes[2])):
        if isinstance(outcome, VenueError):
            raise CaseFailedError(f"an order beside one that is gone must be cancelled, not {outcome}")
        must(outcome.venue_order_id == order.venue_order_id, "outcomes must be in the order of the ids")
        await stage.found(order, lambda it: it.status == ORDER_STATUS_CANCELED, "be cancelled")
    await stage.found(other, lambda it: it.status != ORDER_STATUS_CANCELED, "still be open")


async def _only_this_one(stage: Stage, answer: VenueOrder, order: VenueOrder, other: VenueOrder) -> None:
    must(
        answer.venue_order_id == order.venue_order_id,
        f"the answer must be about order {order.venue_order_id}, not {answer.venue_order_id}",
    )
    ended = await stage.found(order, lambda it: it.status == ORDER_STATUS_CANCELED, "be cancelled")
    must(ended.filled_lots == 0, f"it was never filled; it says {told(ended)}")
    await stage.found(other, lambda it: it.status != ORDER_STATUS_CANCELED, "still be open: another was cancelled")
    still = [it.venue_order_id for it in await stage.port.open_orders(stage.symbol)]
    must(still == [other.venue_order_id], "the other order alone must be open")


async def _is_not_found(cancelling: Awaitable[VenueOrder], what: str) -> None:
    try:
        answer = await cancelling
    except OrderNotFoundError:
        return
    raise CaseFailedError(f"{what} must be answered with ORDER_NOT_FOUND, not with {told(answer)}")


CASES: Final = (
    Case("cancel-by-client-id", "The order with this client id is cancelled, its neighbour not.", _by_client_id),
    Case("cancel-by-venue-id", "The order with this venue id is cancelled, its neighbour not.", _by_venue_id),
    Case("cancel-filled", "Cancelling a filled order says that nothing is open; it stays filled.", _filled),
    Case("cancel-twice", "The second cancel says that nothing is open.", _twice),
    Case("cancel-unknown", "An id that no order has: nothing open, and no other order touched.", _unknown),
    Case("cancel-all", "Every open order of the symbol is cancelled.", _all),
    Case("cancel-batch", "A batch cancels each, and says of one that is gone that it is not open.", _batch),
)
