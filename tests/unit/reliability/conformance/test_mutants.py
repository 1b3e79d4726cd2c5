"""Each case bites: a port with one fault on purpose is caught by the case that is there for it."""

import asyncio
from dataclasses import replace

import pytest

from reliability.conformance.case import Need, Product, Verdict
from reliability.conformance.catalogue import CASES
from reliability.conformance.engine import engine_subject
from reliability.conformance.result import CaseResult
from reliability.conformance.running import run
from reliability.conformance.subject import Lack, Subject
from reliability.engine_port import EnginePort
from tests.unit.reliability.conformance.mutants import CAUGHT_BY, CAUGHT_ON_SPOT, LeavesATask

PATIENCE_S = 0.2
CASE = {it.name: it for it in CASES}
SHOWN_ELSEWHERE = {
    "beyond-precision",  # of topics.scale, by its own tests
    "close-leaves-nothing", "close-twice",  # below, with a second connection
    "wrong-key", "rate-limited", "clock-skew", "no-answer", "answer-too-late", "answer-is-html",
    "cancel-without-answer", "reads-unavailable",  # over the network, in tests/integration/reliability
}  # fmt: skip


async def played(subject: Subject, case: str) -> CaseResult:
    return (await run(subject, [CASE[case]])).cases[0]


@pytest.mark.parametrize(("port", "case"), CAUGHT_BY, ids=[f"{it.__name__}-{case}" for it, case in CAUGHT_BY])
async def test_a_fault_is_caught_by_the_case_that_is_there_for_it(port: type[EnginePort], case: str) -> None:
    """VEN-1: the suite cannot pass blindly; it says in words what was wrong."""
    async with engine_subject(port, patience_s=PATIENCE_S) as subject:
        result = await played(subject, case)
    assert result.verdict is Verdict.FAILED
    assert result.words


@pytest.mark.parametrize(("port", "case"), CAUGHT_ON_SPOT, ids=[f"{it.__name__}-{case}" for it, case in CAUGHT_ON_SPOT])
async def test_on_spot_too(port: type[EnginePort], case: str) -> None:
    """VEN-1: where spot is judged otherwise, its judge bites as well."""
    async with engine_subject(port, product=Product.SPOT, patience_s=PATIENCE_S) as subject:
        result = await played(subject, case)
    assert result.verdict is Verdict.FAILED


def test_each_case_has_a_fault_that_it_catches() -> None:
    """VEN-1: a case that nothing turns red shows nothing."""
    caught = {case for _, case in CAUGHT_BY}
    assert CASE.keys() - caught == SHOWN_ELSEWHERE


async def test_a_task_that_runs_on_after_the_end_is_found() -> None:
    """VEN-1: closed means closed."""
    made: list[LeavesATask] = []

    def another() -> LeavesATask:
        made.append(LeavesATask(subject.symbol))
        return made[-1]

    async with engine_subject(patience_s=PATIENCE_S) as subject:
        lacks: dict[Need, Lack] = {need: lack for need, lack in subject.lacks.items() if need != Need.ALONE}
        main = subject.open()
        ports = iter([main])
        result = await played(
            replace(subject, lacks=lacks, open=lambda: next(ports, None) or another()), "close-leaves-nothing"
        )
    for port in made:
        port.left.cancel()
        await asyncio.gather(port.left, return_exceptions=True)
    assert result.verdict is Verdict.FAILED
    assert "left behind" in result.words
