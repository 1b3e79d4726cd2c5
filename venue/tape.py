"""The tape: what happened on the market, one event after another, on our grid of ticks and lots.

A `Source` plays one instrument's part and can be wound forward to a stored position; `Tape` merges several by
time. The same sources from the same positions give the same events. Must not: know accounts, sockets or clocks.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple, Protocol

from venue.orders import Side


class Quote(NamedTuple):
    """A new best bid and ask (ticks) with displayed sizes (lots)."""

    symbol: str
    time_ms: int
    bid: int
    bid_size: int
    ask: int
    ask_size: int


class Trade(NamedTuple):
    """A trade (ticks, lots). `trade_id` is None where the tape has none."""

    symbol: str
    time_ms: int
    trade_id: int | None
    taker_side: Side
    price: int
    quantity: int


class MarkPrice(NamedTuple):
    """A mark price the tape carries, in quote currency."""

    symbol: str
    time_ms: int
    price: Decimal


class FundingRate(NamedTuple):
    """A funding settlement; `next_time_ms` and `next_rate` are 0 where the tape ends (FUND-1)."""

    symbol: str
    time_ms: int
    rate: Decimal
    next_time_ms: int
    next_rate: Decimal


TapeEvent = Quote | Trade | MarkPrice | FundingRate


@dataclass(frozen=True, slots=True)
class UpcomingFunding:
    """The next funding settlement of a symbol: epoch ms (0 = none comes) and its rate."""

    time_ms: int = 0
    rate: Decimal = Decimal(0)


class Source(Protocol):
    """One instrument's events from one place, in order of time."""

    @property
    def name(self) -> str:
        """What the ledger stores its position under."""

    @property
    def symbol(self) -> str:
        """The instrument it plays."""

    @property
    def total(self) -> int | None:
        """How many rows it has; None if it never ends."""

    def upcoming_funding(self, after_ms: int) -> UpcomingFunding | None:
        """The first funding settlement after a time, if this source carries funding."""

    def play(self, position: int) -> Iterator[TapeEvent]:
        """Events from that position on (0 = the first)."""


class Tape:
    """Several sources merged by time; equal times in order of the sources."""

    def __init__(self, sources: Sequence[Source], positions: dict[str, int]) -> None:
        self._sources = list(sources)
        self.positions = {source.name: positions.get(source.name, 0) for source in sources}
        self._iterators = [source.play(self.positions[source.name]) for source in sources]
        self._heap: list[tuple[int, int, TapeEvent]] = []
        for index in range(len(self._iterators)):
            self._advance(index)

    @property
    def symbols(self) -> set[str]:
        return {source.symbol for source in self._sources}

    @property
    def position(self) -> int:
        """Events played so far, over all sources."""
        return sum(self.positions.values())

    @property
    def total(self) -> int | None:
        """Events in all sources; None if one never ends or is not counted."""
        total = 0
        for source in self._sources:
            if source.total is None:
                return None
            total += source.total
        return total

    @property
    def ended(self) -> bool:
        return not self._heap

    def peek_time_ms(self) -> int | None:
        """Time of the next event, None at the end."""
        return self._heap[0][0] if self._heap else None

    @property
    def upcoming(self) -> list[TapeEvent]:
        """The next event of each source."""
        return [event for _, _, event in self._heap]

    def next(self) -> TapeEvent:
        """The next event; its position counts as played. Raises IndexError at the end."""
        _, index, event = self._heap[0]
        self.positions[self._sources[index].name] += 1
        following = next(self._iterators[index], None)
        if following is None:
            heapq.heappop(self._heap)
        else:
            heapq.heapreplace(self._heap, (following.time_ms, index, following))
        return event

    def upcoming_funding(self, symbol: str, after_ms: int) -> UpcomingFunding | None:
        """The next funding of a symbol on this tape; None if the tape carries no funding for it."""
        for source in self._sources:
            if source.symbol == symbol:
                upcoming = source.upcoming_funding(after_ms)
                if upcoming is not None:
                    return upcoming
        return None

    def _advance(self, index: int) -> None:
        event = next(self._iterators[index], None)
        if event is not None:
            heapq.heappush(self._heap, (event.time_ms, index, event))
