"""The matching engine in this process is held to every case there is."""

import pytest

from reliability.conformance.case import Need, Product, Verdict
from reliability.conformance.catalogue import CASES
from reliability.conformance.engine import engine_subject
from reliability.conformance.running import run

ABOUT_THE_NETWORK = {Need.FAULT, Need.WRONG_KEY, Need.ALONE}


@pytest.mark.parametrize("product", Product)
async def test_the_engine_passes_every_case_that_is_not_about_the_network(product: Product) -> None:
    """VEN-1, ORD-1, ORD-2, ORD-7, ORD-9: the engine itself is held to what every venue is held to."""
    async with engine_subject(product=product) as subject:
        result = await run(subject)
    assert [(it.case, it.words) for it in result.cases if it.verdict is Verdict.FAILED] == []
    assert not result.left
    skipped = {it.case for it in result.cases if it.verdict is not Verdict.PASSED}
    assert skipped == {it.name for it in CASES if ABOUT_THE_NETWORK & set(it.needs) or it.only not in (None, product)}


def test_there_is_one_list_and_each_case_says_what_it_shows() -> None:
    """VEN-1: one list for every venue; names are typed by people and key the results."""
    assert len({it.name for it in CASES}) == len(CASES) >= 30
    assert all(it.shows.endswith(".") and len(it.shows) <= 110 for it in CASES)
