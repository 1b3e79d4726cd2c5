"""One run comes by every named crash point, so that a trial that aims at one can strike."""

import asyncio
from collections import Counter
from collections.abc import Iterator

import pytest

from connector.errors import OutcomeUnknownError
from connector.gateway.crash_points import POINTS, install
from tests.integration.connector.gateway.conftest import cancelling, placing, put
from tests.integration.connector.gateway.test_intents import running
from tests.unit.connector.gateway.given import SYMBOL
from tests.unit.connector.gateway.scripted_venue import Behaviour, ScriptedVenue
from topics.log import LogAddress


@pytest.fixture
def reached() -> Iterator[Counter[str]]:
    counted: Counter[str] = Counter()
    install(lambda name: counted.update([name]))
    yield counted
    install(None)


async def test_a_run_with_a_fill_a_cancel_and_a_lost_answer_comes_by_every_point(
    log: LogAddress, postgres_database: str, reached: Counter[str]
) -> None:
    """ORD-5, ES-3: every name of the list is a place the gateway really comes by."""
    venue = ScriptedVenue(SYMBOL)
    lost = Behaviour(raises_after=OutcomeUnknownError("the answer was lost"))
    venue.script.extend([Behaviour(fills_lots=10), lost])
    await put(log, [placing(1, SYMBOL), placing(2, SYMBOL), placing(3, SYMBOL)])
    async with running(log, postgres_database, venue) as it:
        await it.until_handled(3)
        await put(log, [cancelling(3, SYMBOL)])
        await it.until_handled(4)
        await it.until(lambda: it.gateway.status()["unknown_orders"] == 0)
        await it.until(lambda: it.gateway.status()["intents_pending"] == 0)
        async with asyncio.timeout(30):
            while not reached["after_offset_commit"]:
                await asyncio.sleep(0.01)
    assert set(reached) == set(POINTS)
