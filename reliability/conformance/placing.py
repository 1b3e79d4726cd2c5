"""Placing orders: what becomes of each kind, and of an id that is used again."""

from __future__ import annotations

from typing import Final

from connector.errors import DuplicateOrderError, PostOnlyWouldTakeError, ReduceOnlyRejectedError, VenueError
from connector.port import OrderRequest, VenueOrder
from reliability.conformance.case import Case, CaseFailedError, Need, Product, must
from reliability.conformance.stage import ENDED, Stage, told
from topics.v1.common_pb2 import (
    SIDE_BUY,
    SIDE_SELL,
    TIME_IN_FORCE_FOK,
    TIME_IN_FORCE_GTC,
    TIME_IN_FORCE_IOC,
    TIME_IN_FORCE_POST_ONLY,
)
from topics.v1.orders_pb2 import ORDER_STATUS_ACCEPTED, ORDER_STATUS_FILLED


async def _limit_rests(stage: Stage) -> None:
    request = stage.limit()
    order = await stage.rest(request)
    must(order.venue_order_id, "an order that rests must have a venue order id")
    same_as_asked(order, request)
    must(order.status == ORDER_STATUS_ACCEPTED and order.filled_lots == 0, f"it must be accepted, not {told(order)}")
    must(
        [it.client_order_id for it in await stage.port.open_orders(stage.symbol)] == [request.client_order_id],
        "the list of open orders must have this order and no other",
    )


async def _post_only_rests(stage: Stage) -> None:
    request = stage.limit(time_in_force=TIME_IN_FORCE_POST_ONLY)
    same_as_asked(await stage.rest(request), request)


async def _post_only_would_take(stage: Stage) -> str:
    request = stage.limit(stage.crossing_buy_price(), time_in_force=TIME_IN_FORCE_POST_ONLY)
    held = await stage.held_lots()
    try:
        placed = await stage.place(request)
    except PostOnlyWouldTakeError:
        said = "refused"
        must(await _is_not_open(stage, request), "it was refused and is open")
    else:
        ended = await stage.found(placed, lambda it: it.status in ENDED, "have ended")
        must(ended.filled_lots == 0, f"a post-only order must never take; it says {told(ended)}")
        must(
            ended.reason_code == "POST_ONLY_WOULD_TAKE",
            f"its reason must be POST_ONLY_WOULD_TAKE, not {ended.reason_code!r}",
        )
        said = "taken, and ended at once"
    must(await stage.held_lots() == held, "a post-only order must never take; the position moved")
    return said


async def _limit_takes(stage: Stage) -> None:
    await _takes(stage, stage.limit(stage.crossing_buy_price(), stage.lots(stage.mid), time_in_force=TIME_IN_FORCE_GTC))


async def _ioc_takes(stage: Stage) -> None:
    await _takes(stage, stage.limit(stage.crossing_buy_price(), stage.lots(stage.mid), time_in_force=TIME_IN_FORCE_IOC))


async def _fok_takes(stage: Stage) -> None:
    await _takes(stage, stage.limit(stage.crossing_buy_price(), stage.lots(stage.mid), time_in_force=TIME_IN_FORCE_FOK))


async def _ioc_expires(stage: Stage) -> None:
    await _ends_unfilled(stage, stage.limit(time_in_force=TIME_IN_FORCE_IOC))


async def _fok_expires(stage: Stage) -> None:
    await _ends_unfilled(stage, stage.limit(time_in_force=TIME_IN_FORCE_FOK))


async def _fok_whole_or_nothing(stage: Stage) -> None:
    """At the best ask's own price for twice what is offered there: a part could be had."""
    best = await stage.port.best_quote(stage.symbol)
    request = stage.limit(best.ask_ticks, 2 * best.ask_lots, time_in_force=TIME_IN_FORCE_FOK)
    await _ends_unfilled(stage, request)


async def _market_fills(stage: Stage) -> None:
    lots = stage.lots(stage.mid)
    before = await stage.held_lots()
    order = await stage.buy(lots)
    must(order.filled_lots == lots, f"a market order for {lots} lots must be filled with them, not {order.filled_lots}")
    if stage.spot:
        return  # a fee may be taken out of what was bought
    held = await stage.held_lots()
    must(held - before == lots, f"the position must have grown by {lots} lots, not by {held - before}")


async def _reduce_only_flat(stage: Stage) -> str:
    request = stage.at_market(SIDE_SELL, reduce_only=True)
    try:
        placed = await stage.place(request)
    except ReduceOnlyRejectedError:
        said = "refused"
    else:
        ended = await stage.found(placed, lambda it: it.status in ENDED, "have ended")
        must(ended.filled_lots == 0, f"with nothing to reduce nothing may fill; it says {told(ended)}")
        said = "taken, and ended at once"
    must(await stage.held_lots() == 0, "a reduce-only order must never open a position")
    return said


async def _reduce_only_stops_at_flat(stage: Stage) -> str:
    lots = stage.lots(stage.mid)
    await stage.buy(lots)
    request = stage.at_market(SIDE_SELL, 2 * lots, reduce_only=True)
    try:
        placed = await stage.place(request)
    except ReduceOnlyRejectedError:
        must(await stage.held_lots() == lots, "it was refused and moved the position")
        return "refused: more than the position"
    await stage.found(placed, lambda it: it.status in ENDED, "have ended")
    held = await stage.held_lots()
    must(held == 0, f"sold reduce-only beyond the position of {lots} lots, it must be flat, not {held} lots")
    return "executed as far as the position went"


async def _duplicate_of_open(stage: Stage) -> None:
    request = stage.limit()
    first = await stage.rest(request)
    try:
        second = await stage.place(stage.limit(name=request.client_order_id))
    except DuplicateOrderError:
        pass
    else:
        raise CaseFailedError(f"the id of an open order was taken again, as order {second.venue_order_id}")
    still = await stage.port.open_orders(stage.symbol)
    must([it.venue_order_id for it in still] == [first.venue_order_id], "the first order alone must be open")


async def _id_reuse_after_fill(stage: Stage) -> str:
    first = await stage.buy()
    again = stage.limit(name=first.client_order_id)
    try:
        second = await stage.place(again)
    except DuplicateOrderError:
        return "the venue refuses it"
    must(second.venue_order_id != first.venue_order_id, "a new order must have an id of the venue's own")
    known = await stage.port.find_order(stage.symbol, client_order_id=first.client_order_id)
    must(
        known is not None and known.venue_order_id == second.venue_order_id,
        "looked up by the id that two orders had, the one that is open must be found",
    )
    await stage.found(first, lambda it: it.status == ORDER_STATUS_FILLED, "still be found by the venue's id, filled")
    return "the venue takes it again: only the ledger keeps an id from being used twice"


async def _batch(stage: Stage) -> None:
    requests = [stage.limit() for _ in range(3)]
    outcomes = await stage.place_batch(requests)
    must(len(outcomes) == len(requests), f"{len(requests)} orders must have as many outcomes, not {len(outcomes)}")
    for request, outcome in zip(requests, outcomes, strict=True):
        if isinstance(outcome, VenueError):
            raise CaseFailedError(f"an order of the batch was refused: {outcome}")
        same_as_asked(outcome, request)
    await _open_are(stage, requests)


async def _batch_half_accepted(stage: Stage) -> None:
    first, last = stage.limit(), stage.limit()
    taken = await stage.rest()
    refused = stage.limit(name=taken.client_order_id)
    outcomes = await stage.place_batch([first, refused, last])
    must(len(outcomes) == 3, f"3 orders must have 3 outcomes, not {len(outcomes)}")
    must(isinstance(outcomes[1], DuplicateOrderError), f"the one in the middle must be a duplicate, not {outcomes[1]}")
    for request, outcome in ((first, outcomes[0]), (last, outcomes[2])):
        if isinstance(outcome, VenueError):
            raise CaseFailedError(f"an order beside one that is refused must be accepted, not {outcome}")
        same_as_asked(outcome, request)
    must(len(await stage.port.open_orders(stage.symbol)) == 3, "the accepted two and the one before them must be open")


async def _both_sides(stage: Stage) -> None:
    """A spot account buys first what it offers."""
    if stage.spot:
        await stage.buy(stage.lots(stage.mid, 2))
    bid = await stage.rest()
    ask = await stage.rest(stage.limit(stage.resting_sell_price(), stage.lots(stage.mid), side=SIDE_SELL))
    must((bid.side, ask.side) == (SIDE_BUY, SIDE_SELL), "sides must be told as they were asked for")
    must(bid.price_ticks < ask.price_ticks, "the bid must be below the ask")


def same_as_asked(order: VenueOrder, request: OrderRequest) -> None:
    """Raises CaseFailedError for the first thing that is told otherwise than it was asked for."""
    for name in ("symbol", "client_order_id", "side", "type", "time_in_force", "price_ticks", "quantity_lots"):
        asked, said = getattr(request, name), getattr(order, name)
        must(said == asked, f"{name} was asked for as {asked!r} and is told as {said!r}")


async def _takes(stage: Stage, request: OrderRequest) -> None:
    order = await stage.bought_or_sold(request)
    same_as_asked(order, request)
    for fill in await stage.fills_of(order):
        must(fill.fill.price_ticks <= request.price_ticks, f"bought at {fill.fill.price_ticks} ticks, above its limit")
    must(await _is_not_open(stage, request), "a filled order must not be open")


async def _ends_unfilled(stage: Stage, request: OrderRequest) -> None:
    placed = await stage.place(request)
    ended = await stage.found(placed, lambda it: it.status in ENDED, "have ended")
    must(ended.status != ORDER_STATUS_FILLED and ended.filled_lots == 0, f"nothing may fill; it says {told(ended)}")
    must(await _is_not_open(stage, request), "it must not rest")


async def _is_not_open(stage: Stage, request: OrderRequest) -> bool:
    still = await stage.port.open_orders(stage.symbol)
    return all(it.client_order_id != request.client_order_id for it in still)


async def _open_are(stage: Stage, requests: list[OrderRequest]) -> None:
    wanted = sorted(it.client_order_id for it in requests)

    async def so() -> bool:
        return sorted(it.client_order_id for it in await stage.port.open_orders(stage.symbol)) == wanted

    must(await stage.becomes(so), "the list of open orders must have these and no others")


CASES: Final = (
    Case("limit-rests", "A limit order away from the market rests, told as it was asked for.", _limit_rests),
    Case("both-sides", "A bid and an ask rest beside each other.", _both_sides),
    Case("post-only-rests", "A post-only order away from the market rests as one.", _post_only_rests),
    Case("post-only-would-take", "A post-only order that would take never executes.", _post_only_would_take),
    Case("limit-takes", "A limit order through the market fills, never above its limit.", _limit_takes),
    Case("ioc-takes", "Immediate-or-cancel through the market fills, never above its limit.", _ioc_takes),
    Case("ioc-expires", "Immediate-or-cancel away from the market ends without a fill.", _ioc_expires),
    Case("fok-takes", "Fill-or-kill that can be filled is, whole.", _fok_takes),
    Case("fok-expires", "Fill-or-kill that cannot be filled ends without a fill.", _fok_expires),
    Case(
        "fok-whole-or-nothing",
        "Fill-or-kill of which a part could be filled ends without a fill.",
        _fok_whole_or_nothing,
        needs=(Need.LARGE_ORDERS,),
    ),
    Case("market-fills", "A market order fills whole; the position follows.", _market_fills),
    Case("reduce-only-flat", "Reduce-only with no position opens none.", _reduce_only_flat, only=Product.PERPETUAL),
    Case(
        "reduce-only-stops-at-flat",
        "Reduce-only larger than the position never turns it around.",
        _reduce_only_stops_at_flat,
        only=Product.PERPETUAL,
    ),
    Case(
        "duplicate-of-open", "The id of an open order is refused as a duplicate; the first lives.", _duplicate_of_open
    ),
    Case(
        "id-reuse-after-fill",
        "The id of a filled order, used again: refused, or two orders told apart.",
        _id_reuse_after_fill,
    ),
    Case("batch", "A batch places each order and answers in its order.", _batch),
    Case("batch-half-accepted", "A refusal in a batch is its own item's, the others are placed.", _batch_half_accepted),
)
