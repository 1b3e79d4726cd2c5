"""Executions: they add up, each is there once, and what comes after one of them can be asked for."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from connector.port import VenueFill, VenueOrder
from reliability.conformance.case import Case, Need, must
from reliability.conformance.stage import Stage
from topics.v1.orders_pb2 import ORDER_STATUS_FILLED, ORDER_STATUS_PARTIALLY_FILLED


async def _of_a_taker(stage: Stage) -> None:
    order = await stage.buy(stage.lots(stage.mid, 3))
    fills = await stage.fills_of(order)
    _sound(fills, order)
    must(not any(it.fill.maker for it in fills), "an order that took is told as maker")


async def _in_parts(stage: Stage) -> None:
    lots = stage.lots(stage.mid, 3)
    order = await stage.rest(stage.limit(lots=lots))
    part = lots // 3
    for filled in (part, 2 * part):
        await stage.driver.fill(stage.symbol, order.client_order_id, part)
        partly = await stage.found(
            order,
            lambda it, filled=filled: (it.status, it.filled_lots) == (ORDER_STATUS_PARTIALLY_FILLED, filled),  # type: ignore[misc]
            f"be filled with {filled} of {lots} lots",
        )
        _sound(await stage.fills_of(partly), partly)
    await stage.driver.fill(stage.symbol, order.client_order_id, lots - 2 * part)
    whole = await stage.found(order, lambda it: it.status == ORDER_STATUS_FILLED, "be filled")
    fills = await stage.fills_of(whole)
    must(len(fills) == 3, f"3 executions happened; the list has {len(fills)}")
    _sound(fills, whole)
    must(all(it.fill.maker for it in fills), "a resting order that was taken is told as taker")
    must(all(it.fill.price_ticks == order.price_ticks for it in fills), "a resting order must fill at its own price")


async def _partly_then_cancelled(stage: Stage) -> None:
    lots = stage.lots(stage.mid, 2)
    order = await stage.rest(stage.limit(lots=lots))
    await stage.driver.fill(stage.symbol, order.client_order_id, lots // 2)
    await stage.port.cancel(stage.symbol, venue_order_id=order.venue_order_id)
    ended = await stage.found(order, lambda it: it.status not in (ORDER_STATUS_PARTIALLY_FILLED,), "have ended")
    must(ended.filled_lots == lots // 2, f"it was filled with {lots // 2} lots before; it says {ended.filled_lots}")
    _sound(await stage.fills_of(ended), ended)


async def _since_trade_id(stage: Stage) -> None:
    first, second = await stage.buy(), await stage.buy()
    before, after = await stage.fills_of(first), await stage.fills_of(second)
    listed = await stage.port.fills(stage.symbol, since_trade_id=before[-1].fill.trade_id)
    must(
        [it.fill.trade_id for it in listed] == [it.fill.trade_id for it in after],
        f"after trade {before[-1].fill.trade_id} came {_ids(after)}; the list has {_ids(listed)}",
    )
    nothing = await stage.port.fills(stage.symbol, since_trade_id=after[-1].fill.trade_id)
    must(not nothing, f"after the newest trade came nothing; the list has {_ids(nothing)}")


async def _since_time(stage: Stage) -> None:
    order = await stage.buy()
    fills = await stage.fills_of(order)
    wanted = [it.fill.trade_id for it in fills]
    listed = await stage.port.fills(stage.symbol, since_ms=fills[0].fill.time_ms)
    must(
        [it.fill.trade_id for it in listed if it.fill.trade_id in wanted] == wanted,
        f"from its time on the executions {wanted} must be listed; the list has {_ids(listed)}",
    )
    early = [it for it in listed if it.fill.time_ms < fills[0].fill.time_ms]
    must(not early, f"{_ids(early)} are older than what was asked for")


async def _listed_once_in_order(stage: Stage) -> None:
    await stage.buy()
    await stage.flat_again()
    await stage.buy()
    listed = await stage.port.fills(stage.symbol)
    ids = [it.fill.trade_id for it in listed]
    must(len(set(ids)) == len(ids), "the list of executions has one of them twice")
    times = [it.fill.time_ms for it in listed]
    must(times == sorted(times), "the list of executions must be oldest first")


def _sound(fills: list[VenueFill], order: VenueOrder) -> None:
    ids = [it.fill.trade_id for it in fills]
    must(all(ids) and len(set(ids)) == len(ids), f"executions must have trade ids of their own, not {ids}")
    lots = sum(it.fill.quantity_lots for it in fills)
    must(lots == order.filled_lots, f"executions add up to {lots} lots, the order is filled with {order.filled_lots}")
    for it in fills:
        must(it.side == order.side, f"execution {it.fill.trade_id} is of the other side")
        must(
            it.fill.price_ticks > 0 and it.fill.quantity_lots > 0, f"execution {it.fill.trade_id} has no price or size"
        )
        must(it.fill.fee and it.fill.fee_asset, f"execution {it.fill.trade_id} says no fee, or of no asset")
        must(Decimal(it.fill.fee).is_finite(), f"the fee {it.fill.fee!r} is no amount")
        must(it.fill.time_ms > 0, f"execution {it.fill.trade_id} has no time")


def _ids(fills: list[VenueFill]) -> list[str]:
    return [it.fill.trade_id for it in fills]


CASES: Final = (
    Case("fills-of-a-taker", "A taker's executions add up, with fee, asset, distinct trade ids.", _of_a_taker),
    Case(
        "partial-fills",
        "An order filled in three parts: the sum at each step, as maker at its price.",
        _in_parts,
        needs=(Need.FILL,),
    ),
    Case(
        "partly-filled-then-cancelled",
        "Cancelled after a part: ended with exactly that part.",
        _partly_then_cancelled,
        needs=(Need.FILL,),
    ),
    Case("fills-since-trade-id", "After a trade id: exactly what came later.", _since_trade_id),
    Case("fills-since-time", "From a time on: nothing missing, nothing older.", _since_time),
    Case("fills-listed-once", "Every execution is listed once, oldest first.", _listed_once_in_order),
)
