"""Refusals and failures: each by its own name, and nothing placed by what was refused."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final

from connector.errors import (
    AuthenticationError,
    ClockSkewError,
    InsufficientFundsError,
    InvalidOrderError,
    OrderNotFoundError,
    OutcomeUnknownError,
    RateLimitedError,
    UnknownSymbolError,
    VenueError,
    VenueUnavailableError,
)
from connector.port import OrderRequest
from reliability.conformance.case import Case, CaseFailedError, Need, NotTriedError, Product, must
from reliability.conformance.stage import ENDED, Stage
from reliability.conformance.subject import Call, Fault

_NOT_LISTED: Final = "NOSUCHUSDT"
_BEYOND: Final = {Product.PERPETUAL: 200, Product.SPOT: 2}
_BEYOND_MARGIN: Final = 20


async def _insufficient_funds(stage: Stage) -> None:
    """An order that rests, worth more than the account can hold with any leverage."""
    quote = await stage.balance(stage.instrument.quote_asset)
    connection = stage.subject.connection
    borrows = connection is not None and connection.use_margin
    times = _BEYOND_MARGIN if borrows else _BEYOND[stage.subject.product]
    price = stage.resting_buy_price()
    lots = stage.scale.lots_down(quote * times / stage.scale.price(price)) + 1
    most = stage.instrument.max_quantity_lots
    if most and lots > most:
        raise NotTriedError(f"the account's {quote} {stage.instrument.quote_asset} are too many for the largest order")
    await _refused(stage, stage.limit(price, lots), InsufficientFundsError)


async def _unknown_symbol(stage: Stage) -> None:
    await _refused(stage, stage.limit(symbol=_NOT_LISTED), UnknownSymbolError)
    calls: tuple[Callable[[], Awaitable[Any]], ...] = (
        lambda: stage.port.cancel(_NOT_LISTED, client_order_id=stage.new_id()),
        lambda: stage.port.cancel_all(_NOT_LISTED),
        lambda: stage.port.find_order(_NOT_LISTED, client_order_id=stage.new_id()),
        lambda: stage.port.open_orders(_NOT_LISTED),
        lambda: stage.port.fills(_NOT_LISTED),
        lambda: stage.port.mark_price(_NOT_LISTED),
    )
    for call in calls:
        await _raises(call(), UnknownSymbolError, f"asking for {_NOT_LISTED}")


async def _rate_limited(stage: Stage) -> None:
    await stage.driver.answer_next(Call.PLACE, Fault.RATE_LIMITED)
    error = await _refused(stage, stage.limit(), RateLimitedError)
    must(
        isinstance(error, RateLimitedError) and error.retry_after_s, "the venue said when to try again; the error must"
    )
    await stage.driver.answer_next(Call.FIND, Fault.RATE_LIMITED)
    await _raises(
        stage.port.find_order(stage.symbol, client_order_id=stage.new_id()), RateLimitedError, "a rate limited look-up"
    )


async def _clock_skew(stage: Stage) -> None:
    await stage.driver.answer_next(Call.PLACE, Fault.CLOCK_SKEW)
    await _refused(stage, stage.limit(), ClockSkewError)


async def _unanswered(stage: Stage) -> None:
    await _unknown_and_placed(stage, Fault.UNANSWERED)


async def _too_late(stage: Stage) -> None:
    await _unknown_and_placed(stage, Fault.TOO_LATE)


async def _html(stage: Stage) -> None:
    await _unknown_and_placed(stage, Fault.HTML)


async def _cancel_unanswered(stage: Stage) -> str:
    """aiohttp itself sends a DELETE again on a fresh connection; then the venue has nothing left to cancel."""
    order = await stage.rest()
    await stage.driver.answer_next(Call.CANCEL, Fault.UNANSWERED)
    cancelling = stage.port.cancel(stage.symbol, venue_order_id=order.venue_order_id)
    error = await _raises(cancelling, (OutcomeUnknownError, OrderNotFoundError), "a cancel without an answer")
    await stage.found(order, lambda it: it.status in ENDED, "be cancelled: the cancel arrived")
    again = isinstance(error, OrderNotFoundError)
    return "sent again by the HTTP library, which is harmless" if again else "unknown, as it must"


async def _read_unavailable(stage: Stage) -> None:
    for call, ask in (
        (Call.FIND, lambda: stage.port.find_order(stage.symbol, client_order_id=stage.new_id())),
        (Call.OPEN_ORDERS, lambda: stage.port.open_orders(stage.symbol)),
    ):
        for fault in (Fault.UNAVAILABLE, Fault.HTML):
            await stage.driver.answer_next(call, fault)
            await _raises(ask(), VenueUnavailableError, f"a read answered with {fault.value}")


async def _wrong_key(stage: Stage) -> str:
    opened = stage.subject.open_with_wrong_key
    if opened is None:
        raise NotTriedError("there is no key to spoil")
    port = opened()
    try:
        error = await _raises(port.start(), AuthenticationError, "starting with a wrong key")
    finally:
        await port.close()
    return str(error).rpartition(": ")[2]


async def _no_quantity(stage: Stage) -> None:
    await _refused(stage, _changed(stage.limit(), quantity_lots=0), InvalidOrderError)


async def _below_smallest_notional(stage: Stage) -> None:
    request = stage.limit()
    least = max(1, stage.instrument.min_quantity_lots)
    worth = stage.scale.notional(request.price_ticks, least)
    if worth >= Decimal(stage.instrument.min_notional or 0):
        raise NotTriedError(f"the smallest quantity is worth {worth:f}, not less than the smallest notional")
    await _refused(stage, _changed(request, quantity_lots=least), InvalidOrderError)


async def _beyond_largest(stage: Stage) -> None:
    most = stage.instrument.max_quantity_lots
    if not most:
        raise NotTriedError("the venue names no largest quantity")
    await _refused(stage, _changed(stage.limit(), quantity_lots=most + 1), InvalidOrderError)


async def _no_price(stage: Stage) -> None:
    await _refused(stage, _changed(stage.limit(), price_ticks=0), InvalidOrderError)


async def _unknown_and_placed(stage: Stage, fault: Fault) -> None:
    request = stage.limit()
    await stage.driver.answer_next(Call.PLACE, fault)
    await _raises(stage.place(request), OutcomeUnknownError, f"a placement whose answer is {fault.value}")

    async def found() -> bool:
        return await stage.port.find_order(stage.symbol, client_order_id=request.client_order_id) is not None

    must(await stage.becomes(found), "the order is there, and must be found by its client id")
    listed = [it.client_order_id for it in await stage.port.open_orders(stage.symbol)]
    must(listed == [request.client_order_id], f"it must be there once: sent and never sent again; open are {listed}")


async def _refused(stage: Stage, request: OrderRequest, kind: type[VenueError]) -> VenueError:
    error = await _raises(stage.place(request), kind, "placing it")
    listed = [it.client_order_id for it in await stage.port.open_orders(stage.symbol)]
    must(request.client_order_id not in listed, "what was refused is open")
    return error


async def _raises(call: Awaitable[Any], kind: type[VenueError] | tuple[type[VenueError], ...], what: str) -> VenueError:
    kinds = kind if isinstance(kind, tuple) else (kind,)
    names = " or ".join(it.__name__ for it in kinds)
    try:
        answer = await call
    except kinds as error:
        return error
    except VenueError as error:
        raise CaseFailedError(f"{what} must raise {names}, not {type(error).__name__}: {error}") from error
    raise CaseFailedError(f"{what} must raise {names}; it answered {answer}")


def _changed(
    request: OrderRequest, *, quantity_lots: int | None = None, price_ticks: int | None = None
) -> OrderRequest:
    return replace(
        request,
        quantity_lots=request.quantity_lots if quantity_lots is None else quantity_lots,
        price_ticks=request.price_ticks if price_ticks is None else price_ticks,
    )


_FAULT: Final = (Need.FAULT,)
CASES: Final = (
    Case(
        "insufficient-funds",
        "More than the account can hold is refused as that.",
        _insufficient_funds,
        needs=(Need.LARGE_ORDERS,),
    ),
    Case("unknown-symbol", "A symbol the venue does not have is refused as that, by every call.", _unknown_symbol),
    Case("no-quantity", "An order for nothing is refused as invalid.", _no_quantity),
    Case("no-price", "A limit order without a price is refused as invalid.", _no_price),
    Case("below-smallest-notional", "Less than the smallest notional is refused as invalid.", _below_smallest_notional),
    Case(
        "beyond-largest-quantity",
        "More than the largest quantity is refused as invalid.",
        _beyond_largest,
        needs=(Need.LARGE_ORDERS,),
    ),
    Case("wrong-key", "A wrong key ends the start, with the venue's words.", _wrong_key, needs=(Need.WRONG_KEY,)),
    Case(
        "rate-limited",
        "Refused for its rate: certain, with the time to wait; nothing placed.",
        _rate_limited,
        needs=_FAULT,
    ),
    Case("clock-skew", "Refused for the clock: named as that; nothing placed.", _clock_skew, needs=_FAULT),
    Case(
        "no-answer",
        "A connection that breaks after sending: unknown, found once, never sent again.",
        _unanswered,
        needs=_FAULT,
    ),
    Case(
        "answer-too-late",
        "An answer after the time-out: unknown, found once, never sent again.",
        _too_late,
        needs=_FAULT,
    ),
    Case("answer-is-html", "An error page of a gateway in between: unknown, found once.", _html, needs=_FAULT),
    Case(
        "cancel-without-answer",
        "A cancel whose answer is lost: unknown or gone, never refused; and done.",
        _cancel_unanswered,
        needs=_FAULT,
    ),
    Case("reads-unavailable", "A read that fails says that it may be tried again.", _read_unavailable, needs=_FAULT),
)
