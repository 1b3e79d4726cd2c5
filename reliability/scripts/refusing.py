"""Placements the venue refuses: for a while, for good, as a duplicate, after it had taken them (WF-2, WF-4, ERR-1)."""

from __future__ import annotations

from typing import Final

from reliability.scripts.placing import fill, on_place, place_and_try_anew, place_one
from reliability.scripts.script import NOT_RECEIVED, RESTS, End, VenueScript, expired, filled, refused
from reliability.scripts.stage import LOTS, SYMBOL, Stage
from topics.v1.common_pb2 import TIME_IN_FORCE_POST_ONLY
from topics.v1.orders_pb2 import ORDER_STATUS_REJECTED
from venue.misbehaviour import Answer, Effect, Happening, MessageRule, Operation, RequestRule, Script, refusal


async def _place_across_the_market(stage: Stage) -> None:
    above = stage.request(1).price_ticks * 110 // 100
    await stage.place(1, time_in_force=TIME_IN_FORCE_POST_ONLY, price_ticks=above)


async def _place_again_after_the_fill(stage: Stage) -> None:
    await stage.place(1)
    await stage.told(1, filled(LOTS).status)
    await stage.place(1)
    await stage.restart()
    await stage.place(1)


async def _somebody_took_our_id(stage: Stage) -> None:
    """Another program on this account used the id, with another quantity; nobody told us."""
    await stage.port.place(stage.request(1, quantity_lots=2 * LOTS))
    await stage.place(1)
    await stage.told(1, ORDER_STATUS_REJECTED)
    await stage.port.cancel(SYMBOL, client_order_id=stage.request(1).client_order_id)


def _refused_for_a_while(name: str, title: str, answer: Answer, *, times: int = 1) -> VenueScript:
    return VenueScript(name, title, place_one, {1: RESTS}, on_place(executed=False, answer=answer, times=times))


def _refused_for_good(name: str, title: str, code: str, answer: Answer) -> VenueScript:
    return VenueScript(name, title, place_one, {1: refused(code)}, on_place(executed=False, answer=answer))


def _duplicate(name: str, code: int, words: str) -> VenueScript:
    title = f"The order is taken and then refused as a duplicate of itself ({code} {words!r}): it is ours."
    return VenueScript(name, title, place_one, {1: RESTS}, on_place(answer=refusal(400, code, words)))


SCRIPTS: Final = (
    _refused_for_a_while(
        "too-many-requests",
        "429 with Retry-After: sent again after that time, once.",
        refusal(429, -1003, "Too many requests; current limit is 2400 request per minute.", retry_after_s=1),
    ),
    _refused_for_a_while(
        "banned-for-a-second",
        "418 with Retry-After: sent again after that time.",
        Answer(status=418, body="I'm a teapot", content_type="text/plain", headers={"Retry-After": "1"}),
    ),
    _refused_for_a_while(
        "request-weight-used-up",
        "-1003 without Retry-After, twice: sent again after back-off.",
        refusal(429, -1003, "Way too much request weight used; IP banned until 0."),
        times=2,
    ),
    _refused_for_a_while(
        "overloaded",
        "503 with -1008, by its documentation not executed: sent again.",
        refusal(503, -1008, "Server is currently overloaded with other requests. Please try again in a few minutes."),
    ),
    VenueScript(
        "service-unavailable",
        "503 'Service Unavailable.', by its documentation not executed: looked up all the same before a new attempt.",
        place_and_try_anew,
        {1: NOT_RECEIVED, 2: RESTS},
        on_place(executed=False, answer=refusal(503, -1001, "Service Unavailable.")),
    ),
    VenueScript(
        "maintenance",
        "Every request is answered 503 -1016 for a while: the order ends as not received, the next one is taken.",
        place_and_try_anew,
        {1: NOT_RECEIVED, 2: RESTS},
        Script(
            requests=(
                RequestRule(
                    on=Operation.ANY,
                    executed=False,
                    times=12,
                    answer=refusal(503, -1016, "This service is no longer available."),
                ),
            )
        ),
    ),
    _refused_for_good(
        "clock-skew",
        "-1021, outside of the recvWindow: refused for good, with its own code.",
        "CLOCK_SKEW",
        refusal(400, -1021, "Timestamp for this request is outside of the recvWindow."),
    ),
    _refused_for_good(
        "margin-insufficient",
        "-2019: refused for good, never tried again.",
        "INSUFFICIENT_FUNDS",
        refusal(400, -2019, "Margin is insufficient."),
    ),
    VenueScript(
        "post-only-would-take",
        "A post-only order across the market: refused, no execution.",
        _place_across_the_market,
        {1: refused("POST_ONLY_WOULD_TAKE")},
    ),
    _duplicate("duplicate-futures", -4116, "ClientOrderId is duplicated."),
    _duplicate("duplicate-futures-other-words", -4116, "clientOrderId is duplicated"),
    _duplicate("duplicate-spot", -2010, "Duplicate order sent."),
    VenueScript(
        "id-taken-by-another-order",
        "The id is held by an order with other details: refused as a duplicate, the other one left alone.",
        _somebody_took_our_id,
        {1: End(ORDER_STATUS_REJECTED, reason_code="DUPLICATE_ORDER")},
        Script(messages=(MessageRule(event="ORDER_TRADE_UPDATE", execution="NEW", sent_after_s=()),)),
    ),
    VenueScript(
        "id-reused-after-a-fill",
        "The venue would take a filled order's id again; asked three times, also after a kill, it gets it once.",
        _place_again_after_the_fill,
        {1: filled(LOTS)},
        on_place(then=fill()),
        durable=True,
    ),
    VenueScript(
        "reject-after-ack",
        "The venue confirms the order and ends it a moment later.",
        place_one,
        {1: expired()},
        on_place(then=(Effect(what=Happening.EXPIRE),)),
    ),
    VenueScript(
        "reject-after-ack-and-nobody-told",
        "The venue confirms the order, ends it, and the message is lost: asked for when it is missing.",
        place_one,
        {1: expired()},
        Script(
            requests=on_place(then=(Effect(what=Happening.EXPIRE),)).requests,
            messages=(MessageRule(execution="EXPIRED", sent_after_s=()),),
        ),
    ),
)
