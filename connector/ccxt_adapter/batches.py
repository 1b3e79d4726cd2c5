"""Several orders in one call, an outcome for each of them (ORD-2). Nothing is dropped, nothing sent again.

ccxt's unified batch calls sort their answers by time, which loses whose a refusal is: the venue's own calls are used,
which answer in the order of the question. An answer that does not fit its question leaves that order's outcome open.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from connector.ccxt_adapter import binance_replies as replies
from connector.ccxt_adapter.client import VenueAnswerError
from connector.ccxt_adapter.errors import translate
from connector.ccxt_adapter.instruments import Listing
from connector.ccxt_adapter.order_arguments import order_arguments, told
from connector.errors import OutcomeUnknownError, VenueError
from connector.port import OrderRequest, Outcome, VenueOrder

MOST_PLACED_AT_ONCE = 5
MOST_CANCELLED_AT_ONCE = 10
ItemT = TypeVar("ItemT")
Change = Callable[[str, Awaitable[Any]], Awaitable[Any]]


class Batches:
    """`change` makes one call of the venue and raises VenueError."""

    def __init__(self, exchange: Any, change: Change) -> None:
        self._exchange = exchange
        self._change = change

    async def place(self, orders: Sequence[tuple[Listing, OrderRequest]]) -> list[Outcome]:
        chunks = await asyncio.gather(*map(self._place_chunk, _chunks(orders, MOST_PLACED_AT_ONCE)))
        return [outcome for chunk in chunks for outcome in chunk]

    async def cancel(self, listing: Listing, venue_order_ids: Sequence[str]) -> list[Outcome]:
        chunks = await asyncio.gather(
            *(self._cancel_chunk(listing, chunk) for chunk in _chunks(venue_order_ids, MOST_CANCELLED_AT_ONCE))
        )
        return [outcome for chunk in chunks for outcome in chunk]

    async def _place_chunk(self, orders: Sequence[tuple[Listing, OrderRequest]]) -> list[Outcome]:
        what = f"placing {len(orders)} orders in one call"
        written = [self._exchange.create_order_request(*_for_a_batch(listing, request)) for listing, request in orders]
        try:
            answers = await self._change(what, self._exchange.fapiPrivatePostBatchOrders({"batchOrders": written}))
        except VenueError as error:
            return [error] * len(orders)
        return [
            _outcome(f"placing {told(listing, request)}", listing, answer, request.client_order_id, "clientOrderId")
            for (listing, request), answer in zip(orders, _each(answers, len(orders)), strict=True)
        ]

    async def _cancel_chunk(self, listing: Listing, venue_order_ids: Sequence[str]) -> list[Outcome]:
        what = f"cancelling {len(venue_order_ids)} orders of {listing.symbol} in one call"
        call = self._exchange.fapiPrivateDeleteBatchOrders(
            {"symbol": listing.symbol, "orderidlist": list(venue_order_ids)}
        )
        try:
            answers = await self._change(what, call)
        except VenueError as error:
            return [error] * len(venue_order_ids)
        return [
            _outcome(f"cancelling {it} of {listing.symbol}", listing, answer, it, "orderId")
            for it, answer in zip(venue_order_ids, _each(answers, len(venue_order_ids)), strict=True)
        ]


def _for_a_batch(listing: Listing, request: OrderRequest) -> tuple[Any, ...]:
    *arguments, params = order_arguments(listing, request)
    return (*arguments, {**params, "isAlgoOrder": False})


def _chunks(items: Sequence[ItemT], most: int) -> Iterator[Sequence[ItemT]]:
    for start in range(0, len(items), most):
        yield items[start : start + most]


def _each(answers: Any, count: int) -> list[Any]:
    """As many answers as questions: where there are not, none can be told from another."""
    return answers if isinstance(answers, list) and len(answers) == count else [None] * count


def _outcome(what: str, listing: Listing, answer: Any, identity: str, named: str) -> Outcome:
    if not isinstance(answer, Mapping):
        return OutcomeUnknownError(f"{what}: the venue's answer leaves it out; look the order up")
    if "orderId" not in answer:
        refused = VenueAnswerError(400, str(answer.get("code", "")), str(answer.get("msg", "")), None)
        return translate(refused, what=what, changes=True)
    if str(answer.get(named)) != identity:
        return OutcomeUnknownError(f"{what}: the venue answered with order {answer.get(named)!r}; look the order up")
    return _order(what, listing, answer)


def _order(what: str, listing: Listing, answer: Mapping[str, Any]) -> VenueOrder | VenueError:
    try:
        return replies.order(answer, listing.scale)
    except (KeyError, ValueError) as error:
        return translate(error, what=f"{what}: the answer cannot be read", changes=True)
