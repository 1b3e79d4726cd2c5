"""Cancels that race a fill, get no answer, are refused for a while, or meet an order that is gone (ORD-3, ORD-5)."""

from __future__ import annotations

from typing import Final

from reliability.scripts.script import VenueScript, canceled, filled
from reliability.scripts.stage import LOTS, TIMEOUT_S, Stage
from venue.misbehaviour import Effect, Happening, MessageRule, Operation, RequestRule, Script, refusal


async def _place_and_cancel(stage: Stage) -> None:
    await stage.place(1)
    await stage.cancel(1)


def _on_cancel(**stations: object) -> Script:
    return Script(requests=(RequestRule.model_validate({"on": Operation.CANCEL, **stations}),))


def _fill(lots: int = 0) -> tuple[Effect, ...]:
    return (Effect(what=Happening.FILL, lots=lots),)


SCRIPTS: Final = (
    VenueScript(
        "cancel-loses-to-a-fill",
        "The order fills while the cancel is on its way, which is refused (-2011): filled, not cancelled.",
        _place_and_cancel,
        {1: filled(LOTS)},
        _on_cancel(first=_fill()),
    ),
    VenueScript(
        "cancel-loses-to-a-fill-nobody-told",
        "The same, and the execution's message is lost: asked for before anything is concluded.",
        _place_and_cancel,
        {1: filled(LOTS)},
        Script(
            requests=_on_cancel(first=_fill()).requests,
            messages=(MessageRule(execution="TRADE", sent_after_s=()),),
        ),
    ),
    VenueScript(
        "part-fills-then-cancelled",
        "A part fills while the cancel is on its way: cancelled with what was executed.",
        _place_and_cancel,
        {1: canceled(4)},
        _on_cancel(first=_fill(4)),
    ),
    VenueScript(
        "cancel-confirmed-and-fill-told-after",
        "The cancel is confirmed; the message of the part that filled before comes after it, twice.",
        _place_and_cancel,
        {1: canceled(4)},
        Script(
            requests=_on_cancel(first=_fill(4)).requests,
            messages=(MessageRule(execution="TRADE", sent_after_s=(0.2, 0.3)),),
        ),
    ),
    VenueScript(
        "cancel-reply-lost",
        "The order is cancelled and the connection reset before the answer: asked again, it is cancelled.",
        _place_and_cancel,
        {1: canceled()},
        _on_cancel(answered=False),
    ),
    VenueScript(
        "cancel-request-lost",
        "The connection is reset before the venue reads the cancel, three times: sent again until it is done.",
        _place_and_cancel,
        {1: canceled()},
        _on_cancel(arrives=False, times=3),
    ),
    VenueScript(
        "cancel-answered-too-late",
        "The cancel is done and answered after our timeout: asked again.",
        _place_and_cancel,
        {1: canceled()},
        _on_cancel(answered_after_s=2 * TIMEOUT_S),
    ),
    VenueScript(
        "cancel-rate-limited",
        "The cancel is refused for its rate (429), then taken.",
        _place_and_cancel,
        {1: canceled()},
        _on_cancel(executed=False, answer=refusal(429, -1003, "Too many requests."), times=2),
    ),
    VenueScript(
        "cancelled-by-the-venue-unheard",
        "The venue cancels the order by itself just before our cancel, and the message is lost.",
        _place_and_cancel,
        {1: canceled()},
        Script(
            requests=_on_cancel(first=(Effect(what=Happening.CANCEL),)).requests,
            messages=(MessageRule(execution="CANCELED", sent_after_s=()),),
        ),
    ),
)
