"""The paper venue in a process of its own, through ccxt, is held to every case; so are faults of an adapter."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial

import pytest
import pytest_asyncio
from pydantic import SecretStr

from connector.ccxt_adapter.venue import CcxtVenue
from connector.errors import (
    AuthenticationError,
    ClockSkewError,
    ConnectorError,
    NotSentError,
    OutcomeUnknownError,
    RateLimitedError,
    VenueError,
    VenueRejectedError,
    VenueUnavailableError,
)
from connector.port import OrderRequest, VenueOrder
from reliability.conformance.accounting import UNNAMED
from reliability.conformance.case import Case, Need, Verdict
from reliability.conformance.catalogue import CASES
from reliability.conformance.paper import paper_subjects
from reliability.conformance.running import run
from reliability.conformance.sandbox import BOUNDS
from reliability.conformance.stage import Stage
from reliability.conformance.subject import Bounds, Subject
from reliability.result import TrialError

CASE = {it.name: it for it in CASES}


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def subjects() -> AsyncIterator[list[Subject]]:
    async with paper_subjects() as made:
        yield made


@pytest.mark.parametrize("number", range(4), ids=["native", "perpetual", "spot", "margin"])
async def test_the_paper_venue_passes_every_case(subjects: list[Subject], number: int) -> None:
    """VEN-1, STREAM-1, ERR-1, ORD-2, ARB-2: through ccxt, over real sockets, driven into every fault a case needs."""
    subject = subjects[number]
    result = await run(subject)
    other = {it.name for it in CASES if it.only not in (None, subject.product)}
    wrong = [(it.case, it.words) for it in result.cases if it.verdict is not Verdict.PASSED and it.case not in other]
    assert wrong == []
    assert not result.left


async def test_the_native_adapter_names_funding_payments_on_its_stream(subjects: list[Subject]) -> None:
    """FUND-1: sooner than the port promises."""
    (result,) = (await run(subjects[0], [CASE["funding-payment"]])).cases
    assert result.verdict is Verdict.PASSED
    assert UNNAMED not in result.words


@pytest.mark.parametrize("number", [0, 2], ids=["perpetual", "spot"])
async def test_a_run_with_real_keys_keeps_its_bounds_and_drives_nothing(subjects: list[Subject], number: int) -> None:
    """VEN-1: played as on a sandbox, what needs no strings passes; the rest says why it was not tried."""
    subject = _as_a_sandbox(subjects[number])
    result = await run(subject)
    mine = [it for it in CASES if it.only in (None, subject.product)]
    driven = {it.name for it in mine if set(it.needs) - {Need.WRONG_KEY, Need.ALONE}}
    assert {it.case for it in result.cases if it.verdict is Verdict.NOT_TRIED} == driven
    assert all(it.words.startswith("needs ") for it in result.cases if it.case in driven)
    assert [(it.case, it.words) for it in result.cases if it.verdict is Verdict.FAILED] == []
    assert not result.left


async def test_interrupted_it_cancels_what_it_placed_and_closes_what_it_opened(subjects: list[Subject]) -> None:
    """VEN-1: Ctrl-C on a sandbox leaves nothing behind."""
    subject = _as_a_sandbox(subjects[0])
    reached = asyncio.Event()

    async def hangs(stage: Stage) -> None:
        await stage.buy()
        await stage.rest()
        await stage.place_batch([stage.limit(), stage.limit()])
        assert len(await stage.port.open_orders(stage.symbol)) == 3
        assert await stage.held_lots() > 0
        reached.set()
        await asyncio.sleep(3_600)

    running = asyncio.create_task(run(subject, [Case("hangs", "It hangs.", hangs)]))
    await reached.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    port = subject.open()
    try:
        await port.start()
        assert await port.open_orders(subject.symbol) == []
        assert [it.quantity_lots for it in await port.positions(subject.symbol)] == [0]
    finally:
        await port.close()


async def test_a_symbol_that_is_in_use_is_left_alone(subjects: list[Subject]) -> None:
    """VEN-1: on a sandbox it begins only where nobody has anything."""
    subject = _as_a_sandbox(subjects[0])

    async def begins_again(stage: Stage) -> None:
        await stage.rest()
        with pytest.raises(TrialError, match="1 orders are open on ETHUSDT: cancel them, or choose --symbol"):
            await run(subject, [])
        await stage.port.cancel_all(stage.symbol)
        await stage.buy()
        with pytest.raises(TrialError, match="there is a position"):
            await run(subject, [])

    (result,) = (await run(subject, [Case("begins-again", "It begins again.", begins_again)])).cases
    assert result.verdict is Verdict.PASSED, result.words


async def test_what_is_beyond_the_bounds_is_never_sent(subjects: list[Subject]) -> None:
    """VEN-1: neither an order too large nor one too many, whatever a case asks for."""

    async def too_large(stage: Stage) -> None:
        await stage.place(stage.limit(lots=stage.scale.lots_down(BOUNDS.notional / stage.mid) * 2))

    async def too_many(stage: Stage) -> None:
        for _ in range(4):
            await stage.rest()

    few = Bounds(orders=3, notional=BOUNDS.notional)
    cases = [Case("too-large", "Too large.", too_large), Case("too-many", "Too many.", too_many)]
    result = await run(replace(_as_a_sandbox(subjects[0]), bounds=few), cases)
    assert [it.verdict for it in result.cases] == [Verdict.NOT_TRIED] * 2
    assert "orders of 150 at most; this one is of" in result.cases[0].words
    assert result.cases[1].words == "this run may place 3 orders and has"
    assert not result.left


def _as_a_sandbox(subject: Subject) -> Subject:
    return replace(subject, driver=None, bounds=BOUNDS)


def _mistaking(told: type[VenueError], for_: type[VenueError]) -> type[CcxtVenue]:
    """An adapter that names one kind of error by another."""

    class Mistaken(CcxtVenue):
        async def place(self, request: OrderRequest) -> VenueOrder:
            try:
                return await super().place(request)
            except told as error:
                raise for_(str(error)) from error

        async def cancel(self, symbol: str, *, client_order_id: str = "", venue_order_id: str = "") -> VenueOrder:
            try:
                return await super().cancel(symbol, client_order_id=client_order_id, venue_order_id=venue_order_id)
            except VenueError as error:
                raise VenueRejectedError(str(error)) from error

        async def find_order(
            self, symbol: str, *, client_order_id: str = "", venue_order_id: str = ""
        ) -> VenueOrder | None:
            try:
                return await super().find_order(symbol, client_order_id=client_order_id, venue_order_id=venue_order_id)
            except VenueUnavailableError:
                return None

    return Mistaken


class SendsAgain(CcxtVenue):
    """What must never be: an order whose outcome is not known is sent a second time, under another id."""

    async def place(self, request: OrderRequest) -> VenueOrder:
        try:
            return await super().place(request)
        except OutcomeUnknownError:
            await super().place(replace(request, client_order_id=f"again{request.client_order_id[5:]}"))
            raise


class IgnoresTheKey(CcxtVenue):
    async def start(self):  # type: ignore[no-untyped-def]
        try:
            return await super().start()
        except AuthenticationError:
            return []


class StaysOpen(CcxtVenue):
    async def close(self) -> None:
        """Forgets to."""


class ClosesOnce(CcxtVenue):
    closed = False

    async def close(self) -> None:
        if self.closed:
            raise ConnectorError("it is closed")
        self.closed = True
        await super().close()


async def test_an_adapter_with_a_fault_is_caught(subjects: list[Subject]) -> None:
    """VEN-1, ERR-1: what only shows over a network is caught there; the suite cannot pass blindly."""
    settings = subjects[0].connection
    assert settings is not None
    wrong = settings.model_copy(update={"api_secret": SecretStr("not-the-secret")})
    not_sent = _mistaking(OutcomeUnknownError, NotSentError)
    faults: tuple[tuple[type[CcxtVenue], str], ...] = (
        (_mistaking(RateLimitedError, VenueRejectedError), "rate-limited"),
        (_mistaking(ClockSkewError, VenueRejectedError), "clock-skew"),
        (not_sent, "no-answer"),
        (not_sent, "answer-too-late"),
        (not_sent, "answer-is-html"),
        (not_sent, "cancel-without-answer"),
        (not_sent, "reads-unavailable"),
        (SendsAgain, "no-answer"),
        (IgnoresTheKey, "wrong-key"),
    )
    for made, case in faults:
        faulty = replace(subjects[0], open=partial(made, settings), open_with_wrong_key=partial(made, wrong))
        (result,) = (await run(replace(faulty, patience_s=1.0), [CASE[case]])).cases
        assert result.verdict is Verdict.FAILED, f"{made.__name__} was not caught by {case}"
    port = CcxtVenue(settings)
    await port.start()
    await port.cancel_all(subjects[0].symbol)  # what was sent again, of which the suite knows no id
    await port.close()


async def test_a_connection_that_stays_open_is_found(subjects: list[Subject]) -> None:
    """VEN-1: closed means closed, sockets too; and closing twice harms nobody."""
    settings = subjects[0].connection
    assert settings is not None
    made: list[CcxtVenue] = []

    def another() -> CcxtVenue:
        made.append((StaysOpen if made else CcxtVenue)(settings))
        return made[-1]

    staying = replace(subjects[0], open=another, patience_s=1.0)
    (result,) = (await run(staying, [CASE["close-leaves-nothing"]])).cases
    await CcxtVenue.close(made[1])
    assert result.verdict is Verdict.FAILED
    assert "tasks" in result.words
    (result,) = (await run(replace(subjects[0], open=partial(ClosesOnce, settings)), [CASE["close-twice"]])).cases
    assert result.verdict is Verdict.FAILED
