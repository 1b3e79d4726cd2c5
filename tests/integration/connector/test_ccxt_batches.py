"""Batches and cancel-all through real ccxt against the real paper venue, and against a venue that answers badly."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from aiohttp import web

from connector.ccxt_adapter.venue import CcxtVenue
from connector.errors import (
    DuplicateOrderError,
    NotSentError,
    OrderNotFoundError,
    OutcomeUnknownError,
    PostOnlyWouldTakeError,
    RateLimitedError,
)
from connector.port import OrderRequest, VenueOrder
from tests.integration.connector.conftest import PaperVenue
from topics.scale import Scale
from topics.v1.common_pb2 import OrderType, Side, TimeInForce
from topics.v1.orders_pb2 import ORDER_STATUS_ACCEPTED, ORDER_STATUS_CANCELED

SYMBOL = "BTCUSDT"
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@pytest.fixture
async def port(paper_venue: PaperVenue) -> AsyncIterator[CcxtVenue]:
    port = CcxtVenue(paper_venue.connection())
    try:
        yield port
    finally:
        await port.close()


async def requests(port: CcxtVenue, count: int) -> list[OrderRequest]:
    """Post-only buys a tenth below the market."""
    (instrument,) = await port.start()
    away = Scale.of(instrument.grain).ticks_down(await port.mark_price(SYMBOL) * 9 / 10)
    return [
        OrderRequest(
            symbol=SYMBOL,
            client_order_id=f"tl{number:026d}",
            side=Side.SIDE_BUY,
            type=OrderType.ORDER_TYPE_LIMIT,
            time_in_force=TimeInForce.TIME_IN_FORCE_POST_ONLY,
            price_ticks=away - number,
            quantity_lots=10,
        )
        for number in range(count)
    ]


async def test_a_batch_larger_than_one_call_is_answered_item_by_item_in_its_order(port: CcxtVenue) -> None:
    """ORD-1, ORD-2: twelve in three calls; the refused ones are told by their place, the others are accepted."""
    wanted = await requests(port, 12)
    taking = replace(wanted[3], price_ticks=wanted[3].price_ticks * 115 // 100)
    await port.place(wanted[7])
    outcomes = await port.place_batch([*wanted[:3], taking, *wanted[4:]])
    assert [type(it) for number, it in enumerate(outcomes) if number in (3, 7)] == [
        PostOnlyWouldTakeError,
        DuplicateOrderError,
    ]
    accepted = [it for it in outcomes if isinstance(it, VenueOrder)]
    assert [it.client_order_id for it in accepted] == [
        it.client_order_id for number, it in enumerate(wanted) if number not in (3, 7)
    ]
    assert {it.status for it in accepted} == {ORDER_STATUS_ACCEPTED}


async def test_a_batch_of_cancels_is_answered_item_by_item_and_cancel_all_takes_the_rest(port: CcxtVenue) -> None:
    """ORD-1, ORD-2: eleven in two calls, one of them not open; one call ends what is left."""
    placed = await port.place_batch(await requests(port, 14))
    ids = [it.venue_order_id for it in placed if isinstance(it, VenueOrder)]
    assert len(ids) == 14
    outcomes = await port.cancel_batch(SYMBOL, [*ids[:5], "999999999", *ids[5:10]])
    assert isinstance(outcomes.pop(5), OrderNotFoundError)
    ended = [it for it in outcomes if isinstance(it, VenueOrder)]
    assert [(it.venue_order_id, it.status) for it in ended] == [(it, ORDER_STATUS_CANCELED) for it in ids[:10]]
    assert len(await port.open_orders(SYMBOL)) == 4
    await port.cancel_all(SYMBOL)
    assert await port.open_orders(SYMBOL) == []


async def test_a_single_refusal_in_a_batch_keeps_its_code(port: CcxtVenue) -> None:
    """ERR-1: ccxt raises for a batch of one by its own classes; ours is told as in any other batch."""
    (wanted,) = await requests(port, 1)
    await port.place(wanted)
    (outcome,) = await port.place_batch([wanted])
    assert isinstance(outcome, DuplicateOrderError)
    (unknown,) = await port.cancel_batch(SYMBOL, ["999999999"])
    assert isinstance(unknown, OrderNotFoundError)


async def test_a_batch_that_could_not_be_sent_says_so_for_each_item(paper_venue: PaperVenue, port: CcxtVenue) -> None:
    """ORD-2: certain not sent is not unknown."""
    wanted = await requests(port, 7)
    await paper_venue.stop()
    outcomes = await port.place_batch(wanted)
    assert {type(it) for it in outcomes} == {NotSentError}
    assert len(outcomes) == 7


@asynccontextmanager
async def answering(handler: Handler, port: CcxtVenue) -> AsyncIterator[None]:
    """From now on the venue's order calls are answered by `handler`."""
    application = web.Application()
    application.router.add_route("*", "/{tail:.*}", handler)
    runner = web.AppRunner(application, shutdown_timeout=0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    (host, number) = runner.addresses[0][:2]
    port._exchange.urls["api"] = {
        name: f"http://{host}:{number}/fapi/v1" if name == "fapiPrivate" else address
        for name, address in port._exchange.urls["api"].items()
    }
    try:
        yield
    finally:
        await runner.cleanup()


WHOLE = [
    (503, {"msg": "Service Unavailable"}, OutcomeUnknownError),
    (408, {"code": -1007, "msg": "Timeout waiting for response from backend server."}, OutcomeUnknownError),
    (429, {"code": -1003, "msg": "Too many requests."}, RateLimitedError),
    (200, [{"orderId": 1, "clientOrderId": "tl" + "9" * 26}] * 2, OutcomeUnknownError),
    (200, [], OutcomeUnknownError),
    (200, {"orderId": 1}, OutcomeUnknownError),
    (200, [{"code": -1007, "msg": "Timeout waiting for response"}, {"orderId": 1}], OutcomeUnknownError),
]


async def test_what_the_whole_batch_meets_each_item_has(port: CcxtVenue) -> None:
    """ORD-2: an error of the whole batch, and answers that fit no item, leave each item open; none is dropped."""
    wanted = await requests(port, 2)
    answers = iter(WHOLE)

    async def say(_: web.Request) -> web.Response:
        status, answer, _expected = next(answers)
        return web.json_response(answer, status=status, headers={"Retry-After": "7"})

    async with answering(say, port):
        for _, answer, expected in WHOLE:
            outcomes = await port.place_batch(wanted)
            assert [type(it) for it in outcomes] == [expected, expected], answer


async def test_a_cancel_passes_a_hundred_placements_that_hang(port: CcxtVenue) -> None:
    """ORD-3: connections are not rationed, so that a cancel never queues behind placements inside the adapter."""
    wanted = await requests(port, 120)
    arrived, let = asyncio.Semaphore(0), asyncio.Event()

    async def hang(request: web.Request) -> web.Response:
        if request.method == "DELETE":
            return web.json_response({"code": -2011, "msg": "Unknown order sent."}, status=400)
        arrived.release()
        await let.wait()
        return web.json_response({"code": -2019, "msg": "Margin is insufficient."}, status=400)

    async with answering(hang, port):
        placing = [asyncio.ensure_future(port.place(request)) for request in wanted]
        try:
            async with asyncio.timeout(20):
                for _ in wanted[:100]:
                    await arrived.acquire()
                with pytest.raises(OrderNotFoundError):
                    await port.cancel(SYMBOL, venue_order_id="1")
            assert not any(it.done() for it in placing)
        finally:
            let.set()
            await asyncio.gather(*placing, return_exceptions=True)
