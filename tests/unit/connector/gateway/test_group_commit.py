"""A transaction stores the offsets of its own intents, never of one whose claim is still in line; and there is none for
nothing.
"""

import asyncio
from collections.abc import Mapping

from connector.gateway.background import Background
from connector.gateway.group_commit import GroupCommit
from connector.gateway.ledger import Batch, IntentPosition
from connector.gateway.lifecycle import Order
from connector.gateway.memory_ledger import MemoryLedger
from tests.unit.connector.gateway.given import ACCOUNT, VENUE, order
from tests.unit.connector.gateway.quick_clock import SPEED, QuickClock


class CountingLedger(MemoryLedger):
    """What each transaction changed."""

    def __init__(self) -> None:
        super().__init__()
        self.changed: list[set[str]] = []
        self.written = asyncio.Event()

    async def commit(self, batch: Batch) -> Mapping[str, Order]:
        given_back = await super().commit(batch)
        self.changed.append(set(batch.changes))
        self.written.set()
        return given_back


class HeldLedger(MemoryLedger):
    """Its commits wait until they are let go. `stored`: the offsets to read from, after each transaction."""

    def __init__(self) -> None:
        super().__init__()
        self.begun, self.go = asyncio.Event(), asyncio.Event()
        self.stored: list[dict[int, int]] = []

    async def commit(self, batch: Batch) -> Mapping[str, Order]:
        self.begun.set()
        await self.go.wait()
        given_back = await super().commit(batch)
        self.stored.append(await self.intent_positions("intents"))
        return given_back


async def test_a_transaction_tried_again_stores_nothing_of_the_next_one() -> None:
    """WF-2, ES-3: its claim was taken, and meanwhile others came in line: killed now, their intents are read again."""
    ledger, background = HeldLedger(), Background()
    await ledger.start(VENUE, ACCOUNT, "test")
    ledger.go.set()
    await ledger.commit(Batch(claims=[order(9)]))
    ledger.go.clear()
    ledger.begun.clear()
    group = GroupCommit(ledger, QuickClock(), background, flush_delay_s=0)
    positions = [IntentPosition("intents", 0, offset) for offset in range(4)]
    elsewhere = IntentPosition("intents", 1, 0)
    for position in (*positions, elsewhere):
        group.progress.begin(position)
    background.spawn(group.run(), name="ledger")
    claims = [group.claim(order(number), positions[number]) for number in (0, 1)]
    claims.append(group.claim(order(9), elsewhere))
    await ledger.begun.wait()
    claims += [group.claim(order(number), positions[number]) for number in (2, 3)]
    ledger.go.set()
    async with asyncio.timeout(5):
        assert await asyncio.gather(*claims) == [None, None, order(9), None, None]
    assert ledger.stored == [{}, {0: 2}, {0: 4}]
    group.skip(elsewhere)
    await group.flush()
    assert ledger.stored[-1] == {0: 4, 1: 1}
    await background.stop()


async def test_what_went_with_a_claim_has_no_transaction_of_its_own_later() -> None:
    """NFR: an empty one costs as much as a full one, and the next claim waits behind it."""
    ledger, background, clock = CountingLedger(), Background(), QuickClock()
    await ledger.start(VENUE, ACCOUNT, "test")
    group = GroupCommit(ledger, clock, background, flush_delay_s=1.0)
    background.spawn(group.run(), name="ledger")
    async with asyncio.timeout(5):
        await group.claim(order(1))
        group.change([order(1)], [], {})
        await group.claim(order(2))
        await asyncio.sleep(20 / SPEED)  # the wait for the change is long over
        assert ledger.changed == [set(), {order(1).id}]
        ledger.written.clear()
        group.change([order(2)], [], {})
        await ledger.written.wait()
    assert ledger.changed[2:] == [{order(2).id}]
    await background.stop()
