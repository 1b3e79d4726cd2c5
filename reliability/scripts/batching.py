"""Batches answered in part, wrongly or not at all: each item has an outcome of its own (ORD-2)."""

from __future__ import annotations

from typing import Final

from reliability.scripts.placing import unheard
from reliability.scripts.script import NOT_RECEIVED, RESTS, VenueScript, canceled, refused
from reliability.scripts.stage import SYMBOL, Stage, order_id
from topics.v1.common_pb2 import TIME_IN_FORCE_POST_ONLY
from venue.misbehaviour import Answer, Operation, RequestRule, Script, refusal

_FOUR: Final = (1, 2, 3, 4)


async def _place_four(stage: Stage) -> None:
    await stage.gateway.place_batch([stage.request(number) for number in _FOUR])


async def _place_four_three_times(stage: Stage) -> None:
    for _ in range(3):
        await _place_four(stage)


async def _place_four_two_across_the_market(stage: Stage) -> None:
    good = [stage.request(number) for number in (1, 2)]
    across = good[0].price_ticks * 110 // 100
    bad = [stage.request(it, time_in_force=TIME_IN_FORCE_POST_ONLY, price_ticks=across) for it in (3, 4)]
    await stage.gateway.place_batch([bad[0], *good, bad[1]])


async def _place_and_cancel_four(stage: Stage) -> None:
    await _place_four(stage)
    await stage.gateway.cancel_batch(SYMBOL, client_order_ids=[order_id(number) for number in _FOUR])


def _on(operation: Operation, **stations: object) -> Script:
    return Script(requests=(RequestRule.model_validate({"on": operation, **stations}),))


_ALL_REST: Final = dict.fromkeys(_FOUR, RESTS)
_HALF: Final = {1: RESTS, 2: RESTS, 3: NOT_RECEIVED, 4: NOT_RECEIVED}

SCRIPTS: Final = (
    VenueScript(
        "batch-half-accepted",
        "The venue takes two of four and refuses two by themselves: each is told its own.",
        _place_four_two_across_the_market,
        {1: RESTS, 2: RESTS, 3: refused("POST_ONLY_WOULD_TAKE"), 4: refused("POST_ONLY_WOULD_TAKE")},
    ),
    VenueScript(
        "batch-error-after-half-was-accepted",
        "The venue takes two of four and answers 500 for all: two are found, two were not received, none is re-sent.",
        _place_four,
        _HALF,
        unheard(_on(Operation.PLACE_BATCH, executed_items=2, answer=Answer(status=500))),
    ),
    VenueScript(
        "batch-reply-lost",
        "The venue takes all four and the connection is reset before the answer; asked three times: four orders.",
        _place_four_three_times,
        _ALL_REST,
        _on(Operation.PLACE_BATCH, answered=False),
    ),
    VenueScript(
        "batch-request-lost",
        "The connection is reset before the venue reads the batch: none was received.",
        _place_four,
        dict.fromkeys(_FOUR, NOT_RECEIVED),
        _on(Operation.PLACE_BATCH, arrives=False),
    ),
    VenueScript(
        "batch-answer-leaves-one-out",
        "All four are taken, the answer holds three: whose it is that lacks cannot be told, so all are looked up.",
        _place_four,
        _ALL_REST,
        _on(Operation.PLACE_BATCH, leave_out_newest=1),
    ),
    VenueScript(
        "batch-rate-limited",
        "The batch is refused for its rate (429) and then taken, once.",
        _place_four,
        _ALL_REST,
        _on(Operation.PLACE_BATCH, executed=False, answer=refusal(429, -1003, "Too many requests.")),
    ),
    VenueScript(
        "batch-cancel-half-done",
        "A batch of cancels is done for two of four and answered 503: the others are cancelled too.",
        _place_and_cancel_four,
        dict.fromkeys(_FOUR, canceled()),
        _on(Operation.CANCEL_BATCH, executed_items=2, answer=Answer(status=503)),
    ),
    VenueScript(
        "batch-cancel-reply-lost",
        "A batch of cancels is done and the connection reset before the answer.",
        _place_and_cancel_four,
        dict.fromkeys(_FOUR, canceled()),
        _on(Operation.CANCEL_BATCH, answered=False),
    ),
)
