"""Batches through the gateway, over both ledgers: each item is an order of its own, whatever becomes of the others."""

import asyncio

import pytest

from connector.errors import (
    DuplicateOrderError,
    InsufficientFundsError,
    InvalidOrderError,
    NotSentError,
    OrderNotFoundError,
    OutcomeUnknownError,
    RateLimitedError,
    UnsupportedError,
    VenueError,
)
from connector.gateway.errors import AlreadyExistsError, FencedError
from connector.gateway.gateway import Gateway
from connector.gateway.placing import PlaceResult
from connector.gateway.settings import RiskLimits
from connector.port import OrderRequest, Outcome
from tests.contract.gateway.conftest import Stage
from tests.unit.connector.gateway.given import OTHER_SYMBOL, SYMBOL, ours, request
from tests.unit.connector.gateway.scripted_venue import Behaviour
from topics.errors import TapelineError
from topics.v1.orders_pb2 import (
    ORDER_STATUS_ACCEPTED,
    ORDER_STATUS_CANCELED,
    ORDER_STATUS_DENIED,
    ORDER_STATUS_FILLED,
    ORDER_STATUS_REJECTED,
    ORDER_STATUS_UNKNOWN,
    OrderUpdate,
)


def statuses(results: list[PlaceResult | TapelineError]) -> list[object]:
    return [it.order.status if isinstance(it, PlaceResult) else type(it) for it in results]


async def test_a_batch_is_one_transaction_and_one_call(stage: Stage) -> None:
    """ORD-1, WF-1: every claim is durable before anything is sent; each order is told by itself."""
    gateway = await stage.gateway()
    commits: list[int] = []
    ledger = gateway._desk.ledger
    commit = ledger.commit

    async def counted(batch):  # type: ignore[no-untyped-def]
        commits.append(len(batch.claims))
        return await commit(batch)

    ledger.commit = counted  # type: ignore[method-assign]
    results = await gateway.place_batch([request(number) for number in range(7)], strategy="grid")
    assert statuses(results) == [ORDER_STATUS_ACCEPTED] * 7
    assert [it for it in commits if it] == [7]
    assert stage.venue.batches == [7]
    assert all(len(stage.log.of(ours(number))) == 1 for number in range(7))
    assert {it.strategy for it in stage.log.updates} == {"grid"}


async def test_each_item_has_its_own_outcome(stage: Stage) -> None:
    """ORD-2: accepted, refused, denied, repeated, contradicting and malformed side by side; none holds another up."""
    gateway = await stage.gateway(limits=RiskLimits(max_order_notional=150))
    await gateway.place(request(1))
    stage.venue.script.extend(
        [Behaviour(), Behaviour(raises=InsufficientFundsError("Margin is insufficient.")), Behaviour(fills_lots=10)]
    )
    results = await gateway.place_batch(
        [
            request(1),
            request(1, quantity_lots=11),
            request(2),
            request(3),
            request(4, quantity_lots=20),
            request(5),
            request(2),
            request(client_order_id="not an id"),
        ]
    )
    assert statuses(results) == [
        ORDER_STATUS_ACCEPTED,
        AlreadyExistsError,
        ORDER_STATUS_ACCEPTED,
        ORDER_STATUS_REJECTED,
        ORDER_STATUS_DENIED,
        ORDER_STATUS_FILLED,
        ORDER_STATUS_ACCEPTED,
        InvalidOrderError,
    ]
    assert [it.existing for it in results if isinstance(it, PlaceResult)] == [True, False, False, False, False, True]
    assert stage.venue.batches == [3]
    assert stage.venue.placed == {ours(1): 1, ours(2): 1, ours(5): 1}


class BrokenAdapterError(Exception):
    """Not even an error of ours."""


@pytest.mark.parametrize("error", [OutcomeUnknownError("timed out"), BrokenAdapterError("reset"), "too few"])
async def test_a_batch_half_accepted_that_raises_is_unknown_item_by_item(stage: Stage, error: Exception | str) -> None:
    """ORD-2, WF-3: never placed again as a whole; what arrived is found, the rest was not received."""
    gateway = await stage.gateway()

    async def half(requests: list[OrderRequest]) -> list[Outcome]:
        stage.venue.accept(requests[0])
        stage.venue.accept(requests[1])
        if isinstance(error, Exception):
            raise error
        return []

    stage.venue.place_batch = half  # type: ignore[method-assign, assignment]
    results = await gateway.place_batch([request(number) for number in range(4)])
    assert statuses(results) == [ORDER_STATUS_UNKNOWN] * 4
    for number in (0, 1):
        await stage.log.until_status(ours(number), ORDER_STATUS_ACCEPTED)
    for number in (2, 3):
        ended = await stage.log.until_status(ours(number), ORDER_STATUS_REJECTED)
        assert ended.reason_code == "NOT_RECEIVED"
    assert stage.venue.placed == {ours(0): 1, ours(1): 1}


@pytest.mark.parametrize("error", [NotSentError("refused"), RateLimitedError("429")])
async def test_a_batch_that_certainly_did_not_arrive_is_tried_again_one_by_one(stage: Stage, error: VenueError) -> None:
    """WF-4, ORD-2: certain is not unknown; each item has its own back-off."""
    gateway = await stage.gateway()

    async def not_sent(requests: list[OrderRequest]) -> list[Outcome]:
        return [error] * len(requests)

    stage.venue.place_batch = not_sent  # type: ignore[method-assign, assignment]
    results = await gateway.place_batch([request(number) for number in range(3)])
    assert statuses(results) == [ORDER_STATUS_ACCEPTED] * 3
    assert stage.venue.placed == {ours(number): 1 for number in range(3)}


async def test_a_duplicate_in_a_batch_is_looked_up_before_it_is_taken_for_ours(stage: Stage) -> None:
    """WF-2: as for a single placement."""
    gateway = await stage.gateway()
    stage.venue.accept(request(1))
    results = await gateway.place_batch([request(1), request(2)])
    assert statuses(results) == [ORDER_STATUS_UNKNOWN, ORDER_STATUS_ACCEPTED]
    await stage.log.until_status(ours(1), ORDER_STATUS_ACCEPTED)
    assert stage.venue.placed == {ours(1): 1, ours(2): 1}
    assert DuplicateOrderError.code in stage.log.of(ours(1))[0].reason or "Duplicate" in stage.log.of(ours(1))[0].reason


async def test_a_batch_does_not_wait_for_an_item_cancelled_before_its_turn(stage: Stage) -> None:
    """ORD-2, ORD-3: one item drops out after its claim, the others go out."""
    gateway = await stage.gateway()
    placing = asyncio.ensure_future(gateway.place_batch([request(number) for number in range(3)]))
    while gateway._desk.orders.get(ours(1)) is None:
        await asyncio.sleep(0)
    cancelled = await gateway.cancel(SYMBOL, ours(1))
    results = await placing
    assert cancelled.status == ORDER_STATUS_CANCELED
    assert [it.order.status for it in results if isinstance(it, PlaceResult)].count(ORDER_STATUS_ACCEPTED) == 2


class LastOneLate:
    """Holds the last of three orders back before its turn, as a slow ledger does."""

    def __init__(self, gateway: Gateway) -> None:
        self.look = gateway._placing._still_ours
        self._asked = 0
        self._let_go = 0
        self.others_wait = asyncio.Event()
        self.go = asyncio.Event()
        gateway._placing._still_ours = self.still_ours  # type: ignore[method-assign]

    async def still_ours(self, owned_s: float) -> float:
        self._asked += 1
        if self._asked == 3:
            await self.go.wait()
        owned_s = await self.look(owned_s)
        self._let_go += 1
        if self._let_go == 2:
            self.others_wait.set()
        return owned_s


async def test_an_order_cancelled_while_its_batch_waits_does_not_go_out(stage: Stage) -> None:
    """ORD-2, ORD-3: what was looked at before the wait is looked at again right before the call; the others go out."""
    gateway = await stage.gateway()
    late = LastOneLate(gateway)
    placing = asyncio.ensure_future(gateway.place_batch([request(number) for number in range(3)]))
    await late.others_wait.wait()
    cancelling = asyncio.ensure_future(gateway.cancel(SYMBOL, ours(0)))
    await stage.until(lambda: bool((it := gateway._desk.orders.get(ours(0))) and it.cancel_requested))
    late.go.set()
    assert statuses(await placing) == [ORDER_STATUS_CANCELED, ORDER_STATUS_ACCEPTED, ORDER_STATUS_ACCEPTED]
    assert (await cancelling).reason_code == "CANCELED_BEFORE_SENT"
    assert stage.venue.placed == {ours(1): 1, ours(2): 1}


async def test_a_kill_while_a_batch_waits_stops_all_of_it(stage: Stage) -> None:
    """RISK-8: nothing of it reaches the venue, and every order of it is told as cancelled."""
    gateway = await stage.gateway()
    late = LastOneLate(gateway)
    placing = asyncio.ensure_future(gateway.place_batch([request(number) for number in range(3)]))
    await late.others_wait.wait()
    gateway.kill(by="test", reason="drill")
    late.go.set()
    assert statuses(await placing) == [ORDER_STATUS_CANCELED] * 3
    assert not stage.venue.placed


async def test_a_batch_whose_account_was_taken_over_while_it_waited_is_not_sent(stage: Stage) -> None:
    """WF-2: its successor may have concluded on every order of it by now."""
    gateway = await stage.gateway()
    late = LastOneLate(gateway)
    placing = asyncio.ensure_future(gateway.place_batch([request(number) for number in range(3)]))
    await late.others_wait.wait()
    successor = stage.new_ledger()
    await successor.start(stage.venue.name, stage.venue.account, "successor")
    await stage.clock.sleep(gateway._desk.settings.claim_fresh_s * 1.5)
    gateway._placing._still_ours = late.look  # type: ignore[method-assign]
    late.go.set()
    with pytest.raises(FencedError):
        await gateway.wait_failed()
    placing.cancel()
    await asyncio.gather(placing, return_exceptions=True)
    await successor.close()
    assert not stage.venue.placed


async def test_a_caller_that_gives_up_does_not_stop_its_batch(stage: Stage) -> None:
    """WF-5: a deadline ends the call, never leaves orders half placed."""
    hold = asyncio.Event()
    behaviour = Behaviour(until=hold)
    stage.venue.script.append(behaviour)
    gateway = await stage.gateway()
    call = asyncio.ensure_future(gateway.place_batch([request(1), request(2)]))
    await behaviour.reached.wait()
    call.cancel()
    hold.set()
    for number in (1, 2):
        await stage.log.until_status(ours(number), ORDER_STATUS_ACCEPTED)


async def test_a_batch_of_cancels_is_one_call_with_an_answer_for_each(stage: Stage) -> None:
    """ORD-1, ORD-2: by either id; an unknown one is told by itself, an ended one is returned as it is."""
    gateway = await stage.gateway()
    placed = await gateway.place_batch([request(number) for number in range(5)])
    venue_ids = [it.order.venue_order_id for it in placed if isinstance(it, PlaceResult)]
    await stage.venue.fill(venue_ids[0], 10)
    results = await gateway.cancel_batch(
        SYMBOL, client_order_ids=[ours(0), ours(1), ours(99)], venue_order_ids=[venue_ids[2], venue_ids[3]]
    )
    assert [it.status if isinstance(it, OrderUpdate) else type(it) for it in results] == [
        ORDER_STATUS_FILLED,
        ORDER_STATUS_CANCELED,
        OrderNotFoundError,
        ORDER_STATUS_CANCELED,
        ORDER_STATUS_CANCELED,
    ]
    assert stage.venue.cancel_batches == [3]
    assert [it.client_order_id for it in gateway.open_orders()] == [ours(4)]


async def test_an_item_of_a_batch_of_cancels_that_fails_is_sent_again_alone(stage: Stage) -> None:
    """WF-4, ORD-3: the others are not asked again; one that filled meanwhile is found filled."""
    gateway = await stage.gateway()
    await gateway.place_batch([request(number) for number in range(3)])
    await stage.venue.fill(stage.venue.of(ours(2)).venue_order_id, 10, tell=False)
    stage.venue.cancel_script.append(OutcomeUnknownError("timed out"))
    results = await gateway.cancel_batch(SYMBOL, client_order_ids=[ours(0), ours(1), ours(2)])
    assert [it.status for it in results if isinstance(it, OrderUpdate)] == [
        ORDER_STATUS_CANCELED,
        ORDER_STATUS_CANCELED,
        ORDER_STATUS_FILLED,
    ]
    assert stage.venue.cancels == {ours(0): 1, ours(1): 1}


async def test_cancel_all_of_a_symbol_is_one_call_and_waits_for_placements_under_way(stage: Stage) -> None:
    """ORD-1: the venue's native call; an order that is on its way is cancelled when it has landed."""
    gateway = await stage.gateway()
    await gateway.place_batch([request(number) for number in range(4)])
    await gateway.place(request(10, symbol=OTHER_SYMBOL))
    hold = asyncio.Event()
    behaviour = Behaviour(until=hold)
    stage.venue.script.append(behaviour)
    placing = asyncio.ensure_future(gateway.place(request(5)))
    await behaviour.reached.wait()
    cancelling = asyncio.ensure_future(gateway.cancel_all(SYMBOL))
    while not stage.venue.cancel_alls:
        await asyncio.sleep(0)
    hold.set()
    results = await cancelling
    await placing
    assert [it.status for it in results.values() if isinstance(it, OrderUpdate)] == [ORDER_STATUS_CANCELED] * 5
    assert stage.venue.cancel_alls == {SYMBOL: 1}
    assert [it.symbol for it in gateway.open_orders()] == [OTHER_SYMBOL]


@pytest.mark.parametrize("why", ["unsupported", "others", "fails"])
async def test_cancel_all_without_the_venue_s_call_lists_and_cancels(stage: Stage, why: str) -> None:
    """ORD-1, ORD-6: where the venue lacks it, or fails it, or it would end somebody else's order: batches of ours."""
    gateway = await stage.gateway()
    await gateway.place_batch([request(number) for number in range(3)])
    if why == "others":
        stage.venue.accept(request(client_order_id="manual1"))
    else:
        error = UnsupportedError("no such call") if why == "unsupported" else OutcomeUnknownError("timed out")
        stage.venue.cancel_all_script.append(error)
    results = await gateway.cancel_all(SYMBOL)
    assert [it.status for it in results.values() if isinstance(it, OrderUpdate)] == [ORDER_STATUS_CANCELED] * 3
    assert stage.venue.cancel_batches == [3]
    if why == "others":
        assert stage.venue.of("manual1").status == ORDER_STATUS_ACCEPTED
        assert not stage.venue.cancel_alls
        await gateway.cancel_all(SYMBOL, everything=True)
        assert stage.venue.of("manual1").status == ORDER_STATUS_CANCELED


async def test_a_wish_to_cancel_ends_a_long_back_off_at_once(stage: Stage) -> None:
    """ORD-3: nobody waits out a Retry-After of a minute to learn that an order was never sent."""
    refusal = Behaviour(raises=RateLimitedError("429", retry_after_s=60))
    stage.venue.script.append(refusal)
    gateway = await stage.gateway()
    stage.clock.endless.add(60)
    placing = asyncio.ensure_future(gateway.place(request(1)))
    await refusal.reached.wait()
    cancelled = await asyncio.wait_for(gateway.cancel(SYMBOL, ours(1)), 20)
    assert (cancelled.status, cancelled.reason_code) == (ORDER_STATUS_CANCELED, "CANCELED_BEFORE_SENT")
    assert (await placing).order.status == ORDER_STATUS_CANCELED
