"""Placements whose outcome is uncertain: answers late, lost or cut off, and a venue that does not know (WF-3)."""

from __future__ import annotations

from typing import Final

from reliability.scripts.script import NOT_RECEIVED, RESTS, VenueScript, canceled, filled, partly
from reliability.scripts.stage import LOTS, TIMEOUT_S, Stage
from venue.misbehaviour import Answer, Effect, Happening, MessageRule, Operation, RequestRule, Script, refusal

_LATE_S = 2 * TIMEOUT_S
UNKNOWN_ERROR = "Unknown error, please check your request or try again later."
HTML = Answer(status=502, body="<html><body><h1>502 Bad Gateway</h1></body></html>", content_type="text/html")


def on_place(**stations: object) -> Script:
    return Script(requests=(RequestRule.model_validate({"on": Operation.PLACE, **stations}),))


def fill(lots: int = 0) -> tuple[Effect, ...]:
    return (Effect(what=Happening.FILL, lots=lots),)


async def place_one(stage: Stage) -> None:
    await stage.place(1)


async def place_and_try_anew(stage: Stage) -> None:
    """A strategy whose order was not received makes another attempt, under another id."""
    await stage.place(1)
    await stage.told(1, NOT_RECEIVED.status)
    await stage.place(2)


async def place_and_repeat(stage: Stage) -> None:
    """The same intent again, while nobody knows and after everybody knows."""
    for _ in range(3):
        await stage.place(1)
    await stage.told(1, RESTS.status)
    await stage.place(1)


async def place_and_repeat_the_filled(stage: Stage) -> None:
    await stage.place(1)
    await stage.place(1)
    await stage.told(1, filled(LOTS).status, LOTS)
    await stage.place(1)


async def place_and_kill(stage: Stage) -> None:
    await stage.place(1)
    await stage.restart()
    await stage.place(1)


async def place_and_cancel(stage: Stage) -> None:
    await stage.place(1)
    await stage.cancel(1)


def unheard(script: Script, *, also: tuple[RequestRule, ...] = ()) -> Script:
    """The same, and the user stream does not tell of the new order either: only a query can."""
    return Script(requests=(*script.requests, *also), messages=(MessageRule(execution="NEW", sent_after_s=()),))


def _uncertain(name: str, title: str, answer: Answer) -> VenueScript:
    return VenueScript(name, title, place_one, {1: RESTS}, unheard(on_place(answer=answer)))


SCRIPTS: Final = (
    VenueScript(
        "timeout-after-accept",
        "The venue takes the order and answers after our timeout: found by its id, sent once.",
        place_and_repeat,
        {1: RESTS},
        unheard(on_place(answered_after_s=_LATE_S)),
    ),
    VenueScript(
        "slow-answer",
        "The venue answers late but within our timeout: nothing unusual comes of it.",
        place_one,
        {1: RESTS},
        on_place(answered_after_s=TIMEOUT_S / 2),
    ),
    VenueScript(
        "reply-lost",
        "The venue takes the order and the connection is reset before the answer: found by its id.",
        place_and_repeat,
        {1: RESTS},
        unheard(on_place(answered=False)),
    ),
    VenueScript(
        "reply-lost-and-stream-tells",
        "The same, and the user stream tells of the order before anybody looks: one order.",
        place_and_repeat,
        {1: RESTS},
        on_place(answered=False),
    ),
    VenueScript(
        "request-lost",
        "The connection is reset before the venue reads the order: not found twice, so a new attempt may be made.",
        place_and_try_anew,
        {1: NOT_RECEIVED, 2: RESTS},
        on_place(arrives=False),
    ),
    VenueScript(
        "request-late",
        "The order arrives after our timeout and after the first look-up found nothing: the second one finds it.",
        place_and_repeat,
        {1: RESTS},
        unheard(on_place(arrives_after_s=TIMEOUT_S + 0.25)),
    ),
    VenueScript(
        "lookups-fail-too",
        "The answer is lost and the venue's order query is down for a while: asked until it answers.",
        place_one,
        {1: RESTS},
        unheard(
            on_place(answered=False),
            also=(RequestRule(on=Operation.FIND, executed=False, times=4, answer=Answer(status=503)),),
        ),
    ),
    VenueScript(
        "not-visible-yet",
        "The answer is lost and the order query does not know the order yet (-2013): one miss concludes nothing.",
        place_one,
        {1: RESTS},
        unheard(
            on_place(answered=False),
            also=(RequestRule(on=Operation.FIND, executed=False, answer=refusal(400, -2013, "Order does not exist.")),),
        ),
    ),
    _uncertain("server-error", "500 without a body after the order was taken: looked up.", Answer(status=500)),
    _uncertain("html-error-page", "An HTML error page after the order was taken: looked up.", HTML),
    _uncertain("empty-answer", "200 and nothing in it after the order was taken: looked up.", Answer()),
    VenueScript(
        "truncated-answer",
        "The answer ends in the middle of its JSON: looked up.",
        place_one,
        {1: RESTS},
        unheard(on_place(cut_after=40)),
    ),
    _uncertain(
        "backend-timeout",
        "-1007, send status unknown, after the order was taken: looked up.",
        refusal(
            408, -1007, "Timeout waiting for response from backend server. Send status unknown; execution unknown."
        ),
    ),
    _uncertain(
        "message-bus-error",
        "-1006, execution status unknown, after the order was taken: looked up.",
        refusal(400, -1006, "An unexpected response was received from the message bus. Execution status unknown."),
    ),
    _uncertain(
        "unknown-error-executed",
        "503 'Unknown error', by its documentation neither done nor not done; here it was done: found.",
        refusal(503, -1000, UNKNOWN_ERROR),
    ),
    VenueScript(
        "unknown-error-not-executed",
        "503 'Unknown error', by its documentation neither done nor not done; here it was not: a new attempt.",
        place_and_try_anew,
        {1: NOT_RECEIVED, 2: RESTS},
        on_place(executed=False, answer=refusal(503, -1000, UNKNOWN_ERROR)),
    ),
    VenueScript(
        "fill-before-ack",
        "The order fills and the user stream tells so before the answer to the placement comes.",
        place_one,
        {1: filled(LOTS)},
        on_place(then=fill(), answered_after_s=TIMEOUT_S / 2),
    ),
    VenueScript(
        "partial-fill-and-reply-lost",
        "A part fills, then the answer is lost: adopted with what it executed.",
        place_and_repeat,
        {1: partly(4)},
        on_place(then=fill(4), answered=False),
    ),
    VenueScript(
        "fill-while-unknown-then-killed",
        "The answer is lost, the order fills, the gateway is killed: the next one finds order and execution.",
        place_and_kill,
        {1: filled(LOTS)},
        on_place(then=fill(), answered=False),
        durable=True,
    ),
    VenueScript(
        "filled-unheard-and-reply-lost",
        "The order fills, the answer and every message are lost: the venue would take its id again, nobody sends it.",
        place_and_repeat_the_filled,
        {1: filled(LOTS)},
        Script(
            requests=on_place(then=fill(), answered=False).requests,
            messages=(MessageRule(event="ORDER_TRADE_UPDATE", times=None, sent_after_s=()),),
        ),
    ),
    VenueScript(
        "cancel-while-unknown",
        "The answer is lost and the trader cancels at once: the order at the venue is cancelled.",
        place_and_cancel,
        {1: canceled()},
        on_place(answered=False),
    ),
)
