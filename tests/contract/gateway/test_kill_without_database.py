"""The kill switch while its database is away: cancels first, says that it is not durable, writes it when it can."""

import asyncio

import pytest

from connector.errors import ConnectorError
from connector.gateway.kill_state import KillState
from connector.gateway.ledger import Batch
from connector.gateway.lifecycle import Order
from connector.gateway.memory_ledger import MemoryDatabase, MemoryLedger
from tests.contract.gateway.conftest import Stage
from tests.contract.gateway.test_kill_switch import alive, until
from tests.unit.connector.gateway.given import ACCOUNT, VENUE, ours, request


class Away(MemoryLedger):
    """Behaves like a database that cannot be reached while `is_away`."""

    def __init__(self, database: MemoryDatabase) -> None:
        super().__init__(database)
        self.is_away = False
        self.looks_missed = 0

    def _reach(self) -> None:
        if self.is_away:
            raise ConnectionError("the database is away")

    async def commit(self, batch: Batch) -> dict[str, Order]:
        self._reach()
        return dict(await super().commit(batch))

    async def kill_state(self) -> KillState:
        self.looks_missed += self.is_away
        self._reach()
        return await super().kill_state()

    async def set_kill(self, *, killed: bool, by: str, reason: str, everything: bool, time_ms: int) -> KillState:
        self._reach()
        return await super().set_kill(killed=killed, by=by, reason=reason, everything=everything, time_ms=time_ms)

    async def note_verified(self, version: int, time_ms: int) -> None:
        self._reach()
        await super().note_verified(version, time_ms)


async def test_a_kill_without_its_database_cancels_and_is_written_before_the_process_may_end() -> None:
    """RISK-8: the ledger's failure ends the process (crash-only), and the kill comes first."""
    database = MemoryDatabase()
    ledger = Away(database)
    stage = Stage(lambda: ledger)
    gateway = await stage.gateway()
    for number in range(3):
        await gateway.place(request(number))
    ledger.is_away = True
    gateway.kill(by="Ann", reason="drill")
    report = await until(gateway, lambda report: report.cancelled == 3 and "not durable" in report.problem)
    assert not report.durable
    assert not report.verified
    assert alive(stage) == []
    with pytest.raises(ConnectionError):
        await gateway.wait_failed()
    with pytest.raises(ConnectionError):
        await gateway.place(request(4))
    with pytest.raises(ConnectorError, match="stays on"):
        await gateway.release(by="Ann", reason="over")
    ending = asyncio.ensure_future(gateway.kill_carried_out())
    await until(gateway, lambda report: "not durable" in report.problem)
    assert not ending.done()
    ledger.is_away = False
    await asyncio.wait_for(ending, 20)
    assert database.kills["paper:main"][-1].killed
    assert not stage.venue.placed[ours(4)]
    await gateway.stop()


async def test_nothing_waits_for_a_kill_nobody_asked_for() -> None:
    """RISK-8: a process that fails without one ends at once."""
    stage = Stage(lambda: MemoryLedger(MemoryDatabase()))
    gateway = await stage.gateway()
    await asyncio.wait_for(gateway.kill_carried_out(), 1)
    await gateway.stop()


async def test_a_kill_found_after_the_database_was_away_is_carried_out_before_the_process_ends() -> None:
    """RISK-8: what failed while the switch was off ends the process, and not the one who carries kills out."""
    database = MemoryDatabase()
    ledger = Away(database)
    stage = Stage(lambda: ledger)
    gateway = await stage.gateway(settings={"kill_poll_s": 0.5})
    await gateway.place(request(1))
    ledger.is_away = True
    with pytest.raises(ConnectionError):
        await gateway.wait_failed()
    await stage.until(lambda: ledger.looks_missed > 0)
    ledger.is_away = False
    database.turn_kill(f"{VENUE}:{ACCOUNT}", killed=True, by="Ann", reason="drill", everything=False, time_ms=1)
    async with asyncio.timeout(5):
        await until(gateway, lambda report: report.state.killed)
        await gateway.kill_carried_out()
    assert alive(stage) == []
