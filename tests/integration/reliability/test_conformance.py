"""The paper venue in a process of its own, through ccxt, is held to every case; so are faults of an adapter."""

from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial

import pytest
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
from reliability.conformance.case import Verdict
from reliability.conformance.catalogue import CASES
from reliability.conformance.paper import paper_subjects
from reliability.conformance.running import run
from reliability.conformance.subject import Subject

CASE = {it.name: it for it in CASES}


@pytest.fixture
async def subjects() -> AsyncIterator[list[Subject]]:
    async with paper_subjects() as made:
        yield made


async def test_the_paper_venue_passes_every_case(subjects: list[Subject]) -> None:
    """VEN-1, STREAM-1, ERR-1, ORD-2: through ccxt, over real sockets, driven into every fault that a case needs."""
    for subject in subjects:
        result = await run(subject)
        assert [(it.case, it.words) for it in result.cases if it.verdict is not Verdict.PASSED] == [], subject.key
        assert not result.left


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
