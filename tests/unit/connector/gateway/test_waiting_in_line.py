"""Who waits for the transaction or the page after the one that fails is told, not left waiting."""

import asyncio
from collections.abc import Mapping

import pytest

from connector.gateway.background import Background
from connector.gateway.group_commit import GroupCommit
from connector.gateway.journal import Journal
from connector.gateway.ledger import Batch
from connector.gateway.lifecycle import Order
from connector.gateway.memory_ledger import MemoryLedger
from tests.unit.connector.gateway.given import ours
from tests.unit.connector.gateway.quick_clock import QuickClock
from topics.v1.orders_pb2 import OrderUpdate


class _LostError(Exception):
    pass


class Failing:
    """Fails once it is told to."""

    def __init__(self) -> None:
        self.begun, self.fails = asyncio.Event(), asyncio.Event()

    async def __call__(self, _: object) -> None:
        self.begun.set()
        await self.fails.wait()
        raise _LostError


class FailingLedger(MemoryLedger):
    def __init__(self) -> None:
        super().__init__()
        self.commits = Failing()

    async def commit(self, batch: Batch) -> Mapping[str, Order]:
        await self.commits(batch)
        return {}


async def test_who_is_in_line_for_the_transaction_after_the_one_that_fails_is_told() -> None:
    """ORD-5: a gateway asked to stop at that moment ends."""
    background, ledger = Background(), FailingLedger()
    group = GroupCommit(ledger, QuickClock(), background, flush_delay_s=0)
    background.spawn(group.run(), name="ledger")
    first = asyncio.ensure_future(group.flush())
    await ledger.commits.begun.wait()
    second = asyncio.ensure_future(group.flush())
    await asyncio.sleep(0)
    ledger.commits.fails.set()
    async with asyncio.timeout(5):
        assert [type(it) for it in await asyncio.gather(first, second, return_exceptions=True)] == [_LostError] * 2
    await background.stop()


async def test_who_waits_for_the_page_after_the_one_that_fails_is_told() -> None:
    """ORD-5: as above, with the log."""
    background, publish = Background(), Failing()
    group = GroupCommit(MemoryLedger(), QuickClock(), background, flush_delay_s=0)
    journal = Journal(publish, group, background)
    background.spawn(journal.run(), name="journal")
    journal.write([OrderUpdate(client_order_id=ours(1))])
    await publish.begun.wait()
    waiting = asyncio.ensure_future(journal.said())
    await asyncio.sleep(0)
    publish.fails.set()
    async with asyncio.timeout(5):
        with pytest.raises(_LostError):
            await waiting
    await background.stop()
