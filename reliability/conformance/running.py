"""Plays the cases on one subject, one after the other, and leaves the venue as it was."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final

from connector.errors import UnsupportedError, VenueError
from connector.port import VenuePort
from observability.logs import get_logger
from reliability.conformance.case import (
    Case,
    CaseFailedError,
    Need,
    NotApplicableError,
    NotTriedError,
    Verdict,
)
from reliability.conformance.catalogue import CASES
from reliability.conformance.hearing import Heard
from reliability.conformance.result import CaseResult, VenueResult
from reliability.conformance.stage import Ears, Stage
from reliability.conformance.subject import Bounds, Lack, Subject
from reliability.conformance.tidying import require_untouched, tidy
from reliability.result import TrialError

_log = get_logger(__name__)
CASE_S: Final = 120.0
"""A case that takes longer has failed."""
TIDY_S: Final = 30.0
Tell = Callable[[CaseResult], None]


async def run(subject: Subject, cases: Sequence[Case] = CASES, heard: Tell = lambda _: None) -> VenueResult:
    """Every case in turn. Raises VenueError where the venue does not even start, TrialError where it is in use."""
    begun = time.monotonic()
    results: list[CaseResult] = []
    left: list[str] = []

    async def play(case: Case, stage: Stage) -> None:
        result = _without_playing(case, subject)
        if result is None:
            try:
                result = await _played(case, stage)
            finally:
                if Need.ALONE not in case.needs and (remains := await _tidied(stage)):
                    left.append(f"after {case.name}: {remains}")
                    _log.error("left_behind", symbol=subject.symbol, case=case.name, reason=remains)
        results.append(result)
        heard(result)

    async with _staged(subject) as stage:
        await _begin(stage)
        for case in cases:
            if Need.ALONE not in case.needs:
                await play(case, stage)
    for case in cases:
        if Need.ALONE in case.needs:
            await play(case, stage)
    return VenueResult(
        venue=subject.venue,
        product=subject.product,
        through=subject.through,
        where=subject.where,
        symbol=subject.symbol,
        cases=results,
        left=left,
        seconds=round(time.monotonic() - begun, 1),
    )


@asynccontextmanager
async def _staged(subject: Subject) -> AsyncIterator[Stage]:
    port = subject.open()
    try:
        instruments = {it.symbol: it for it in await port.start()}
        if subject.symbol not in instruments:
            raise TrialError(f"{subject.venue} did not give the instrument {subject.symbol}; it gave {[*instruments]}")
        ears = _ears(port, subject.symbol)
        try:
            yield Stage(subject, port, instruments[subject.symbol], ears)
        finally:
            for ear in (ears.reports, ears.account, ears.market, ears.funding):
                await ear.stop()
    finally:
        await port.close()


def _ears(port: VenuePort, symbol: str) -> Ears:
    return Ears(
        reports=Heard("order reports", port.order_reports()),
        account=Heard("account updates", port.account_updates()),
        market=Heard("market events", port.market(symbol)),
        funding=Heard("funding", port.funding(symbol)),
    )


async def _begin(stage: Stage) -> None:
    """With keys of a person's: only where nobody has anything."""

    async def up() -> bool:
        return bool(stage.ears.reports.mark())

    await stage.becomes(up)  # whether it comes up is for a case to say
    if stage.subject.bounds is not None:
        try:
            await require_untouched(stage)
        except NotTriedError as error:
            raise TrialError(str(error)) from error
    stage.held_before = await stage.held_lots()


def _without_playing(case: Case, subject: Subject) -> CaseResult | None:
    if case.only not in (None, subject.product):
        return CaseResult(case=case.name, verdict=Verdict.NOT_APPLICABLE, words=f"{subject.product.value} has none")
    for need in case.needs:
        if lack := _lack(need, subject):
            return CaseResult(case=case.name, verdict=lack.verdict, words=lack.words)
    return None


def _lack(need: Need, subject: Subject) -> Lack | None:
    if need in subject.lacks:
        return subject.lacks[need]
    driven = need in (Need.FILL, Need.CUT, Need.FAULT, Need.FUNDING)
    missing = (
        (driven and subject.driver is None)
        or (need is Need.LARGE_ORDERS and isinstance(subject.bounds, Bounds))
        or (need is Need.WRONG_KEY and subject.open_with_wrong_key is None)
    )
    return Lack(Verdict.NOT_TRIED, f"needs {need.value}") if missing else None


async def _played(case: Case, stage: Stage) -> CaseResult:
    try:
        async with asyncio.timeout(CASE_S):
            if Need.ALONE not in case.needs:
                await stage.begin()
            said = await case.play(stage)
    except NotApplicableError as error:
        return CaseResult(case=case.name, verdict=Verdict.NOT_APPLICABLE, words=str(error))
    except UnsupportedError as error:
        return CaseResult(case=case.name, verdict=Verdict.NOT_APPLICABLE, words=f"the venue has no such call: {error}")
    except NotTriedError as error:
        return CaseResult(case=case.name, verdict=Verdict.NOT_TRIED, words=str(error))
    except CaseFailedError as error:
        return CaseResult(case=case.name, verdict=Verdict.FAILED, words=str(error))
    except VenueError as error:
        return CaseResult(case=case.name, verdict=Verdict.FAILED, words=f"{type(error).__name__}: {error}")
    except TimeoutError:
        return CaseResult(case=case.name, verdict=Verdict.FAILED, words=f"it took longer than {CASE_S:g} s")
    except Exception as error:  # noqa: BLE001 - a defect of an adapter costs its own case, and is told
        return CaseResult(case=case.name, verdict=Verdict.FAILED, words=f"{type(error).__name__}: {error}")
    return CaseResult(case=case.name, verdict=Verdict.PASSED, words=said or "")


async def _tidied(stage: Stage) -> str:
    """Also while a run is being cancelled: then it has this long, once more."""
    if not stage.mine:
        return ""
    try:
        async with asyncio.timeout(TIDY_S):
            return await tidy(stage)
    except TimeoutError:
        return f"it took longer than {TIDY_S:g} s to cancel and close what was opened"
