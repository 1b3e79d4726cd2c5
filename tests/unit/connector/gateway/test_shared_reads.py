"""Who asks at the same time gets one answer, and none that was begun before he asked."""

import asyncio

import pytest

from connector.errors import VenueUnavailableError
from connector.gateway.background import Background
from connector.gateway.shared_reads import SharedReads


class Slow:
    """Answers with the number of the read when it is let."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, int]] = []
        self.let = asyncio.Event()
        self.fails = False

    async def read(self, symbol: str, since_ms: int) -> int:
        self.asked.append((symbol, since_ms))
        number = len(self.asked)
        await self.let.wait()
        if self.fails:
            raise VenueUnavailableError("503")
        return number


async def test_those_who_wait_share_the_next_read_and_not_the_one_under_way() -> None:
    """WF-3: a look-up counts only when it was begun after the visibility delay."""
    slow = Slow()
    reads = SharedReads(slow.read, Background(), name="history")
    first = asyncio.ensure_future(reads.ask("BTCUSDT", 50))
    while not slow.asked:
        await asyncio.sleep(0)
    later = [asyncio.ensure_future(reads.ask("BTCUSDT", since)) for since in (40, 30, 60)]
    other = asyncio.ensure_future(reads.ask("ETHUSDT", 7))
    await asyncio.sleep(0)
    slow.let.set()
    assert await first == 1
    assert len(set(await asyncio.gather(*later))) == 1
    await other
    assert sorted(slow.asked) == [("BTCUSDT", 30), ("BTCUSDT", 50), ("ETHUSDT", 7)]


async def test_a_failure_reaches_all_who_wait_and_the_next_one_asks_again() -> None:
    """WF-3: an error is no answer."""
    slow = Slow()
    slow.let.set()
    slow.fails = True
    reads = SharedReads(slow.read, Background(), name="history")
    outcomes = await asyncio.gather(reads.ask("BTCUSDT"), reads.ask("BTCUSDT"), return_exceptions=True)
    assert [type(it) for it in outcomes] == [VenueUnavailableError] * 2
    slow.fails = False
    assert await reads.ask("BTCUSDT") == 2
    slow.fails = True
    with pytest.raises(VenueUnavailableError):
        await reads.ask("BTCUSDT")
