"""A gateway that loses what it cannot do without while it starts. Over both ledgers."""

import asyncio

import pytest

from connector.gateway.ledger import Batch
from tests.contract.gateway.conftest import Log, Stage
from tests.unit.connector.gateway.given import ACCOUNT, OTHER_SYMBOL, SYMBOL, VENUE, order
from tests.unit.connector.gateway.scripted_venue import ScriptedVenue
from topics.v1.account_pb2 import AccountUpdate
from topics.v1.orders_pb2 import ORDER_STATUS_DENIED, OrderUpdate


class _LostError(Exception):
    pass


class _Observed(ScriptedVenue):
    """Tells when its account was read: the last thing a start asks for."""

    def __init__(self) -> None:
        super().__init__(SYMBOL, OTHER_SYMBOL)
        self.account_read = asyncio.Event()

    async def snapshot(self) -> AccountUpdate:
        self.account_read.set()
        return await super().snapshot()


class _LostLog(Log):
    """Fails a publication when the start is about to wait for what comes after it."""

    def __init__(self, venue: _Observed) -> None:
        super().__init__()
        self._venue = venue

    async def publish(self, updates: list[OrderUpdate]) -> None:
        await self._venue.account_read.wait()
        for _ in range(100):
            await asyncio.sleep(0)
        raise _LostError("the log is gone")


async def test_a_start_that_loses_the_log_ends_instead_of_waiting_for_ever(stage: Stage) -> None:
    """ORD-5: crash-only from the first moment: whoever runs the process can start it again."""
    ledger = stage.new_ledger()
    await ledger.start(VENUE, ACCOUNT, "before")
    await ledger.commit(Batch(claims=[order(1, status=ORDER_STATUS_DENIED)]))
    await ledger.close()
    stage.venue = venue = _Observed()
    stage.log = _LostLog(venue)
    async with asyncio.timeout(10):
        with pytest.raises(_LostError):
            await stage.gateway()
    assert venue.account_read.is_set()
