"""User messages that come twice, late, in the wrong order or never, and a stream that dies (ORD-4, STREAM-1)."""

from __future__ import annotations

from typing import Final

from reliability.scripts.placing import fill, on_place, place_one
from reliability.scripts.script import RESTS, VenueScript, canceled, expired, filled, partly
from reliability.scripts.stage import LOTS, OTHER_SYMBOL, SYMBOL, Stage, order_id
from venue.edge import StreamTrouble
from venue.misbehaviour import Effect, Happening, MessageRule, Script

_LATER_S = 0.3


def _fill(number: int, lots: int = 0) -> Effect:
    return Effect(what=Happening.FILL, client_order_id=order_id(number), lots=lots)


async def _fill_in_three_parts(stage: Stage) -> None:
    await stage.place(1)
    for lots in (2, 3, 5):
        await stage.happen(_fill(1, lots))


async def _fill_a_part_and_cancel(stage: Stage) -> None:
    await stage.place(1)
    await stage.happen(_fill(1, 4))
    await stage.cancel(1)


async def _fill_a_part_and_the_rest(stage: Stage) -> None:
    await stage.place(1)
    await stage.happen(_fill(1, 4))
    await stage.told(1, partly(4).status, 4)
    await stage.happen(_fill(1))


async def _much_happens_unheard(stage: Stage) -> None:
    """One fills, one fills in part, one ends, one rests; meanwhile nobody hears the user stream."""
    for number in (1, 2, 3, 4):
        await stage.place(number)
    yield_to = (_fill(1), _fill(2, 3), Effect(what=Happening.EXPIRE, client_order_id=order_id(3)))
    await stage.happen(*yield_to)


async def _stream_closed(stage: Stage) -> None:
    for number in (1, 2, 3, 4):
        await stage.place(number)
    await stage.trouble(StreamTrouble.CLOSE)
    await stage.happen(_fill(1), _fill(2, 3), Effect(what=Happening.EXPIRE, client_order_id=order_id(3)))
    await stage.listening()


async def _stream_silent(stage: Stage) -> None:
    await stage.trouble(StreamTrouble.SILENCE)
    await _much_happens_unheard(stage)


async def _key_expired(stage: Stage) -> None:
    await stage.trouble(StreamTrouble.EXPIRE_KEY)
    await _much_happens_unheard(stage)
    await stage.listening()


async def _same_ids_on_two_symbols(stage: Stage) -> None:
    await stage.place(1)
    await stage.place(2, symbol=OTHER_SYMBOL)
    await stage.happen(_fill(1))
    await stage.happen(_fill(2, 4))


_UNHEARD: Final = {1: filled(LOTS), 2: partly(3), 3: expired(), 4: RESTS}

SCRIPTS: Final = (
    VenueScript(
        "fills-repeated",
        "Every message comes three times: each execution is booked once.",
        _fill_in_three_parts,
        {1: filled(LOTS)},
        Script(messages=(MessageRule(times=None, sent_after_s=(0.0, 0.0, 0.1)),)),
    ),
    VenueScript(
        "fill-missing",
        "The message of the second of three executions is lost: fetched.",
        _fill_in_three_parts,
        {1: filled(LOTS)},
        Script(messages=(MessageRule(execution="TRADE", skip=1, sent_after_s=()),)),
    ),
    VenueScript(
        "all-messages-missing",
        "No message of any execution comes: all are fetched.",
        _fill_in_three_parts,
        {1: filled(LOTS)},
        Script(messages=(MessageRule(execution="TRADE", times=None, sent_after_s=()),)),
    ),
    VenueScript(
        "messages-reordered",
        "The order's first message comes after its last, the executions backwards: nothing is resurrected.",
        _fill_in_three_parts,
        {1: filled(LOTS)},
        Script(
            messages=(
                MessageRule(execution="NEW", sent_after_s=(_LATER_S,)),
                MessageRule(execution="TRADE", sent_after_s=(0.2,)),
                MessageRule(execution="TRADE", sent_after_s=(0.1,)),
            )
        ),
    ),
    VenueScript(
        "fill-message-late",
        "The message of a part's execution comes after the order was cancelled: booked, and the order stays ended.",
        _fill_a_part_and_cancel,
        {1: canceled(4)},
        Script(messages=(MessageRule(execution="TRADE", sent_after_s=(_LATER_S,)),)),
    ),
    VenueScript(
        "old-fill-replayed",
        "The first execution's message comes again after the last one's: booked once.",
        _fill_a_part_and_the_rest,
        {1: filled(LOTS)},
        Script(messages=(MessageRule(execution="TRADE", sent_after_s=(0.0, _LATER_S)),)),
    ),
    VenueScript(
        "fill-and-ack-message-swapped",
        "The order fills before the answer, and the message that it was taken comes last.",
        place_one,
        {1: filled(LOTS)},
        Script(
            requests=on_place(then=fill(), answered_after_s=0.1).requests,
            messages=(MessageRule(execution="NEW", sent_after_s=(_LATER_S,)),),
        ),
    ),
    VenueScript(
        "stream-closed-with-updates-missed",
        "The websocket drops, much happens, it comes back: fetched, equal to the venue.",
        _stream_closed,
        _UNHEARD,
    ),
    VenueScript(
        "stream-silently-dead",
        "The user stream stays up, answers pings and tells nothing: the regular look at the venue finds all.",
        _stream_silent,
        _UNHEARD,
    ),
    VenueScript(
        "listen-key-expired",
        "The listen key expires and much happens: a new key, and what was missed is fetched.",
        _key_expired,
        _UNHEARD,
    ),
    VenueScript(
        "same-ids-on-two-symbols",
        "Two symbols' orders share an order id and their executions a trade id: each goes to its own.",
        _same_ids_on_two_symbols,
        {1: filled(LOTS), 2: partly(4)},
        Script(id_shift={OTHER_SYMBOL: 1}),
        symbols=(SYMBOL, OTHER_SYMBOL),
    ),
)
