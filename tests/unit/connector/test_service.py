"""The service keeps the caller's deadline without giving up what was begun; the account view asks only when it must."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any, cast

import pytest

from connector.account import AccountView
from connector.errors import NotSentError, OrderNotFoundError, OutcomeUnknownError
from connector.following import Following
from connector.gateway.kill_state import KillState
from connector.gateway.kill_switch import KillReport
from connector.grpc_errors import InvalidFieldError
from connector.latest_prices import LatestPrices
from connector.port import OrderRequest, VenuePort
from connector.publisher import Publisher
from connector.replay import Replays
from connector.sequences import Sequences
from connector.service import ConnectorService
from connector.service_parts import Parts
from connector.v1.connector_pb2 import (
    VERDICT_ACCEPTED,
    VERDICT_REJECTED,
    VERDICT_UNKNOWN,
    BatchCancelOrdersRequest,
    BatchPlaceOrdersRequest,
    CancelAllOrdersRequest,
    GetKillStateRequest,
    KillRequest,
    PlaceOrderRequest,
    ReleaseRequest,
)
from topics.errors import TapelineError
from topics.memory_broker import MemoryBroker
from topics.memory_log import MemoryLog
from topics.v1.account_pb2 import AccountUpdate
from topics.v1.common_pb2 import Grain, OrderType, Side, TimeInForce
from topics.v1.instruments_pb2 import Instrument
from topics.v1.orders_pb2 import OrderStatus, OrderUpdate


class Placed:
    order = OrderUpdate(client_order_id="tl1", status=OrderStatus.ORDER_STATUS_ACCEPTED)
    existing = False


class SlowGateway:
    """Places when it is let."""

    def __init__(self) -> None:
        self.asked = 0
        self.let = asyncio.Event()
        self.placed: list[str] = []
        self.switch = KillState()

    async def place(self, request: OrderRequest, *, strategy: str = "", intent_id: str = "") -> Placed:
        self.asked += 1
        await self.let.wait()
        self.placed.append(request.client_order_id)
        return Placed()

    async def cancel(self, symbol: str, client_order_id: str = "", venue_order_id: str = "") -> OrderUpdate:
        return OrderUpdate()

    async def place_batch(self, requests: Sequence[OrderRequest]) -> list[Placed | TapelineError]:
        return [await self.place(request) for request in requests]

    async def cancel_batch(
        self, symbol: str, *, client_order_ids: Sequence[str] = (), venue_order_ids: Sequence[str] = ()
    ) -> list[OrderUpdate | TapelineError]:
        return [
            OutcomeUnknownError("timed out"),
            OrderNotFoundError("no order of ours"),
            OrderUpdate(status=OrderStatus.ORDER_STATUS_FILLED),
        ]

    async def cancel_all(self, symbol: str, *, everything: bool = False) -> dict[str, OrderUpdate | TapelineError]:
        return {"tl1": OrderUpdate(status=OrderStatus.ORDER_STATUS_UNKNOWN), "tl2": NotSentError("refused")}

    async def order(
        self, client_order_id: str = "", venue_order_id: str = "", *, symbol: str = ""
    ) -> OrderUpdate | None:
        return None

    def open_orders(self, symbol: str = "") -> list[OrderUpdate]:
        return []

    @property
    def kill_report(self) -> KillReport:
        return KillReport(
            self.switch, durable=True, verified=False, found=0, cancelled=0, left=0, unresolved=0, problem=""
        )

    def kill(self, *, by: str, reason: str, everything: bool = False) -> None:
        self.switch = KillState(1, killed=True, time_ms=1, by=by, reason=reason, everything=everything)

    async def kill_reports(self) -> AsyncIterator[KillReport]:
        yield replace(self.kill_report, durable=False, problem="the database is away")
        yield self.kill_report
        yield replace(self.kill_report, verified=True, cancelled=3)
        raise AssertionError("nobody listens any more")

    async def release(self, *, by: str, reason: str) -> KillState:
        self.switch = KillState(2, by=by, reason=reason)
        return self.switch


class Call:
    def __init__(self, remaining_s: float | None) -> None:
        self._remaining_s = remaining_s

    def time_remaining(self) -> float | None:
        return self._remaining_s


class CountingPort:
    """Only what the account view asks for."""

    def __init__(self) -> None:
        self.snapshots = 0
        self.during = asyncio.Event()
        self.during.set()

    async def snapshot(self) -> AccountUpdate:
        self.snapshots += 1
        await self.during.wait()
        return AccountUpdate(time_ms=self.snapshots)


REQUEST = PlaceOrderRequest(
    symbol="BTCUSDT",
    client_order_id="tl1",
    side=Side.SIDE_BUY,
    type=OrderType.ORDER_TYPE_LIMIT,
    time_in_force=TimeInForce.TIME_IN_FORCE_GTC,
    price="1",
    quantity="1",
)


def service(gateway: SlowGateway) -> ConnectorService:
    port = cast("VenuePort", CountingPort())
    instruments = {"BTCUSDT": Instrument(symbol="BTCUSDT", grain=Grain(tick_size="1", lot_size="1"))}
    log = MemoryLog(MemoryBroker())
    publisher = Publisher(log.producer(client_id="test"), Sequences(), subscriber_buffer=1)
    account, prices = AccountView(port, max_age_s=60), LatestPrices(port, max_age_s=60)
    following = Following(Replays(log), resume_limit=100)
    return ConnectorService(Parts(gateway, port, account, prices, instruments, publisher, following))


async def test_a_kill_is_told_until_it_is_durable_and_verified() -> None:
    """RISK-8, GRPC-2: every step with its numbers; the stream ends with the last one."""
    it = service(SlowGateway())
    told = [
        answer.state async for answer in it.Kill(KillRequest(by="Ann", reason="drill", everything=True), Call(None))
    ]
    assert [(state.durable, state.verified) for state in told] == [(False, False), (True, False), (True, True)]
    assert (told[0].problem, told[-1].cancelled) == ("the database is away", 3)
    assert (told[-1].killed, told[-1].by, told[-1].reason, told[-1].everything) == (True, "Ann", "drill", True)
    released = (await it.Release(ReleaseRequest(by="Ann", reason="over"), Call(None))).state
    assert released == (await it.GetKillState(GetKillStateRequest(), Call(None))).state
    assert (released.killed, released.version) == (False, 2)


async def test_a_passed_deadline_ends_the_call_and_not_the_placement() -> None:
    """WF-5, WF-3: the caller is answered in time; what was begun is carried to its end."""
    gateway = SlowGateway()
    it = service(gateway)
    with pytest.raises(TimeoutError):
        await it.PlaceOrder(REQUEST, Call(0.01))
    assert gateway.placed == []
    gateway.let.set()
    await it.finish()
    assert gateway.placed == ["tl1"]


async def test_a_deadline_ends_the_call_of_a_batch_and_not_its_placements() -> None:
    """WF-5, ORD-2: all of the batch goes on to its end."""
    gateway = SlowGateway()
    it = service(gateway)
    with pytest.raises(TimeoutError):
        await it.BatchPlaceOrders(BatchPlaceOrdersRequest(orders=[REQUEST, REQUEST]), Call(0.01))
    gateway.let.set()
    await it.finish()
    assert gateway.placed == ["tl1", "tl1"]


async def test_a_malformed_item_of_a_batch_is_refused_by_its_field_and_the_others_are_placed() -> None:
    """ORD-2, ERR-1: outcomes keep the order of the request."""
    gateway = SlowGateway()
    gateway.let.set()
    broken = PlaceOrderRequest(symbol="BTCUSDT", client_order_id="tl2", side=Side.SIDE_BUY)
    answer = await service(gateway).BatchPlaceOrders(BatchPlaceOrdersRequest(orders=[broken, REQUEST]), Call(None))
    assert [outcome.verdict for outcome in answer.outcomes] == [VERDICT_REJECTED, VERDICT_ACCEPTED]
    refused = answer.outcomes[0]
    assert (refused.client_order_id, refused.error.grpc_code) == ("tl2", "INVALID_ARGUMENT")
    assert refused.error.message.startswith("type: ")
    assert gateway.placed == ["tl1"]


@pytest.mark.parametrize("count", [0, 101])
async def test_a_batch_has_a_size(count: int) -> None:
    """ORD-2: nothing of a batch that is too large is begun."""
    gateway = SlowGateway()
    with pytest.raises(InvalidFieldError, match="1 to 100"):
        await service(gateway).BatchPlaceOrders(BatchPlaceOrdersRequest(orders=[REQUEST] * count), Call(None))
    assert gateway.asked == 0


async def test_what_became_of_cancels_is_told_apart() -> None:
    """ORD-2, ERR-1: done, certain not done, and not known, each with its code."""
    it = service(SlowGateway())
    request = BatchCancelOrdersRequest(symbol="BTCUSDT", client_order_ids=["tl1", "tl2"], venue_order_ids=["3"])
    answer = await it.BatchCancelOrders(request, Call(None))
    told = [(one.client_order_id, one.venue_order_id, one.verdict, one.error.code) for one in answer.outcomes]
    assert told == [
        ("tl1", "", VERDICT_UNKNOWN, "OUTCOME_UNKNOWN"),
        ("tl2", "", VERDICT_REJECTED, "ORDER_NOT_FOUND"),
        ("", "3", VERDICT_ACCEPTED, ""),
    ]
    everything = await it.CancelAllOrders(CancelAllOrdersRequest(symbol="BTCUSDT"), Call(None))
    assert [(one.client_order_id, one.verdict, one.error.grpc_code) for one in everything.outcomes] == [
        ("tl1", VERDICT_UNKNOWN, ""),
        ("tl2", VERDICT_REJECTED, "UNAVAILABLE"),
    ]


async def test_a_caller_that_goes_away_does_not_stop_its_placement() -> None:
    """WF-3: a cancelled call leaves no half-made order behind."""
    gateway = SlowGateway()
    it = service(gateway)
    call = asyncio.create_task(it.PlaceOrder(REQUEST, Call(None)))
    while not gateway.asked:
        await asyncio.sleep(0)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    gateway.let.set()
    await it.finish()
    assert gateway.placed == ["tl1"]


async def test_a_deadline_that_has_passed_already_sends_nothing() -> None:
    """WF-5: nothing is begun for a caller who is gone."""
    gateway = SlowGateway()
    with pytest.raises(TimeoutError, match="before anything was sent"):
        await service(gateway).PlaceOrder(REQUEST, Call(0.0))
    assert gateway.asked == 0


def view(max_age_s: float = 60) -> tuple[AccountView, CountingPort]:
    port = CountingPort()
    return AccountView(cast("VenuePort", port), max_age_s=max_age_s), port


async def test_a_quiet_account_is_asked_for_once() -> None:
    """GRPC-2: many callers at once, one question to the venue."""
    account, port = view()
    answers: list[Any] = await asyncio.gather(*(account.current() for _ in range(10)))
    assert {answer.time_ms for answer in answers} == {1}
    assert port.snapshots == 1


async def test_a_change_makes_the_next_answer_a_new_one() -> None:
    """ORD-5: what is available after an order, only the venue knows."""
    account, _ = view()
    await account.current()
    account.changed()
    assert (await account.current()).time_ms == 2


async def test_a_change_while_the_venue_is_asked_is_not_forgotten() -> None:
    """ORD-5: an answer that may be older than the change is not kept."""
    account, port = view()
    port.during.clear()
    asking = asyncio.create_task(account.current())
    while not port.snapshots:
        await asyncio.sleep(0)
    account.changed()
    port.during.set()
    assert (await asking).time_ms == 1
    assert (await account.current()).time_ms == 2


async def test_an_answer_grows_old() -> None:
    """GRPC-2: mark prices move though nothing is traded."""
    account, _ = view(max_age_s=0)
    await account.current()
    assert (await account.current()).time_ms == 2
