"""Queries that do not tell all: lists that lag, snapshots that are stale, orders that are gone (ORD-6)."""

from __future__ import annotations

from typing import Final

from reliability.scripts.script import RESTS, VenueScript, canceled, filled, partly
from reliability.scripts.stage import LOTS, Stage, order_id
from venue.misbehaviour import Effect, Happening, MessageRule, Operation, RequestRule, Script, refusal

_NOT_THERE: Final = refusal(400, -2013, "Order does not exist.")
_NOBODY_TOLD: Final = (MessageRule(execution="TRADE", sent_after_s=()),)


def _fill(lots: int = 0) -> Effect:
    return Effect(what=Happening.FILL, client_order_id=order_id(1), lots=lots)


async def _look_twice(stage: Stage) -> None:
    await stage.place(1)
    for _ in range(2):
        await stage.gateway.reconcile()


async def _fill_unheard(stage: Stage) -> None:
    await stage.place(1)
    await stage.happen(_fill(4))
    await stage.happen(_fill(2))
    await stage.gateway.reconcile()


async def _fill_all(stage: Stage) -> None:
    await stage.place(1)
    await stage.happen(_fill())
    await stage.told(1, filled(LOTS).status, LOTS)
    for _ in range(3):
        await stage.gateway.on_account(await stage.port.snapshot())
        await stage.gateway.reconcile()


async def _forget(stage: Stage) -> None:
    await stage.place(1)
    await stage.happen(Effect(what=Happening.FORGET, client_order_id=order_id(1)))


async def _fill_a_part_and_forget(stage: Stage) -> None:
    await stage.place(1)
    await stage.happen(_fill(4), Effect(what=Happening.FORGET, client_order_id=order_id(1)))


SCRIPTS: Final = (
    VenueScript(
        "open-orders-leave-one-out",
        "The list of open orders lacks ours twice: asked for by id, it lives on.",
        _look_twice,
        {1: RESTS},
        Script(requests=(RequestRule(on=Operation.OPEN_ORDERS, leave_out_newest=1, times=2),)),
    ),
    VenueScript(
        "confirmed-and-not-found-at-first",
        "The order is confirmed, then neither listed nor found (-2013) for a moment: one miss concludes nothing.",
        _look_twice,
        {1: RESTS},
        Script(
            requests=(
                RequestRule(on=Operation.OPEN_ORDERS, leave_out_newest=1),
                RequestRule(on=Operation.FIND, executed=False, answer=_NOT_THERE),
            )
        ),
    ),
    VenueScript(
        "order-vanished",
        "The venue forgets a confirmed order: ended as vanished after it was not found twice.",
        _forget,
        {1: canceled(reason_code="VANISHED")},
    ),
    VenueScript(
        "order-vanished-after-a-part",
        "A part fills unheard, then the venue forgets the order: ended with what it executed.",
        _fill_a_part_and_forget,
        {1: canceled(4, reason_code="VANISHED")},
        Script(messages=_NOBODY_TOLD),
    ),
    VenueScript(
        "executions-listed-late",
        "Two executions nobody told of are missing from the list at first, the newer one longer: each is booked once.",
        _fill_unheard,
        {1: partly(6)},
        Script(
            requests=(
                RequestRule(on=Operation.FILLS, leave_out_newest=2, times=2),
                RequestRule(on=Operation.FILLS, leave_out_newest=1, times=2),
            ),
            messages=(MessageRule(execution="TRADE", times=2, sent_after_s=()),),
        ),
    ),
    VenueScript(
        "execution-listed-out-of-turn",
        "The list shows a newer execution before an older one: the older one is booked too.",
        _fill_unheard,
        {1: partly(6)},
        Script(
            requests=(RequestRule(on=Operation.FILLS, leave_out_newest=1, times=1),),
            messages=(MessageRule(execution="TRADE", times=1, sent_after_s=()),),
        ),
    ),
    VenueScript(
        "position-snapshot-stale",
        "The position is shown flat once after the fill: the executions are believed.",
        _fill_all,
        {1: filled(LOTS)},
        Script(requests=(RequestRule(on=Operation.POSITIONS, skip=0, times=1, fields={"positionAmt": "0.000"}),)),
    ),
)
