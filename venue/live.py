"""The market of another venue, live: rows of `venue.recorded` over a loopback connection, played as they come.

The clock is the other venue's time. Where nothing comes, nothing moves: quotes grow old, and `LivePlayer.live` says how
old. The connection comes back by itself. Must not: know where rows come from, hold a key, or decide what an event does.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import AsyncIterator, Iterable
from typing import Any, Final

import orjson

from venue.errors import InstrumentError, Refusal, TapeError
from venue.exchange import Exchange
from venue.instruments import Product
from venue.pacing import Pacer
from venue.player import SAVE_EVERY_S
from venue.recorded import Header, Playback, read_header, read_row
from venue.spot.listing import as_pair
from venue.tape import Tape, TapeEvent, UpcomingFunding

log = logging.getLogger(__name__)
AGAIN_S: Final = 0.3
FIRST_ANSWER_S: Final = 20.0
LIMIT: Final = 1 << 20


class LiveFeed:
    """Where rows come from: `open` once, then `rows`. `address` is host:port."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.header: Header | None = None
        self.connected = False
        self.lost: list[str] = []
        """The other venue's streams that are away, as the feed says."""
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def open(self) -> Header:
        """Whose market it is. Raises `TapeError` where nobody tells within 20 s."""
        try:
            async with asyncio.timeout(FIRST_ANSWER_S):
                while self.header is None:
                    await self._connect()
        except TimeoutError as error:
            raise TapeError(f"no live market data at {self.address}: start the feed (tapeline up does)") from error
        return self.header

    async def lines(self) -> AsyncIterator[bytes]:
        """For ever; connects again after a loss. Raises `InstrumentError` where the instruments changed meanwhile."""
        while True:
            if self._reader is None:
                await self._connect()
                continue
            try:
                line = await self._reader.readline()
            except (OSError, ValueError) as error:
                log.warning("the live feed at %s is lost: %s", self.address, error)
                line = b""
            if not line.endswith(b"\n"):
                self.close()
            elif line.startswith(b'{"lost"'):
                self.lost = orjson.loads(line)["lost"]
            else:
                yield line

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
        self._reader = self._writer = None
        self.connected = False

    async def _connect(self) -> None:
        host, _, port = self.address.rpartition(":")
        try:
            reader, writer = await asyncio.open_connection(host, int(port), limit=LIMIT)
            first = await reader.readline()
        except OSError:
            first = b""
        if not first:
            await asyncio.sleep(AGAIN_S)
            return
        header = read_header(first, f"the live feed at {self.address}")
        if self.header is not None and header.instruments != self.header.instruments:
            writer.close()
            raise InstrumentError(
                f"{header.venue} changed its instruments while we followed it (tick, lot or limits); "
                "start again: orders stay where they are"
            )
        self.header, self._reader, self._writer, self.connected = header, reader, writer, True


class LiveTape(Tape):
    """A tape that has what was offered to it, and never ends."""

    def __init__(self, header: Header) -> None:
        super().__init__([], {})
        instruments = list(header.instruments.values())
        spot = header.product == Product.SPOT
        self.header = header
        self.listed = ([], [as_pair(one) for one in instruments]) if spot else (instruments, [])
        """Perpetuals and spot pairs."""
        self.playbacks = {one.wire_symbol: Playback(one) for part in self.listed for one in part}
        self._offered: deque[TapeEvent] = deque()

    @property
    def symbols(self) -> set[str]:
        return {playback.instrument.symbol for playback in self.playbacks.values()}

    @property
    def total(self) -> int | None:
        return None

    @property
    def ended(self) -> bool:
        return False

    def offer(self, events: Iterable[TapeEvent]) -> int:
        """How many wait to be played now."""
        self._offered.extend(events)
        return len(self._offered)

    def next(self) -> TapeEvent:
        return self._offered.popleft()

    def upcoming_funding(self, symbol: str, after_ms: int) -> UpcomingFunding | None:
        playback = self.playbacks.get(symbol)
        return playback.upcoming if playback is not None and playback.upcoming.time_ms > after_ms else None


class LivePlayer:
    """Plays a live feed. What `Player` says of itself, this says too."""

    speed = 1.0
    ended = False
    lag_ms = 0

    def __init__(self, exchange: Exchange, tape: LiveTape, feed: LiveFeed) -> None:
        self.pacer = Pacer(1_000)  # never asked: the other venue sets the pace
        self._exchange = exchange
        self._tape = tape
        self._feed = feed
        self._events = 0
        self._saved_at = time.monotonic()
        self._market_at: dict[str, float] = {}

    @property
    def waiting(self) -> str | None:
        return None if self._feed.connected else f"waiting for the live feed at {self._feed.address}"

    @property
    def live(self) -> dict[str, Any]:
        """Whose market, which of its streams are away, and by symbol the age in seconds of the newest quote or trade
        (None: never one)."""
        now = time.monotonic()
        return {
            "venue": self._feed.header.venue if self._feed.header else "",
            "connected": self._feed.connected,
            "lost": self._feed.lost if self._feed.connected else ["feed"],
            "events": self._events,
            "age_s": {
                symbol: round(now - self._market_at[symbol], 1) if symbol in self._market_at else None
                for symbol in self._tape.playbacks
            },
        }

    def stand(self, standing: bool) -> None:
        """Raises `Refusal`: the clock is another venue's."""
        if standing:
            raise Refusal(-4000, "A live market cannot be made to stand: its clock is the other venue's.")

    def acknowledge(self, symbol: str, update_id: int) -> None:
        """The other venue does not wait for agents."""

    async def run(self) -> None:
        """Until cancelled."""
        async for line in self._feed.lines():
            row = read_row(line, "the live feed")
            playback = self._tape.playbacks.get(row["symbol"])
            if playback is None:
                raise TapeError(f"the live feed tells of {row['symbol']}, which its first line does not list")
            for _ in range(self._tape.offer(playback.events(row, "the live feed"))):
                self._exchange.play_next()
                self._events += 1
            if row["kind"] in ("quote", "trade"):
                self._market_at[row["symbol"]] = time.monotonic()
            if time.monotonic() - self._saved_at >= SAVE_EVERY_S:
                self._exchange.save()
                self._saved_at = time.monotonic()
